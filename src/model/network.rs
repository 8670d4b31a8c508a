//! An autoencoder as a stack of dense layers.

use super::{ParameterKind, ParameterShape};
use crate::reference::{Activation, Normalization};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A layer as a configuration writes it. What is left out there asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// How many numbers it gives.
    pub units: usize,
    /// What is applied to what its weight and bias give.
    pub activation: Activation,
    /// What its learning rate is times that of the step: at least 0, at which its weight, bias and scale stay as they are, but not the
    /// running statistics of batch normalization.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub learning_rate_factor: f64,
    /// The share of what it gives that is dropped in training, below 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropout: f64,
    /// What is done to its product before the activation.
    #[serde(default, skip_serializing_if = "Normalization::is_none")]
    pub normalization: Normalization,
    /// Whether it adds what it takes to what it gives (He, Zhang, Ren & Sun 2016, equation 1), which are as many numbers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub residual: bool,
}

fn one() -> f64 {
    1.0
}

fn is_one(value: &f64) -> bool {
    *value == 1.0
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Layer {
    /// A layer of which nothing else is asked.
    pub const fn new(units: usize, activation: Activation) -> Self {
        Self {
            units,
            activation,
            learning_rate_factor: 1.0,
            dropout: 0.0,
            normalization: Normalization::None,
            residual: false,
        }
    }
}

/// A dense layer in its place: activation(input · weight + bias), or activation(normalized(input · weight) · scale + bias).
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// `encoder.0`, `encoder.1`, …, `decoder.0`, …
    pub name: String,
    /// How many numbers it takes.
    pub inputs: usize,
    /// How many numbers it gives.
    pub outputs: usize,
    /// What is applied to what its weight and bias give.
    pub activation: Activation,
    /// What the learning rate of its own weight and bias is times that of the step.
    pub learning_rate_factor: f64,
    /// The share of its results that is dropped in training, below 1.
    pub dropout: f64,
    /// What is done to its product before the activation.
    pub normalization: Normalization,
    /// Of each of its results the largest so many numbers stay, if not all of them.
    pub active: Option<usize>,
    /// The layer whose weight, transposed, is this one's.
    pub tied: Option<usize>,
    /// Whether what it gives is, for each number that the next layer takes, a mean and a log variance, the means first.
    pub is_variational: bool,
    /// Whether it hands on its results plus what it takes, which are as many numbers.
    pub is_residual: bool,
}

/// The name of a classifier's last layer.
const HEAD: &str = "classifier";

/// A stack of layers from an image back to an image; the last layer of the encoder gives the code. Without layers, an image is its own code.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    layers: Vec<Dense>,
    encoder_layers: usize,
}

impl fmt::Display for Network {
    /// Its widths, for example `784-64-32-64-784`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.pixels())?;
        self.layers.iter().try_for_each(|layer| write!(formatter, "-{}", layer.hands_on()))
    }
}

impl Network {
    /// Encoder and decoder for images of `pixels` values; the layer that gives the image back is added at the end.
    pub fn autoencoder(pixels: usize, encoder: &[Layer], decoder: &[Layer], output_activation: Activation) -> Self {
        let output = Layer::new(pixels, output_activation);
        let parts = [("encoder", encoder.to_vec()), ("decoder", [decoder, &[output]].concat())];
        let mut layers = Vec::new();
        let mut inputs = pixels;
        for (part, part_layers) in parts {
            for (index, layer) in part_layers.into_iter().enumerate() {
                let name = format!("{part}.{index}");
                layers.push(Dense {
                    name,
                    inputs,
                    outputs: layer.units,
                    activation: layer.activation,
                    learning_rate_factor: layer.learning_rate_factor,
                    dropout: layer.dropout,
                    normalization: layer.normalization,
                    active: None,
                    tied: None,
                    is_variational: false,
                    is_residual: layer.residual,
                });
                inputs = layer.units;
            }
        }
        Self { layers, encoder_layers: encoder.len() }
    }

