//! What a trained model is for.

pub mod classify;
mod codes;
pub mod compress;
pub mod decode;
pub mod denoise;
pub mod detect;
pub mod encode;
pub mod evaluate;
pub mod mixture;
mod outputs;
pub mod pca;
pub mod plane;
pub mod plot;
pub mod preview;
mod ranking;
pub mod reconstruct;
pub mod sample;
pub mod similarity;

pub use codes::{Codes, CodesFormat};
pub use ranking::Ranking;
