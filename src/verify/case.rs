//! One run of a kernel between guards, and what must come of it.

use super::compare::{Expected, Mismatch, compare};
use crate::gpu::{Commands, Gpu, GpuError, GuardedElements, Table, Tensor};
use crate::kernels::Call;
use crate::kernels::step::Step;
use crate::reference::Matrix;

/// A call, the tensors it is bound to, and what must be in them afterwards.
pub struct Case {
    /// The shape, for people.
    pub shape: String,
    pub call: Call,
    pub step: Step,
    /// In the order in which the kernel binds them.
    pub operands: Vec<Operand>,
}

/// A tensor of a case.
pub struct Operand {
    rows: usize,
    columns: usize,
    content: Content,
}

enum Content {
    Read(Vec<f32>),
    ReadWords(Vec<u32>),
    Written(Vec<Expected>),
    Updated { before: Vec<f32>, after: Vec<Expected> },
}

/// What an output holds before the run and what stands around it: a NaN like no other, so that an element that was left out is seen,
/// and a stray write too.
const POISON: f32 = f32::from_bits(0x7fc0_d1ab);

/// What stands around an input: another NaN, which spoils what is computed from a stray read, and shows where it is merely copied.
const STRAY: f32 = f32::from_bits(0x7fc0_57a7);

/// What stands around a tensor that is updated in place. A NaN would survive a stray update unchanged; no kernel computes this number.
const GUARD: f32 = -1.234_567_9e30;

/// White pixels, which a stray read would bring into a batch of darker ones.
const GUARD_WORD: u32 = u32::MAX;

/// Elements behind a tensor and before it: the rows of a tile, so that a forgotten mask lands there; of very long rows a part.
fn guards(columns: usize) -> usize {
    (64 * columns + 64).min(1 << 17)
}

impl Operand {
    /// A tensor that is only read, of numbers that f32 holds exactly.
    pub fn read(matrix: &Matrix) -> Self {
        Self { rows: matrix.rows, columns: matrix.columns, content: Content::Read(to_f32(matrix)) }
    }

    /// A tensor of words that is only read.
    pub fn read_words(rows: usize, columns: usize, words: Vec<u32>) -> Self {
        Self { rows, columns, content: Content::ReadWords(words) }
    }

    /// A tensor that is written, `expected` being its elements row by row.
    pub fn written(rows: usize, columns: usize, expected: Vec<Expected>) -> Self {
        Self { rows, columns, content: Content::Written(expected) }
    }

    /// A tensor that is changed in place.
    pub fn updated(before: &Matrix, after: Vec<Expected>) -> Self {
        let content = Content::Updated { before: to_f32(before), after };
        Self { rows: before.rows, columns: before.columns, content }
    }

    /// The tensor between its guards.
    fn upload(&self, gpu: &Gpu) -> Result<Tensor, GpuError> {
        let (shape, guards) = ([self.rows, self.columns], guards(self.columns));
        match &self.content {
            Content::Read(elements) => Tensor::guarded(gpu, "input", shape, elements, STRAY, guards),
            Content::ReadWords(words) => Tensor::guarded(gpu, "input", shape, words, GUARD_WORD, guards),
            Content::Written(expected) => {
                Tensor::guarded(gpu, "output", shape, &vec![POISON; expected.len()], POISON, guards)
            }
            Content::Updated { before, .. } => Tensor::guarded(gpu, "output", shape, before, GUARD, guards),
        }
    }

    /// The worst error as a share of its bound.
    fn check(&self, gpu: &Gpu, tensor: &Tensor, name: &'static str) -> Result<f64, Fault> {
        let (before, expected, guard) = match &self.content {
            // A shader that could write to them would not compile.
            Content::Read(_) | Content::ReadWords(_) => return Ok(0.0),
            Content::Written(expected) => (&vec![POISON; expected.len()], expected, POISON),
            Content::Updated { before, after } => (before, after, GUARD),
        };
        let GuardedElements { front, elements, tail } = tensor.download_guarded::<f32>(gpu)?;
        let spoiled = |guards: &[f32]| guards.iter().position(|element| element.to_bits() != guard.to_bits());
        if let Some(place) = spoiled(&tail) {
            return Err(Fault::WrittenOutside { tensor: name, distance: place + 1, side: "behind its end" });
        }
        if let Some(place) = spoiled(&front) {
            return Err(Fault::WrittenOutside {
                tensor: name,
                distance: front.len() - place,
                side: "before its start",
            });
        }
        compare(before, &elements, expected).map_err(|mismatch| Fault::Wrong {
            tensor: name,
            row: mismatch.index / self.columns,
            column: mismatch.index % self.columns,
            mismatch,
        })
    }
}

impl Case {
    /// Runs the call once on tensors of its own; the worst error as a share of its bound.
    ///
    /// # Errors
    /// The first element that is wrong, a write outside a tensor, or what the adapter had against the call.
    pub fn run(&self, gpu: &Gpu) -> Result<f64, Fault> {
        let tensors = self.operands.iter().map(|operand| operand.upload(gpu)).collect::<Result<Vec<_>, _>>()?;
        let table = Table::new(gpu, "step table", size_of::<Step>(), 1)?;
        table.upload(gpu, &[self.step])?;
        let dispatch = self.call.bind(gpu, Some(&table), &tensors.iter().collect::<Vec<_>>())?;
        gpu.run(Commands::record(gpu, &[dispatch], &table, 1))?;
        let mut worst = 0.0f64;
        for ((operand, tensor), binding) in self.operands.iter().zip(&tensors).zip(self.call.tensors()) {
            worst = worst.max(operand.check(gpu, tensor, binding.name)?);
        }
        Ok(worst)
    }
}

/// Why a case failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error("{tensor}[{row}, {column}] is {mismatch}")]
    Wrong { tensor: &'static str, row: usize, column: usize, mismatch: Mismatch },
    #[error("{tensor} was written {distance} elements {side}")]
    WrittenOutside { tensor: &'static str, distance: usize, side: &'static str },
    #[error(transparent)]
    Gpu(#[from] GpuError),
}

fn to_f32(matrix: &Matrix) -> Vec<f32> {
    matrix.elements.iter().map(|&element| element as f32).collect()
}
