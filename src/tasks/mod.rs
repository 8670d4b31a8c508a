//! What a trained model is for.

mod codes;
pub mod encode;
pub mod evaluate;
mod pca;
pub mod plot;
pub mod reconstruct;

pub use codes::{Codes, CodesFormat};
