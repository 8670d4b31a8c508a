//! One file for each kernel, or for kernels that do the same in different ways, such as the products: parameters, bindings, grid and variants.
//! [`step`] and [`layer`] are structures that several read. Knows no model.
//!
//! A kernel's `call` says what to run; `program/` binds it to tensors. [`ALL`] lists every kernel, and the tests walk it, so that
//! no kernel goes unchecked.

pub mod accumulate;
pub mod augment;
pub mod bias_gradient;
pub mod choose_samples;
pub mod clip_scale;
pub mod code_penalty;
pub mod column_sums;
pub mod copy;
pub mod corrupt;
pub mod count_completion;
pub mod divergence;
pub mod draw_code;
pub mod dropout;
pub mod gather;
pub mod keep_largest;
pub mod layer;
pub mod loss;
pub mod matmul;
pub mod metrics;
pub mod multiply;
pub mod multiply_add;
pub mod non_finite;
pub mod normalize_by_running_statistics;
pub mod normalize_columns;
pub mod normalize_columns_gradient;
pub mod normalize_rows;
pub mod normalize_rows_gradient;
pub mod optimizer;
pub mod propagate;
pub mod row_sums;
pub mod scale_shift;
pub mod softmax_cross_entropy;
pub mod square_sums;
pub mod step;
pub mod transpose;
pub mod update;

use crate::gpu::{
    Binding, BindingKind, Dispatch, DispatchDescriptor, Gpu, GpuError, Interface, MAXIMUM_WORKGROUPS_PER_AXIS, Needs,
    Table, Tensor, Variant,
};
use crate::reference::{Activation, Loss, Noise};

/// A shader and every variant of it that a program may choose.
pub struct Kernel {
    /// Its bindings.
    pub interface: Interface,
    /// What its variants need of an adapter.
    pub needs: Needs,
    /// All of them.
    pub variants: fn() -> Vec<Variant>,
}

/// Every kernel.
pub static ALL: [&Kernel; 39] = [
    &accumulate::KERNEL,
    &augment::KERNEL,
    &bias_gradient::KERNEL,
    &choose_samples::KERNEL,
    &clip_scale::KERNEL,
    &code_penalty::KERNEL,
    &column_sums::KERNEL,
    &copy::KERNEL,
    &corrupt::KERNEL,
    &count_completion::KERNEL,
    &divergence::KERNEL,
    &draw_code::KERNEL,
    &dropout::KERNEL,
    &gather::KERNEL,
    &keep_largest::KERNEL,
    &loss::KERNEL,
    &matmul::DIRECT,
    &matmul::SUBGROUP,
    &matmul::TILED,
    &matmul::update::KERNEL,
    &metrics::KERNEL,
    &multiply::KERNEL,
    &multiply_add::KERNEL,
    &non_finite::KERNEL,
    &normalize_by_running_statistics::KERNEL,
    &normalize_columns::KERNEL,
    &normalize_columns_gradient::KERNEL,
    &normalize_rows::KERNEL,
    &normalize_rows_gradient::KERNEL,
    &optimizer::KERNEL,
    &propagate::SUBGROUP,
    &propagate::WORKGROUP,
    &row_sums::KERNEL,
    &scale_shift::KERNEL,
    &softmax_cross_entropy::KERNEL,
    &square_sums::KERNEL,
    &transpose::KERNEL,
    &update::SUBGROUP,
    &update::WORKGROUP,
];

/// A run of a kernel: all of a dispatch but its tensors.
pub struct Call {
    /// What runs.
    pub kernel: &'static Kernel,
    /// Which variant of it.
    pub variant: Variant,
    /// The bytes of the kernel's `Parameters`; empty where it has none.
    pub parameters: Vec<u8>,
    /// The bytes of its uniform structures; empty where it has none.
    pub structures: Vec<u8>,
    /// Workgroups along x, y and z.
    pub workgroups: [u32; 3],
}

impl Call {
    /// Binds the call to tensors, in the order in which the shader declares them.
    ///
    /// # Errors
    /// As for [`Dispatch::new`].
    pub fn bind(&self, gpu: &Gpu, table: Option<&Table>, tensors: &[&Tensor]) -> Result<Dispatch, GpuError> {
        Dispatch::new(
            gpu,
            &DispatchDescriptor {
                interface: &self.kernel.interface,
                variant: &self.variant,
                parameters: &self.parameters,
                structures: &self.structures,
                table,
                tensors,
                workgroups: self.workgroups,
            },
        )
    }
}

impl Call {
    /// The bindings of the tensors, in the order in which the call takes them.
    pub fn tensors(&self) -> impl Iterator<Item = &'static Binding> {
        let is_tensor = |binding: &&Binding| matches!(binding.kind, BindingKind::Read | BindingKind::Write);
        self.kernel.interface.bindings_of(&self.variant).filter(is_tensor)
    }
}

/// Columns of a matrix that a workgroup takes: `COLUMNS` of `lib/columns.wgsl`.
const COLUMNS_OF_WORKGROUP: usize = 16;

