//! Every kernel against its f64 twin, at shapes that are not multiples of any tile, into outputs that held NaN.

mod support;

use diabolo::gpu::{Gpu, Tensor};
use diabolo::kernels::matmul::{Form, Matmul, Schedule};
use diabolo::kernels::step::Step;
use diabolo::kernels::{self, activation_backward, adam, bias_gradient, loss, mean_loss, metrics};
use diabolo::reference::compare::{within, within_bounds};
use diabolo::reference::{Activation, Adam, CLAMP, Loss, Matrix, binary_cross_entropy, clamped_cross_entropy};
use std::collections::BTreeSet;
use support::{ROUNDING, gpu, poisoned, random_matrix, run, step_of, updated, upload};

/// Sizes that are not multiples of a tile: tiles are 8, 16, 32 and 64.
const SIZES: [usize; 14] = [1, 2, 7, 9, 15, 17, 31, 33, 63, 64, 65, 257, 535, 784];

/// How far `activate` may be off by itself. exp is exact to 3 + 2|x| ULP of a number up to 1, a division to 2.5 ULP (WGSL,
/// "Floating point accuracy"); at e^−|x| the first is at most 3 roundings, which tanh doubles.
fn activation_error(activation: Activation) -> f64 {
    match activation {
        Activation::Identity | Activation::Relu => 0.0,
        Activation::Sigmoid => 8.0 * ROUNDING,
        Activation::Tanh => 16.0 * ROUNDING,
    }
}

/// log(1 + exp(−|z|)) and its sigmoid, each off by a few roundings of numbers up to 1, and the roundings of z·t.
fn cross_entropy_error(logit: f64) -> f64 {
    (8.0 + 3.0 * logit.abs()) * ROUNDING
}

fn elements(matrix: &Matrix) -> &[f64] {
    &matrix.elements
}

fn check_matmul(gpu: &Gpu, product: Matmul) {
    let Matmul { form, rows, columns, inner, activation, bias, .. } = product;
    let a = random_matrix(rows, inner, -1.0, 1.0, 1);
    let b = random_matrix(inner, columns, -1.0, 1.0, 2);
    let bias_row = random_matrix(1, columns, -1.0, 1.0, 3);
    let stored_a = if form == Form::TransposedA { a.transposed() } else { a.clone() };
    let stored_b = if form == Form::TransposedB { b.transposed() } else { b.clone() };
    let [a_tensor, b_tensor, bias_tensor] = [&stored_a, &stored_b, &bias_row].map(|matrix| upload(gpu, matrix));
    let c = poisoned(gpu, rows, columns);
    let mut tensors: Vec<&Tensor> = vec![&a_tensor, &b_tensor];
    if bias {
        tensors.push(&bias_tensor);
    }
    tensors.push(&c);
    run(gpu, &product.call(), Step::default(), &tensors);

    let added = |column: usize| if bias { bias_row.at(0, column) } else { 0.0 };
    let sums = a.times(&b);
    let expected = Matrix::from_fn(rows, columns, |i, j| activation.apply(sums.at(i, j) + added(j)));
    // (K + 8)·2⁻²⁴·(|A|·|B|): each of K products and sums is rounded once. No activation is steeper than 1.
    let magnitudes = a.map(f64::abs).times(&b.map(f64::abs));
    let bounds = Matrix::from_fn(rows, columns, |i, j| {
        (inner as f64 + 8.0) * ROUNDING * (magnitudes.at(i, j) + added(j).abs()) + activation_error(activation)
    });
    let computed: Vec<f32> = c.download(gpu).unwrap();
    within_bounds(&computed, elements(&expected), elements(&bounds))
        .unwrap_or_else(|mismatch| panic!("{product:?}: {mismatch}"));
}

