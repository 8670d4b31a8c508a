//! How fast an adapter is: its own limits, and what matrix products and trainings make of them.

mod adapter_limits;
mod products;
mod timer;
mod trainings;

pub use adapter_limits::AdapterLimits;
pub use products::ProductResult;
pub use timer::Spread;
pub use trainings::{StepPart, TrainingResult};

use crate::error::Error;
use crate::gpu::{AdapterSummary, Gpu, Selection};
use serde::Serialize;
use std::time::Duration;
use timer::Timer;

/// Values of an image of the embedded data.
const PIXELS: usize = 784;

/// The presets whose products and trainings are measured: a narrow network and a wide one.
pub const PRESETS: [&str; 2] = ["dense", "deep"];

/// How thoroughly to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Measurements behind each median.
    samples: usize,
    /// What each of them should take.
    sample: Duration,
    /// What would take longer than this in one submission is left out.
    longest: Duration,
    batch_sizes: &'static [usize],
}

impl Effort {
    /// A measurement that takes minutes.
    pub const FULL: Self = Self {
        samples: 7,
        sample: Duration::from_millis(100),
        longest: Duration::from_millis(1000),
        batch_sizes: &[32, 128, 256, 512, 1024, 4096],
    };
    /// A look that takes seconds.
    pub const QUICK: Self = Self {
        samples: 3,
        sample: Duration::from_millis(30),
        longest: Duration::from_millis(100),
        batch_sizes: &[256],
    };
}

/// What was measured on one adapter.
#[derive(Debug, Serialize)]
pub struct AdapterBench {
    /// Which adapter it is.
    pub adapter: AdapterSummary,
    /// What it can do at most.
    pub limits: AdapterLimits,
    /// Seconds from opening the adapter to the first loss of the preset `dense`.
    pub startup_seconds: f64,
    /// The products of a step of 256 images at the widths of the presets, and square ones.
    pub products: Vec<ProductResult>,
    /// The trainings of each preset at each batch size.
    pub trainings: Vec<TrainingResult>,
    /// What would have taken too long here.
    pub left_out: Vec<String>,
}

/// Measures an adapter; `advanced` is told how many of how many things are done, and what comes next.
///
/// # Errors
/// A fault of the adapter.
pub fn bench(
    selection: &Selection,
    effort: Effort,
    mut advanced: impl FnMut(usize, usize, &str),
) -> Result<AdapterBench, Error> {
    let shapes = products::shapes()?;
    let cases = trainings::cases(effort)?;
    let count = 2 + shapes.len() + cases.len();
    advanced(0, count, "start-up");
    let images = trainings::images(effort)?;
    let startup_seconds = trainings::startup(selection, &images)?;
    let gpu = Gpu::open(selection)?;
    let timer = Timer::new(&gpu, effort)?;
    advanced(1, count, "limits of the adapter");
    let limits = AdapterLimits::measure(&gpu, &timer)?;
    let mut product_results: Vec<ProductResult> = Vec::new();
    let mut training_results = Vec::new();
    let mut left_out = Vec::new();
    // What is still to be measured is expected to run at the mean of the rates so far.
    let expected_seconds = |operations: f64, results: &[ProductResult]| {
        let rates = results.iter().map(|result| result.operations_per_second.median);
        let mean = rates.sum::<f64>() / results.len() as f64;
        if results.is_empty() { 0.0 } else { operations / mean }
    };
    for (place, shape) in shapes.iter().enumerate() {
        advanced(2 + place, count, &shape.to_string());
        if expected_seconds(shape.operations(), &product_results) <= effort.longest.as_secs_f64() {
            product_results.push(products::measure(&gpu, &timer, shape, &limits)?);
        } else {
            left_out.push(format!("product {shape}"));
        }
    }
    for (place, case) in cases.iter().enumerate() {
        advanced(2 + shapes.len() + place, count, &case.to_string());
        let step_seconds = expected_seconds(case.operations(), &product_results);
        if step_seconds <= effort.longest.as_secs_f64() {
            training_results.push(trainings::measure(&gpu, &timer, effort, case, step_seconds, &images, &limits)?);
        } else {
            left_out.push(format!("training {case}"));
        }
    }
    Ok(AdapterBench {
        adapter: gpu.adapter().clone(),
        limits,
        startup_seconds,
        products: product_results,
        trainings: training_results,
        left_out,
    })
}
