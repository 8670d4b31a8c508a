//! What the parameter tensors of a layer are: their kinds, names and shapes.

/// What a parameter tensor is to its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// [inputs, outputs]: what the layer's input is multiplied by.
    Weight,
    /// What is added behind that.
    Bias,
    /// Of what is normalized.
    Scale,
    /// Of what is normalized over batches, as [`RunningStatistics`](crate::reference::normalization::RunningStatistics) have it.
    RunningMean,
    /// The other of the two.
    RunningVariance,
}

impl ParameterKind {
    /// What stands behind the layer's name in the tensor's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
            Self::Scale => "scale",
            Self::RunningMean => "running_mean",
            Self::RunningVariance => "running_variance",
        }
    }

    /// Whether it has a gradient, and with it moments; the others are told by the batches.
    pub fn is_learned(self) -> bool {
        match self {
            Self::Weight | Self::Bias | Self::Scale => true,
            Self::RunningMean | Self::RunningVariance => false,
        }
    }

    /// Whether no such tensor can have these values: variances below 0.
    pub(super) fn refuses(self, values: &[f32]) -> bool {
        self == Self::RunningVariance && values.iter().any(|&variance| variance < 0.0)
    }
}

/// Name and shape of a parameter tensor; all but weights are one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterShape {
    /// The layer's name and the kind's, as in `encoder.0.weight`.
    pub name: String,
    /// 1 but for a weight, which has as many as the layer takes numbers.
    pub rows: usize,
    /// As many as the layer gives numbers.
    pub columns: usize,
    /// What it is to its layer.
    pub kind: ParameterKind,
}

impl ParameterShape {
    /// As files have it: [inputs, outputs] of a weight, `[outputs]` of the others.
    pub fn dimensions(&self) -> Vec<usize> {
        if self.kind == ParameterKind::Weight { vec![self.rows, self.columns] } else { vec![self.columns] }
    }
}
