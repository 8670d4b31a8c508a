//! Which of the plans that an adapter can run trains a network fastest: measured once, and kept on disk.
//!
//! No plan is chosen whose losses leave the twin's. What is chosen stays chosen, so that the same training gives the same bits from run
//! to run.

mod cache;

pub use cache::Cache;

use crate::config::Config;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Parameters, glorot_uniform};
use crate::program::{Plan, refuse_too_large};
use crate::train::Trainer;
use crate::verify::PlanCheck;
use cache::{Choice, Key, Known};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// The most and the fewest steps of an epoch that is timed, and the multiplications up to which there are more than the fewest.
struct Epoch {
    most_steps: usize,
    fewest_steps: usize,
    products: usize,
}

/// Where a step takes milliseconds.
const SOFTWARE: Epoch = Epoch { most_steps: 8, fewest_steps: 2, products: 1 << 30 };
/// Where it takes so little that the begin and the end of an epoch would count.
const HARDWARE: Epoch = Epoch { most_steps: 128, fewest_steps: 8, products: 1 << 35 };
/// The most epochs that a plan is timed for.
const EPOCHS: u32 = 5;
/// Another plan than the usual one has to take this share of its time or less: less of a difference would be noise.
const CLEARLY_LESS: f64 = 0.95;
/// A tenth of a training, at most, is spent on making it faster; of a shorter one than this not even the usual plan is timed.
const SHARE_OF_TRAINING: f64 = 0.1;
const FEWEST_TRAINING_STEPS: u64 = 500;

/// What was found out about a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// What a step takes.
    StepSeconds(f64),
    /// It trains wrongly here, or not at all.
    Unfit(String),
    /// There was no time for it.
    Untried,
}

/// A plan that an adapter can run, and what was found out about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// [`Plan::name`].
    pub plan: String,
    /// What was found out.
    pub finding: Finding,
}

/// The plan for a training, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// How the training is to run.
    pub plan: Plan,
    /// The usual plan first; none where nothing was measured.
    pub candidates: Vec<Candidate>,
}

impl Tuning {
    /// The usual plan, unmeasured.
    fn usual(plan: Plan) -> Self {
        Self { plan, candidates: Vec::new() }
    }

    /// As the cache keeps it.
    fn choice(&self) -> Choice {
        Choice { plan: self.plan.name(), candidates: self.candidates.clone() }
    }

    /// What a step takes by the chosen plan, in seconds.
    pub fn step_seconds(&self) -> Option<f64> {
        let chosen = self.candidates.iter().find(|candidate| candidate.plan == self.plan.name())?;
        if let Finding::StepSeconds(seconds) = chosen.finding { Some(seconds) } else { None }
    }
}

/// What is to be trained, and where.
pub struct Tuner<'a> {
    gpu: &'a Gpu,
    config: &'a Config,
    images: Images,
    parameters: Parameters,
    plans: Vec<Plan>,
    key: Key,
}

impl<'a> Tuner<'a> {
    /// For trainings as `config` has them on images such as these.
    ///
    /// # Errors
    /// A network too large for the GPU.
    pub fn new(gpu: &'a Gpu, config: &'a Config, images: &Images) -> Result<Self, Error> {
        let network = config.network(images.shape().pixels());
        refuse_too_large(gpu, &network, config.optimizer.algorithm.moments())?;
        let usual = Plan::usual(gpu, &network, config.training.batch_size, &config.additions());
        // What cannot be held against the twin is not chosen.
        let is_checkable = PlanCheck::is_affordable(config, images.shape());
        let mut others = Plan::available(gpu, &network, config.training.batch_size, &config.additions());
        others.retain(|&plan| plan != usual && is_checkable);
        // Time may not be enough for all of them: the most promising ones first.
        others.sort_by_key(|plan| {
            (plan.is_for_gpus() == gpu.is_software(), plan.fused.is_none(), plan.products != usual.products)
        });
        let batch_size = config.training.batch_size;
        let of_step = 3 * network.parameter_count().saturating_mul(batch_size);
        let Epoch { most_steps, fewest_steps, products } = if gpu.is_software() { SOFTWARE } else { HARDWARE };
        let steps = (products / of_step.max(1)).clamp(fewest_steps, most_steps);
        Ok(Self {
            gpu,
            config,
            images: images.first_by_weight(steps * batch_size),
            parameters: glorot_uniform(&network, config.training.seed),
            plans: [usual].into_iter().chain(others).collect(),
            key: Key::new(gpu.adapter(), config, &network),
        })
    }

