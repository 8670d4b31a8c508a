#define_import_path diabolo::activation

// ACTIVATION: 0 identity, 1 ReLU, 2 sigmoid, 3 tanh.

// exp is only taken of numbers up to 0, so that nothing overflows to an infinity, which WGSL does not promise to handle.
fn sigmoid(x: f32) -> f32 {
    let decay = exp(-abs(x));
    let upper = 1.0 / (1.0 + decay);
    return select(decay * upper, upper, x >= 0.0);
}

fn hyperbolic_tangent(x: f32) -> f32 {
    // The built-in tanh may be off by 1e-5, and is NaN for large arguments on some drivers.
    let decay = exp(-2.0 * abs(x));
    let far = sign(x) * (1.0 - decay) / (1.0 + decay);
    // Near 0 the difference above has few digits left, but the series x - x^3/3 + ... has them all.
    let small = clamp(x, -0.01, 0.01);
    let near = small - small * small * small / 3.0;
    return select(far, near, abs(x) < 0.01);
}

// `activation` is one of the numbers above.
fn activate_as(activation: u32, x: f32) -> f32 {
    switch activation {
        case 1u: { return max(x, 0.0); }
        case 2u: { return sigmoid(x); }
        case 3u: { return hyperbolic_tangent(x); }
        default: { return x; }
    }
}

// The derivative of `activate_as`, from its result.
fn activation_derivative_as(activation: u32, output: f32) -> f32 {
    switch activation {
        case 1u: { return select(0.0, 1.0, output > 0.0); }
        case 2u: { return output * (1.0 - output); }
        case 3u: { return 1.0 - output * output; }
        default: { return 1.0; }
    }
}

// The activation that the variant names.
fn activate(x: f32) -> f32 {
    return activate_as(#{ACTIVATION}u, x);
}

fn activation_derivative(output: f32) -> f32 {
    return activation_derivative_as(#{ACTIVATION}u, output);
}
