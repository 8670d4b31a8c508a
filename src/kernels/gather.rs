//! A batch out of the data set: rows of f32 in [0, 1] from 8-bit pixels.

use super::step::Step;
use super::{Call, Kernel, bindings, noise_number, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::Corruption;

shader_struct! {
    struct Parameters {
        sample_count: u32,
        pixels: u32,
        words_per_sample: u32,
        noise: u32,
        amount: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "gather",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 samples: Read;
            3 batch: Write;
            4 corrupted_batch: Write, if "CORRUPT";
            5 chosen: Read, if "CHOSEN";
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || {
        let of = |is_corrupted, vector| Order::ALL.map(|order| variant(order, is_corrupted, vector));
        let kinds = [(false, false), (false, true), (true, false), (true, true)];
        let computed = kinds.into_iter().flat_map(|(a, b)| of(a, b));
        computed.chain(kinds.map(|(a, b)| chosen_variant(a, b))).collect()
    },
};

/// In which order an epoch takes its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they are stored.
    Stored,
    /// As `reference::shuffle` permutes them.
    Shuffled,
}

impl Order {
    /// Every order.
    pub const ALL: [Self; 2] = [Self::Stored, Self::Shuffled];
}

/// `vector`: the rows of the batch are whole vec4s.
fn variant(order: Order, is_corrupted: bool, vector: bool) -> Variant {
    Variant::new("gather", include_str!("../../shaders/gather.wgsl"))
        .flag("SHUFFLE", order == Order::Shuffled)
        .flag("CORRUPT", is_corrupted)
        .flag("VECTOR", vector)
}

/// The samples that another tensor lists.
fn chosen_variant(is_corrupted: bool, vector: bool) -> Variant {
    variant(Order::Stored, is_corrupted, vector).flag("CHOSEN", true)
}

/// Samples as the shader reads them: four 8-bit pixels in a word, the first in its lowest byte, each sample from a whole word on.
///
/// `bytes` holds samples of `pixels` bytes each; the result has [`words_per_sample`] words for each.
pub fn pack(bytes: &[u8], pixels: usize) -> Vec<u32> {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
    bytes.chunks(pixels).flat_map(|sample| sample.chunks(4).map(word)).collect()
}

/// Words that a sample of `pixels` bytes takes.
pub fn words_per_sample(pixels: usize) -> usize {
    pixels.div_ceil(4)
}

/// Binds `samples` [sample_count, words_per_sample], `batch` [batch_size, pixels] and, if there is a corruption, `corrupted_batch` of the
/// same shape.
pub fn call(order: Order, corruption: Corruption, batch_size: usize, sample_count: usize, pixels: usize) -> Call {
    let parameters = Parameters {
        sample_count: sample_count as u32,
        pixels: pixels as u32,
        words_per_sample: words_per_sample(pixels) as u32,
        noise: noise_number(corruption.noise),
        amount: corruption.amount as f32,
    };
    Call {
        kernel: &KERNEL,
        variant: variant(order, !corruption.is_none(), pixels.is_multiple_of(4)),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: [batch_size as u32, 1, 1],
    }
}

/// Binds what [`call`] does, and behind it `chosen` `[batch_size]`, the sample of each row.
pub fn call_chosen(corruption: Corruption, batch_size: usize, sample_count: usize, pixels: usize) -> Call {
    let variant = chosen_variant(!corruption.is_none(), pixels.is_multiple_of(4));
    Call { variant, ..call(Order::Stored, corruption, batch_size, sample_count, pixels) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_starts_at_a_whole_word() {
        assert_eq!(pack(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 5), [0x0403_0201, 5, 0x0908_0706, 10]);
    }
}