#[test]
fn products_in_every_form_and_schedule_at_awkward_shapes() {
    let gpu = gpu();
    for schedule in Schedule::ALL {
        for form in Form::ALL {
            let plain = |rows, inner, columns| Matmul {
                form,
                schedule,
                activation: Activation::Identity,
                bias: false,
                rows,
                columns,
                inner,
            };
            for size in SIZES {
                check_matmul(&gpu, plain(size, 33, 17));
                check_matmul(&gpu, plain(17, size, 36));
                check_matmul(&gpu, plain(33, 20, size));
            }
            if form == Form::Plain {
                // More rows than an axis of workgroups has tiles.
                check_matmul(&gpu, plain(4_194_305, 1, 1));
            }
            // Shapes of a layer, and shapes at which other projects went wrong: many rows, and 257 × 384 × 1152.
            for (rows, inner, columns) in [(256, 784, 64), (535, 257, 33), (784, 256, 64), (257, 384, 1152)] {
                check_matmul(&gpu, plain(rows, inner, columns));
            }
        }
    }
}

#[test]
fn bias_and_activation_are_applied_on_the_way_out() {
    let gpu = gpu();
    for schedule in Schedule::ALL {
        for activation in Activation::ALL {
            for (rows, inner, columns) in [(1, 1, 1), (65, 31, 33), (9, 257, 64), (63, 17, 535)] {
                let form = Form::Plain;
                check_matmul(&gpu, Matmul { form, schedule, activation, bias: true, rows, columns, inner });
            }
        }
    }
}

#[test]
fn activations_stay_finite_and_right_far_out() {
    let gpu = gpu();
    let far: Vec<f64> =
        [0.0, -0.0, 1e-30, -1e-30, 0.5, -0.5, 10.0, -10.0, 88.0, -88.0, 89.0, -89.0, 1e4, -1e4, 1e30, -1e30].into();
    let one = Matrix::new(1, 1, vec![1.0]);
    let logits = Matrix::new(1, far.len(), far.iter().map(|&x| f64::from(x as f32)).collect());
    let zeros = Matrix::zeros(1, far.len());
    for schedule in Schedule::ALL {
        for activation in Activation::ALL {
            let (rows, inner, columns) = (1, 1, far.len());
            let product = Matmul { form: Form::Plain, schedule, activation, bias: true, rows, columns, inner };
            let c = poisoned(&gpu, 1, columns);
            let tensors = [&upload(&gpu, &one), &upload(&gpu, &logits), &upload(&gpu, &zeros), &c];
            run(&gpu, &product.call(), Step::default(), &tensors);
            let expected = logits.map(|x| activation.apply(x));
            // A small number keeps its digits, also where the function is not exact; one below the smallest normal may become 0.
            let smallest = f64::from(f32::MIN_POSITIVE);
            let bounds = expected.map(|y| activation_error(activation).min((y.abs() * 1e-5).max(smallest)));
            within_bounds(&c.download(&gpu).unwrap(), elements(&expected), elements(&bounds))
                .unwrap_or_else(|mismatch| panic!("{schedule:?} {activation:?}: {mismatch}"));
        }
    }
}

#[test]
fn the_gradient_goes_back_through_every_activation() {
    let gpu = gpu();
    for activation in Activation::ALL.into_iter().filter(|&activation| activation != Activation::Identity) {
        for count in SIZES.into_iter().chain([4_194_241]) {
            let output = random_matrix(1, count, -1.0, 1.0, 4);
            let gradient = random_matrix(1, count, -1.0, 1.0, 5);
            let in_place = updated(&gpu, &gradient);
            let call = activation_backward::call(activation, count);
            run(&gpu, &call, Step::default(), &[&upload(&gpu, &output), &in_place]);
            let expected = gradient.zip(&output, |g, y| g * activation.derivative(y));
            // 1 − y² and y·(1 − y) are rounded twice, their product with the gradient once; all are at most 2.
            within(&in_place.download(&gpu).unwrap(), elements(&expected), 6.0 * ROUNDING)
                .unwrap_or_else(|mismatch| panic!("{activation:?} of {count}: {mismatch}"));
        }
    }
}

