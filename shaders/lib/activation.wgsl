#define_import_path diabolo::activation

// ACTIVATION: 0 identity, 1 ReLU, 2 sigmoid, 3 tanh.

// exp is only taken of numbers up to 0, so that nothing overflows to an infinity, which WGSL does not promise to handle.
fn sigmoid(x: f32) -> f32 {
    let decay = exp(-abs(x));
    let upper = 1.0 / (1.0 + decay);
    return select(decay * upper, upper, x >= 0.0);
}

fn activate(x: f32) -> f32 {
#if ACTIVATION == 1
    return max(x, 0.0);
#else if ACTIVATION == 2
    return sigmoid(x);
#else if ACTIVATION == 3
    // The built-in tanh may be off by 1e-5, and is NaN for large arguments on some drivers.
    let decay = exp(-2.0 * abs(x));
    let far = sign(x) * (1.0 - decay) / (1.0 + decay);
    // Near 0 the difference above has few digits left, but the series x - x^3/3 + ... has them all.
    let small = clamp(x, -0.01, 0.01);
    let near = small - small * small * small / 3.0;
    return select(far, near, abs(x) < 0.01);
#else
    return x;
#endif
}

// The derivative of `activate`, from its result.
fn activation_derivative(output: f32) -> f32 {
#if ACTIVATION == 1
    return select(0.0, 1.0, output > 0.0);
#else if ACTIVATION == 2
    return output * (1.0 - output);
#else if ACTIVATION == 3
    return 1.0 - output * output;
#else
    return 1.0;
#endif
}
