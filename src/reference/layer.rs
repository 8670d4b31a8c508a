//! A dense layer, its gradients, and its updates.

use super::code::threshold;
use super::normalization::{
    RunningStatistics, column_inverse_deviations, columns_gradient, inverse_deviations, normalize_columns,
    normalize_rows, rows_gradient,
};
use super::training::BatchPlace;
use super::{Activation, Matrix, Normalization, Optimizer, variational};

/// A dense layer: activation(input · weight + bias), or activation(normalized(input · weight) · scale + bias).
#[derive(Clone, Debug)]
pub struct DenseLayer {
    /// [inputs, outputs]
    pub weight: Matrix,
    /// `[outputs]`
    pub bias: Vec<f64>,
    /// What is done to the product before the activation.
    pub normalization: Normalization,
    /// `[outputs]` of a layer that is normalized, else `[]`.
    pub scale: Vec<f64>,
    /// Of a layer with batch normalization, else of no outputs.
    pub running: RunningStatistics,
    /// What is applied behind that.
    pub activation: Activation,
    /// What its learning rate is times that of the step.
    pub learning_rate_factor: f64,
    /// The share of its outputs that is dropped in training, if it is not the last one.
    pub dropout: f64,
    /// Of each row of outputs the largest so many stay, if not all of them.
    pub active: Option<usize>,
    /// The layer whose weight, transposed, is this one's: it has no gradient of its own.
    pub tied: Option<usize>,
    /// Whether its results are means and log variances, from which the next layer's input is drawn.
    pub is_variational: bool,
    /// Whether it hands on its outputs plus its input.
    pub is_residual: bool,
}

impl DenseLayer {
    /// A layer of which nothing else is asked.
    pub fn new(weight: Matrix, bias: Vec<f64>, activation: Activation) -> Self {
        Self {
            weight,
            bias,
            normalization: Normalization::None,
            scale: Vec::new(),
            running: RunningStatistics::default(),
            activation,
            learning_rate_factor: 1.0,
            dropout: 0.0,
            active: None,
            tied: None,
            is_variational: false,
            is_residual: false,
        }
    }

    /// The same with normalization, whose scales are 1.
    pub fn normalized(self, normalization: Normalization) -> Self {
        let outputs = self.bias.len();
        let scales = if normalization.is_none() { 0 } else { outputs };
        let observed = if normalization == Normalization::Batch { outputs } else { 0 };
        let running = RunningStatistics::initial(observed);
        Self { normalization, scale: vec![1.0; scales], running, ..self }
    }

    /// What the activation takes for `input` [rows, inputs]: where the layer has batch normalization, each row for itself.
    pub fn logits(&self, input: &Matrix) -> Matrix {
        self.logits_of(&self.normalize(&input.times(&self.weight), false))
    }

    /// The same in training: where the layer has batch normalization, all rows together.
    pub fn logits_in_training(&self, input: &Matrix) -> Matrix {
        self.logits_of(&self.normalize(&input.times(&self.weight), true))
    }

    /// Products of rows with the weight as they are normalized, in training or outside.
    fn normalize(&self, product: &Matrix, trains: bool) -> Matrix {
        match self.normalization {
            Normalization::None => product.clone(),
            Normalization::Layer => normalize_rows(product),
            Normalization::Batch if trains => normalize_columns(product),
            Normalization::Batch => self.running.normalize(product),
        }
    }

    fn logits_of(&self, normalized: &Matrix) -> Matrix {
        let scale = |column: usize| if self.normalization.is_none() { 1.0 } else { self.scale[column] };
        Matrix::from_fn(normalized.rows, normalized.columns, |row, column| {
            normalized.at(row, column) * scale(column) + self.bias[column]
        })
    }

    /// The gradients of its parameters and of its input, by that of what its activation takes, in training or outside.
    pub fn gradients(&self, input: &Matrix, gradient: &Matrix, trains: bool) -> (LayerGradient, Matrix) {
        let (mut scale, mut of_product) = (Vec::new(), gradient.clone());
        if !self.normalization.is_none() {
            let product = input.times(&self.weight);
            let normalized = self.normalize(&product, trains);
            scale = normalized.zip(gradient, |x, g| x * g).column_sums();
            let of_normalized = gradient.columns_times(&self.scale);
            of_product = match self.normalization {
                Normalization::None => of_normalized,
                Normalization::Layer => rows_gradient(&normalized, &inverse_deviations(&product), &of_normalized),
                Normalization::Batch if trains => {
                    columns_gradient(&normalized, &column_inverse_deviations(&product), &of_normalized)
                }
                Normalization::Batch => of_normalized.columns_times(&self.running.inverse_deviations()),
            };
        }
        let weight = input.transposed().times(&of_product);
        let of_input = of_product.times(&self.weight.transposed());
        (LayerGradient { weight, bias: gradient.column_sums(), scale }, of_input)
    }

