//! Whether an adapter computes what it should: every variant of every kernel against its twin in `reference/`, gradients, and whole
//! short trainings.
//!
//! Inputs are drawn afresh from a seed. Where a variant fails, the smallest problem that still fails is looked for and named.

mod approximate;
mod case;
mod classifier;
mod compare;
mod gradients;
mod kernels;
mod known_faults;
mod plan_check;
mod pretraining;
mod problem;
mod report;
mod training;
mod trial;

pub use plan_check::PlanCheck;
pub use report::{AdapterReport, Row, Verdict};

use crate::error::Error;
use crate::gpu::{Gpu, GpuError, Interface, Variant};
use crate::kernels::ALL;
use case::{Case, Fault};
use kernels::{CHECKS, Subject};
use known_faults::KnownFault;
use problem::{Problem, SHAPES, problems};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::{Cell, RefCell};
use std::time::Instant;

/// How long to look for a smaller problem that fails.
const LONGEST_SHRINKING_MILLISECONDS: u32 = 30_000;

/// How thoroughly to verify.
#[derive(Clone, Copy, Debug)]
pub struct Coverage {
    /// Problems drawn for each variant.
    problems: u32,
    /// Whether to take the fixed shapes as well.
    fixed_shapes: bool,
    /// Epochs of a small training, and steps in each; the last batch is smaller.
    most_epochs: u32,
    steps_per_epoch: usize,
    /// Steps of a run that is repeated for its bits.
    repeated_steps: usize,
    /// Steps of the preset `dense` that are held against the twin's.
    preset_steps: usize,
    /// Whether the widths of small networks are whole vec4s, as fused steps take them.
    widths_are_whole: &'static [bool],
}

impl Coverage {
    /// Some 50,000 cases.
    pub const FULL: Self = Self {
        problems: 64,
        fixed_shapes: true,
        most_epochs: u32::MAX,
        steps_per_epoch: 25,
        repeated_steps: 200,
        preset_steps: 50,
        widths_are_whole: &[false, true],
    };
    /// A look that takes seconds.
    pub const QUICK: Self = Self {
        problems: 6,
        fixed_shapes: false,
        most_epochs: 1,
        steps_per_epoch: 10,
        repeated_steps: 8,
        preset_steps: 5,
        widths_are_whole: &[true],
    };
}

/// What to verify, and how.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions<'a> {
    /// How thoroughly.
    pub coverage: Coverage,
    /// Where the inputs come from.
    pub seed: u64,
    /// The name of the only check to take, as [`check_names`] has it.
    pub only: Option<&'a str>,
}

/// The names of all checks, in the order in which they are taken: every kernel's, then those of whole steps.
pub fn check_names() -> Vec<&'static str> {
    let of_kernels = CHECKS.iter().map(|check| check.kernel.interface.name);
    let mut names: Vec<_> =
        of_kernels.chain([gradients::NAME, training::NAME, training::DETERMINISM, classifier::NAME]).collect();
    // A kernel of several forms is one check.
    names.dedup();
    names
}

/// One thing to verify, and its place in the table.
struct Item {
    check: &'static str,
    variant: String,
    run: Box<Run>,
}

/// Takes its cases, counting them.
type Run = dyn Fn(&Gpu, &Tally) -> Result<(), Failure>;

/// Verifies an adapter; `advanced` is told how many of how many things are done, and what comes next.
pub fn verify(gpu: &Gpu, options: VerifyOptions<'_>, mut advanced: impl FnMut(usize, usize, &str)) -> AdapterReport {
    let VerifyOptions { coverage, seed, only } = options;
    let started = Instant::now();
    let items: Vec<Item> =
        items(gpu, coverage, seed).into_iter().filter(|item| only.is_none_or(|name| item.check == name)).collect();
    let mut rows = Vec::new();
    let mut ended_by = None;
    for (done, item) in items.iter().enumerate() {
        advanced(done, items.len(), item.check);
        if rows.last().is_none_or(|row: &Row| row.check != item.check) {
            compile_variants(gpu, item.check);
        }
        let tally = Tally::default();
        let began = Instant::now();
        let failure = match (item.run)(gpu, &tally) {
            Ok(()) if tally.cases.get() == 0 => Some(Failure::from("no case was taken".to_owned())),
            result => result.err(),
        };
        let fault = failure.as_ref().and_then(|failure| failure.fault.clone());
        // What no call returned would be returned by every later one.
        ended_by = fault.clone().filter(GpuError::ends_the_device).or(gpu.check().err());
        // A driver is known for wrong numbers, not for refusing work. In a few cases they may not show.
        let known = KnownFault::of(gpu.adapter(), item.check, &item.variant)
            .filter(|_| fault.is_none() && (failure.is_some() || coverage.fixed_shapes));
        rows.push(Row {
            check: item.check,
            variant: item.variant.clone(),
            cases: tally.cases.get(),
            worst: tally.worst.get(),
            seconds: began.elapsed().as_secs_f64(),
            verdict: Verdict::of(failure.map(|failure| failure.words), known),
        });
        if ended_by.is_some() {
            break;
        }
    }
    AdapterReport {
        adapter: gpu.adapter().clone(),
        seed,
        seconds: started.elapsed().as_secs_f64(),
        planned: items.len(),
        rows,
        ended_by,
    }
}