    /// The same with only the largest so many numbers of a code; 0 leaves all.
    pub fn with_active(mut self, active: usize) -> Self {
        if let Some(layer) = self.code_layer().and_then(|code| self.layers.get_mut(code)) {
            layer.active = Some(active).filter(|&active| active > 0);
        }
        self
    }

    /// The same with each weight of the decoder being that of the encoder's layer that it undoes, transposed. The decoder's widths are the
    /// encoder's, backwards.
    pub fn with_tied_weights(mut self) -> Self {
        let last = self.layers.len().saturating_sub(1);
        for (index, layer) in self.layers.iter_mut().enumerate().skip(self.encoder_layers) {
            layer.tied = Some(last - index);
        }
        self
    }

    /// The same with a code that is drawn: its layer gives a mean and a log variance for each number.
    pub fn with_variational_code(mut self) -> Self {
        if let Some(layer) = self.code_layer().and_then(|code| self.layers.get_mut(code)) {
            layer.outputs *= 2;
            layer.is_variational = true;
        }
        self
    }

    /// The same whose encoder's layers learn at so many times the rate of a step, whatever they did before.
    pub fn with_encoder_rate(mut self, factor: f64) -> Self {
        self.layers.iter_mut().take(self.encoder_layers).for_each(|layer| layer.learning_rate_factor = factor);
        self
    }

    /// The place of the layer that gives the code.
    pub fn code_layer(&self) -> Option<usize> {
        self.encoder_layers.checked_sub(1)
    }

    /// All layers, the encoder's first.
    pub fn layers(&self) -> &[Dense] {
        &self.layers
    }

    /// The values of an image.
    pub fn pixels(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.inputs)
    }

    /// The most numbers that a layer takes or gives.
    pub fn widest(&self) -> usize {
        self.layers.iter().map(|layer| layer.inputs.max(layer.outputs)).max().unwrap_or(0)
    }

    /// The numbers of a code.
    pub fn code_size(&self) -> usize {
        self.layers[..self.encoder_layers].last().map_or(self.pixels(), Dense::hands_on)
    }

    /// The layers from an image to its code, under their own names, as a network.
    pub fn encoder(&self) -> Self {
        Self { layers: self.layers[..self.encoder_layers].to_vec(), encoder_layers: self.encoder_layers }
    }

    /// The layers from a code to its image, under their own names, as a network that takes codes in the place of images.
    pub fn decoder(&self) -> Self {
        // Of the layers that its weights may be tied to it knows nothing.
        let layers = self.layers[self.encoder_layers..].iter().map(|layer| Dense { tied: None, ..layer.clone() });
        Self { layers: layers.collect(), encoder_layers: 0 }
    }

    /// The layers that a layer of the encoder is pre-trained with: itself, and the one of the decoder that undoes it, under their own names;
    /// none where the decoder is not the encoder's mirror image.
    pub fn autoencoder_of(&self, layer: usize) -> Option<Self> {
        let (there, back) = (self.layers[..self.encoder_layers].get(layer)?, self.layers.iter().rev().nth(layer)?);
        let is_mirrored = self.layers.len() == 2 * self.encoder_layers
            && (there.inputs, there.outputs) == (back.outputs, back.inputs);
        is_mirrored.then(|| Self { layers: vec![there.clone(), back.clone()], encoder_layers: 1 })
    }

    /// The first `count` layers, as a network that gives codes.
    pub fn first_layers(&self, count: usize) -> Self {
        let layers = self.layers[..count.min(self.layers.len())].to_vec();
        Self { encoder_layers: layers.len(), layers }
    }

    /// The outer layers, from the first to the one at `count` and back, as if there were no others.
    pub fn outer_layers(&self, count: usize) -> Self {
        let (first, last) = (&self.layers[..count], &self.layers[self.layers.len() - count..]);
        Self { layers: [first, last].concat(), encoder_layers: count }
    }

    /// The encoder, which may have no layer, with one behind it that gives a number for each class: the logarithm of its share, but for a
    /// constant. Images have `pixels` values.
    pub fn classifier(&self, pixels: usize, classes: usize) -> Self {
        let encoder = self.encoder();
        let inputs = encoder.layers.last().map_or(pixels, Dense::hands_on);
        let logits = Layer::new(classes, Activation::Identity);
        let head = Self::autoencoder(inputs, &[logits], &[], Activation::Identity).encoder();
        let head = head.layers.into_iter().map(|layer| Dense { name: HEAD.to_owned(), ..layer });
        Self { layers: encoder.layers.into_iter().chain(head).collect(), ..encoder }
    }

    /// The layers behind the first so many, under their own names, as a network.
    pub fn behind(&self, layers: usize) -> Self {
        let encoder_layers = self.encoder_layers.saturating_sub(layers);
        Self { layers: self.layers.iter().skip(layers).cloned().collect(), encoder_layers }
    }

    /// The activation of the last layer.
    pub fn output_activation(&self) -> Activation {
        self.layers.last().map_or(Activation::Identity, |layer| layer.activation)
    }

    /// Every parameter tensor, layer by layer: the weight [inputs, outputs], the bias `[outputs]`, and what else its normalization has.
    pub fn parameter_shapes(&self) -> Vec<ParameterShape> {
        let shapes = |layer: &Dense| {
            let (inputs, columns, layer_name) = (layer.inputs, layer.outputs, layer.name.clone());
            layer.parameter_kinds().iter().map(move |&kind| ParameterShape {
                name: format!("{layer_name}.{}", kind.name()),
                rows: if kind == ParameterKind::Weight { inputs } else { 1 },
                columns,
                kind,
            })
        };
        self.layers.iter().flat_map(shapes).collect()
    }

    /// Whether any layer is normalized.
    pub fn is_normalized(&self) -> bool {
        self.layers.iter().any(|layer| !layer.normalization.is_none())
    }

    /// Whether any layer is residual.
    pub fn is_residual(&self) -> bool {
        self.layers.iter().any(|layer| layer.is_residual)
    }

    /// Whether any layer is normalized over the samples of a batch.
    pub fn is_batch_normalized(&self) -> bool {
        self.layers.iter().any(|layer| layer.normalization == Normalization::Batch)
    }

    /// The number of parameters of all layers.
    pub fn parameter_count(&self) -> usize {
        self.layers.iter().map(Dense::parameter_count).sum()
    }
}

