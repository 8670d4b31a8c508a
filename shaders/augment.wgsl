// The images of a batch, each moved, mirrored, bent, covered and with noise in its own way, as `reference::augmentation` has it. Rows past
// the end of the batch become zero.

#import diabolo::corruption::{normal, symmetric}
#import diabolo::philox::{multiply_high, random_words, STREAM_AUGMENTATION}
#import diabolo::step::Step

struct Parameters {
    height: u32,
    width: u32,
    channels: u32,
    flips: u32,           // 1: left and right may be exchanged; 2: top and bottom
    most_down: f32,       // the longest shifts, in pixels
    most_right: f32,
    quarter_turn: f32,    // a quarter of the largest angle, in radians
    quarter_shear: f32,
    scale: f32,           // the largest share by which an image grows or shrinks
    elastic: f32,         // the longest displacement along an axis, in pixels
    cut_side: u32,        // of the square that is covered, in pixels
    noise: f32,           // its standard deviation
    fill: f32,            // what is outside of an image
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> batch: array<f32>;                  // [batch_size, height, width, channels]
@group(0) @binding(3) var<storage, read_write> augmented_batch: array<f32>;  // [batch_size, height, width, channels]

const LANES: u32 = 64u;

// The cells of the displacements' grid along each axis, and the nodes that splines over them need.
const CELLS: u32 = 4u;
const NODES: u32 = 7u;

// Which draws are for what.
const NODE_BLOCK: u32 = 2u;
const NOISE_BLOCK: u32 = 32u;

// How far the nodes move, down and to the right, as shares of the longest displacement.
var<workgroup> nodes: array<vec2<f32>, 50>;

// What was drawn for an image. Vectors are (down, right).
struct Draw {
    shift: vec2<f32>,         // in pixels
    turn: vec2<f32>,          // cosine and sine
    tangent: f32,             // of the shear
    inverse_scale: vec2<f32>, // negative where the image is mirrored
    cut: vec2<i32>,           // the first pixel that is covered
}

fn words_of(position: u32, block: u32) -> vec4<u32> {
    return random_words(vec2<u32>(step.seed_low, step.seed_high), STREAM_AUGMENTATION, step.epoch, position, block);
}

// Cosine and sine of four times an angle within pi / 4: Taylor's polynomials, and the angle doubled twice. WGSL's own may be off by 2^-11.
fn cosine_and_sine(quarter: f32) -> vec2<f32> {
    let square = quarter * quarter;
    var cosine = 1.0 - square * (1.0 / 90.0);
    cosine = 1.0 - square * (1.0 / 56.0) * cosine;
    cosine = 1.0 - square * (1.0 / 30.0) * cosine;
    cosine = 1.0 - square * (1.0 / 12.0) * cosine;
    cosine = 1.0 - square * (1.0 / 2.0) * cosine;
    var sine = 1.0 - square * (1.0 / 72.0);
    sine = 1.0 - square * (1.0 / 42.0) * sine;
    sine = 1.0 - square * (1.0 / 20.0) * sine;
    sine = 1.0 - square * (1.0 / 6.0) * sine;
    sine = quarter * sine;
    for (var doubled = 0u; doubled < 2u; doubled++) {
        let product = sine * cosine;
        cosine = 1.0 - 2.0 * (sine * sine);
        sine = 2.0 * product;
    }
    return vec2<f32>(cosine, sine);
}

fn draw_at(position: u32) -> Draw {
    let form = words_of(position, 0u);
    let place = words_of(position, 1u);
    let turn = cosine_and_sine(parameters.quarter_turn * symmetric(form.x));
    let shear = cosine_and_sine(parameters.quarter_shear * symmetric(form.y));
    let inverse_scale = 1.0 / (1.0 + parameters.scale * symmetric(form.z));
    let mirrored = vec2<bool>((parameters.flips & (form.w >> 30u) & 2u) != 0u, (parameters.flips & (form.w >> 30u) & 1u) != 0u);
    let half = i32(parameters.cut_side / 2u);
    return Draw(
        vec2<f32>(parameters.most_down * symmetric(place.x), parameters.most_right * symmetric(place.y)),
        turn,
        shear.y / shear.x,
        select(vec2<f32>(inverse_scale), vec2<f32>(-inverse_scale), mirrored),
        vec2<i32>(
            i32(multiply_high(place.z, parameters.height)) - half,
            i32(multiply_high(place.w, parameters.width)) - half,
        ),
    );
}

// The uniform cubic B-splines that are not zero at a pixel, for the nodes from `first` on.
struct Splines {
    first: u32,
    weights: vec4<f32>,
}

fn splines_at(pixel: u32, length: u32) -> Splines {
    let place = (2u * pixel + 1u) * CELLS;
    let t = f32(place % (2u * length)) / f32(2u * length);
    let s = 1.0 - t;
    let inner = vec2<f32>(t, s);
    let middle = (2.0 / 3.0) - inner * inner * (1.0 - 0.5 * inner);
    return Splines(place / (2u * length), vec4<f32>(s * s * s * (1.0 / 6.0), middle, t * t * t * (1.0 / 6.0)));
}

// How far what is shown at a pixel is away from where it would be without, in pixels.
fn displacement(pixel: vec2<u32>) -> vec2<f32> {
    let down = splines_at(pixel.x, parameters.height);
    let right = splines_at(pixel.y, parameters.width);
    var sum = vec2<f32>();
    for (var i = 0u; i < 4u; i++) {
        let node = (down.first + i) * NODES + right.first;
        var row = right.weights[0] * nodes[node];
        row += right.weights[1] * nodes[node + 1u];
        row += right.weights[2] * nodes[node + 2u];
        row += right.weights[3] * nodes[node + 3u];
        sum += down.weights[i] * row;
    }
    return parameters.elastic * sum;
}

// Where in the image is what a pixel is to show: everything that was done to it, undone, the last first.
fn source(draw: Draw, pixel: vec2<u32>) -> vec2<f32> {
    let size = vec2<f32>(f32(parameters.height), f32(parameters.width));
    let middle = 0.5 * (size - 1.0);
    let shifted = vec2<f32>(pixel) - middle - draw.shift;
    let turned = vec2<f32>(
        draw.turn.x * shifted.x - draw.turn.y * shifted.y,
        draw.turn.x * shifted.y + draw.turn.y * shifted.x,
    );
    let sheared = vec2<f32>(turned.x, turned.y - draw.tangent * turned.x);
    var place = sheared * draw.inverse_scale + middle;
    if parameters.elastic > 0.0 {
        place += displacement(pixel);
    }
    return place;
}

fn value_at(image: u32, row: i32, column: i32, channel: u32) -> f32 {
    if row < 0 || row >= i32(parameters.height) || column < 0 || column >= i32(parameters.width) {
        return parameters.fill;
    }
    return batch[image + (u32(row) * parameters.width + u32(column)) * parameters.channels + channel];
}

// Between the four pixels round a place: bilinear.
fn interpolated(image: u32, place: vec2<f32>, channel: u32) -> f32 {
    // From there on all is outside.
    let end = vec2<f32>(f32(parameters.height), f32(parameters.width));
    let within = clamp(place, vec2<f32>(-1.0), end);
    let corner = floor(within);
    let share = within - corner;
    let row = i32(corner.x);
    let column = i32(corner.y);
    let upper_left = value_at(image, row, column, channel);
    let upper = upper_left + (value_at(image, row, column + 1, channel) - upper_left) * share.y;
    let lower_left = value_at(image, row + 1, column, channel);
    let lower = lower_left + (value_at(image, row + 1, column + 1, channel) - lower_left) * share.y;
    return upper + (lower - upper) * share.x;
}

// A workgroup makes one image, each lane four neighboring values at a time, which share their random words.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = workgroup.x;
    let position = step.first_position + row;
    if parameters.elastic > 0.0 && lane < 25u {
        let words = words_of(position, NODE_BLOCK + lane);
        nodes[2u * lane] = vec2<f32>(symmetric(words.x), symmetric(words.y));
        nodes[2u * lane + 1u] = vec2<f32>(symmetric(words.z), symmetric(words.w));
    }
    workgroupBarrier();
    let draw = draw_at(position);
    let columns = parameters.height * parameters.width * parameters.channels;
    let image = row * columns;
    for (var first = 4u * lane; first < columns; first += 4u * LANES) {
        var words = vec4<u32>();
        if parameters.noise > 0.0 {
            words = words_of(position, NOISE_BLOCK + first / 4u);
        }
        for (var i = 0u; i < 4u && first + i < columns; i++) {
            let at = (first + i) / parameters.channels;
            let pixel = vec2<u32>(at / parameters.width, at % parameters.width);
            let in_cut = vec2<i32>(pixel) - draw.cut;
            let side = i32(parameters.cut_side);
            var value = parameters.fill;
            if !(in_cut.x >= 0 && in_cut.x < side && in_cut.y >= 0 && in_cut.y < side) {
                value = interpolated(image, source(draw, pixel), (first + i) % parameters.channels);
            }
            if parameters.noise > 0.0 {
                value += parameters.noise * normal(words[i]);
            }
            augmented_batch[image + first + i] = select(0.0, clamp(value, 0.0, 1.0), row < step.rows);
        }
    }
}
