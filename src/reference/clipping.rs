//! Gradient clipping by the global norm (Pascanu, Mikolov & Bengio 2013): a gradient that is too long keeps its direction.

/// The length of the gradient of all parameters together.
pub fn global_norm<'a>(gradients: impl IntoIterator<Item = &'a f64>) -> f64 {
    gradients.into_iter().map(|g| g * g).sum::<f64>().sqrt()
}

/// What a gradient of this norm is multiplied by, so that it is no longer than `most`.
pub fn clip_scale(norm: f64, most: f64) -> f64 {
    if norm > most { most / norm } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_gradient_is_shortened_and_a_short_one_left() {
        let norm = global_norm(&[3.0, 0.0, -4.0]);
        assert_eq!(norm, 5.0);
        assert_eq!(clip_scale(norm, 0.5), 0.1);
        assert_eq!((clip_scale(norm, 5.0), clip_scale(norm, 6.0), clip_scale(0.0, 1.0)), (1.0, 1.0, 1.0));
    }
}
