//! What a verification found.

use super::known_faults::KnownFault;
use crate::gpu::{AdapterSummary, GpuError};
use serde::{Serialize, Serializer};
use std::fmt;

/// What was found on one adapter.
#[derive(Debug, Serialize)]
pub struct AdapterReport {
    /// Which adapter it is.
    pub adapter: AdapterSummary,
    /// Where the inputs came from: the same seed draws the same again.
    pub seed: u64,
    /// What all of it took.
    pub seconds: f64,
    /// How many rows there are to be.
    pub planned: usize,
    /// One for each variant of each kernel, and for each kind of training.
    pub rows: Vec<Row>,
    /// The fault after which nothing more could be run.
    #[serde(serialize_with = "words")]
    pub ended_by: Option<GpuError>,
}

/// What was found for one variant of one kernel, or for one kind of training.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The kernel's name, `gradients`, `training` or `determinism`.
    pub check: &'static str,
    /// The variant, or the network and the plan, for people.
    pub variant: String,
    /// Cases that passed, until one failed.
    pub cases: usize,
    /// Their worst error as a share of its bound: 1 is the most that passes.
    pub worst: f64,
    /// How long it took, the driver's compiling included.
    pub seconds: f64,
    /// Whether it passed.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What is to be thought of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Every case was within its bound.
    Passed,
    /// A case was not.
    Failed {
        /// What was wrong with the first such case.
        failure: String,
    },
    /// It failed, as this driver is known to.
    KnownFault {
        /// What was wrong with the first such case.
        failure: String,
        /// Where the driver's fault is told of.
        issue: String,
    },
    /// It passed, though this driver was known to fail.
    UnexpectedPass {
        /// Where the driver's fault is told of.
        issue: String,
    },
}

impl Verdict {
    pub(super) fn of(failure: Option<String>, known: Option<&KnownFault>) -> Self {
        match (failure, known) {
            (None, None) => Self::Passed,
            (Some(failure), None) => Self::Failed { failure },
            (Some(failure), Some(known)) => Self::KnownFault { failure, issue: known.issue.to_owned() },
            (None, Some(known)) => Self::UnexpectedPass { issue: known.issue.to_owned() },
        }
    }

    /// Whether all is as it is expected to be.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Passed | Self::KnownFault { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Passed => "passed",
            Self::Failed { .. } => "FAILED",
            Self::KnownFault { .. } => "known fault",
            Self::UnexpectedPass { .. } => "UNEXPECTED PASS",
        })
    }
}

impl AdapterReport {
    /// Whether all is as it is expected to be.
    pub fn is_good(&self) -> bool {
        self.ended_by.is_none() && self.rows.iter().all(|row| row.verdict.is_good())
    }

    /// Cases that passed.
    pub fn cases(&self) -> usize {
        self.rows.iter().map(|row| row.cases).sum()
    }
}

fn words<S: Serializer>(fault: &Option<GpuError>, serializer: S) -> Result<S::Ok, S::Error> {
    fault.as_ref().map(GpuError::to_string).serialize(serializer)
}