#[test]
fn bias_gradients_are_column_sums() {
    let gpu = gpu();
    for rows in SIZES {
        for columns in [1, 2, 15, 17, 257, 784].into_iter().chain((rows == 1).then_some(1_048_577)) {
            let gradient = random_matrix(rows, columns, -1.0, 1.0, 6);
            let sums = poisoned(&gpu, 1, columns);
            run(&gpu, &bias_gradient::call(rows, columns), Step::default(), &[&upload(&gpu, &gradient), &sums]);
            let magnitudes = gradient.map(f64::abs).column_sums();
            let bounds: Vec<f64> = magnitudes.iter().map(|sum| (rows as f64 + 1.0) * ROUNDING * sum).collect();
            within_bounds(&sums.download(&gpu).unwrap(), &gradient.column_sums(), &bounds)
                .unwrap_or_else(|mismatch| panic!("{rows} × {columns}: {mismatch}"));
        }
    }
}

#[test]
fn losses_and_their_gradients_with_rows_past_the_batch() {
    let gpu = gpu();
    for loss in Loss::ALL {
        for &output in loss.outputs() {
            for (batch_size, rows, columns) in
                [(1, 1, 1), (3, 2, 63), (9, 9, 65), (7, 5, 257), (5, 1, 535), (4, 3, 784)]
            {
                let logits = random_matrix(batch_size, columns, -12.0, 12.0, 7);
                let targets = random_matrix(batch_size, columns, 0.0, 1.0, 8);
                let gradient = poisoned(&gpu, batch_size, columns);
                let sample_losses = poisoned(&gpu, batch_size, 1);
                let call = loss::call(loss, output, batch_size, columns);
                let tensors = [&upload(&gpu, &logits), &upload(&gpu, &targets), &gradient, &sample_losses];
                run(&gpu, &call, step_of(rows, columns), &tensors);

                let in_batch = |row: usize| f64::from(row < rows);
                let count = (rows * columns) as f64;
                let expected = Matrix::from_fn(batch_size, columns, |i, j| {
                    in_batch(i) * loss.gradient(output, logits.at(i, j), targets.at(i, j)) / count
                });
                // An identity output may be 12 off its target; a gradient is a product of three such terms.
                let bound = (activation_error(output) * 2.0 + 64.0 * ROUNDING) / count;
                within(&gradient.download(&gpu).unwrap(), elements(&expected), bound)
                    .unwrap_or_else(|mismatch| panic!("{loss:?} {output:?} {batch_size} × {columns}: {mismatch}"));

                let values = logits.zip(&targets, |z, t| loss.value(output, z, t));
                let errors = logits.zip(&targets, |z, t| match loss {
                    Loss::BinaryCrossEntropy => cross_entropy_error(z),
                    Loss::MeanSquaredError => {
                        let difference = (output.apply(z) - t).abs();
                        2.0 * difference * (activation_error(output) + 2.0 * difference * ROUNDING + 13.0 * ROUNDING)
                    }
                });
                let sum = |matrix: &Matrix| matrix.transposed().column_sums();
                let expected: Vec<f64> = sum(&values).iter().enumerate().map(|(i, v)| in_batch(i) * v).collect();
                let bounds: Vec<f64> = sum(&errors)
                    .iter()
                    .zip(sum(&values))
                    .map(|(error, value)| error + (columns as f64 + 8.0) * ROUNDING * value)
                    .collect();
                within_bounds(&sample_losses.download(&gpu).unwrap(), &expected, &bounds)
                    .unwrap_or_else(|mismatch| panic!("{loss:?} {output:?} {batch_size} × {columns}: {mismatch}"));
            }
        }
    }
}

