use super::*;
use crate::reference::code::CONTRACTIBLE;
use crate::reference::philox::{Sequence, Stream};
use crate::reference::{Activation, Algorithm, Normalization};

fn network(activation: Activation, output: Activation) -> Vec<DenseLayer> {
    let mut random = Sequence::new(11, Stream::Weights, 0, 0);
    let mut layer = |inputs, outputs, activation| {
        let weight = Matrix::from_fn(inputs, outputs, |_, _| f64::from(random.uniform(-0.8, 0.8)));
        let bias = (0..outputs).map(|_| f64::from(random.uniform(-0.3, 0.3))).collect();
        DenseLayer::new(weight, bias, activation)
    };
    vec![layer(5, 4, activation), layer(4, 3, activation), layer(3, 5, output)]
}

/// Central differences: relative 1e-3 and absolute 1e-5 would do; in f64 far less is reached.
#[test]
fn gradients_agree_with_central_differences_for_every_activation_and_loss() {
    let mut random = Sequence::new(5, Stream::Weights, 0, 0);
    let batch = Matrix::from_fn(4, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
    for loss in Loss::ALL {
        for (activation, &output) in Activation::ALL.iter().flat_map(|a| loss.outputs().iter().map(move |o| (a, o))) {
            let layers = network(*activation, output);
            let (_, gradients) = loss_and_gradients(&layers, loss, &batch, &batch, None);
            let wrong = difference_from(&layers, loss.into(), &batch, None, &gradients);
            assert!(wrong < 1e-8, "{loss:?} {activation:?} {output:?}: {wrong}");
        }
    }
}

#[test]
fn gradients_agree_with_central_differences_for_every_penalty_and_with_few_active_units() {
    let mut random = Sequence::new(7, Stream::Weights, 0, 0);
    let batch = Matrix::from_fn(4, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
    let none = CodeSettings { target_activity: 0.2, ..CodeSettings::NONE };
    let mut cases: Vec<(Activation, CodeSettings)> =
        Activation::ALL.map(|activation| (activation, CodeSettings { l1: 0.8, ..none })).into();
    cases.extend(Activation::ALL.map(|activation| (activation, CodeSettings { active: 2, ..none })));
    cases.extend(CONTRACTIBLE.map(|activation| (activation, CodeSettings { contractive: 1.5, ..none })));
    cases.extend(CONTRACTIBLE.map(|activation| (activation, CodeSettings { contractive: 1.5, active: 2, ..none })));
    cases.push((Activation::Sigmoid, CodeSettings { kl: 2.0, ..none }));
    cases.push((Activation::Sigmoid, CodeSettings { l1: 0.1, kl: 2.0, contractive: 0.3, ..none }));
    for (activation, code) in cases {
        for code_layer in [0, 1] {
            let mut layers = network(activation, Activation::Sigmoid);
            layers[code_layer].active = Some(code.active).filter(|&active| active > 0);
            let objective = Objective { loss: Loss::BinaryCrossEntropy, code, code_layer };
            let (_, gradients) = loss_and_gradients(&layers, objective, &batch, &batch, None);
            let wrong = difference_from(&layers, objective, &batch, None, &gradients);
            assert!(wrong < 1e-8, "{activation:?} {code:?} layer {code_layer}: {wrong}");
        }
    }
}

#[test]
fn a_tied_weight_has_the_gradients_of_both_layers() {
    let mut random = Sequence::new(8, Stream::Weights, 0, 0);
    let batch = Matrix::from_fn(4, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
    let [first, code, _] = &network(Activation::Tanh, Activation::Sigmoid)[..] else { unreachable!() };
    let undone = |of: usize, layer: &DenseLayer, activation| DenseLayer {
        tied: Some(of),
        ..DenseLayer::new(layer.weight.transposed(), vec![0.1; layer.weight.rows], activation)
    };
    let last = undone(0, first, Activation::Sigmoid);
    let layers = [first.clone(), code.clone(), undone(1, code, Activation::Tanh), last];
    let code = CodeSettings { contractive: 0.5, ..CodeSettings::NONE };
    let objective = Objective { loss: Loss::BinaryCrossEntropy, code, code_layer: 1 };
    let (_, gradients) = loss_and_gradients(&layers, objective, &batch, &batch, None);
    let wrong = difference_from(&layers, objective, &batch, None, &gradients);
    assert!(wrong < 1e-8, "{wrong}");
    let mut trainer = Trainer::new(layers.to_vec(), objective, Optimizer::new(Algorithm::Adam, 0.01));
    trainer.step(&batch, &batch, None, 0.01);
    assert_eq!(trainer.layers[3].weight.elements, trainer.layers[0].weight.transposed().elements);
    assert_ne!(trainer.layers[0].weight.elements, layers[0].weight.elements);
}

#[test]
fn a_variational_code_has_the_gradients_of_its_draws_and_of_its_divergence() {
    let mut random = Sequence::new(9, Stream::Weights, 0, 0);
    let batch = Matrix::from_fn(4, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
    let place = Some(BatchPlace { seed: 3, epoch: 1, first_position: 2 });
    for weight in [1.0, 4.0] {
        let mut layers = network(Activation::Tanh, Activation::Sigmoid);
        // Three numbers for the decoder: of six, three are means.
        let wide = &mut layers[1];
        let double = |row: usize, column: usize| 0.3 * row as f64 - 0.2 * column as f64;
        (wide.weight, wide.bias) = (Matrix::from_fn(4, 6, double), vec![0.1, -0.2, 0.3, 0.2, -0.4, 0.1]);
        (wide.activation, wide.is_variational) = (Activation::Identity, true);
        let code = CodeSettings { variational: weight, ..CodeSettings::NONE };
        let objective = Objective { loss: Loss::BinaryCrossEntropy, code, code_layer: 1 };
        let (_, gradients) = loss_and_gradients(&layers, objective, &batch, &batch, place);
        let wrong = difference_from(&layers, objective, &batch, place, &gradients);
        assert!(wrong < 1e-8, "{weight}: {wrong}");
    }
}

#[test]
fn what_is_dropped_has_no_gradient_and_what_stays_a_larger_one() {
    let mut random = Sequence::new(10, Stream::Weights, 0, 0);
    let batch = Matrix::from_fn(4, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
    let place = Some(BatchPlace { seed: 3, epoch: 1, first_position: 2 });
    for activation in Activation::ALL {
        let mut layers = network(activation, Activation::Sigmoid);
        // The second one keeps its two largest outputs first; of the last one nothing is dropped.
        (layers[0].dropout, layers[1].dropout, layers[2].dropout) = (0.25, 0.5, 0.9);
        layers[1].active = Some(2);
        let (dropping, gradients) = loss_and_gradients(&layers, Loss::BinaryCrossEntropy, &batch, &batch, place);
        let wrong = difference_from(&layers, Loss::BinaryCrossEntropy.into(), &batch, place, &gradients);
        assert!(wrong < 1e-8, "{activation:?}: {wrong}");
        let (afterwards, _) = loss_and_gradients(&layers, Loss::BinaryCrossEntropy, &batch, &batch, None);
        assert_ne!(dropping, afterwards);
    }
}

/// Behind each other and behind one that is none, with an activation or none, dropped, normalized, tied, behind a penalized or a drawn code.
#[test]
fn a_shortcut_hands_its_gradient_past_the_layer() {
    let mut random = Sequence::new(13, Stream::Weights, 0, 0);
    let batch = Matrix::from_fn(4, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
    let place = Some(BatchPlace { seed: 3, epoch: 1, first_position: 2 });
    let mut layer = |inputs, outputs, activation| {
        let weight = Matrix::from_fn(inputs, outputs, |_, _| f64::from(random.uniform(-0.8, 0.8)));
        let bias = (0..outputs).map(|_| f64::from(random.uniform(-0.3, 0.3))).collect();
        DenseLayer::new(weight, bias, activation)
    };
    for activation in Activation::ALL {
        let of_width_4 = [0; 3].map(|_| DenseLayer { is_residual: true, ..layer(4, 4, activation) });
        let [first, second, third] = of_width_4;
        let plain = vec![
            layer(5, 4, activation),
            first,
            second,
            layer(4, 4, activation),
            third,
            layer(4, 5, Activation::Sigmoid),
        ];
        let mut dropped = plain.clone();
        dropped.iter_mut().for_each(|layer| layer.dropout = 0.3);
        let mut normalized = plain.clone();
        normalized[1] = normalized[1].clone().normalized(Normalization::Layer);
        let mut tied = plain.clone();
        (tied[4].weight, tied[4].tied) = (tied[1].weight.transposed(), Some(1));
        let objective = |code, code_layer| Objective { loss: Loss::BinaryCrossEntropy, code, code_layer };
        let usual = objective(CodeSettings::NONE, 0);
        let mut cases = vec![(plain.clone(), usual), (dropped, usual), (normalized, usual), (tied, usual)];
        cases.push((plain.clone(), objective(CodeSettings { l1: 0.7, ..CodeSettings::NONE }, 3)));
        let mut drawn = plain;
        drawn[3] = DenseLayer { is_variational: true, ..layer(4, 8, Activation::Identity) };
        cases.push((drawn, objective(CodeSettings { variational: 2.0, ..CodeSettings::NONE }, 3)));
        for (case, (layers, objective)) in cases.into_iter().enumerate() {
            let (residual, gradients) = loss_and_gradients(&layers, objective, &batch, &batch, place);
            let wrong = difference_from(&layers, objective, &batch, place, &gradients);
            assert!(wrong < 1e-7, "{activation:?}, case {case}: {wrong}");
            let without: Vec<DenseLayer> =
                layers.into_iter().map(|layer| DenseLayer { is_residual: false, ..layer }).collect();
            assert_ne!(residual, loss_and_gradients(&without, objective, &batch, &batch, place).0);
        }
    }
}

#[test]
fn a_row_s_weight_multiplies_its_loss_and_its_gradient() {
    let mut random = Sequence::new(12, Stream::Weights, 0, 0);
    let batch = Matrix::from_fn(2, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
    let layers = network(Activation::Tanh, Activation::Sigmoid);
    let weighted = |weights: [f64; 2]| {
        let targets = Targets { values: &batch, weights: Some(&weights) };
        loss_and_gradients(&layers, Loss::BinaryCrossEntropy, &batch, targets, None)
    };
    let [(first, of_first), (second, of_second), (both, of_both)] = [[1.0, 0.0], [0.0, 1.0], [0.5, 3.0]].map(weighted);
    assert!((both - (0.5 * first + 3.0 * second)).abs() < 1e-12);
    for ((first, second), both) in of_first.iter().zip(&of_second).zip(&of_both) {
        let sum = first.weight.zip(&second.weight, |a, b| 0.5 * a + 3.0 * b);
        assert!(sum.zip(&both.weight, |a, b| (a - b).abs()).elements.iter().all(|difference| *difference < 1e-12));
    }
}

/// How far the gradients of a batch that is its own target are off central differences, at most.
fn difference_from(
    layers: &[DenseLayer],
    objective: Objective,
    batch: &Matrix,
    place: Option<BatchPlace>,
    gradients: &[LayerGradient],
) -> f64 {
    let mut worst = 0.0f64;
    for (index, gradient) in gradients.iter().enumerate() {
        let slope = |parameter: &dyn Fn(&mut DenseLayer) -> &mut f64| {
            let shifted = |by: f64| {
                let mut layers = layers.to_vec();
                *parameter(&mut layers[index]) += by;
                tie(&mut layers);
                loss_and_gradients(&layers, objective, batch, batch, place).0
            };
            (shifted(1e-6) - shifted(-1e-6)) / 2e-6
        };
        let has_weight = layers[index].tied.is_none();
        for (element, g) in gradient.weight.elements.iter().enumerate().filter(|_| has_weight) {
            worst = worst.max((slope(&|layer| &mut layer.weight.elements[element]) - g).abs());
        }
        for (element, g) in gradient.bias.iter().enumerate() {
            worst = worst.max((slope(&|layer| &mut layer.bias[element]) - g).abs());
        }
        for (element, g) in gradient.scale.iter().enumerate() {
            worst = worst.max((slope(&|layer| &mut layer.scale[element]) - g).abs());
        }
    }
    worst
}

#[test]
fn normalized_layers_have_the_gradients_of_their_scales_and_of_their_statistics() {
    let mut random = Sequence::new(10, Stream::Weights, 0, 0);
    let batch = Matrix::from_fn(4, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
    let training = Some(BatchPlace { seed: 3, epoch: 1, first_position: 2 });
    let kinds = [(Normalization::Layer, None), (Normalization::Batch, training), (Normalization::Batch, None)];
    for (activation, (normalization, place)) in
        [Activation::Tanh, Activation::Identity, Activation::Silu].into_iter().flat_map(|a| kinds.map(|kind| (a, kind)))
    {
        let mut layers = network(activation, Activation::Sigmoid);
        for layer in &mut layers[..2] {
            *layer = layer.clone().normalized(normalization);
            layer.scale.iter_mut().for_each(|scale| *scale = f64::from(random.uniform(-1.5, 1.5)));
            layer.running.variances.iter_mut().for_each(|variance| *variance = f64::from(random.uniform(0.2, 2.0)));
        }
        let objective = Loss::BinaryCrossEntropy.into();
        let (_, gradients) = loss_and_gradients(&layers, objective, &batch, &batch, place);
        assert_eq!(gradients.iter().map(|layer| layer.scale.len()).collect::<Vec<_>>(), [4, 3, 0]);
        let wrong = difference_from(&layers, objective, &batch, place, &gradients);
        assert!(wrong < 1e-7, "{activation:?}, {normalization:?}, {place:?}: {wrong}");
    }
}

#[test]
fn a_step_moves_the_running_statistics_of_the_layers_that_it_trains() {
    let mut random = Sequence::new(13, Stream::Weights, 0, 0);
    let batch = Matrix::from_fn(4, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
    let mut layers = network(Activation::Tanh, Activation::Identity);
    layers[..2].iter_mut().for_each(|layer| *layer = layer.clone().normalized(Normalization::Batch));
    let place = BatchPlace { seed: 3, epoch: 1, first_position: 2 };
    let adam = Optimizer::new(Algorithm::Adam, 0.01);
    let moved = |before: &[DenseLayer], after: &[DenseLayer]| -> Vec<bool> {
        before.iter().zip(after).map(|(before, after)| before.running != after.running).collect()
    };
    let mut trainer = Trainer::new(layers.clone(), Loss::MeanSquaredError, adam);
    trainer.step(&batch, &batch, Some(place), 0.01);
    assert_eq!(moved(&layers, &trainer.layers), [true, true, false]);
    let mut expected = layers[0].running.clone();
    expected.observe(&batch.times(&layers[0].weight));
    assert_eq!(trainer.layers[0].running, expected);
    // Frozen layers go by what they have.
    let mut classifier = crate::reference::classification::Trainer::new(layers.clone(), 1, vec![1.0; 5], adam);
    classifier.step(&batch, &[0, 1, 2, 3], place, 0.01);
    assert_eq!(moved(&layers, &classifier.layers), [false, true, false]);
}

#[test]
fn training_makes_the_loss_smaller() {
    let mut random = Sequence::new(6, Stream::Weights, 0, 0);
    let batch = Matrix::from_fn(8, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
    let adam = Optimizer::new(Algorithm::Adam, 0.01);
    let layers = network(Activation::Tanh, Activation::Sigmoid);
    let mut trainer = Trainer::new(layers, Loss::MeanSquaredError, adam);
    let first = trainer.step(&batch, &batch, None, 0.01);
    let last = (0..200).map(|_| trainer.step(&batch, &batch, None, 0.01)).last().unwrap();
    assert!(last < first / 2.0, "{first} {last}");
}
