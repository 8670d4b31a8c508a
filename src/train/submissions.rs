//! A pass over all batches of a data set, in submissions: the next one is loaded, recorded and queued while the GPU works.

use super::loader::Loader;
use super::pace::Pace;
use super::steps::Batches;
use crate::error::Error;
use crate::gpu::{Commands, Gpu, PendingReadback, Staging, Tensor};
use crate::kernels::step::Step;
use crate::program::Program;
use crate::reference::shuffle::Shuffle;
use std::ops::Range;
use std::time::Instant;

/// The batches of a data set and the program that each goes through.
pub struct Submissions<'a> {
    batches: Batches,
    loader: Loader<'a>,
    program: Program,
    staging: [Staging; 2],
    pace: Pace,
}

/// Elements of a tensor that a submission leaves for the host.
pub type Results<'t> = Vec<(&'t Tensor, Range<usize>)>;

/// A submission whose results are still to come.
struct InFlight {
    readback: PendingReadback,
    /// Its batches, counted from the start of the pass.
    places: Range<usize>,
}

impl<'a> Submissions<'a> {
    /// At most `most_steps` batches are submitted together; a submission leaves at most `most_results` elements.
    pub fn new(
        gpu: &Gpu,
        batches: Batches,
        loader: Loader<'a>,
        program: Program,
        most_steps: usize,
        most_results: usize,
    ) -> Result<Self, Error> {
        let staging = [Staging::new(gpu, most_results)?, Staging::new(gpu, most_results)?];
        let pace = Pace::new(most_steps.min(loader.most_batches(batches.batch_size)));
        Ok(Self { batches, loader, program, staging, pace })
    }

    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Takes every image once, in the order of `shuffle` or as they are stored.
    ///
    /// `step` gives the table's row for the batch at a place of the pass, and its place in the submission. `results` says what the
    /// submission of some rows leaves, and `arrived` gets that with the places of its batches.
    ///
    /// # Errors
    /// What `arrived` returns, or a fault of the GPU.
    pub fn run<'t>(
        &mut self,
        gpu: &Gpu,
        shuffle: Option<&Shuffle>,
        step: impl Fn(usize, usize) -> Step,
        results: impl Fn(&[Step]) -> Results<'t>,
        mut arrived: impl FnMut(Range<usize>, Vec<f32>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut last_finish = Instant::now();
        let mut next = self.submit(gpu, 0, shuffle, &step, &results)?;
        while let Some(InFlight { readback, places }) = next {
            // The submission that follows is loaded and queued before this one is waited for, so that the GPU always has work.
            next = self.submit(gpu, places.end, shuffle, &step, &results)?;
            let values = readback.wait(gpu)?;
            self.pace.finished(places.len(), last_finish.elapsed());
            last_finish = Instant::now();
            arrived(places, values)?;
        }
        Ok(())
    }

    /// Submits the batches from `first` on, as many as the pace allows; none if the pass is over.
    fn submit<'t>(
        &mut self,
        gpu: &Gpu,
        first: usize,
        shuffle: Option<&Shuffle>,
        step: impl Fn(usize, usize) -> Step,
        results: impl Fn(&[Step]) -> Results<'t>,
    ) -> Result<Option<InFlight>, Error> {
        let places = first..self.batches.count().min(first + self.pace.steps());
        if places.is_empty() {
            return Ok(None);
        }
        let mut commands = Commands::new(gpu);
        let loaded_from = self.loader.load(gpu, &mut commands, self.batches.positions(&places), shuffle)? as u32;
        let row = |place| {
            let step = step(place, place - first);
            Step { first_sample: step.first_sample - loaded_from, ..step }
        };
        let rows: Vec<Step> = places.clone().map(row).collect();
        self.program.record(gpu, &mut commands, &rows)?;
        // The other staging buffer still waits for the submission before.
        self.staging.swap(0, 1);
        let readback = self.staging[0].submit_and_read(gpu, commands, &results(&rows))?;
        Ok(Some(InFlight { readback, places }))
    }
}
