//! Small networks for the checks of what takes a whole network at once, with everything of theirs where a [`FusedLayout`] says.

use super::formulas::{activate, exact, sum_of_products};
use crate::kernels::propagate::Tile;
use crate::model::{Layer, Network};
use crate::program::FusedLayout;
use crate::reference::{Activation, Matrix};
use crate::verify::approximate::Approximate;
use crate::verify::problem::{Problem, TINY, in_vectors};

/// A network, and the layout of its training.
pub struct Subject {
    pub network: Network,
    pub layout: FusedLayout,
    /// Rows of the batch that hold samples.
    pub rows: usize,
}

/// A matrix of numbers that a shader computes.
pub struct Computed {
    pub columns: usize,
    pub elements: Vec<Approximate>,
}

impl Subject {
    /// One to four layers, with widths that follow from the problem's, within what the twin computes in good time.
    pub fn of(problem: &Problem, tile: Tile, output: Activation) -> Self {
        let Problem { rows, columns, inner, .. } = *problem;
        let pixels = in_vectors(columns.min(200), true);
        let width = in_vectors(inner.min(136), true);
        let mut layers = [
            Layer::new(width, problem.choose(20, Activation::ALL)),
            Layer::new(4 * (1 + problem.pick(21, 3)), problem.choose(22, Activation::ALL)),
            Layer::new(width, problem.choose(23, Activation::ALL)),
        ];
        for (what, layer) in (80..).zip(&mut layers) {
            layer.learning_rate_factor = problem.choose(what, [1.0, 0.125, 0.0, 3.0]);
        }
        // Behind large numbers nothing would be known of what a second layer makes of them.
        let hidden = if problem.edges { 0 } else { problem.pick(24, 4) };
        let network = Network::autoencoder(pixels, &layers[..hidden], &[], output);
        let rows = rows.min(40);
        let batch_size = rows + problem.pick(25, 20);
        let Some(layout) = FusedLayout::new(&network, tile, batch_size) else {
            unreachable!("widths are whole vec4s and layers few")
        };
        Self { network, layout, rows }
    }

    /// The weight and the bias of each layer, and the tensor that holds them all. What is between them is no number.
    pub fn parameters(&self, problem: &Problem, what: u32, range: [f32; 2]) -> (Vec<[Matrix; 2]>, Matrix) {
        let mut all = Matrix { rows: 1, columns: self.layout.values, elements: vec![f64::NAN; self.layout.values] };
        let mut layers = Vec::new();
        for (index, layer) in self.network.layers().iter().enumerate() {
            let matrix = |which: usize, rows| {
                problem.matrix(what + (2 * index + which) as u32, rows, layer.outputs, range, &TINY)
            };
            let tensors = [matrix(0, layer.inputs), matrix(1, 1)];
            for (tensor, &offset) in tensors.iter().zip(&self.layout.offsets[2 * index..]) {
                all.elements[offset..offset + tensor.elements.len()].copy_from_slice(&tensor.elements);
            }
            layers.push(tensors);
        }
        (layers, all)
    }

    /// Puts a matrix of the batch, `element(row, column)`, into its tensor, from this quad on: in quads of four rows.
    pub fn place<T>(&self, tensor: &mut [T], first_quad: u32, columns: usize, element: impl Fn(usize, usize) -> T) {
        for row in 0..self.layout.rows {
            for column in 0..columns {
                let quad = first_quad as usize + row / 4 * columns + column;
                tensor[4 * quad + row % 4] = element(row, column);
            }
        }
    }
}

impl Computed {
    pub fn from_fn(rows: usize, columns: usize, element: impl Fn(usize, usize) -> Approximate) -> Self {
        Self { columns, elements: (0..rows * columns).map(|i| element(i / columns, i % columns)).collect() }
    }

    pub fn at(&self, row: usize, column: usize) -> Approximate {
        self.elements[row * self.columns + column]
    }

    fn row(&self, row: usize) -> &[Approximate] {
        &self.elements[row * self.columns..][..self.columns]
    }

    fn rows(&self) -> usize {
        self.elements.len() / self.columns
    }

    /// This · weight + bias.
    pub fn logits(&self, [weight, bias]: &[Matrix; 2]) -> Self {
        Self::from_fn(self.rows(), weight.columns, |row, column| {
            product(bias.at(0, column), self.row(row), |k| weight.at(k, column))
        })
    }

    /// The activation's values for these, and its derivatives.
    pub fn activated(&self, activation: Activation) -> [Self; 2] {
        let both: Vec<_> = self.elements.iter().map(|&x| activate(activation, x)).collect();
        [0, 1].map(|which| Self { columns: self.columns, elements: both.iter().map(|pair| pair[which]).collect() })
    }

    /// This · weightᵀ · derivatives, the last element by element.
    pub fn behind(&self, weight: &Matrix, derivatives: &Self) -> Self {
        Self::from_fn(self.rows(), weight.rows, |row, column| {
            product(0.0, self.row(row), |k| weight.at(column, k)) * derivatives.at(row, column)
        })
    }
}

/// The sum of `start`, which may be added first or last, and of the products of numbers that are computed with numbers that are given.
fn product(start: f64, computed: &[Approximate], given: impl Fn(usize) -> f64) -> Approximate {
    let (mut value, mut carried, mut magnitude) = (start, exact(start).error, start.abs());
    for (k, number) in computed.iter().enumerate() {
        let given = given(k);
        value += number.value * given;
        carried += number.error * given.abs();
        magnitude += (number.value.abs() + number.error) * given.abs();
    }
    if magnitude == 0.0 {
        return exact(0.0);
    }
    let sum = sum_of_products(value, magnitude, computed.len() + usize::from(start != 0.0));
    Approximate { error: sum.error + carried, ..sum }
}
