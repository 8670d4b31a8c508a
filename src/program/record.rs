//! A graph bound to kernels and buffers: a list of dispatches, recorded again for every step.

use super::{Graph, Memory, Operation, TensorId};
use crate::gpu::{Commands, Dispatch, Gpu, GpuError, Table, Tensor};
use crate::kernels::matmul::{Form, Matmul, Schedule};
use crate::kernels::step::Step;
use crate::kernels::{Call, activation_backward, adam, bias_gradient, gather, loss, mean_loss, metrics};
use crate::reference::Activation;

/// The dispatches of one step, and the table of what differs between steps.
#[derive(Debug)]
pub struct Program {
    dispatches: Vec<Dispatch>,
    table: Table,
}

impl Program {
    /// Binds every operation of the graph to a kernel and to the tensors in `memory`, where the graph has been placed.
    ///
    /// `steps_per_submission` is the most steps that are submitted together.
    pub fn new(
        gpu: &Gpu,
        graph: &Graph,
        memory: &Memory,
        schedule: Schedule,
        steps_per_submission: usize,
    ) -> Result<Self, GpuError> {
        let table = Table::new(gpu, "step table", size_of::<Step>(), steps_per_submission)?;
        let dispatches = graph
            .operations()
            .iter()
            .map(|operation| {
                let (call, tensors) = choose_kernel(graph, operation, schedule);
                let tensors =
                    tensors.into_iter().map(|id| memory.tensor(graph, id)).collect::<Result<Vec<&Tensor>, _>>()?;
                call.bind(gpu, Some(&table), &tensors)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { dispatches, table })
    }

    /// How many dispatches a step takes.
    pub fn dispatches_per_step(&self) -> usize {
        self.dispatches.len()
    }

    /// Records one run of the dispatches for each step; they run when the commands are submitted.
    pub fn record(&self, gpu: &Gpu, steps: &[Step]) -> Result<Commands, GpuError> {
        self.table.upload(gpu, steps)?;
        Ok(Commands::record(gpu, &self.dispatches, &self.table, steps.len()))
    }
}

/// The kernel for an operation, and its tensors in the order in which the kernel binds them.
fn choose_kernel(graph: &Graph, operation: &Operation, schedule: Schedule) -> (Call, Vec<TensorId>) {
    let rows = |id: TensorId| graph.shape(id).rows;
    let columns = |id: TensorId| graph.shape(id).columns;
    let product = |form, a: TensorId, b: TensorId, c: TensorId| {
        let inner = if form == Form::TransposedA { rows(a) } else { columns(a) };
        let product = Matmul {
            form,
            schedule,
            activation: Activation::Identity,
            bias: false,
            rows: rows(c),
            columns: columns(c),
            inner,
        };
        (product.call(), vec![a, b, c])
    };
    match *operation {
        Operation::Gather { samples, batch, order } => {
            (gather::call(order, rows(batch), rows(samples), columns(batch)), vec![samples, batch])
        }
        Operation::Dense { input, weight, bias, output, activation } => {
            let product = Matmul {
                form: Form::Plain,
                schedule,
                activation,
                bias: true,
                rows: rows(output),
                columns: columns(output),
                inner: columns(input),
            };
            (product.call(), vec![input, weight, bias, output])
        }
        Operation::Loss { loss, output_activation, logits, targets, gradient, sample_losses } => (
            loss::call(loss, output_activation, rows(logits), columns(logits)),
            vec![logits, targets, gradient, sample_losses],
        ),
        Operation::MeanLoss { sample_losses, losses } => (mean_loss::call(), vec![sample_losses, losses]),
        Operation::WeightGradient { input, gradient, weight_gradient } => {
            product(Form::TransposedA, input, gradient, weight_gradient)
        }
        Operation::Scatter { batch, scatter } => product(Form::TransposedA, batch, batch, scatter),
        Operation::InputGradient { gradient, weight, input_gradient } => {
            product(Form::TransposedB, gradient, weight, input_gradient)
        }
        Operation::BiasGradient { gradient, bias_gradient } => {
            (bias_gradient::call(rows(gradient), columns(gradient)), vec![gradient, bias_gradient])
        }
        Operation::ActivationBackward { activation, output, gradient } => {
            (activation_backward::call(activation, rows(output) * columns(output)), vec![output, gradient])
        }
        Operation::Adam { settings, gradient, values, first_moment, second_moment } => {
            let count = rows(values) * columns(values);
            let call = adam::call(count, settings.beta1, settings.beta2, settings.epsilon);
            (call, vec![gradient, values, first_moment, second_moment])
        }
        Operation::Metrics { output_activation, logits, targets, metrics } => {
            (metrics::call(output_activation, rows(logits), columns(logits)), vec![logits, targets, metrics])
        }
    }
}
