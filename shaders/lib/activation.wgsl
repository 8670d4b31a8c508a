#define_import_path diabolo::activation

// The activations of `reference::activation`, by their numbers in `kernels`.
const IDENTITY: u32 = 0u;
const RELU: u32 = 1u;
const SIGMOID: u32 = 2u;
const TANH: u32 = 3u;
const LEAKY_RELU: u32 = 4u;
const ELU: u32 = 5u;
const GELU: u32 = 6u;
const SILU: u32 = 7u;
const SOFTPLUS: u32 = 8u;

// The slope of the leaky ReLU below 0.
const LEAK: f32 = 0.01;
// 2 * sqrt(2 / pi), and the factor of the cube.
const GELU_SLOPE: f32 = 1.5957691216057308;
const GELU_CUBE: f32 = 0.044715;
// Further away GELU's sigmoid is 0 or 1, and its cube would overflow.
const GELU_REACH: f32 = 10.0;

// sigmoid(x), and what it lacks to 1, which is sigmoid(-x).
// exp is only taken of numbers up to 0, so that nothing overflows to an infinity, which WGSL does not promise to handle.
fn sigmoid_and_rest(x: f32) -> vec2<f32> {
    let decay = exp(-abs(x));
    let upper = 1.0 / (1.0 + decay);
    let lower = decay * upper;
    return select(vec2<f32>(lower, upper), vec2<f32>(upper, lower), x >= 0.0);
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

// x above 0, e^x - 1 elsewhere, and e^x.
fn exponential_linear(x: f32) -> vec2<f32> {
    let decay = exp(min(x, 0.0));
    // As above: x + x^2/2 + x^3/6 + ...
    let small = clamp(x, -0.01, 0.0);
    let near = small + small * small * (0.5 + small / 6.0);
    let below = select(decay - 1.0, near, x > -0.01);
    return vec2<f32>(select(below, x, x > 0.0), decay);
}

fn gaussian_error_linear(x: f32) -> vec2<f32> {
    let inside = clamp(x, -GELU_REACH, GELU_REACH);
    let square = inside * inside;
    let p = sigmoid_and_rest(GELU_SLOPE * inside * (1.0 + GELU_CUBE * square));
    let slope = GELU_SLOPE * (1.0 + 3.0 * GELU_CUBE * square);
    return vec2<f32>(max(x, -GELU_REACH) * p.x, p.x + inside * slope * (p.x * p.y));
}

// An activation's value and its derivative. `activation` is one of the numbers above.
fn activate_as(activation: u32, x: f32) -> vec2<f32> {
    switch activation {
        case RELU: {
            return vec2<f32>(max(x, 0.0), select(0.0, 1.0, x > 0.0));
        }
        case SIGMOID: {
            let p = sigmoid_and_rest(x);
            return vec2<f32>(p.x, p.x * p.y);
        }
        case TANH: {
            let y = hyperbolic_tangent(x);
            return vec2<f32>(y, 1.0 - y * y);
        }
        case LEAKY_RELU: {
            return select(vec2<f32>(LEAK * x, LEAK), vec2<f32>(x, 1.0), x > 0.0);
        }
        case ELU: {
            return exponential_linear(x);
        }
        case GELU: {
            return gaussian_error_linear(x);
        }
        case SILU: {
            let p = sigmoid_and_rest(x);
            return vec2<f32>(x * p.x, p.x * (1.0 + x * p.y));
        }
        case SOFTPLUS: {
            return vec2<f32>(max(x, 0.0) + log(1.0 + exp(-abs(x))), sigmoid_and_rest(x).x);
        }
        default: {
            return vec2<f32>(x, 1.0);
        }
    }
}

// An activation's values of four results, and its derivatives there.
struct Activated {
    outputs: vec4<f32>,
    derivatives: vec4<f32>,
}

fn activated(activation: u32, logits: vec4<f32>) -> Activated {
    let first = activate_as(activation, logits.x);
    let second = activate_as(activation, logits.y);
    let third = activate_as(activation, logits.z);
    let fourth = activate_as(activation, logits.w);
    return Activated(
        vec4<f32>(first.x, second.x, third.x, fourth.x),
        vec4<f32>(first.y, second.y, third.y, fourth.y),
    );
}
