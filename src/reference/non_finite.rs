//! Which numbers are not finite.

/// The places of the words that are the bits of an infinity or of a NaN.
pub fn non_finite_places(words: &[u32]) -> impl Iterator<Item = usize> {
    words.iter().enumerate().filter(|(_, word)| !f32::from_bits(**word).is_finite()).map(|(place, _)| place)
}
