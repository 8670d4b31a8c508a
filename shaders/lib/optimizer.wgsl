#define_import_path diabolo::optimizer
#import diabolo::step::Step

// One update by any of the algorithms of `reference::optimizer`, four elements at a time. Which one, the numbers in `step` say.
//
// FIRST_MOMENT, SECOND_MOMENT: what the algorithm remembers.

// Parameters with their moments; those that are not remembered count for nothing.
struct State {
    value: vec4<f32>,
    first_moment: vec4<f32>,
    second_moment: vec4<f32>,
}

// `decay` is 1 for weights, and 0 for biases, which do not decay; `rate_factor` is the layer's.
fn optimized(step: Step, decay: f32, rate_factor: f32, state: State, gradient: vec4<f32>) -> State {
    let g = gradient + decay * step.weight_decay * state.value;
    var direction = g;
    var m = state.first_moment;
    var v = state.second_moment;
#ifdef FIRST_MOMENT
    m = step.first_decay * m + step.first_share * g;
    direction = m * step.first_moment_scale + step.look_ahead * g;
#endif
#ifdef SECOND_MOMENT
    v = step.second_decay * v + step.second_share * g * g;
    direction = direction / (sqrt(v) * step.second_moment_scale + step.epsilon);
#endif
    let change = direction + decay * step.decoupled_decay * state.value;
    return State(state.value - rate_factor * step.learning_rate * change, m, v);
}
