//! What a trained model is for.

pub mod evaluate;
mod pca;
pub mod reconstruct;
