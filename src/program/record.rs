//! A graph bound to kernels and buffers: a list of dispatches, recorded again for every step.

use super::{FusedLayout, Graph, Memory, MomentTensors, Operation, TensorId};
use crate::gpu::{BindingKind, Commands, Dispatch, Gpu, GpuError, Table, Tensor};
use crate::kernels::matmul::update::LayerUpdate;
use crate::kernels::matmul::{Epilogue, Form, Matmul, Products, TileSize};
use crate::kernels::step::Step;
use crate::kernels::{
    Call, accumulate, augment, bias_gradient, choose_samples, clip_scale, code_penalty, column_sums, corrupt,
    divergence, draw_code, dropout, gather, keep_largest, loss, metrics, multiply, non_finite,
    normalize_by_running_statistics, normalize_columns, normalize_columns_gradient, normalize_rows,
    normalize_rows_gradient, optimizer, propagate, row_sums, scale_shift, softmax_cross_entropy, square_sums,
    transpose, update,
};
use crate::reference::Moments;
use std::collections::BTreeMap;

/// The dispatches of one step, and the table of what differs between steps.
#[derive(Debug)]
pub struct Program {
    dispatches: Vec<Dispatch>,
    last_dispatches: Vec<Dispatch>,
    longest_chain: usize,
    table: Table,
}

impl Program {
    /// Binds every operation of the graph to a kernel and to the tensors in `memory`, where the graph has been placed.
    ///
    /// `steps_per_submission` is the most steps that are submitted together.
    ///
    /// # Errors
    /// A tensor that has not been placed, or what [`Dispatch::new`] refuses.
    pub fn new(
        gpu: &Gpu,
        graph: &Graph,
        memory: &Memory,
        products: Products,
        steps_per_submission: usize,
    ) -> Result<Self, GpuError> {
        let table = Table::new(gpu, "step table", size_of::<Step>(), steps_per_submission)?;
        let choose = |operations: &[Operation]| -> Vec<(Call, Vec<TensorId>)> {
            operations.iter().map(|operation| choose_kernel(graph, operation, products)).collect()
        };
        let (calls, last_calls) = (choose(graph.operations()), choose(graph.last_operations()));
        gpu.compile(calls.iter().chain(&last_calls).map(|(call, _)| (&call.kernel.interface, &call.variant)))?;
        let bind = |(call, tensors): &(Call, Vec<TensorId>)| {
            let tensors = tensors.iter().map(|&id| memory.tensor(graph, id)).collect::<Result<Vec<&Tensor>, _>>()?;
            call.bind(gpu, Some(&table), &tensors)
        };
        Ok(Self {
            dispatches: calls.iter().map(bind).collect::<Result<_, _>>()?,
            last_dispatches: last_calls.iter().map(bind).collect::<Result<_, _>>()?,
            longest_chain: longest_chain(graph, &calls),
            table,
        })
    }

    /// How many dispatches a step takes.
    pub fn dispatches_per_step(&self) -> usize {
        self.dispatches.len()
    }

    /// What each dispatch of a step runs, for people.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.dispatches.iter().map(Dispatch::label)
    }

    /// Adds runs of one dispatch of a step alone, each with the step that is in the table from before, so that it can be timed.
    pub fn record_dispatch(&self, commands: &mut Commands, place: usize, runs: usize) {
        commands.repeat(&self.dispatches[place], &self.table, runs);
    }

    /// The most dispatches of a step that must wait for each other; others may run beside them.
    pub fn longest_chain_of_dispatches(&self) -> usize {
        self.longest_chain
    }

    /// Adds one run of the dispatches for each step; they run when the commands are submitted.
    ///
    /// # Errors
    /// More steps than are submitted together, or a lost device.
    pub fn record(&self, gpu: &Gpu, commands: &mut Commands, steps: &[Step]) -> Result<(), GpuError> {
        self.table.upload(gpu, steps)?;
        commands.dispatch(&self.dispatches, &self.table, steps.len());
        commands.dispatch(&self.last_dispatches, &self.table, 1);
        Ok(())
    }
}

