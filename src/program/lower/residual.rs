//! Shortcuts past layers that add what they take to what they give, forward and backward.

use super::Scope;
use crate::model::Dense;
use crate::program::{Graph, Operation, TensorId};

impl Scope {
    /// Adds what goes past a residual layer to what goes through it: forward its input to its output, and on the way back the gradient of its
    /// output to that of its input.
    pub(super) fn add_shortcut(&self, graph: &mut Graph, layer: &Dense, past: TensorId, through: TensorId) {
        if layer.is_residual {
            graph.push(Operation::Accumulate { matrix: past, factors: None, sum: through });
        }
    }

    /// Whether the gradient of what a layer hands on to another one must stand apart from the derivative that waits for it: what comes or goes
    /// past a layer is without that.
    pub(super) fn is_gradient_apart(&self, layer: &Dense, next: &Dense) -> bool {
        self.has_derivative(layer) && (layer.is_residual || next.is_residual)
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::propagate::Tile;
    use crate::model::{Additions, Layer, Network};
    use crate::program::lower::training::tests::{SAMPLES, SETTINGS};
    use crate::program::lower::{StepSettings, training};
    use crate::program::{FusedLayout, Operation, TensorId};
    use crate::reference::Activation;

    /// encoder.1 has an activation and decoder.0 has none; decoder.1 takes what a residual layer gives, and is none.
    fn with_shortcuts() -> Network {
        let shortcut = |activation| Layer { residual: true, ..Layer::new(32, activation) };
        let encoder = [Layer::new(32, Activation::Relu), shortcut(Activation::Tanh)];
        let decoder = [shortcut(Activation::Identity), Layer::new(64, Activation::Relu)];
        Network::autoencoder(784, &encoder, &decoder, Activation::Sigmoid)
    }

    #[test]
    fn a_shortcut_adds_what_a_layer_takes_to_what_it_gives_and_the_gradient_of_this_to_that_of_the_former() {
        let additions = Additions { adds_shortcuts: true, ..Additions::default() };
        for fuses_updates in [false, true] {
            let graph =
                training(&with_shortcuts(), SAMPLES, &StepSettings { additions, fuses_updates, ..SETTINGS }, None)
                    .graph;
            let name = |tensor: TensorId| graph.shape(tensor).name.trim_start_matches("training on train: ").to_owned();
            let told = graph.operations().iter().filter_map(|operation| match *operation {
                Operation::Dense { output, .. } => Some(name(output)),
                Operation::Accumulate { matrix, factors: None, sum } => {
                    Some(format!("{} += {}", name(sum), name(matrix)))
                }
                Operation::Multiply { factors, product } => Some(format!("{} *= {}", name(product), name(factors))),
                Operation::InputGradient { has_derivative, input_gradient, .. } => {
                    Some(format!("{} {}", name(input_gradient), if has_derivative { "in place" } else { "alone" }))
                }
                _ => None,
            });
            let expected = [
                "encoder.0.output",
                "encoder.1.output",
                "encoder.1.output += encoder.0.output",
                "decoder.0.output",
                "decoder.0.output += encoder.1.output",
                "decoder.1.output",
                "decoder.2.output",
                "decoder.1.gradient in place",
                // Without a derivative, its two gradients are the same.
                "decoder.0.gradient alone",
                "encoder.1.output_gradient alone",
                "encoder.1.output_gradient += decoder.0.gradient",
                "encoder.1.gradient *= encoder.1.output_gradient",
                "encoder.0.output_gradient alone",
                "encoder.0.output_gradient += encoder.1.output_gradient",
                "encoder.0.gradient *= encoder.0.output_gradient",
            ];
            assert_eq!(told.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_network_with_shortcuts_is_never_fused() {
        let layers = with_shortcuts();
        assert!(FusedLayout::new(&layers, Tile::Workgroup, 256).is_none());
        let without = Network::autoencoder(784, &[Layer::new(32, Activation::Relu); 2], &[], Activation::Sigmoid);
        assert!(FusedLayout::new(&without, Tile::Workgroup, 256).is_some());
    }
}
