//! What a training does beside following the gradient of its outputs' loss.

use super::Network;
use crate::reference::{Augmentation, CodeSettings, Optimizer};

/// What a step does beside the gradient of the outputs' loss and the optimizer's update. Nothing of it can be fused: a fused step keeps
/// no batch's images, no code and no layer's whole gradient, where all this would have its place. So there is one question for any of it,
/// [`is_none`](Self::is_none).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Additions {
    /// The most that the gradient's global norm may be, if it is clipped.
    pub clip_norm: Option<f64>,
    /// What is asked of the code, if anything.
    pub code: Option<CodeSettings>,
    /// Whether weights are tied, so that one has the gradients of two layers.
    pub ties: bool,
    /// Whether outputs of layers are dropped.
    pub drops: bool,
    /// What is done to the images, if anything; a fused step takes them as they are stored.
    pub augmentation: Option<Augmentation>,
    /// Whether samples are drawn class by class: a fused step takes them in the order of the epoch.
    pub draws_classes_alike: bool,
    /// Whether the losses of some images count more than those of others.
    pub weighs: bool,
    /// Whether what a layer's product gives is normalized, so that the layer has a scale, too.
    pub normalizes: bool,
    /// Whether layers add what they take to what they give.
    pub adds_shortcuts: bool,
}

impl Additions {
    /// Those that the settings ask for, and the layers of a network.
    pub fn new(optimizer: &Optimizer, code: &CodeSettings, network: &Network) -> Self {
        let layers = network.layers();
        Self {
            clip_norm: optimizer.clips().then_some(optimizer.max_gradient_norm),
            code: (!code.is_none()).then_some(*code),
            ties: layers.iter().any(|layer| layer.tied.is_some()),
            drops: layers.iter().any(|layer| layer.dropout > 0.0),
            normalizes: network.is_normalized(),
            adds_shortcuts: network.is_residual(),
            ..Self::default()
        }
    }

    /// Whether there are none, so that a step can be fused.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a gradient must be whole before the first parameter changes, or gets more than a product gives: then no product updates
    /// by what it computes.
    pub fn need_gradients(&self) -> bool {
        self.clip_norm.is_some() || self.ties || self.normalizes || self.code.is_some_and(|code| code.contractive > 0.0)
    }
}
