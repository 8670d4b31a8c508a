//! Trains autoencoders for images entirely on the GPU, on any adapter that wgpu reaches.

pub mod config;
pub mod data;
pub mod gpu;
pub mod kernels;
pub mod model;
pub mod program;
pub mod reference;
pub mod report;
