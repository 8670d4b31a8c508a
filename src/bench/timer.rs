//! Times by the host's clock: warm-up apart, then the median of several measurements.

use super::Effort;
use crate::gpu::{Commands, Dispatch, Gpu, GpuError, Table};
use crate::kernels::step::Step;
use serde::Serialize;
use std::slice;
use std::time::Instant;

/// The most runs of a dispatch in one submission.
const MOST_RUNS: usize = 4096;

/// The middle of several measurements, and how far they reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Of at least one measurement.
    pub fn of(mut measured: Vec<f64>) -> Self {
        measured.sort_by(f64::total_cmp);
        let last = measured.len().saturating_sub(1);
        let at = |place: usize| measured.get(place).copied().unwrap_or(f64::NAN);
        Self { median: (at(last / 2) + at(last.div_ceil(2))) / 2.0, least: at(0), most: at(last) }
    }

    /// Each measurement as `amount` of something in that time.
    pub fn rate(&self, amount: f64) -> Self {
        Self { median: amount / self.median, least: amount / self.most, most: amount / self.least }
    }

    /// How far the measurements reach, as a share of the median: ± this.
    pub fn relative(&self) -> f64 {
        (self.most - self.least) / (2.0 * self.median)
    }
}

/// Measures dispatches on one adapter.
pub struct Timer<'a> {
    gpu: &'a Gpu,
    effort: Effort,
    table: Table,
}

impl<'a> Timer<'a> {
    pub fn new(gpu: &'a Gpu, effort: Effort) -> Result<Self, GpuError> {
        Ok(Self { gpu, effort, table: Table::new(gpu, "step table", size_of::<Step>(), MOST_RUNS)? })
    }

    /// Seconds that one run of a dispatch takes, when each waits for the one before.
    pub fn seconds(&self, dispatch: &Dispatch) -> Result<Spread, GpuError> {
        let dispatches = slice::from_ref(dispatch);
        self.seconds_of(|commands, runs| commands.dispatch(dispatches, &self.table, runs))
    }

    /// The same of whatever `record` adds so many runs of.
    pub fn seconds_of(&self, record: impl Fn(&mut Commands, usize)) -> Result<Spread, GpuError> {
        let run = |runs: usize| -> Result<f64, GpuError> {
            // Recorded beforehand, as a training records while the adapter works.
            let mut commands = Commands::new(self.gpu);
            record(&mut commands, runs);
            let recorded = commands.finish();
            let started = Instant::now();
            self.gpu.run_finished(recorded)?;
            self.gpu.finish()?;
            Ok(started.elapsed().as_secs_f64())
        };
        // The first run compiles and allocates; the next ones find out how many fill the time.
        run(1)?;
        let wanted = self.effort.sample.as_secs_f64();
        let mut runs = 1;
        loop {
            let seconds = run(runs)?.max(1e-6);
            if seconds >= wanted / 2.0 || runs == MOST_RUNS {
                break;
            }
            runs = ((runs as f64 * wanted / seconds) as usize).clamp(runs + 1, (16 * runs).min(MOST_RUNS));
        }
        let measured: Result<Vec<f64>, GpuError> =
            (0..self.effort.samples).map(|_| Ok(run(runs)? / runs as f64)).collect();
        Ok(Spread::of(measured?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(Spread::of(vec![5.0]), Spread { median: 5.0, least: 5.0, most: 5.0 });
    }

    #[test]
    fn the_slowest_measurement_is_the_least_rate() {
        let rate = Spread { median: 2.0, least: 1.0, most: 4.0 }.rate(8.0);
        assert_eq!(rate, Spread { median: 4.0, least: 2.0, most: 8.0 });
        assert_eq!(rate.relative(), 0.75);
    }
}
