//! Everything that training changes: the parameters, and the moments that the optimizer remembers.

use super::{Network, ParameterShape, Parameters};
use crate::reference::Moments;

/// The parameters of a network in training and the optimizer's moments, which have the parameters' shapes.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingState {
    moments: Moments,
    /// In the order of [`suffixes`].
    kinds: Vec<Parameters>,
}

/// What follows a parameter's name in the name of each tensor that goes with it: nothing for the parameter itself.
fn suffixes(moments: Moments) -> impl Iterator<Item = &'static str> {
    let first = moments.first.then_some(".first_moment");
    let second = moments.second.then_some(".second_moment");
    [""].into_iter().chain(first).chain(second)
}

impl TrainingState {
    /// A training that has not begun: moments are zero.
    pub fn initial(parameters: &Parameters, moments: Moments) -> Self {
        let zeros = parameters.map(|_, _, _| 0.0);
        let kind = |suffix: &str| if suffix.is_empty() { parameters.clone() } else { zeros.clone() };
        Self { moments, kinds: suffixes(moments).map(kind).collect() }
    }

    /// Makes each tensor from `values(name, shape)`, which gives as many numbers as the shape has, in the order of [`Self::names`].
    pub fn build<E>(
        network: &Network,
        moments: Moments,
        mut values: impl FnMut(&str, &ParameterShape) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let kind =
            |suffix: &str| Parameters::build(network, |_, shape| values(&format!("{}{suffix}", shape.name), shape));
        Ok(Self { moments, kinds: suffixes(moments).map(kind).collect::<Result<_, E>>()? })
    }

    /// The names and shapes of all tensors: of every parameter first, then of its moments.
    pub fn names(network: &Network, moments: Moments) -> Vec<(String, ParameterShape)> {
        let of_kind = |suffix: &'static str| {
            network.parameter_shapes().into_iter().map(move |shape| (format!("{}{suffix}", shape.name), shape))
        };
        suffixes(moments).flat_map(of_kind).collect()
    }

    /// What the optimizer remembers.
    pub fn moments(&self) -> Moments {
        self.moments
    }

    /// The values of all tensors, in the order of [`Self::names`].
    pub fn values(&self) -> impl Iterator<Item = &[f32]> {
        self.kinds.iter().flat_map(|kind| kind.tensors().iter().map(|tensor| tensor.values.as_slice()))
    }

    pub fn parameters(&self) -> &Parameters {
        &self.kinds[0]
    }
}
