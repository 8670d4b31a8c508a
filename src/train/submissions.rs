//! A pass over all batches of a data set, in submissions: the next one is loaded, recorded and queued while the GPU works.

use super::loader::{ImageAt, Loader};
use super::pace::Pace;
use super::steps::Batches;
use crate::error::Error;
use crate::gpu::{Commands, Gpu, PendingReadback, Staging, Tensor};
use crate::kernels::step::Step;
use crate::program::Program;
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

/// The first submission of a pass has at most one in so many of its batches. A step takes the host less than this part of what it takes
/// the GPU.
const START: usize = 8;

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
    ///
    /// # Errors
    /// No room for what a submission leaves, or a lost device.
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

    /// What runs for each batch.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Takes as many images as there are, in an order or as they are stored; or those only of the batches from `first` on.
    ///
    /// `step` gives the table's row for the batch at a place of the pass, and its place in the submission. `results` says what the
    /// submission of some rows leaves, and the callback gets that with the places of its batches.
    ///
    /// # Errors
    /// What the callback returns, or a fault of the GPU.
    pub fn run<'t>(
        &mut self,
        gpu: &Gpu,
        first: usize,
        order: Option<ImageAt<'_>>,
        step: impl Fn(usize, usize) -> Step,
        results: impl Fn(&[Step]) -> Results<'t>,
        callback: &mut impl SubmissionCallback,
    ) -> Result<(), Error> {
        let mut last_finish = Instant::now();
        // A short submission first: the GPU starts on it while the long ones are being recorded.
        let start = self.pace.steps().min(self.batches.count().saturating_sub(first).div_ceil(START));
        let mut next = self.submit(gpu, first..first + start, order, &step, &results, callback)?;
        while let Some(InFlight { readback, places }) = next {
            // The submission that follows is loaded and queued before this one is waited for, so that the GPU always has work.
            let following = places.end..places.end + self.pace.steps();
            next = self.submit(gpu, following, order, &step, &results, callback)?;
            let values = readback.wait(gpu)?;
            self.pace.finished(places.len(), last_finish.elapsed());
            last_finish = Instant::now();
            callback.arrived(places, values)?;
        }
        Ok(())
    }

    /// Submits these batches, as many of them as there are and as the callback allows; none if the pass is over.
    fn submit<'t>(
        &mut self,
        gpu: &Gpu,
        most: Range<usize>,
        order: Option<ImageAt<'_>>,
        step: impl Fn(usize, usize) -> Step,
        results: impl Fn(&[Step]) -> Results<'t>,
        callback: &mut impl SubmissionCallback,
    ) -> Result<Option<InFlight>, Error> {
        let first = most.start;
        let most = first..self.batches.count().min(most.end);
        let places = if most.is_empty() { most } else { first..callback.end(most) };
        if places.is_empty() {
            return Ok(None);
        }
        let mut commands = Commands::new(gpu);
        let loaded_from = self.loader.load(gpu, &mut commands, self.batches.positions(&places), order)? as u32;
        let row = |place| {
            let step = step(place, place - first);
            Step { first_sample: step.first_sample - loaded_from, ..step }
        };
        let rows: Vec<Step> = places.clone().map(row).collect();
        self.program.record(gpu, &mut commands, &rows)?;
        callback.record(&mut commands, &places);
        // The other staging buffer still waits for the submission before.
        self.staging.swap(0, 1);
        let readback = self.staging[0].submit_and_read(gpu, commands, &results(&rows))?;
        Ok(Some(InFlight { readback, places }))
    }
}

/// What is called as the batches of a pass are submitted and done. It takes what they leave, and may have a say in them. Places are those of batches, counted from the start of the pass.
pub trait SubmissionCallback {
    /// Where the submission of at most these batches is to end; at its start, the pass is broken off.
    fn end(&mut self, most: Range<usize>) -> usize {
        most.end
    }

    /// Adds to the commands of these batches what is to run after them.
    fn record(&mut self, _commands: &mut Commands, _places: &Range<usize>) {}

    /// Takes what the submission of these batches has left.
    ///
    /// # Errors
    /// Whatever is to break off the pass.
    fn arrived(&mut self, places: Range<usize>, values: Vec<f32>) -> Result<(), Error>;
}

impl<F: FnMut(Range<usize>, Vec<f32>) -> Result<(), Error>> SubmissionCallback for F {
    fn arrived(&mut self, places: Range<usize>, values: Vec<f32>) -> Result<(), Error> {
        self(places, values)
    }
}
