//! Operations over named tensors: what a step computes, before any buffer or kernel is chosen.

use super::fused::FusedLayout;
use crate::data::ImageShape;
use crate::kernels::column_sums::ColumnSum;
use crate::kernels::gather::Order;
use crate::kernels::propagate::Work;
use crate::reference::{Activation, Augmentation, CodeSettings, Corruption, Loss};

/// A tensor of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TensorId(usize);

/// A tensor's name and shape. Graphs that use the same name and shape share the tensor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TensorShape {
    /// Unique among tensors of one shape.
    pub name: String,
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns of the matrix.
    pub columns: usize,
}

/// The gradients of a code that was drawn and of what it was drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrawGradients {
    /// [batch_size, units]
    pub code: TensorId,
    /// [batch_size, 2 · units]
    pub distribution: TensorId,
}

/// One operation; each becomes one dispatch.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant says what its tensors are")]
pub enum Operation {
    /// batch [batch_size, pixels] out of samples [sample_count, words], and the same with noise if there is a corruption.
    Gather { samples: TensorId, batch: TensorId, order: Order, corruption: Corruption, corrupted: Option<TensorId> },
    /// augmented [batch_size, pixels]: the images of batch, moved, mirrored, bent, covered and with noise.
    Augment { batch: TensorId, augmentation: Augmentation, shape: ImageShape, augmented: TensorId },
    /// corrupted [batch_size, columns]: batch with noise.
    Corrupt { batch: TensorId, corruption: Corruption, corrupted: TensorId },
    /// chosen [batch_size, 1] and batch_labels [batch_size, 1]: samples and their classes, or whatever word each has, out of labels
    /// [sample_count, 1]; drawn class by class where there are members [1, …], of so many classes, else in the order of the epoch.
    ChooseSamples { labels: TensorId, members: Option<(TensorId, usize)>, chosen: TensorId, batch_labels: TensorId },
    /// The same of those samples that are chosen [batch_size, 1].
    GatherChosen {
        samples: TensorId,
        chosen: TensorId,
        batch: TensorId,
        corruption: Corruption,
        corrupted: Option<TensorId>,
    },
    /// output [batch_size, outputs] = activation(input · weight + bias). The activation's derivative there is left where the gradient of
    /// what it takes will stand; but the identity leaves none.
    Dense {
        input: TensorId,
        weight: TensorId,
        bias: TensorId,
        output: TensorId,
        derivative: Option<TensorId>,
        activation: Activation,
    },
    /// product [batch_size, outputs] = input · weight.
    Product { input: TensorId, weight: TensorId, product: TensorId },
    /// Each column of values [batch_size, outputs] gets the mean 0 and the variance 1 over the batch's samples; inverse_deviations [1, outputs]
    /// are what it is multiplied by. running_means and running_variances [1, outputs] take their share of the batch's.
    NormalizeColumns {
        values: TensorId,
        inverse_deviations: TensorId,
        running_means: TensorId,
        running_variances: TensorId,
    },
    /// values [batch_size, outputs], less means, divided by the roots of variances, both [1, outputs].
    NormalizeByRunningStatistics { means: TensorId, variances: TensorId, values: TensorId },
    /// Each row of values [batch_size, outputs] gets the mean 0 and the variance 1; inverse_deviations [batch_size, 1] are what it is
    /// multiplied by.
    NormalizeRows { values: TensorId, inverse_deviations: TensorId },
    /// output [batch_size, outputs] = activation(normalized * scale + shift), and the derivative as of Dense.
    ScaleShift {
        normalized: TensorId,
        scale: TensorId,
        shift: TensorId,
        output: TensorId,
        derivative: Option<TensorId>,
        activation: Activation,
    },
    /// values [batch_size, outputs], normalized rows, become the gradient of what was normalized, out of that of what the activation takes.
    NormalizeRowsGradient { gradient: TensorId, scale: TensorId, inverse_deviations: TensorId, values: TensorId },
    /// The same of normalized columns, whose inverse_deviations are [1, outputs].
    NormalizeColumnsGradient { gradient: TensorId, scale: TensorId, inverse_deviations: TensorId, values: TensorId },
    /// sample_losses [steps of a submission, batch_size], and gradient [batch_size, outputs] of the mean loss with respect to the logits. Each
    /// sample's loss is multiplied by its weight out of weights [batch_size, 1], if there are any.
    Loss {
        loss: Loss,
        output_activation: Activation,
        logits: TensorId,
        targets: TensorId,
        weights: Option<TensorId>,
        gradient: TensorId,
        sample_losses: TensorId,
    },
    /// sample_losses [steps of a submission, batch_size], and gradient [batch_size, classes] of the mean loss of a classifier with respect to
    /// its logits. labels are [batch_size, 1], class_weights [1, classes].
    SoftmaxCrossEntropy {
        logits: TensorId,
        labels: TensorId,
        class_weights: TensorId,
        gradient: TensorId,
        sample_losses: TensorId,
    },
    /// products [rows of a, rows of b] = a · bᵀ.
    RowProducts { a: TensorId, b: TensorId, products: TensorId },
    /// sums [rows, 1] of the columns of matrix [rows, columns].
    RowSums { matrix: TensorId, sums: TensorId },
    /// Everything of a step but the update, out of samples and the values of all parameters: batch holds each layer's input and gradient.
    Propagate {
        layout: FusedLayout,
        work: Work,
        samples: TensorId,
        values: TensorId,
        batch: TensorId,
        sample_losses: TensorId,
    },
    /// One update of all parameters, out of what Propagate has left in batch.
    Update { layout: FusedLayout, batch: TensorId, values: TensorId, moments: MomentTensors },
    /// weight_gradient [inputs, outputs] = inputᵀ · gradient.
    WeightGradient { input: TensorId, gradient: TensorId, weight_gradient: TensorId },
    /// bias_gradient [1, outputs]: the column sums of gradient, or of its products with what is normalized, for a scale.
    BiasGradient { gradient: TensorId, normalized: Option<TensorId>, bias_gradient: TensorId },
    /// input_gradient [batch_size, inputs] = gradient · weightᵀ · the derivative that stands there, if there is one.
    InputGradient { gradient: TensorId, weight: TensorId, has_derivative: bool, input_gradient: TensorId },
    /// Of each row of values the largest `active` numbers stay; the others and their derivatives become 0. If it masks, there are no
    /// derivatives yet, and those of what stays become 1.
    KeepLargest { values: TensorId, derivative: TensorId, active: usize, masks: bool },
    /// Of values [batch_size, columns], what the layer at a place gives, a share is dropped in training, and the others and their derivatives
    /// are made so much larger. If it masks, there are no derivatives yet, and they become what the values are multiplied by.
    Dropout { values: TensorId, derivative: TensorId, layer: usize, share: f64, masks: bool },
    /// A row of sums [any, columns]: what is summed over each column of matrix [rows, columns].
    ColumnSums { matrix: TensorId, sum: ColumnSum, row: usize, sums: TensorId },
    /// Adds each code's penalty to its sample's loss; penalty_gradient [batch_size, units] is that of the code before its activation.
    /// statistics [2, units] are each unit's mean activity and the squared norm of its weights.
    CodePenalty {
        settings: CodeSettings,
        activation: Activation,
        code: TensorId,
        derivative: Option<TensorId>,
        statistics: TensorId,
        penalty_gradient: TensorId,
        sample_losses: TensorId,
    },
    /// code [batch_size, units] out of distribution [batch_size, 2 · units]: numbers drawn from it, or its means.
    DrawCode { distribution: TensorId, code: TensorId, draws: bool },
    /// Adds each distribution's divergence from the standard normal one, times `weight`, to its sample's loss; with gradients, makes that of
    /// the distribution out of it and the code's.
    Divergence { distribution: TensorId, weight: f64, sample_losses: TensorId, gradients: Option<DrawGradients> },
    /// transposed [columns, rows] = matrixᵀ.
    Transpose { matrix: TensorId, transposed: TensorId },
    /// sum [rows, columns] += matrix, whose columns are multiplied by factors [1, columns] if there are any.
    Accumulate { matrix: TensorId, factors: Option<TensorId>, sum: TensorId },
    /// product [rows, columns] *= factors, of the same shape.
    Multiply { factors: TensorId, product: TensorId },
    /// A row of sums [tensors, places]: the squares of gradient, as multiples of norm, in sums that are to be added up.
    SquareSums { gradient: TensorId, row: usize, sums: TensorId, norm: f64 },
    /// scale [1, 1]: what gradients with these sums are multiplied by to be clipped.
    ClipScale { sums: TensorId, scale: TensorId },
    /// One update of a parameter tensor, a weight or another one, by its gradient, times the scale if there is one, at so many times the
    /// step's learning rate.
    Optimizer {
        is_weight: bool,
        rate_factor: f64,
        gradient: TensorId,
        values: TensorId,
        moments: MomentTensors,
        clip_scale: Option<TensorId>,
    },
    /// One update of a layer's parameters by inputᵀ · gradient and by the column sums of gradient. `values` are the weight and, from the
    /// element `bias` on, the bias.
    LayerUpdate {
        input: TensorId,
        gradient: TensorId,
        values: TensorId,
        moments: MomentTensors,
        bias: usize,
        rate_factor: f64,
    },
    /// A row of found [tensors, places]: where the tensor first holds a number that is not finite.
    FindNonFinite { tensor: TensorId, row: usize, found: TensorId },
    /// scatter [pixels, pixels] = batchᵀ · batch.
    Scatter { batch: TensorId, scatter: TensorId },
    /// metrics [samples, 2]: cross-entropy and squared error of each sample.
    Metrics { output_activation: Activation, logits: TensorId, targets: TensorId, metrics: TensorId },
}