impl Dense {
    /// How many numbers the next layer takes of it.
    pub fn hands_on(&self) -> usize {
        if self.is_variational { self.outputs / 2 } else { self.outputs }
    }

    /// What its parameter tensors are, in their order.
    pub fn parameter_kinds(&self) -> &'static [ParameterKind] {
        use ParameterKind::{Bias, RunningMean, RunningVariance, Scale, Weight};
        match self.normalization {
            Normalization::None => &[Weight, Bias],
            Normalization::Layer => &[Weight, Bias, Scale],
            Normalization::Batch => &[Weight, Bias, Scale, RunningMean, RunningVariance],
        }
    }

    /// The number of weights, biases and scales of its own.
    pub fn parameter_count(&self) -> usize {
        let elements = |kind: &ParameterKind| match kind {
            ParameterKind::Weight if self.tied.is_some() => 0,
            ParameterKind::Weight => self.inputs * self.outputs,
            kind if kind.is_learned() => self.outputs,
            _ => 0,
        };
        self.parameter_kinds().iter().map(elements).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_autoencoder_names_its_layers_and_counts_their_parameters() {
        let layer = |units| Layer::new(units, Activation::Relu);
        let network = Network::autoencoder(784, &[layer(64), layer(32)], &[layer(32), layer(64)], Activation::Sigmoid);
        let names: Vec<_> = network.layers().iter().map(|layer| layer.name.as_str()).collect();
        assert_eq!(names, ["encoder.0", "encoder.1", "decoder.0", "decoder.1", "decoder.2"]);
        assert_eq!(network.parameter_count(), 106_448);
        assert_eq!((network.pixels(), network.code_size()), (784, 32));
    }

    #[test]
    fn a_mirrored_network_is_a_stack_of_autoencoders() {
        let layer = |units| Layer::new(units, Activation::Relu);
        let network =
            Network::autoencoder(784, &[layer(64), layer(32), layer(9)], &[layer(32), layer(64)], Activation::Sigmoid);
        let told = |network: &Network| {
            let names: Vec<&str> = network.layers().iter().map(|layer| layer.name.as_str()).collect();
            format!("{network}: {}", names.join(", "))
        };
        let autoencoders: Vec<String> = (0..3).map(|layer| told(&network.autoencoder_of(layer).unwrap())).collect();
        let expected =
            ["784-64-784: encoder.0, decoder.2", "64-32-64: encoder.1, decoder.1", "32-9-32: encoder.2, decoder.0"];
        assert_eq!(autoencoders, expected);
        assert_eq!(network.autoencoder_of(3), None);
        assert_eq!(told(&network.first_layers(2)), "784-64-32: encoder.0, encoder.1");
        assert_eq!(told(&network.outer_layers(2)), "784-64-32-64-784: encoder.0, encoder.1, decoder.1, decoder.2");
        assert_eq!(network.outer_layers(3), network);
        let skewed = Network::autoencoder(784, &[layer(64), layer(32)], &[layer(60)], Activation::Sigmoid);
        assert_eq!((skewed.autoencoder_of(0), skewed.autoencoder_of(1)), (None, None));
        let longer = Network::autoencoder(784, &[layer(64)], &[layer(64)], Activation::Sigmoid);
        assert_eq!(longer.autoencoder_of(0), None);
    }

    #[test]
    fn an_encoder_is_the_network_up_to_its_code() {
        let layer = |units| Layer::new(units, Activation::Relu);
        let network = Network::autoencoder(784, &[layer(64), layer(32)], &[layer(48)], Activation::Sigmoid);
        let encoder = network.encoder();
        assert_eq!((encoder.to_string(), encoder.code_size()), ("784-64-32".to_owned(), 32));
        assert_eq!(encoder.layers(), &network.layers()[..2]);
        assert_eq!(encoder.output_activation(), Activation::Relu);
    }

    #[test]
    fn a_decoder_is_the_network_from_its_code_on() {
        let layer = |units| Layer::new(units, Activation::Relu);
        let network = Network::autoencoder(784, &[layer(64), layer(32)], &[layer(48)], Activation::Sigmoid);
        let decoder = network.decoder();
        assert_eq!((decoder.to_string(), decoder.code_size()), ("32-48-784".to_owned(), 32));
        assert_eq!(decoder.layers(), &network.layers()[2..]);
        assert_eq!(decoder.output_activation(), Activation::Sigmoid);
    }

    #[test]
    fn a_classifier_is_an_encoder_with_a_layer_behind_it() {
        let layer = |units| Layer::new(units, Activation::Relu);
        let network = Network::autoencoder(784, &[layer(64), layer(32)], &[layer(48)], Activation::Sigmoid);
        let classifier = network.classifier(784, 10);
        let names: Vec<_> = classifier.layers().iter().map(|layer| layer.name.as_str()).collect();
        assert_eq!(names, ["encoder.0", "encoder.1", "classifier"]);
        assert_eq!((classifier.to_string(), classifier.code_size()), ("784-64-32-10".to_owned(), 32));
        assert_eq!(classifier.output_activation(), Activation::Identity);
        assert_eq!(classifier.behind(2).layers(), &classifier.layers()[2..]);
        let of_pixels = Network::autoencoder(784, &[], &[], Activation::Identity).classifier(784, 10);
        assert_eq!(of_pixels.to_string(), "784-10");
    }

    #[test]
    fn an_encoder_is_fine_tuned_at_one_rate_whatever_its_layers_learned_at() {
        let layer = Layer { learning_rate_factor: 0.0, ..Layer::new(64, Activation::Relu) };
        let network = Network::autoencoder(784, &[layer, layer], &[], Activation::Sigmoid);
        let classifier = network.classifier(784, 10).with_encoder_rate(0.5);
        let factors: Vec<f64> = classifier.layers().iter().map(|layer| layer.learning_rate_factor).collect();
        assert_eq!(factors, [0.5, 0.5, 1.0]);
    }
}
