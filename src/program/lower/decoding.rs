//! Codes back to images.

use super::{Mode, Scope};
use crate::model::Network;
use crate::program::{Graph, TensorId};

/// One batch of codes on its way to images, and what it leaves for the host.
pub struct Decoding {
    /// The operations and their tensors.
    pub graph: Graph,
    /// [batch_size, code]: filled by the host.
    pub codes: TensorId,
    /// [batch_size, pixels]
    pub images: TensorId,
}

/// Codes through a decoder, by the operations that a reconstruction has behind its code.
pub fn decoding(decoder: &Network, batch_size: usize) -> Decoding {
    let mut graph = Graph::default();
    let scope = Scope { name: "decoding".to_owned(), batch_size };
    let codes = scope.tensor(&mut graph, "codes", decoder.pixels());
    let outputs = scope.forward(&mut graph, decoder, codes, decoder.output_activation(), Mode::INFERENCE);
    let images = outputs.last().copied().unwrap_or(codes);
    Decoding { graph, codes, images }
}
