//! The nearest of some codes to each of others, by Euclidean distance.

use crate::error::Error;
use crate::gpu::{Commands, Gpu, Staging};
use crate::kernels::matmul::Products;
use crate::kernels::step::Step;
use crate::program::lower::classification::code_products;
use crate::program::{Memory, Program};
use crate::train::MOST_MULTIPLY_ADDS;
use rayon::prelude::*;

/// Codes whose products with each other are taken together.
const QUERIES_TOGETHER: usize = 512;
const REFERENCES_TOGETHER: usize = 8192;

/// So many more candidates than neighbors are kept, whose distances are then computed in f64: what the products' rounding may have put in a
/// wrong order.
const SPARE_CANDIDATES: usize = 8;

/// Codes of `size` numbers each.
#[derive(Clone, Copy, Debug)]
pub struct CodesRef<'a> {
    /// Numbers of a code.
    pub size: usize,
    /// [codes, size]
    pub values: &'a [f32],
}

impl<'a> CodesRef<'a> {
    /// How many codes there are.
    pub fn count(&self) -> usize {
        self.values.len() / self.size
    }

    fn code(&self, place: usize) -> &'a [f32] {
        &self.values[place * self.size..][..self.size]
    }
}

/// A reference that may be among the nearest.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// |reference|² − 2 · query · reference, which is the squared distance but for |query|².
    score: f64,
    place: u32,
}

/// The `count` references nearest to each query, [queries, count], the nearest first, of equally near ones the first; as many as there are
/// where these are fewer. The GPU computes the products of codes with each other, the host chooses among them.
///
/// # Errors
/// A fault of the GPU, or too little room on it.
pub fn nearest(gpu: &Gpu, queries: CodesRef<'_>, references: CodesRef<'_>, count: usize) -> Result<Vec<u32>, Error> {
    let size = queries.size;
    let count = count.min(references.count());
    let kept = count + SPARE_CANDIDATES;
    let most = usize::try_from(gpu.largest_tensor() / 4).unwrap_or(usize::MAX);
    let together = |most_together: usize, of: usize| most_together.min(of).min(most / size.max(1)).max(1);
    let rows = together(QUERIES_TOGETHER, queries.count());
    let quick = MOST_MULTIPLY_ADDS / (rows * size.max(1));
    let columns = together(REFERENCES_TOGETHER, references.count()).min(most / rows).min(quick).max(1);
    let graph = code_products(rows, columns, size);
    let mut memory = Memory::default();
    memory.place(gpu, &graph.graph)?;
    let program = Program::new(gpu, &graph.graph, &memory, Products::of(gpu), 1)?;
    let tensor = |id| memory.tensor(&graph.graph, id);
    let (on_left, on_right, products) = (tensor(graph.queries)?, tensor(graph.references)?, tensor(graph.products)?);
    let staging = Staging::new(gpu, products.len())?;
    let norms: Vec<f64> = (0..references.count()).map(|place| squared_norm(references.code(place))).collect();
    let mut candidates: Vec<Vec<Candidate>> = vec![Vec::with_capacity(kept + 1); queries.count()];
    for first_reference in (0..references.count()).step_by(columns) {
        let end = references.count().min(first_reference + columns);
        on_right.upload(gpu, &references.values[first_reference * size..end * size])?;
        let norms = &norms[first_reference..end];
        for (block, candidates) in candidates.chunks_mut(rows).enumerate() {
            let first = block * rows;
            on_left.upload(gpu, &queries.values[first * size..][..candidates.len() * size])?;
            let mut commands = Commands::new(gpu);
            program.record(gpu, &mut commands, &[Step::default()])?;
            let of_block = 0..candidates.len() * columns;
            let values: Vec<f32> = staging.submit_and_read(gpu, commands, &[(products, of_block)])?.wait(gpu)?;
            candidates.par_iter_mut().zip(values.par_chunks(columns)).for_each(|(candidates, products)| {
                for (place, (&product, &norm)) in (first_reference..).zip(products.iter().zip(norms)) {
                    let candidate = Candidate { score: norm - 2.0 * f64::from(product), place: place as u32 };
                    keep(candidates, candidate, kept);
                }
            });
        }
    }
    let chosen = candidates.par_iter().enumerate().flat_map_iter(|(query, candidates)| {
        let distance = |candidate: &Candidate| {
            (squared_distance(queries.code(query), references.code(candidate.place as usize)), candidate.place)
        };
        let mut measured: Vec<(f64, u32)> = candidates.iter().map(distance).collect();
        measured.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        measured.into_iter().take(count).map(|(_, place)| place)
    });
    Ok(chosen.collect())
}