/// Workgroups for `items` invocations, as `lib/grid.wgsl` numbers them.
fn linear_grid(items: usize, workgroup_size: usize) -> [u32; 3] {
    let workgroups = items.div_ceil(workgroup_size);
    let rows = workgroups.div_ceil(MAXIMUM_WORKGROUPS_PER_AXIS as usize).max(1);
    [workgroups.div_ceil(rows) as u32, rows as u32, 1]
}

/// Whether a length is a whole number of vec4s, and its number of those if it is, else of single elements.
fn whole_vectors(length: usize) -> (bool, usize) {
    if length.is_multiple_of(4) { (true, length / 4) } else { (false, length) }
}

/// `count` workgroups along y, going on along z where an axis is full; shaders number them `z · workgroups.y + y`.
fn folded_y(x: usize, count: usize) -> [u32; 3] {
    let layers = count.div_ceil(MAXIMUM_WORKGROUPS_PER_AXIS as usize).max(1);
    [x as u32, count.div_ceil(layers) as u32, layers as u32]
}

/// The number that shaders know an activation by: `lib/activation.wgsl`.
pub(crate) fn activation_number(activation: Activation) -> u32 {
    match activation {
        Activation::Identity => 0,
        Activation::Relu => 1,
        Activation::Sigmoid => 2,
        Activation::Tanh => 3,
        Activation::LeakyRelu => 4,
        Activation::Elu => 5,
        Activation::Gelu => 6,
        Activation::Silu => 7,
        Activation::Softplus => 8,
    }
}

/// The number that shaders know a loss by, and Huber's delta: `lib/loss.wgsl`.
fn loss_number_and_delta(loss: Loss) -> (u32, f32) {
    match loss {
        Loss::BinaryCrossEntropy => (0, 0.0),
        Loss::MeanSquaredError => (1, 0.0),
        Loss::MeanAbsoluteError => (2, 0.0),
        Loss::Huber { delta } => (3, delta as f32),
    }
}

/// The number that shaders know a kind of noise by: `lib/corruption.wgsl`.
fn noise_number(noise: Noise) -> u32 {
    match noise {
        Noise::None => 0,
        Noise::Gaussian => 1,
        Noise::Masking => 2,
        Noise::SaltAndPepper => 3,
    }
}

/// Declares a structure that a shader reads, with its layout.
macro_rules! shader_struct {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident { $($(#[$field_attribute:meta])* $field:ident: $kind:ty,)+ }) => {
        $(#[$attribute])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
        $visibility struct $name { $($(#[$field_attribute])* pub $field: $kind,)+ }

        impl $name {
            /// What the shader must find.
            pub const LAYOUT: $crate::gpu::StructLayout = $crate::gpu::StructLayout {
                size: ::core::mem::size_of::<Self>(),
                fields: &[$($crate::gpu::Field {
                    name: stringify!($field),
                    offset: ::core::mem::offset_of!(Self, $field),
                    scalar: <$kind as $crate::gpu::ShaderScalar>::SCALAR,
                }),+],
            };
        }
    };
}
use shader_struct;

/// Bindings in the order in which the shader declares them: `index name: kind`, and `if DEFINITION` where it depends on one.
macro_rules! bindings {
    ($($index:literal $name:ident: $kind:expr $(, if $only_with:literal)?;)+) => {
        &[$($crate::gpu::Binding {
            name: stringify!($name),
            index: $index,
            kind: $kind,
            only_with: { let only_with: Option<&'static str> = None; $(let only_with = { let _ = only_with; Some($only_with) };)? only_with },
        }),+]
    };
}
use bindings;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Feature;

    #[test]
    fn adapters_are_listed_with_what_kernels_make_use_of() {
        let needed: Vec<Feature> = ALL.iter().flat_map(|kernel| kernel.needs.features).copied().collect();
        assert!(needed.iter().all(|feature| Feature::ALL.contains(feature)));
        assert!(Feature::ALL.iter().all(|feature| needed.contains(feature)));
    }

    /// Software adapters run each of them without workgroups, too.
    #[test]
    fn kernels_that_an_adapter_supports_are_compiled_together() {
        let gpu = Gpu::of_tests();
        let supported = ALL.iter().filter(|kernel| gpu.supports(&kernel.needs));
        let variants: Vec<(&'static Interface, Variant)> =
            supported.map(|kernel| (&kernel.interface, (kernel.variants)().swap_remove(0))).collect();
        gpu.compile(variants.iter().map(|(interface, variant)| (*interface, variant))).unwrap();
        gpu.finish().unwrap();
    }

    #[test]
    fn a_folded_grid_covers_its_rows_within_the_limit() {
        for count in [1, 65_535, 65_536, 200_000] {
            let [x, y, z] = folded_y(3, count);
            assert!(x == 3 && y <= MAXIMUM_WORKGROUPS_PER_AXIS && (y * z) as usize >= count, "{count}");
        }
    }

    #[test]
    fn a_linear_grid_covers_its_items_within_the_limit() {
        for items in [1, 63, 64, 65, 64 * 65_535, 64 * 65_535 + 1, 1 << 30] {
            let [x, y, z] = linear_grid(items, 64);
            assert!(x <= MAXIMUM_WORKGROUPS_PER_AXIS && y <= MAXIMUM_WORKGROUPS_PER_AXIS && z == 1);
            assert!(x as usize * y as usize * 64 >= items, "{items} items");
        }
    }
}
