//! Everything that training changes: the parameters and Adam's moments.

use super::{Network, ParameterShape, Parameters};

/// What follows a parameter's name in the name of each tensor that goes with it: nothing for the parameter itself.
const SUFFIXES: [&str; 3] = ["", ".first_moment", ".second_moment"];

/// The parameters of a network in training and both of Adam's moments, which have the parameters' shapes.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingState {
    /// In the order of [`SUFFIXES`].
    kinds: [Parameters; SUFFIXES.len()],
}

impl TrainingState {
    /// A training that has not begun: moments are zero.
    pub fn initial(parameters: &Parameters) -> Self {
        let zeros = parameters.map(|_, _, _| 0.0);
        Self { kinds: [parameters.clone(), zeros.clone(), zeros] }
    }

    /// Makes each tensor from `values(name, shape)`, which gives as many numbers as the shape has, in the order of [`Self::names`].
    pub fn build<E>(
        network: &Network,
        mut values: impl FnMut(&str, &ParameterShape) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let mut kind =
            |suffix: &str| Parameters::build(network, |_, shape| values(&format!("{}{suffix}", shape.name), shape));
        let [values, first, second] = SUFFIXES;
        Ok(Self { kinds: [kind(values)?, kind(first)?, kind(second)?] })
    }

    /// The names and shapes of all tensors: of every parameter first, then of its moments.
    pub fn names(network: &Network) -> Vec<(String, ParameterShape)> {
        let of_kind = |suffix: &'static str| {
            network.parameter_shapes().into_iter().map(move |shape| (format!("{}{suffix}", shape.name), shape))
        };
        SUFFIXES.into_iter().flat_map(of_kind).collect()
    }

    /// The values of all tensors, in the order of [`Self::names`].
    pub fn values(&self) -> impl Iterator<Item = &[f32]> {
        self.kinds.iter().flat_map(|kind| kind.tensors().iter().map(|tensor| tensor.values.as_slice()))
    }

    pub fn parameters(&self) -> &Parameters {
        &self.kinds[0]
    }
}