    /// What an earlier run has found out, if there is anything.
    pub fn known(&self, cache: &Cache) -> Option<Tuning> {
        self.choice(cache.load(&self.key))
    }

    /// What was chosen of the plans that there are.
    fn choice(&self, known: Known) -> Option<Tuning> {
        let Choice { plan, candidates } = known.chosen?;
        let plan = self.plans.iter().copied().find(|available| available.name() == plan)?;
        Some(Tuning { plan, candidates })
    }

    /// Finds the fastest plan, or, for a training too short to gain by it, takes the usual one. `steps` is how many steps the training has.
    /// Whether it is too short depends on how fast the machine is at the moment, so that the cache keeps that too: the same training gets the
    /// same plan again. `advanced` is told how many of how many plans are tried, and which is next.
    ///
    /// # Errors
    /// As those of [`Self::measure`].
    pub fn for_training(
        &self,
        cache: &Cache,
        steps: u64,
        mut advanced: impl FnMut(usize, usize, &str),
    ) -> Result<Tuning, Error> {
        let usual = self.plans[0];
        let mut known = cache.load(&self.key);
        if self.plans.len() == 1 || known.too_short.contains(&steps) {
            return Ok(Tuning::usual(usual));
        }
        if let Some(tuning) = self.choice(known.clone()) {
            return Ok(tuning);
        }
        let mut too_short = || {
            known.too_short.insert(steps);
            self.keep(cache, &known);
            Ok(Tuning::usual(usual))
        };
        if steps < FEWEST_TRAINING_STEPS {
            return too_short();
        }
        // What it costs to compile the usual plan is not lost: the training needs the same pipelines.
        advanced(0, self.plans.len(), &usual.name());
        let Finding::StepSeconds(seconds) = self.time(usual, self.longest())? else { return Ok(Tuning::usual(usual)) };
        let worthwhile = Duration::from_secs_f64((SHARE_OF_TRAINING * seconds * steps as f64).min(3600.0));
        if worthwhile < Duration::from_secs(1) {
            return too_short();
        }
        let tuning = self.find(worthwhile.min(self.longest()), advanced)?;
        if tuning.step_seconds().is_some() {
            known.chosen = Some(tuning.choice());
            self.keep(cache, &known);
        }
        Ok(tuning)
    }

    /// Finds the fastest plan and keeps it in the cache, for trainings of any length. Where no plan trains, as with a learning rate by which
    /// each diverges, nothing is kept.
    ///
    /// # Errors
    /// A batch larger than there are images, or a training that is impossible otherwise, by whatever plan. The adapter is lost.
    pub fn measure(&self, cache: &Cache, advanced: impl FnMut(usize, usize, &str)) -> Result<Tuning, Error> {
        let tuning = self.find(self.longest(), advanced)?;
        if tuning.step_seconds().is_some() {
            self.keep(cache, &Known { chosen: Some(tuning.choice()), ..Known::default() });
        }
        Ok(tuning)
    }

    fn keep(&self, cache: &Cache, known: &Known) {
        if let Err(error) = cache.store(&self.key, known) {
            tracing::warn!("the plan is not kept: {error}");
        }
    }

