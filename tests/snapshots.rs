//! The state of a training, taken while later steps are queued.

mod support;

use diabolo::config::Config;
use diabolo::data::{ImageShape, Images};
use diabolo::error::Error;
use diabolo::model::{TrainingState, glorot_uniform};
use diabolo::program::Plan;
use diabolo::train::{Trainer, TrainingCallback};
use std::ops::Range;
use support::gpu;

/// Keeps the state at a step, and breaks off the epoch at another.
struct Halfway {
    keep_at: usize,
    end_at: usize,
    done: usize,
    kept: Option<TrainingState>,
}

impl TrainingCallback for Halfway {
    fn end(&mut self, most: Range<usize>) -> usize {
        let next = [self.keep_at, self.end_at].into_iter().filter(|&at| at > most.start).min();
        if most.start >= self.end_at { most.start } else { most.end.min(next.unwrap_or(most.end)) }
    }

    fn wants_state(&mut self, places: &Range<usize>) -> bool {
        places.end == self.keep_at
    }

    fn advanced(&mut self, places: Range<usize>, _: &[f32]) -> Result<(), Error> {
        assert_eq!(places.start, self.done);
        self.done = places.end;
        Ok(())
    }

    fn keep(&mut self, state: TrainingState) -> Result<(), Error> {
        assert_eq!(self.done, self.keep_at);
        self.kept = Some(state);
        Ok(())
    }
}

/// In every plan, resident and streamed, with noise, with clipping, with dropout behind a residual layer and batch normalization, and augmented: the state that is copied while
/// later steps are queued is that of its own step, and all that is needed to go on from there.
#[test]
fn a_state_taken_in_the_middle_of_an_epoch_leads_to_the_same_end() {
    let resident = gpu();
    let shape = ImageShape { height: 3, width: 8, channels: 1 };
    let images = Images::new(shape, (0..203 * 24).map(|i| (i * i % 251) as u8).collect(), None).unwrap();
    let words = ["training.batch_size=10", "network.encoder=[{units=8, activation=\"tanh\"}]", "network.decoder=[]"];
    let layer = "{units=8, activation=\"tanh\", normalization=\"batch\"}";
    let dropping = format!("network.encoder=[{layer}, {}]", layer.replace('}', ", residual=true, dropout=0.4}"));
    let augmented = ["optimizer.max_gradient_norm=0.01", "augmentation.rotate=20", "augmentation.noise=0.1"];
    let configs = [&[][..], &["corruption.noise=gaussian"], &augmented, &[&dropping]].map(|more| {
        let words: Vec<String> = words.iter().chain(more).map(|&word| word.to_owned()).collect();
        Config::load("dense", &words).unwrap()
    });
    let streaming = gpu().with_data_memory(3 * 30 * 24);
    for (gpu, config) in [&resident, &streaming].into_iter().flat_map(|gpu| configs.iter().map(move |it| (gpu, it))) {
        let network = config.network(24);
        for plan in Plan::available(gpu, &network, 10, &config.additions()) {
            let begin = || -> Trainer<'_> {
                Trainer::with_plan(gpu, config, &images, &glorot_uniform(&network, 1), plan).unwrap()
            };
            let mut straight = begin();
            for epoch in 0..3 {
                straight.train_epoch(epoch, |_| ()).unwrap();
            }
            let expected = straight.state().unwrap();
            // 21 steps an epoch, the last one of 3 images.
            for keep_at in [1, 7, 20, 21] {
                let mut broken = begin();
                broken.train_epoch(0, |_| ()).unwrap();
                let mut halfway = Halfway { keep_at, end_at: 21.min(keep_at + 4), done: 0, kept: None };
                broken.train_steps(1, 0, &mut halfway).unwrap();
                let kept = halfway.kept.unwrap();
                drop(broken);

                let mut resumed = begin();
                resumed.restore(&kept).unwrap();
                let mut rest = Halfway { keep_at: 0, end_at: 21, done: keep_at, kept: None };
                resumed.train_steps(1, keep_at, &mut rest).unwrap();
                resumed.train_epoch(2, |_| ()).unwrap();
                assert!(resumed.state().unwrap() == expected, "{}, from step {keep_at}", plan.name());
            }
        }
    }
}
