use super::*;
use crate::reference::philox::Sequence;
use proptest::prelude::*;

const SHAPE: [usize; 3] = [9, 9, 1];

/// Nothing of anything.
fn still() -> Draw {
    let nodes = vec![[0.0; 2]; NODES * NODES];
    Draw { turn: 0.0, shear: 0.0, scale: 0.0, shift: [0.0; 2], mirrored: [false; 2], cut: [0; 2], nodes }
}

fn image([height, width, channels]: [usize; 3]) -> Vec<f64> {
    let mut random = Sequence::new(3, Stream::Cases, 0, 0);
    (0..height * width * channels).map(|_| f64::from(random.uniform(0.0, 1.0))).collect()
}

/// Everything, and strongly.
const STRONG: Augmentation = Augmentation {
    shift: 0.3,
    rotate: 180.0,
    scale: MOST_SCALE,
    shear: MOST_SHEAR,
    flip: Flip::Both,
    elastic: 5.0,
    cut_out: 0.4,
    noise: 0.0,
    fill: 0.25,
};

#[test]
fn no_augmentation_gives_the_same_bits() {
    for shape in [SHAPE, [1, 1, 1], [4, 7, 3], [1, 12, 2]] {
        let image = image(shape);
        for fill in [0.0, 1.0] {
            let none = Augmentation { fill, ..Augmentation::NONE };
            assert!(none.is_none());
            assert_eq!(none.apply(5, 2, 9, shape, &image), image);
        }
    }
    assert!(!Augmentation { noise: 0.1, ..Augmentation::NONE }.is_none());
    assert!(!Augmentation { flip: Flip::Vertical, ..Augmentation::NONE }.is_none());
}

#[test]
fn a_flip_exchanges_sides_and_undoes_itself() {
    let shape = [5, 4, 3];
    let image = image(shape);
    for mirrored in [[true, false], [false, true], [true, true]] {
        let draw = Draw { mirrored, ..still() };
        let once = Augmentation::NONE.apply_drawn(&draw, shape, &image);
        assert_ne!(once, image);
        let there = |[row, column]: [usize; 2], channel| (row * 4 + column) * 3 + channel;
        let from = [if mirrored[0] { 3 } else { 1 }, if mirrored[1] { 3 } else { 0 }];
        assert_eq!(once[there([1, 0], 2)], image[there(from, 2)]);
        assert_eq!(Augmentation::NONE.apply_drawn(&draw, shape, &once), image);
    }
}

#[test]
fn a_shift_by_whole_pixels_moves_them() {
    let shape = [8, 16, 1];
    let image = image(shape);
    let half = Augmentation { shift: 0.5, fill: 0.75, ..Augmentation::NONE };
    // One pixel up, four to the right.
    let moved = half.apply_drawn(&Draw { shift: [-0.25, 0.5], ..still() }, shape, &image);
    for (place, value) in moved.into_iter().enumerate() {
        let (row, column) = (place / 16, place % 16);
        let is_inside = row + 1 < 8 && column >= 4;
        assert_eq!(value, if is_inside { image[(row + 1) * 16 + column - 4] } else { 0.75 }, "{row} {column}");
    }
}

#[test]
fn a_quarter_turn_moves_rows_to_columns() {
    let turn = Augmentation { rotate: 90.0, ..Augmentation::NONE };
    let image = image(SHAPE);
    let turned = turn.apply_drawn(&Draw { turn: 1.0, ..still() }, SHAPE, &image);
    for (place, value) in turned.into_iter().enumerate() {
        let (row, column) = (place / 9, place % 9);
        assert!((value - image[(8 - column) * 9 + row]).abs() < 1e-12, "{row} {column}");
    }
}

#[test]
fn a_dot_grows_and_leans_as_it_is_told() {
    // A dot two pixels above the middle and one to its right.
    let mut image = vec![0.0; 81];
    image[2 * 9 + 5] = 1.0;
    let dot = |augmentation: Augmentation, draw: Draw| {
        let seen = augmentation.apply_drawn(&draw, SHAPE, &image);
        seen.iter().position(|&value| value > 0.99).map(|place| [place / 9, place % 9])
    };
    let none = Augmentation::NONE;
    assert_eq!(dot(none, still()), Some([2, 5]));
    assert_eq!(dot(Augmentation { scale: 0.5, ..none }, Draw { scale: -1.0, ..still() }), None, "between pixels");
    assert_eq!(dot(Augmentation { scale: 2.0, ..none }, Draw { scale: 0.5, ..still() }), Some([0, 6]));
    assert_eq!(dot(Augmentation { shear: 45.0, ..none }, Draw { shear: 1.0, ..still() }), Some([2, 3]));
    assert_eq!(dot(Augmentation { rotate: 90.0, ..none }, Draw { turn: -1.0, ..still() }), Some([3, 2]));
}

