//! How the learning rate changes in the course of a training.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// The course of the learning rate, as a share of the optimizer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleShape {
    /// The optimizer's, behind the warm-up.
    Constant,
    /// Times `step_factor` after each `step_epochs` epochs.
    Step,
    /// Down to `final_share` by half a cosine (Loshchilov & Hutter 2017, without restarts).
    Cosine,
    /// Up from a 25th by half a cosine during the warm-up, and down to `final_share` by another (Smith & Topin 2019, without a cycle of
    /// the momentum).
    OneCycle,
    /// Times `plateau_factor` after each `plateau_patience` epochs without a smaller loss, but never below `final_share`.
    Plateau,
}

/// The learning rate of each step, as a share of the optimizer's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Which course it takes.
    pub shape: ScheduleShape,
    /// The share of all steps, in [0, 1), in which the rate rises: from 0 in a straight line, but for one-cycle.
    pub warmup: f64,
    /// What is left at the end of cosine and one-cycle, and at least of plateau, in [0, 1].
    pub final_share: f64,
    /// At least 1.
    pub step_epochs: u32,
    /// In (0, 1].
    pub step_factor: f64,
    /// At least 1.
    pub plateau_patience: u32,
    /// In (0, 1].
    pub plateau_factor: f64,
}

/// Where one-cycle begins.
const START_SHARE: f64 = 1.0 / 25.0;

impl ScheduleShape {
    /// Every course.
    pub const ALL: [Self; 5] = [Self::Constant, Self::Step, Self::Cosine, Self::OneCycle, Self::Plateau];
}

impl Schedule {
    /// The optimizer's learning rate in every step.
    pub const CONSTANT: Self = Self {
        shape: ScheduleShape::Constant,
        warmup: 0.0,
        final_share: 0.0,
        step_epochs: 10,
        step_factor: 0.1,
        plateau_patience: 3,
        plateau_factor: 0.5,
    };

    /// The share for `step`, which counts from 0, of `steps` in all; what the losses leave of it is [`Self::share_after`].
    pub fn share(&self, step: u64, steps: u64, steps_per_epoch: u64) -> f64 {
        let rising = (self.warmup * steps as f64).ceil() as u64;
        if step < rising {
            let risen = (step + 1) as f64 / rising as f64;
            return match self.shape {
                ScheduleShape::OneCycle => between(START_SHARE, 1.0, risen),
                _ => risen,
            };
        }
        match self.shape {
            ScheduleShape::Constant | ScheduleShape::Plateau => 1.0,
            ScheduleShape::Step => {
                let epoch = step / steps_per_epoch.max(1);
                self.step_factor.powf((epoch / u64::from(self.step_epochs.max(1))) as f64)
            }
            ScheduleShape::Cosine | ScheduleShape::OneCycle => {
                let fallen = (step - rising) as f64 / steps.saturating_sub(rising).max(1) as f64;
                between(1.0, self.final_share, fallen.min(1.0))
            }
        }
    }
}

impl Schedule {
    /// What remains of the rate after epochs with these losses: 1 for all shapes but plateau.
    pub fn share_after(&self, losses: impl IntoIterator<Item = f64>) -> f64 {
        if self.shape != ScheduleShape::Plateau {
            return 1.0;
        }
        let (mut share, mut smallest, mut since) = (1.0f64, f64::INFINITY, 0);
        for loss in losses {
            if loss < smallest {
                (smallest, since) = (loss, 0);
                continue;
            }
            since += 1;
            if since == self.plateau_patience.max(1) {
                (share, since) = (share * self.plateau_factor, 0);
            }
        }
        share.max(self.final_share)
    }
}

/// From one number to another by half a cosine; `way` is in [0, 1].
fn between(from: f64, to: f64, way: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * way).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(schedule: Schedule) -> Vec<f64> {
        (0..100).map(|step| schedule.share(step, 100, 10)).collect()
    }

    fn near(computed: f64, expected: f64) {
        assert!((computed - expected).abs() < 1e-12, "{computed}, not {expected}");
    }

    #[test]
    fn a_constant_rate_stays_and_a_step_falls_at_its_epochs() {
        assert_eq!(shares(Schedule::CONSTANT), [1.0; 100]);
        let step =
            shares(Schedule { shape: ScheduleShape::Step, step_epochs: 3, step_factor: 0.5, ..Schedule::CONSTANT });
        assert_eq!([step[0], step[29], step[30], step[60], step[99]], [1.0, 1.0, 0.5, 0.25, 0.125]);
    }

    #[test]
    fn a_warm_up_rises_in_a_straight_line() {
        for shape in [ScheduleShape::Constant, ScheduleShape::Cosine] {
            let shares = shares(Schedule { shape, warmup: 0.2, ..Schedule::CONSTANT });
            assert_eq!([shares[0], shares[9], shares[19], shares[20]], [0.05, 0.5, 1.0, 1.0]);
        }
    }

    #[test]
    fn a_cosine_falls_to_its_final_share() {
        let shares = shares(Schedule { shape: ScheduleShape::Cosine, final_share: 0.1, ..Schedule::CONSTANT });
        near(shares[0], 1.0);
        near(shares[50], 0.55);
        assert!(shares.windows(2).all(|pair| pair[1] < pair[0]) && shares[99] < 0.101);
    }

    #[test]
    fn one_cycle_rises_from_a_25th_and_falls() {
        let shares = shares(Schedule { shape: ScheduleShape::OneCycle, warmup: 0.3, ..Schedule::CONSTANT });
        assert!(shares[0] > 0.04 && shares[0] < 0.05, "{}", shares[0]);
        near(shares[14], 0.52);
        near(shares[29], 1.0);
        near(shares[65], 0.5);
        assert!(shares[..30].is_sorted() && shares[99] < 1e-3);
    }

    #[test]
    fn a_plateau_falls_where_the_loss_does_not() {
        let plateau =
            Schedule { shape: ScheduleShape::Plateau, plateau_patience: 2, plateau_factor: 0.5, ..Schedule::CONSTANT };
        let losses = [5.0, 4.0, 4.0, 3.0, 3.5, 3.0, 3.1, 2.0, 9.0, 9.0, 9.0, 9.0];
        let shares: Vec<f64> =
            (0..=losses.len()).map(|epochs| plateau.share_after(losses[..epochs].to_vec())).collect();
        // Falls with the sixth, whose loss equals the smallest, with the tenth and with the twelfth.
        assert_eq!(shares, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]);
        assert_eq!(Schedule { final_share: 0.3, ..plateau }.share_after(losses), 0.3);
        assert_eq!(Schedule { shape: ScheduleShape::Constant, ..plateau }.share_after(losses), 1.0);
        assert_eq!(self::shares(plateau), [1.0; 100]);
    }

    #[test]
    fn every_share_is_a_share_even_beyond_the_end() {
        for shape in ScheduleShape::ALL {
            let schedule = Schedule { shape, warmup: 0.99, ..Schedule::CONSTANT };
            for (step, steps) in [(0, 1), (5, 1), (0, 0), (7, 7)] {
                let share = schedule.share(step, steps, 1);
                assert!((0.0..=1.0).contains(&share), "{shape:?} {step} of {steps}: {share}");
            }
        }
    }
}