/// Adds a candidate in its order if it is among the best `most`.
fn keep(candidates: &mut Vec<Candidate>, candidate: Candidate, most: usize) {
    // A score that is not a number is never among them.
    let limit = if candidates.len() == most { candidates.last().map(|last| last.score) } else { None };
    if candidate.score.is_nan() || limit.is_some_and(|limit| candidate.score >= limit) {
        return;
    }
    let place = candidates.partition_point(|other| other.score <= candidate.score);
    candidates.insert(place, candidate);
    candidates.truncate(most);
}

fn squared_norm(code: &[f32]) -> f64 {
    code.iter().map(|&value| f64::from(value).powi(2)).sum()
}

fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}

/// The class of most of some neighbors, and the share of each class among them, `[classes]`. Of classes with as many neighbors, that of the
/// nearest one.
pub fn vote(neighbors: impl Iterator<Item = u32> + Clone, classes: usize) -> (u32, Vec<f32>) {
    let mut votes = vec![0usize; classes];
    neighbors.clone().for_each(|class| votes[class as usize] += 1);
    let most = votes.iter().copied().max().unwrap_or(0);
    let winner = neighbors.clone().find(|&class| votes[class as usize] == most).unwrap_or(0);
    let all = votes.iter().sum::<usize>().max(1) as f32;
    (winner, votes.into_iter().map(|count| count as f32 / all).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::philox::{Sequence, Stream};

    #[test]
    fn votes_are_counted_and_ties_go_to_the_nearest() {
        let winner = |neighbors: &[u32]| vote(neighbors.iter().copied(), 4).0;
        assert_eq!(winner(&[2, 1, 1]), 1);
        assert_eq!(winner(&[2, 1, 1, 2]), 2);
        assert_eq!(winner(&[3]), 3);
        assert_eq!(vote([2, 1, 1, 1].into_iter(), 4).1, [0.0, 0.75, 0.25, 0.0]);
    }

    /// The neighbors are those of a search through all in f64, also where codes are far from the origin and near each other.
    #[test]
    fn the_nearest_are_those_of_a_search_in_f64() {
        let gpu = Gpu::of_tests();
        for (size, queries, references, offset, count) in
            [(3, 700, 900, 0.0, 5), (32, 40, 8200, 20.0, 5), (5, 9, 4, 0.0, 7), (784, 3, 50, 0.0, 1)]
        {
            let mut random = Sequence::new(3, Stream::Cases, size as u32, 0);
            let mut codes =
                |count: usize| -> Vec<f32> { (0..count * size).map(|_| offset + random.uniform(0.0, 1.0)).collect() };
            let (queries, references) = (codes(queries), codes(references));
            let (queries, references) = (CodesRef { size, values: &queries }, CodesRef { size, values: &references });
            let found = nearest(&gpu, queries, references, count).unwrap();
            let count = count.min(references.count());
            assert_eq!(found.len(), queries.count() * count);
            for (query, found) in found.chunks(count).enumerate() {
                let mut all: Vec<(f64, u32)> = (0..references.count())
                    .map(|place| (squared_distance(queries.code(query), references.code(place)), place as u32))
                    .collect();
                all.sort_by(|a, b| a.partial_cmp(b).unwrap());
                let expected: Vec<u32> = all.iter().take(count).map(|&(_, place)| place).collect();
                assert_eq!(found, expected, "{size} numbers, query {query}");
            }
        }
    }
}