    /// Has running statistics, if there are any, take their share of those of a batch `input` [rows, inputs].
    pub fn observe(&mut self, input: &Matrix) {
        if self.normalization == Normalization::Batch {
            self.running.observe(&input.times(&self.weight));
        }
    }

    /// What the layer hands on for logits [rows, outputs]: a variational one the code that is drawn for a place, or the means without any.
    pub(super) fn handed_on(&self, logits: &Matrix, place: Option<BatchPlace>) -> Matrix {
        match place.filter(|_| self.is_variational) {
            Some(place) => variational::draw(logits, &place.noise_of(logits)),
            None => self.outputs(logits),
        }
    }

    /// What comes of the layer's own way, and for a residual one what comes by its shortcut: y = F(x) + x forward, and on the way back the gradient
    /// of x by way of F plus that of y (He, Zhang, Ren & Sun 2016, equation 1, and its gradient).
    pub(super) fn with_shortcut(&self, own: Matrix, past: &Matrix) -> Matrix {
        if self.is_residual { own.zip(past, |a, b| a + b) } else { own }
    }

    /// What the layer gives for logits [rows, outputs]; of a variational one the means.
    pub fn outputs(&self, logits: &Matrix) -> Matrix {
        if self.is_variational {
            return variational::means(logits);
        }
        let outputs = logits.map(|z| self.activation.apply(z));
        outputs.zip(&self.stay(&outputs), |y, stays| y * stays)
    }

    /// The derivatives of its outputs with respect to logits [rows, outputs]: 0 of what does not stay.
    pub fn derivatives(&self, logits: &Matrix) -> Matrix {
        let stay = self.stay(&logits.map(|z| self.activation.apply(z)));
        logits.zip(&stay, |z, stays| self.activation.derivative(z) * stays)
    }

    /// 1 where an output is among those of its row that stay, 0 elsewhere.
    fn stay(&self, outputs: &Matrix) -> Matrix {
        let Some(active) = self.active else { return outputs.map(|_| 1.0) };
        let rows = outputs.elements.chunks(outputs.columns.max(1));
        let thresholds: Vec<f64> = rows.map(|row| threshold(row, active)).collect();
        Matrix::from_fn(outputs.rows, outputs.columns, |row, column| {
            f64::from(u8::from(outputs.at(row, column) >= thresholds[row]))
        })
    }
}

/// The derivative of the loss with respect to one layer's parameters.
#[derive(Clone, Debug)]
pub struct LayerGradient {
    /// [inputs, outputs]
    pub weight: Matrix,
    /// `[outputs]`
    pub bias: Vec<f64>,
    /// `[outputs]` of a layer that is normalized, else `[]`.
    pub scale: Vec<f64>,
}

impl LayerGradient {
    /// Of the weight, the bias and the scale, if there is one: as the model has its parameters.
    pub fn tensors(&self) -> impl Iterator<Item = &Vec<f64>> {
        [&self.weight.elements, &self.bias].into_iter().chain(Some(&self.scale).filter(|scale| !scale.is_empty()))
    }

    /// The same, to be changed.
    pub(super) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Vec<f64>> {
        [&mut self.weight.elements, &mut self.bias, &mut self.scale].into_iter()
    }
}

/// The first and the second moments of a layer's weight, bias and scale.
#[derive(Clone, Debug)]
pub(super) struct LayerMoments([[Vec<f64>; 2]; 3]);

impl LayerMoments {
    pub fn zeros(layer: &DenseLayer) -> Self {
        Self(
            [layer.weight.elements.len(), layer.bias.len(), layer.scale.len()]
                .map(|count| [0; 2].map(|_| vec![0.0; count])),
        )
    }

    /// Step `step` of a layer, from 1 on, at so many times this learning rate as the layer has.
    pub fn update(
        &mut self,
        optimizer: Optimizer,
        step: u64,
        learning_rate: f64,
        layer: &mut DenseLayer,
        gradient: &LayerGradient,
    ) {
        let rate = layer.learning_rate_factor * learning_rate;
        let [weight, bias, scale] = &mut self.0;
        if layer.tied.is_none() {
            let [first, second] = weight;
            optimizer.update(step, rate, &mut layer.weight.elements, &gradient.weight.elements, first, second);
        }
        let shifts_and_scales = [(&mut layer.bias, &gradient.bias, bias), (&mut layer.scale, &gradient.scale, scale)];
        for (values, gradient, [first, second]) in shifts_and_scales {
            optimizer.of_biases().update(step, rate, values, gradient, first, second);
        }
    }
}
