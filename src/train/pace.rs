//! How many steps to submit together: enough to keep the GPU busy, few enough that no driver takes it for hung.

use std::time::Duration;

/// What a submission should take. Drivers reset a GPU that works on one for about two seconds.
const TARGET: Duration = Duration::from_millis(100);

/// The most multiply-adds to submit where nothing is known of their time: a fifth of a second on a GPU that does 40 GFLOP/s.
pub const MOST_MULTIPLY_ADDS: usize = 1 << 32;

/// Adapts the number of steps in a submission to what the last one took.
#[derive(Debug)]
pub struct Pace {
    steps: usize,
    most: usize,
}

impl Pace {
    /// Starts with a single step; never more than `most`.
    pub fn new(most: usize) -> Self {
        Self { steps: 1, most }
    }

    /// Steps to submit next.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Takes note that `steps` took `duration`. The number at most quadruples, so that one quick submission misleads little.
    pub fn finished(&mut self, steps: usize, duration: Duration) {
        let fitting = TARGET.as_secs_f64() / duration.as_secs_f64().max(1e-6) * steps as f64;
        self.steps = (fitting as usize).min(4 * self.steps).clamp(1, self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Half a second, which no driver takes for hung, is not reached while a step's time changes fourfold, be it from one submission
        /// to the next. A step that takes longer by itself cannot be parted.
        #[test]
        fn no_submission_takes_half_a_second(
            step_microseconds in 1.0f64..400_000.0, slower in prop::collection::vec(1.0f64..4.0, 1..60), most in 1usize..=512,
        ) {
            let mut pace = Pace::new(most);
            // The next submission is on its way before the time of this one is known.
            let mut before: Option<(usize, Duration)> = None;
            for factor in slower {
                let steps = pace.steps();
                let longest_step = Duration::from_secs_f64(4e-6 * step_microseconds);
                let duration = Duration::from_secs_f64(1e-6 * step_microseconds * factor * steps as f64);
                prop_assert!(duration < Duration::from_millis(500).max(longest_step), "{steps} steps take {duration:?}");
                if let Some((steps, duration)) = before.replace((steps, duration)) {
                    pace.finished(steps, duration);
                }
            }
        }
    }

    #[test]
    fn the_pace_settles_where_a_submission_takes_the_target() {
        let mut pace = Pace::new(1000);
        for _ in 0..10 {
            let steps = pace.steps();
            pace.finished(steps, Duration::from_millis(2) * steps as u32);
        }
        assert_eq!(pace.steps(), 50);
        pace.finished(50, Duration::from_secs(5));
        assert_eq!(pace.steps(), 1);
        for _ in 0..10 {
            pace.finished(pace.steps(), Duration::ZERO);
        }
        assert_eq!(pace.steps(), 1000);
    }
}