/// The moments that an optimizer keeps, of the shape of what it updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MomentTensors {
    /// The running sum or mean of gradients, if the algorithm keeps one.
    pub first: Option<TensorId>,
    /// The running mean of squared gradients, if the algorithm keeps one.
    pub second: Option<TensorId>,
}

/// Tensors and the operations on them, in the order in which they run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    tensors: Vec<TensorShape>,
    parts: Vec<Part>,
    operations: Vec<Operation>,
    last_operations: Vec<Operation>,
}

/// A tensor within another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The tensor that it lies in.
    pub whole: TensorId,
    /// Elements of the whole before its first.
    pub offset: usize,
    /// Its own name and shape.
    pub shape: TensorShape,
}

impl Graph {
    /// The tensor of this name and shape, declared now if it is new.
    pub fn tensor(&mut self, name: impl Into<String>, rows: usize, columns: usize) -> TensorId {
        let shape = TensorShape { name: name.into(), rows, columns };
        let known = self.tensors.iter().position(|tensor| *tensor == shape);
        TensorId(known.unwrap_or_else(|| {
            self.tensors.push(shape);
            self.tensors.len() - 1
        }))
    }

    /// Lets other graphs find a part of a tensor under a name and shape of its own.
    pub fn part(&mut self, whole: TensorId, offset: usize, shape: TensorShape) {
        self.parts.push(Part { whole, offset, shape });
    }

