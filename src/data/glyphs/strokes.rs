//! The shapes of the ten digits, as a hand would draw them.
//!
//! A stroke is a smooth curve through its knots; a digit is drawn in one of several styles, for hands differ.

/// A point that a stroke passes through, in hundredths of the digit's box: x to the right, y down.
#[derive(Clone, Copy)]
pub struct Knot {
    pub x: i8,
    pub y: i8,
    /// Whether the pen turns sharply here instead of passing smoothly.
    pub corner: bool,
}

pub type Stroke = &'static [Knot];
pub type Style = &'static [Stroke];

const fn at(x: i8, y: i8) -> Knot {
    Knot { x, y, corner: false }
}

const fn corner(x: i8, y: i8) -> Knot {
    Knot { x, y, corner: true }
}

/// `STYLES[digit]` lists the ways to draw that digit.
#[rustfmt::skip]
pub const STYLES: [&[Style]; 10] = [
    &[
        // round, begun at the top
        &[&[at(58, 4), at(34, 10), at(17, 36), at(16, 66), at(34, 93),
            at(60, 95), at(80, 72), at(84, 40), at(72, 12), at(52, 4)]],
        // narrow
        &[&[at(52, 2), at(34, 16), at(27, 48), at(33, 82), at(50, 98),
            at(67, 84), at(74, 50), at(67, 18), at(50, 3)]],
        // closed with a curl inside
        &[&[at(70, 18), at(50, 4), at(28, 20), at(18, 54), at(34, 92),
            at(60, 94), at(82, 64), at(78, 28), at(60, 10), at(44, 17)]],
    ],
    &[
        // a single stroke
        &[&[at(52, 0), at(51, 34), at(49, 67), at(48, 100)]],
        &[&[at(58, 0), at(52, 33), at(46, 67), at(41, 100)]],
        // with a flag
        &[&[at(30, 24), corner(55, 2), at(53, 50), at(51, 100)]],
        // with a flag and a foot
        &[&[at(34, 20), corner(53, 2), at(53, 48), at(52, 97)], &[at(30, 98), at(52, 97), at(74, 97)]],
    ],
    &[
        // flat foot
        &[&[at(22, 24), at(36, 6), at(60, 4), at(74, 22), at(66, 46),
            at(44, 72), corner(20, 95), at(48, 94), at(82, 93)]],
        // looped foot
        &[&[at(22, 22), at(42, 4), at(66, 10), at(72, 32), at(57, 62), at(36, 88),
            at(18, 91), at(20, 76), at(38, 78), at(60, 93), at(84, 88)]],
    ],
    &[
        // two bowls
        &[&[at(22, 14), at(44, 3), at(67, 11), at(68, 33), corner(42, 47),
            at(68, 54), at(78, 75), at(60, 95), at(36, 97), at(16, 85)]],
        // flat top
        &[&[at(22, 6), corner(73, 6), corner(44, 42), at(70, 50), at(78, 74), at(56, 96), at(20, 88)]],
    ],
    &[
        // open top
        &[&[at(28, 4), at(24, 30), corner(19, 57), at(50, 57), at(85, 54)],
          &[at(68, 8), at(65, 52), at(61, 100)]],
        // closed top
        &[&[at(62, 2), at(39, 32), corner(14, 65), at(50, 66), at(88, 64)],
          &[at(63, 2), at(62, 50), at(60, 100)]],
    ],
    &[
        // in one stroke
        &[&[at(76, 5), at(54, 6), corner(32, 7), at(29, 26), corner(26, 46),
            at(50, 38), at(73, 52), at(74, 79), at(52, 97), at(20, 90)]],
        // the bar last
        &[&[at(32, 8), at(29, 27), corner(25, 46), at(52, 40),
            at(76, 60), at(68, 88), at(44, 98), at(18, 90)],
          &[at(32, 8), at(56, 7), at(82, 3)]],
    ],
    &[
        // bent back
        &[&[at(68, 4), at(44, 19), at(26, 46), at(20, 74), at(34, 96),
            at(60, 94), at(72, 75), at(58, 57), at(36, 63), at(23, 80)]],
        // straight back
        &[&[at(50, 0), at(35, 30), at(25, 62), at(29, 90), at(52, 99),
            at(72, 85), at(68, 63), at(46, 59), at(28, 74)]],
    ],
    &[
        // plain
        &[&[at(18, 9), at(48, 8), corner(80, 8), at(63, 40), at(49, 70), at(41, 100)]],
        // crossed
        &[&[at(18, 9), at(48, 8), corner(80, 8), at(62, 42), at(50, 72), at(44, 100)],
          &[at(32, 52), at(54, 50), at(77, 48)]],
        // with a serif
        &[&[at(17, 24), corner(20, 8), at(50, 8), corner(78, 7), at(57, 50), at(42, 100)]],
    ],
    &[
        // an S, then back up
        &[&[at(72, 14), at(50, 3), at(29, 16), at(36, 38), at(61, 55), at(76, 77),
            at(56, 97), at(30, 93), at(24, 73), at(42, 52), at(65, 36), at(73, 15)]],
        // two rings
        &[&[at(50, 47), at(31, 35), at(33, 12), at(52, 3), at(71, 13), at(69, 35), at(50, 47)],
          &[at(50, 47), at(27, 59), at(23, 82), at(48, 98), at(75, 84), at(73, 60), at(50, 47)]],
    ],
    &[
        // straight tail
        &[&[at(73, 18), at(54, 4), at(31, 13), at(25, 36), at(43, 50),
            at(64, 42), corner(74, 17), at(71, 58), at(65, 100)]],
        // hooked tail
        &[&[at(71, 14), at(48, 4), at(27, 20), at(31, 42), at(54, 46),
            corner(72, 22), at(75, 54), at(69, 85), at(48, 98), at(25, 90)]],
    ],
];

/// The most strokes of any style, and the most knots of any stroke.
pub const MAX_STROKES: usize = most().0;
pub const MAX_KNOTS: usize = most().1;

const fn most() -> (usize, usize) {
    let (mut strokes, mut knots) = (0, 0);
    let mut digit = 0;
    while digit < STYLES.len() {
        let mut style = 0;
        while style < STYLES[digit].len() {
            let drawn = STYLES[digit][style];
            let mut stroke = 0;
            while stroke < drawn.len() {
                if drawn[stroke].len() > knots {
                    knots = drawn[stroke].len();
                }
                stroke += 1;
            }
            if stroke > strokes {
                strokes = stroke;
            }
            style += 1;
        }
        digit += 1;
    }
    (strokes, knots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_has_styles_of_visible_strokes_inside_the_box() {
        for styles in STYLES {
            assert!(styles.len() >= 2);
            for stroke in styles.iter().copied().flatten() {
                assert!(stroke.len() >= 3);
                for knot in *stroke {
                    assert!((0..=100).contains(&knot.x) && (0..=100).contains(&knot.y));
                }
                for pair in stroke.windows(2) {
                    assert!((pair[0].x, pair[0].y) != (pair[1].x, pair[1].y));
                }
            }
        }
    }

    #[test]
    fn the_bounds_are_those_of_the_table() {
        assert_eq!((MAX_STROKES, MAX_KNOTS), (2, 12));
    }
}
