//! What a person looks at: progress, picture grids, plots, tables, and the files of a run directory.
//!
//! This folder knows no GPU and no model: callers hand it plain numbers and the shape of their images.

mod axis;
mod canvas;
mod chart;
pub mod checklist;
pub mod confusion;
mod error;
pub mod files;
pub mod grid;
pub mod image_table;
pub mod label_curve;
pub mod metrics;
pub mod npy;
pub mod plot;
pub mod progress;
pub mod rate_curve;
pub mod roofline;
pub mod scatter;
pub mod table;

pub use error::ReportError;