#[test]
fn displacements_are_smooth_and_centered_and_bounded() {
    let (mut sum, mut squares, mut steepest) = (0.0, 0.0, 0.0f64);
    for position in 0..200 {
        let draw = Draw::new(1, 0, position, Flip::None, [28, 28, 1]);
        let at = |row, column| displacement(&draw.nodes, [28, 28], [row, column])[1];
        for place in 0..27 * 28 {
            let (here, below) = (at(place / 28, place % 28), at(place / 28 + 1, place % 28));
            assert!(here.abs() < 1.0);
            steepest = steepest.max((here - below).abs());
            (sum, squares) = (sum + here, squares + here * here);
        }
    }
    let count = 200.0 * 27.0 * 28.0;
    // Between two nodes at −1 and two at 1 a B-spline rises by up to 3/2 a cell, which has seven pixels here.
    assert!(steepest < 1.5 / 7.0, "{steepest}");
    assert!((sum / count).abs() < 0.02, "{}", sum / count);
    // √(1/3) of a node, and Σw² of the splines, 0.479 on the average, on either axis.
    let deviation = (squares / count).sqrt();
    assert!((deviation - 0.277).abs() < 0.015, "{deviation}");
}

#[test]
fn the_square_that_is_covered_has_its_side_where_it_fits() {
    let covering = Augmentation { cut_out: 1.0 / 3.0, fill: 0.5, ..Augmentation::NONE };
    let white = vec![1.0; 81];
    for (cut, count) in [([4, 4], 9), ([0, 4], 6), ([0, 0], 4), ([8, 1], 6)] {
        let seen = covering.apply_drawn(&Draw { cut, ..still() }, SHAPE, &white);
        assert_eq!(seen.iter().filter(|&&value| value == 0.5).count(), count, "{cut:?}");
        assert_eq!(seen[cut[0] * 9 + cut[1]], 0.5);
    }
    let draws = (0..2000).map(|position| Draw::new(4, 0, position, Flip::None, SHAPE).cut[0]);
    let mut counts = [0; 9];
    draws.for_each(|row| counts[row] += 1);
    assert!(counts.into_iter().all(|count| (150..300).contains(&count)), "{counts:?}");
}

#[test]
fn flips_take_half_of_the_images_and_only_as_they_are_told() {
    for flip in Flip::ALL {
        let draws = (0..2000).map(|position| Draw::new(8, 1, position, flip, SHAPE).mirrored);
        let counts = draws.fold([0, 0], |counts, mirrored| [0, 1].map(|axis| counts[axis] + i32::from(mirrored[axis])));
        for (count, may) in counts.into_iter().zip(flip.axes()) {
            assert!(if may { (900..1100).contains(&count) } else { count == 0 }, "{flip:?} {counts:?}");
        }
    }
}

#[test]
fn every_seed_epoch_and_position_has_an_image_of_its_own() {
    let image = image(SHAPE);
    let of = |seed, epoch, position| STRONG.apply(seed, epoch, position, SHAPE, &image);
    let all = [of(1, 0, 0), of(2, 0, 0), of(1 << 32 | 1, 0, 0), of(1, 1, 0), of(1, 0, 1)];
    for (place, one) in all.iter().enumerate() {
        assert!(all[place + 1..].iter().all(|other| other != one));
    }
    assert_eq!(of(1, 0, 0), all[0]);
}

#[test]
fn noise_has_its_deviation_and_stays_within_black_and_white() {
    let shape = [60, 60, 1];
    let noisy = Augmentation { noise: 0.1, ..Augmentation::NONE };
    let gray = noisy.apply(1, 0, 0, shape, &vec![0.5; 3600]);
    let variance = gray.iter().map(|value| (value - 0.5).powi(2)).sum::<f64>() / 3600.0;
    assert!((variance.sqrt() - 0.1).abs() < 0.005, "{variance}");
    let white = noisy.apply(1, 0, 0, shape, &vec![1.0; 3600]);
    let brightest = white.iter().filter(|&&value| value == 1.0).count();
    assert!((1600..2000).contains(&brightest), "{brightest}");
}

proptest! {
    /// Interpolation invents nothing: no value is beyond those of the image and what is outside of it.
    #[test]
    fn values_stay_between_those_of_the_image(seed in any::<u64>(), position in 0u32..1000, height in 1usize..9, width in 1usize..9) {
        let shape = [height, width, 2];
        let image: Vec<f64> = image(shape).into_iter().map(|value| 0.25 + 0.5 * value).collect();
        for value in STRONG.apply(seed, 0, position, shape, &image) {
            prop_assert!((0.25 - 1e-12..=0.75 + 1e-12).contains(&value), "{value}");
        }
    }

    /// What is far from the image is background, and nothing else is.
    #[test]
    fn a_place_outside_of_the_image_is_background(row in -30f64..30.0, column in -30f64..30.0) {
        let white = vec![1.0; 81];
        let value = interpolated(&white, SHAPE, [row, column], 0, 0.0);
        let is_outside = row <= -1.0 || row >= 9.0 || column <= -1.0 || column >= 9.0;
        prop_assert_eq!(value == 0.0, is_outside, "{}", value);
    }
}