/// A logit may be so large that its sigmoid is exactly 0 or 1: the loss is then the logit itself, and nothing becomes NaN.
#[test]
fn cross_entropy_of_extreme_logits_is_finite() {
    let gpu = gpu();
    let logits =
        Matrix::new(1, 8, [0.0, -0.0, 88.0, -88.0, 200.0, -200.0, 1e30, -1e30].map(|x| f64::from(x as f32)).into());
    let targets = Matrix::new(1, 8, vec![0.5, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
    let gradient = poisoned(&gpu, 1, 8);
    let sample_losses = poisoned(&gpu, 1, 1);
    let call = loss::call(Loss::BinaryCrossEntropy, Activation::Sigmoid, 1, 8);
    let tensors = [&upload(&gpu, &logits), &upload(&gpu, &targets), &gradient, &sample_losses];
    run(&gpu, &call, step_of(1, 8), &tensors);
    let expected = logits.zip(&targets, |z, t| (Activation::Sigmoid.apply(z) - t) / 8.0);
    within(&gradient.download(&gpu).unwrap(), elements(&expected), 8.0 * ROUNDING).unwrap();
    let total: f64 = logits.zip(&targets, binary_cross_entropy).elements.iter().sum();
    within(&sample_losses.download(&gpu).unwrap(), &[total], 8.0 * ROUNDING * total).unwrap();
}

#[test]
fn a_step_s_loss_is_the_mean_of_its_samples_in_its_slot() {
    let gpu = gpu();
    for rows in [1, 2, 63, 64, 65, 257, 535, 784] {
        let sample_losses = random_matrix(rows + 3, 1, 0.0, 9.0, 9);
        let losses = poisoned(&gpu, 5, 1);
        let step = Step { loss_slot: 3, ..step_of(rows, 10) };
        run(&gpu, &mean_loss::call(), step, &[&upload(&gpu, &sample_losses), &losses]);
        let computed: Vec<f32> = losses.download(&gpu).unwrap();
        let mean = sample_losses.elements[..rows].iter().sum::<f64>() / (rows * 10) as f64;
        within(&computed[3..4], &[mean], (rows as f64 + 2.0) * ROUNDING * mean).unwrap();
        let untouched = [0, 1, 2, 4].into_iter().all(|slot| computed[slot].is_nan());
        assert!(untouched, "{rows} rows: {computed:?}");
    }
}

/// How far one element's cross-entropy may be off. An output that is off by δ moves −t·ln p − (1−t)·ln(1−p) by δ·(t/p + (1−t)/(1−p));
/// the logarithms, of up to 16, and their products are exact to a few roundings.
fn clamped_error(output: Activation, logit: f64, target: f64) -> f64 {
    if output == Activation::Sigmoid {
        return cross_entropy_error(logit);
    }
    let p = output.apply(logit).clamp(CLAMP, 1.0 - CLAMP);
    let off = activation_error(output) + ROUNDING;
    off * (target / p + (1.0 - target) / (1.0 - p)) + 8.0 * 16.0 * ROUNDING
}

#[test]
fn metrics_of_each_sample_stand_at_its_place() {
    let gpu = gpu();
    for output in Activation::ALL {
        for (batch_size, rows, first, columns) in [(1, 1, 0, 1), (4, 3, 2, 65), (9, 9, 1, 257), (2, 1, 4, 784)] {
            // Where tanh is within its own error of ±1, its cross-entropy means little: 2.5 keeps away from there.
            let logits = random_matrix(batch_size, columns, -2.5, 2.5, 10);
            let targets = random_matrix(batch_size, columns, 0.0, 1.0, 11);
            let samples = first + rows + 2;
            let errors = poisoned(&gpu, samples, 2);
            let step = Step { first_sample: first as u32, ..step_of(rows, columns) };
            let call = metrics::call(output, batch_size, columns);
            run(&gpu, &call, step, &[&upload(&gpu, &logits), &upload(&gpu, &targets), &errors]);
            let computed: Vec<f32> = errors.download(&gpu).unwrap();
            for row in 0..rows {
                let pairs = || (0..columns).map(|j| (logits.at(row, j), targets.at(row, j)));
                let cross_entropy: f64 = pairs()
                    .map(|(z, t)| match output {
                        Activation::Sigmoid => binary_cross_entropy(z, t),
                        _ => clamped_cross_entropy(output.apply(z), t),
                    })
                    .sum();
                let squared_error: f64 = pairs().map(|(z, t)| (output.apply(z) - t).powi(2)).sum();
                let place = 2 * (first + row);
                let expected = [cross_entropy, squared_error];
                let bounds = [
                    pairs().map(|(z, t)| clamped_error(output, z, t)).sum::<f64>()
                        + (columns as f64 + 8.0) * ROUNDING * cross_entropy,
                    columns as f64 * 32.0 * ROUNDING * 9.0,
                ];
                within_bounds(&computed[place..place + 2], &expected, &bounds)
                    .unwrap_or_else(|mismatch| panic!("{output:?} {batch_size} × {columns} row {row}: {mismatch}"));
            }
            let written = 2 * first..2 * (first + rows);
            let untouched =
                (0..2 * samples).filter(|place| !written.contains(place)).all(|place| computed[place].is_nan());
            assert!(untouched, "{output:?}: a sample outside the batch was written");
        }
    }
}

#[test]
fn adam_follows_its_twin_for_many_steps() {
    let gpu = gpu();
    let settings = Adam { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
    for count in [1, 2, 63, 65, 257, 535, 784] {
        let mut values = random_matrix(1, count, -1.0, 1.0, 12).elements;
        let gradient = &upload(&gpu, &Matrix::zeros(1, count));
        let parameter = &updated(&gpu, &Matrix::new(1, count, values.clone()));
        let [first_moment, second_moment] = &[0; 2].map(|_| updated(&gpu, &Matrix::zeros(1, count)));
        let (mut m, mut v) = (vec![0.0; count], vec![0.0; count]);
        for t in 1..=10u64 {
            let g = random_matrix(1, count, -0.1, 0.1, 100 + t);
            gradient.upload(&gpu, &g.elements.iter().map(|&x| x as f32).collect::<Vec<_>>()).unwrap();
            let step = Step {
                learning_rate: settings.learning_rate as f32,
                first_moment_scale: (1.0 / (1.0 - settings.beta1.powf(t as f64))) as f32,
                second_moment_scale: (1.0 / (1.0 - settings.beta2.powf(t as f64)).sqrt()) as f32,
                ..Step::default()
            };
            let call = adam::call(count, settings.beta1, settings.beta2, settings.epsilon);
            run(&gpu, &call, step, &[gradient, parameter, first_moment, second_moment]);
            diabolo::reference::adam(settings, t, &mut values, &g.elements, &mut m, &mut v);
        }
        // A step moves a value by about the learning rate; 1 − β₂ in f32 is off by 2⁻²⁴ / 0.001 of itself, the root halves that.
        let bound = 10.0 * (settings.learning_rate * 1e-4 + 2.0 * ROUNDING);
        within(&parameter.download(&gpu).unwrap(), &values, bound)
            .unwrap_or_else(|mismatch| panic!("{count}: {mismatch}"));
        within(&first_moment.download(&gpu).unwrap(), &m, 0.1 * 64.0 * ROUNDING).unwrap();
        within(&second_moment.download(&gpu).unwrap(), &v, 0.01 * 1e-4).unwrap();
    }
}

/// A new kernel must be added to the tests above, or beside them (`gather` in tests/sampling.rs), and then here.
#[test]
fn every_kernel_is_tested() {
    let tested = BTreeSet::from([
        "activation_backward",
        "adam",
        "bias_gradient",
        "gather",
        "loss",
        "matmul_direct",
        "matmul_tiled",
        "mean_loss",
        "metrics",
    ]);
    let registered: BTreeSet<&str> = kernels::ALL.iter().map(|kernel| kernel.interface.name).collect();
    assert_eq!(registered, tested);
}