    /// How long the search may take. Compilers of software adapters are slow, and cannot be interrupted.
    fn longest(&self) -> Duration {
        Duration::from_secs(if self.gpu.is_software() { 10 } else { 3 })
    }

    fn find(&self, longest: Duration, mut advanced: impl FnMut(usize, usize, &str)) -> Result<Tuning, Error> {
        let started = Instant::now();
        let mut findings = Vec::new();
        let mut slowest = Duration::ZERO;
        for (place, &plan) in self.plans.iter().enumerate() {
            advanced(place, self.plans.len(), &plan.name());
            // Compilers cannot be interrupted, so that a plan is begun only if it may take as long as another did.
            let begun = started.elapsed();
            let is_time = place == 0 || begun + slowest < longest;
            let each = longest / (2 * self.plans.len() as u32);
            findings.push(if is_time { self.time(plan, each)? } else { Finding::Untried });
            slowest = slowest.max(started.elapsed() - begun);
            tracing::debug!("{}: {:?} after {:.1?}", plan.name(), findings[place], started.elapsed());
        }
        let usual_seconds = if let Finding::StepSeconds(seconds) = findings[0] { seconds } else { f64::INFINITY };
        let mut order: Vec<(f64, usize)> = Vec::new();
        for (place, finding) in findings.iter().enumerate() {
            match finding {
                Finding::StepSeconds(seconds) if place == 0 || *seconds <= CLEARLY_LESS * usual_seconds => {
                    order.push((*seconds, place));
                }
                _ => {}
            }
        }
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut chosen = 0;
        if let Some(check) = PlanCheck::new(self.config, self.images.shape()) {
            for (_, place) in order {
                match check.run(self.gpu, self.plans[place]) {
                    Ok(()) => {
                        chosen = place;
                        break;
                    }
                    Err(words) => findings[place] = Finding::Unfit(words),
                }
                self.gpu.check()?;
            }
        }
        tracing::debug!("held against the reference after {:.1?}", started.elapsed());
        if let Finding::Unfit(words) = &findings[chosen] {
            tracing::warn!(
                "no plan trains as it should here ({words}): 'diabolo verify' says whether it is the adapter's fault"
            );
        }
        let plan = self.plans[chosen];
        let candidates: Vec<Candidate> =
            self.plans.iter().zip(findings).map(|(plan, finding)| Candidate { plan: plan.name(), finding }).collect();
        Ok(Tuning { plan, candidates })
    }

    /// The middle one of some epochs' times for a step. At least one epoch is timed, and no more are begun after so long.
    fn time(&self, plan: Plan, longest: Duration) -> Result<Finding, Error> {
        match self.epochs(plan, longest) {
            Ok(mut seconds) => {
                seconds.sort_by(f64::total_cmp);
                Ok(Finding::StepSeconds(seconds[seconds.len() / 2]))
            }
            Err(Error::Gpu(fault)) if fault.ends_the_device() => Err(fault.into()),
            Err(error @ (Error::Gpu(_) | Error::Diverged { .. })) => Ok(Finding::Unfit(error.to_string())),
            // What is wrong with the configuration or the images is wrong with every plan.
            Err(error) => Err(error),
        }
    }

    fn epochs(&self, plan: Plan, longest: Duration) -> Result<Vec<f64>, Error> {
        let mut trainer = Trainer::with_plan(self.gpu, self.config, &self.images, &self.parameters, plan)?;
        // The first epoch compiles, allocates and finds its pace.
        trainer.epoch_losses(0, |_| ())?;
        let (begun, steps) = (Instant::now(), trainer.steps_per_epoch() as f64);
        let mut seconds = Vec::new();
        for epoch in 1..=EPOCHS {
            let started = Instant::now();
            trainer.epoch_losses(epoch, |_| ())?;
            seconds.push(started.elapsed().as_secs_f64() / steps);
            if begun.elapsed() >= longest {
                break;
            }
        }
        Ok(seconds)
    }
}