/// The most calls of which each reads or writes what the one before writes, or writes what it reads.
fn longest_chain(graph: &Graph, calls: &[(Call, Vec<TensorId>)]) -> usize {
    // The length of the longest chain that ends with a tensor's last write, or with a read of it since.
    let (mut written, mut read) = (BTreeMap::new(), BTreeMap::new());
    let mut longest = 0;
    for (call, tensors) in calls {
        let is_written = call.tensors().map(|binding| binding.kind == BindingKind::Write);
        let writes: Vec<(TensorId, bool)> = tensors.iter().map(|&id| graph.whole(id)).zip(is_written).collect();
        let behind = |chains: &BTreeMap<TensorId, usize>, id| chains.get(&id).copied().unwrap_or(0);
        let waits_for = writes
            .iter()
            .map(|&(id, is_written)| behind(&written, id).max(if is_written { behind(&read, id) } else { 0 }));
        let length = 1 + waits_for.max().unwrap_or(0);
        for &(id, is_written) in &writes {
            let chains = if is_written { &mut written } else { &mut read };
            let chain = chains.entry(id).or_insert(0);
            *chain = length.max(*chain);
        }
        longest = longest.max(length);
    }
    longest
}

/// The kernel for an operation, and its tensors in the order in which the kernel binds them.
fn choose_kernel(graph: &Graph, operation: &Operation, products: Products) -> (Call, Vec<TensorId>) {
    let rows = |id: TensorId| graph.shape(id).rows;
    let columns = |id: TensorId| graph.shape(id).columns;
    let product = |form, epilogue, a: TensorId, c: TensorId| {
        let inner = if form == Form::TransposedA { rows(a) } else { columns(a) };
        let (rows, columns) = (rows(c), columns(c));
        Matmul { form, schedule: products.schedule(rows, columns), epilogue, rows, columns, inner }.call()
    };
    let plain = |form, a, b, c| (product(form, Epilogue::Product, a, c), vec![a, b, c]);
    match *operation {
        Operation::Gather { samples, batch, order, corruption, corrupted } => {
            let call = gather::call(order, corruption, rows(batch), rows(samples), columns(batch));
            (call, [samples, batch].into_iter().chain(corrupted).collect())
        }
        Operation::Augment { batch, ref augmentation, shape, augmented } => {
            (augment::call(augmentation, rows(batch), shape), vec![batch, augmented])
        }
        Operation::Corrupt { batch, corruption, corrupted } => {
            (corrupt::call(corruption, rows(batch), columns(batch)), vec![batch, corrupted])
        }
        Operation::Dense { input, weight, bias, output, derivative, activation } => {
            let call = product(Form::Plain, Epilogue::Layer(activation), input, output);
            (call, [input, weight, bias, output].into_iter().chain(derivative).collect())
        }
        Operation::Product { input, weight, product } => plain(Form::Plain, input, weight, product),
        Operation::NormalizeColumns { values, inverse_deviations, running_means, running_variances } => {
            let call = normalize_columns::call(rows(values), columns(values));
            (call, vec![values, inverse_deviations, running_means, running_variances])
        }
        Operation::NormalizeByRunningStatistics { means, variances, values } => {
            (normalize_by_running_statistics::call(rows(values), columns(values)), vec![means, variances, values])
        }
        Operation::NormalizeColumnsGradient { gradient, scale, inverse_deviations, values } => {
            let call = normalize_columns_gradient::call(rows(values), columns(values));
            (call, vec![gradient, scale, inverse_deviations, values])
        }
        Operation::NormalizeRows { values, inverse_deviations } => {
            (normalize_rows::call(rows(values), columns(values)), vec![values, inverse_deviations])
        }
        Operation::ScaleShift { normalized, scale, shift, output, derivative, activation } => {
            let call = scale_shift::call(activation, rows(output), columns(output));
            (call, [normalized, scale, shift, output].into_iter().chain(derivative).collect())
        }
        Operation::NormalizeRowsGradient { gradient, scale, inverse_deviations, values } => {
            let call = normalize_rows_gradient::call(rows(values), columns(values));
            (call, vec![gradient, scale, inverse_deviations, values])
        }
        Operation::Loss { loss, output_activation, logits, targets, weights, gradient, sample_losses } => {
            let call = loss::call(loss, output_activation, weights.is_some(), rows(logits), columns(logits));
            (call, [logits, targets, gradient, sample_losses].into_iter().chain(weights).collect())
        }
        Operation::ChooseSamples { labels, members, chosen, batch_labels } => {
            let call = choose_samples::call(rows(chosen), rows(labels), members.map(|(_, classes)| classes));
            let members = members.map(|(members, _)| members);
            (call, [labels].into_iter().chain(members).chain([chosen, batch_labels]).collect())
        }
        Operation::GatherChosen { samples, chosen, batch, corruption, corrupted } => {
            let call = gather::call_chosen(corruption, rows(batch), rows(samples), columns(batch));
            (call, [samples, batch].into_iter().chain(corrupted).chain([chosen]).collect())
        }
        Operation::SoftmaxCrossEntropy { logits, labels, class_weights, gradient, sample_losses } => (
            softmax_cross_entropy::call(rows(logits), columns(logits)),
            vec![logits, labels, class_weights, gradient, sample_losses],
        ),
        Operation::RowProducts { a, b, products } => plain(Form::TransposedB, a, b, products),
        Operation::RowSums { matrix, sums } => (row_sums::call(rows(matrix), columns(matrix)), vec![matrix, sums]),
        Operation::Propagate { ref layout, work, samples, values, batch, sample_losses } => {
            let FusedLayout { tile, ref layers, rows: batch_rows, .. } = *layout;
            let call = propagate::call(tile, work, layers, batch_rows, rows(samples));
            (call, vec![samples, values, batch, sample_losses])
        }
        Operation::Update { ref layout, batch, values, moments } => {
            let call = update::call(layout.tile, &layout.layers, layout.rows, moments.kept());
            (call, [batch, values].into_iter().chain(moments.tensors()).collect())
        }
        Operation::FindNonFinite { tensor, row, found } => {
            (non_finite::call(rows(tensor) * columns(tensor), row), vec![tensor, found])
        }
        Operation::WeightGradient { input, gradient, weight_gradient } => {
            plain(Form::TransposedA, input, gradient, weight_gradient)
        }
        Operation::Scatter { batch, scatter } => plain(Form::TransposedA, batch, batch, scatter),
        Operation::InputGradient { gradient, weight, has_derivative: false, input_gradient } => {
            plain(Form::TransposedB, gradient, weight, input_gradient)
        }
        Operation::InputGradient { gradient, weight, input_gradient, .. } => {
            let call = product(Form::TransposedB, Epilogue::Backward, gradient, input_gradient);
            (call, vec![gradient, weight, input_gradient])
        }
        Operation::KeepLargest { values, derivative, active, masks } => {
            (keep_largest::call(active, masks, rows(values), columns(values)), vec![values, derivative])
        }
        Operation::Dropout { values, derivative, layer, share, masks } => {
            (dropout::call(layer, share, masks, rows(values), columns(values)), vec![values, derivative])
        }
        Operation::ColumnSums { matrix, sum, row, sums } => {
            (column_sums::call(sum, rows(matrix), columns(matrix), row), vec![matrix, sums])
        }
        Operation::CodePenalty {
            ref settings,
            activation,
            code,
            derivative,
            statistics,
            penalty_gradient,
            sample_losses,
        } => {
            let call = code_penalty::call(settings, activation, derivative.is_some(), rows(code), columns(code));
            (call, [code, statistics, penalty_gradient, sample_losses].into_iter().chain(derivative).collect())
        }
        Operation::DrawCode { distribution, code, draws } => {
            (draw_code::call(draws, rows(code), columns(code)), vec![distribution, code])
        }
        Operation::Divergence { distribution, weight, sample_losses, gradients } => {
            let call = divergence::call(weight, gradients.is_some(), rows(distribution), columns(distribution) / 2);
            let gradients = gradients.into_iter().flat_map(|of| [of.code, of.distribution]);
            (call, [distribution, sample_losses].into_iter().chain(gradients).collect())
        }
        Operation::Transpose { matrix, transposed } => {
            (transpose::call(rows(matrix), columns(matrix)), vec![matrix, transposed])
        }
        Operation::Accumulate { matrix, factors, sum } => {
            let call = accumulate::call(factors.is_some(), rows(matrix), columns(matrix));
            (call, [matrix, sum].into_iter().chain(factors).collect())
        }
        Operation::Multiply { factors, product } => {
            (multiply::call(rows(product), columns(product)), vec![factors, product])
        }
        Operation::BiasGradient { gradient, normalized, bias_gradient } => {
            let call = bias_gradient::call(normalized.is_some(), rows(gradient), columns(gradient));
            (call, [gradient, bias_gradient].into_iter().chain(normalized).collect())
        }
        Operation::SquareSums { gradient, row, sums, norm } => {
            (square_sums::call(rows(gradient) * columns(gradient), row, norm), vec![gradient, sums])
        }
        Operation::ClipScale { sums, scale } => (clip_scale::call(rows(sums) * columns(sums)), vec![sums, scale]),
        Operation::Optimizer { is_weight, rate_factor, gradient, values, moments, clip_scale } => {
            let count = rows(values) * columns(values);
            let call = optimizer::call(moments.kept(), clip_scale.is_some(), count, is_weight, rate_factor);
            (call, [gradient, values].into_iter().chain(moments.tensors()).chain(clip_scale).collect())
        }
        Operation::LayerUpdate { input, gradient, values, moments, bias, rate_factor } => {
            let (inputs, outputs) = (columns(input), columns(gradient));
            let update = LayerUpdate { inputs, outputs, batch_size: rows(input), bias, rate_factor };
            let size = products.update_tile(inputs, outputs).unwrap_or(TileSize::Small);
            let tensors = [input, gradient, values].into_iter().chain(moments.tensors()).collect();
            (update.call(size, moments.kept()), tensors)
        }
        Operation::Metrics { output_activation, logits, targets, metrics } => {
            (metrics::call(output_activation, rows(logits), columns(logits)), vec![logits, targets, metrics])
        }
    }
}

