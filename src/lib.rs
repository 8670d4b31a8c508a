//! Trains autoencoders for images entirely on the GPU, on any adapter that wgpu reaches: Vulkan, Metal, DX12 or GL.
//!
//! Every shader has a twin in [`mod@reference`] that it is checked against. Data flows one way, and a module imports nothing that
//! stands before it in this list: [`cli`], [`tune`], [`mod@verify`], [`mod@bench`], [`tasks`], [`train`], [`report`], [`program`],
//! [`model`], [`kernels`], [`gpu`], [`data`], [`mod@reference`].

pub mod bench;
pub mod cli;
pub mod config;
pub mod data;
pub mod error;
pub mod gpu;
pub mod kernels;
pub mod model;
pub mod program;
pub mod reference;
pub mod report;
pub mod tasks;
pub mod train;
pub mod tune;
pub mod verify;

pub use config::Config;
pub use error::Error;