    /// Adds an operation of every step.
    pub fn push(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    /// Adds an operation that runs once, after the last step of a submission.
    pub fn push_last(&mut self, operation: Operation) {
        self.last_operations.push(operation);
    }

    /// The name of what an element of a tensor belongs to: the part that holds it, or the tensor itself.
    pub fn name_of_element(&self, tensor: TensorId, element: usize) -> &str {
        let holds = |part: &&Part| {
            let elements = part.offset..part.offset + part.shape.rows * part.shape.columns;
            part.whole == tensor && elements.contains(&element)
        };
        self.parts.iter().find(holds).map_or(&self.shape(tensor).name, |part| &part.shape.name)
    }

    /// The tensor whose buffer a tensor stands in: the whole that it is a part of, or itself.
    pub fn whole(&self, tensor: TensorId) -> TensorId {
        let part = self.parts.iter().find(|part| part.shape == *self.shape(tensor));
        part.map_or(tensor, |part| part.whole)
    }

    /// The tensors that lie within others.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Those that run once, after the last step of a submission.
    pub fn last_operations(&self) -> &[Operation] {
        &self.last_operations
    }

    /// All tensors, in the order in which they were declared.
    pub fn tensors(&self) -> &[TensorShape] {
        &self.tensors
    }

    /// Those that run in each step.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The name and shape of a tensor of this graph.
    pub fn shape(&self, tensor: TensorId) -> &TensorShape {
        &self.tensors[tensor.0]
    }
}
