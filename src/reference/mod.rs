//! The CPU twin, in f64 and plain loops, of every kernel and of a whole training step: what a shader must compute.
//!
//! It also holds what both sides must mean by the same word: [`Activation`], [`Loss`] and the random numbers of [`philox`].

mod activation;
pub mod augmentation;
pub mod balance;
pub mod classification;
pub mod clipping;
pub mod code;
pub mod corruption;
pub mod dropout;
pub mod layer;
mod loss;
pub mod matrix;
pub mod non_finite;
pub mod normalization;
mod optimizer;
pub mod philox;
mod schedule;
pub mod shuffle;
pub mod training;
pub mod variational;

pub use activation::{Activation, GELU_CUBE, GELU_SLOPE, LEAK};
pub use augmentation::{Augmentation, Flip};
pub use balance::Balancing;
pub use code::CodeSettings;
pub use corruption::{Corruption, Noise};
pub use loss::{CLAMP, Loss, binary_cross_entropy, clamped_cross_entropy};
pub use matrix::Matrix;
pub use normalization::Normalization;
pub use optimizer::{Algorithm, Coefficients, Moments, Optimizer};
pub use schedule::{Schedule, ScheduleShape};
