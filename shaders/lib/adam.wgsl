#define_import_path diabolo::adam
#import diabolo::step::Step

// Adam (Kingma & Ba 2015, algorithm 1), four elements at a time.

struct Adam {
    first_decay: f32,     // beta1
    second_decay: f32,    // beta2
    // From the host: 1 - beta loses digits here, and some drivers make an inexact interpolation of beta * m + (1 - beta) * g.
    first_share: f32,     // 1 - beta1
    second_share: f32,    // 1 - beta2
    epsilon: f32,
}

// Parameters with their moments.
struct State {
    value: vec4<f32>,
    first_moment: vec4<f32>,
    second_moment: vec4<f32>,
}

fn adam(settings: Adam, step: Step, state: State, g: vec4<f32>) -> State {
    let m = settings.first_decay * state.first_moment + settings.first_share * g;
    let v = settings.second_decay * state.second_moment + settings.second_share * g * g;
    // The corrections for the moments' start at zero come from the host: pow(beta, t) is too inexact here.
    let corrected = sqrt(v) * step.second_moment_scale + settings.epsilon;
    return State(state.value - step.learning_rate * (m * step.first_moment_scale) / corrected, m, v);
}
