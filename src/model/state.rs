//! Everything that training changes: the parameters, and the moments that the optimizer remembers.

use super::{Network, ParameterShape, Parameters};
use crate::reference::Moments;

/// The parameters of a network in training and the optimizer's moments, which have the shapes of those that are learned.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingState {
    moments: Moments,
    parameters: Parameters,
    /// Of each tensor behind those of the parameters in [`Self::names`].
    moment_values: Vec<Vec<f32>>,
}

/// What follows a parameter's name in the names of its moments.
fn suffixes(moments: Moments) -> impl Iterator<Item = &'static str> {
    let first = moments.first.then_some(".first_moment");
    let second = moments.second.then_some(".second_moment");
    first.into_iter().chain(second)
}

/// The names and shapes of all moments.
fn moment_names(network: &Network, moments: Moments) -> impl Iterator<Item = (String, ParameterShape)> {
    let learned: Vec<_> = network.parameter_shapes().into_iter().filter(|shape| shape.kind.is_learned()).collect();
    let of_kind =
        move |suffix| learned.clone().into_iter().map(move |shape| (format!("{}{suffix}", shape.name), shape));
    suffixes(moments).flat_map(of_kind)
}

impl TrainingState {
    /// A training that has not begun: moments are zero.
    pub fn initial(parameters: &Parameters, moments: Moments) -> Self {
        let learned = || parameters.tensors().iter().filter(|tensor| tensor.kind.is_learned());
        let moment_values = suffixes(moments).flat_map(|_| learned().map(|tensor| vec![0.0; tensor.values.len()]));
        Self { moments, parameters: parameters.clone(), moment_values: moment_values.collect() }
    }

    /// Makes each tensor from `values(name, shape)`, which gives as many numbers as the shape has, in the order of [`Self::names`].
    ///
    /// # Errors
    /// What `values` gives as one.
    pub fn build<E>(
        network: &Network,
        moments: Moments,
        mut values: impl FnMut(&str, &ParameterShape) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let parameters = Parameters::build(network, |_, shape| values(&shape.name, shape))?;
        let moment_values = moment_names(network, moments).map(|(name, shape)| values(&name, &shape));
        Ok(Self { moments, parameters, moment_values: moment_values.collect::<Result<_, E>>()? })
    }

    /// The names and shapes of all tensors: of every parameter first, then of the moments of those that are learned.
    pub fn names(network: &Network, moments: Moments) -> Vec<(String, ParameterShape)> {
        let parameters = network.parameter_shapes().into_iter().map(|shape| (shape.name.clone(), shape));
        parameters.chain(moment_names(network, moments)).collect()
    }

    /// What the optimizer remembers.
    pub fn moments(&self) -> Moments {
        self.moments
    }

    /// The values of all tensors, in the order of [`Self::names`].
    pub fn values(&self) -> impl Iterator<Item = &[f32]> {
        let parameters = self.parameters.tensors().iter().map(|tensor| &tensor.values);
        parameters.chain(&self.moment_values).map(Vec::as_slice)
    }

    /// The network's parameters, without the moments.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}