impl MomentTensors {
    fn kept(self) -> Moments {
        Moments { first: self.first.is_some(), second: self.second.is_some() }
    }

    pub(super) fn tensors(self) -> impl Iterator<Item = TensorId> {
        self.first.into_iter().chain(self.second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_other_tensors_need_not_wait() {
        let mut graph = Graph::default();
        let [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(|name| graph.tensor(name, 4, 4));
        let chain = |operations: &[Operation]| {
            let choose = |operation| choose_kernel(&graph, operation, Products::Direct);
            longest_chain(&graph, &operations.iter().map(choose).collect::<Vec<_>>())
        };
        let sum = |gradient, bias_gradient| Operation::BiasGradient { gradient, normalized: None, bias_gradient };
        // Two read the same and write elsewhere.
        assert_eq!(chain(&[sum(a, b), sum(a, c)]), 1);
        // The second reads what the first writes; the third writes what the second reads.
        assert_eq!(chain(&[sum(a, b), sum(b, c)]), 2);
        assert_eq!(chain(&[sum(a, b), sum(b, c), sum(d, b)]), 3);
        let moments = MomentTensors { first: Some(c), second: Some(d) };
        let update = Operation::Optimizer {
            is_weight: true,
            rate_factor: 1.0,
            gradient: a,
            values: b,
            moments,
            clip_scale: None,
        };
        assert_eq!(chain(&[update.clone(), sum(e, e), update]), 2);
    }
}