/// Compiles what a check will run together, which takes less time than one after the other. What is refused is told where it is verified.
fn compile_variants(gpu: &Gpu, check: &str) {
    let kernels = ALL.iter().filter(|kernel| kernel.interface.name == check && gpu.supports(&kernel.needs));
    let variants: Vec<(&'static Interface, Variant)> = kernels
        .flat_map(|kernel| (kernel.variants)().into_iter().map(|variant| (&kernel.interface, variant)))
        .collect();
    let _ = gpu.compile(variants.iter().map(|(interface, variant)| (*interface, variant)));
}

/// All things to verify on an adapter.
fn items(gpu: &Gpu, coverage: Coverage, seed: u64) -> Vec<Item> {
    let mut items = Vec::new();
    for check in CHECKS.iter().filter(|check| gpu.supports(&check.kernel.needs)) {
        for subject in (check.subjects)() {
            items.push(Item {
                check: check.kernel.interface.name,
                variant: subject.variant.definitions_text(),
                run: Box::new(move |gpu, tally| verify_subject(gpu, tally, &subject, coverage, seed)),
            });
        }
    }
    items.extend(gradients::items(coverage, seed));
    items.extend(training::items(coverage, seed));
    items.extend(pretraining::items(coverage, seed));
    items.extend(classifier::items(coverage, seed));
    items
}

/// Draws problems until one fails, which is then made as small as it still fails; then takes the fixed ones.
fn verify_subject(gpu: &Gpu, tally: &Tally, subject: &Subject, coverage: Coverage, seed: u64) -> Result<(), Failure> {
    let run = |case: &Case| case.run(gpu).map_err(|fault| Failure::from(fault).within(&case.shape));
    let config = Config {
        cases: coverage.problems * subject.choices as u32,
        failure_persistence: None,
        max_shrink_iters: 300,
        max_shrink_time: LONGEST_SHRINKING_MILLISECONDS,
        ..Config::default()
    };
    // The first failure, while smaller ones are looked for.
    let found: RefCell<Option<Failure>> = RefCell::default();
    let mut runner = TestRunner::new_with_rng(config, random_generator(seed, &subject.variant.to_string()));
    let drawn = runner.run(&problems(), |problem| {
        if found.borrow().as_ref().is_some_and(Failure::ends_the_device) {
            return Err(TestCaseError::fail("the adapter is gone"));
        }
        match run(&(subject.case)(&problem)) {
            Ok(share) if found.borrow().is_none() => tally.add(share),
            Ok(_) => {}
            Err(failure) => {
                let words = failure.words.clone();
                found.borrow_mut().get_or_insert(failure);
                return Err(TestCaseError::fail(words));
            }
        }
        Ok(())
    });
    match drawn {
        Ok(()) => {}
        Err(TestError::Fail(reason, smallest)) => {
            if let Some(failure) = found.take().filter(|failure| failure.fault.is_some()) {
                return Err(failure);
            }
            // Once more, to know what is wrong with the smallest rather than with the last that was tried.
            run(&(subject.case)(&smallest))?;
            return Err(format!("now and then, for the same problem: {reason}").into());
        }
        Err(TestError::Abort(reason)) => return Err(reason.to_string().into()),
    }
    for shape in SHAPES.into_iter().filter(|_| coverage.fixed_shapes) {
        tally.add(run(&(subject.case)(&Problem::of_shape(shape, seed)))?);
    }
    Ok(())
}

/// The same numbers for the same seed and the same thing that is verified.
fn random_generator(seed: u64, what: &str) -> TestRng {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(what).finalize();
    TestRng::from_seed(RngAlgorithm::ChaCha, &digest)
}

/// Counts the cases that passed and keeps their worst error, as a share of its bound.
#[derive(Default)]
struct Tally {
    cases: Cell<usize>,
    worst: Cell<f64>,
}

impl Tally {
    fn add(&self, share: f64) {
        self.cases.set(self.cases.get() + 1);
        self.worst.set(self.worst.get().max(share));
    }
}

/// Why something failed, for people, and the adapter's fault behind it, if there is one.
struct Failure {
    words: String,
    fault: Option<GpuError>,
}

impl Failure {
    /// Whether nothing more can be run on the adapter.
    fn ends_the_device(&self) -> bool {
        self.fault.as_ref().is_some_and(GpuError::ends_the_device)
    }

    /// Says where it happened.
    fn within(self, place: &str) -> Self {
        Self { words: format!("{place}: {}", self.words), ..self }
    }
}

impl From<String> for Failure {
    fn from(words: String) -> Self {
        Self { words, fault: None }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let words = fault.to_string();
        Self { words, fault: if let Fault::Gpu(error) = fault { Some(error) } else { None } }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let words = error.to_string();
        Self { words, fault: if let Error::Gpu(fault) = error { Some(fault) } else { None } }
    }
}
