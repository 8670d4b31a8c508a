//! How many steps to submit together: enough to keep the GPU busy, few enough that no driver takes it for hung.

use std::time::Duration;

/// What a submission should take. Drivers reset a GPU that works on one for about two seconds.
const TARGET: Duration = Duration::from_millis(100);

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
