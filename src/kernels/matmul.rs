//! Matrix products in the three forms that training needs, with what follows them applied on the way out.

mod schedule;
pub mod update;

pub use schedule::{Load, Products, Schedule, TileSize};

use super::{Call, Kernel, activation_number, bindings, folded_y, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Feature, Interface, Needs, Variant};
use crate::reference::Activation;
use std::collections::BTreeSet;

shader_struct! {
    struct Parameters {
        rows: u32,
        columns: u32,
        inner: u32,
    }
}

shader_struct! {
    struct TiledParameters {
        rows: u32,
        columns: u32,
        inner: u32,
        activation: u32,
        bias: u32,
        rate_factor: f32,
    }
}

/// The bindings, with their parameters' layout.
macro_rules! bindings_with {
    ($parameters:ident) => {
        bindings! {
            0 parameters: Uniform(&$parameters::LAYOUT);
            1 a: Read;
            2 b: Read;
            3 bias: Read, if "BIAS";
            4 c: Write;
            5 derivative: Write, if "DERIVATIVE";
        }
    };
}

const BINDINGS: &[crate::gpu::Binding] = bindings_with!(Parameters);

/// Through workgroup memory, for GPUs. Which activation it is, its parameters say: a GPU does not mind, and has fewer shaders to compile.
pub static TILED: Kernel = Kernel {
    interface: Interface { name: "matmul_tiled", bindings: bindings_with!(TiledParameters) },
    needs: Needs { invocations: 256, workgroup_bytes: 16384, features: &[] },
    variants: || TileSize::ALL.into_iter().flat_map(|size| variants(Schedule::Tiled(size))).collect(),
};

/// Without barriers, for software adapters without subgroups of eight.
pub static DIRECT: Kernel = Kernel {
    interface: Interface { name: "matmul_direct", bindings: BINDINGS },
    needs: Needs { invocations: 8, workgroup_bytes: 0, features: &[] },
    variants: || variants(Schedule::Direct),
};

/// Without barriers and with few loads, for software adapters with subgroups of eight, as Mesa's has them.
pub static SUBGROUP: Kernel = Kernel {
    interface: Interface { name: "matmul_subgroup", bindings: BINDINGS },
    needs: Needs { invocations: 8, workgroup_bytes: 4096, features: &[Feature::Subgroups { size: 8 }, Feature::Int64] },
    variants: || variants(Schedule::Subgroup),
};

/// How the factors are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A [rows, inner] · B [inner, columns]: a layer's output.
    Plain,
    /// A [rows, inner] · Bᵀ, where B is [columns, inner]: the gradient of a layer's input.
    TransposedB,
    /// Aᵀ · B [inner, columns], where A is [inner, rows]: the gradient of a layer's weight.
    TransposedA,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 3] = [Self::Plain, Self::TransposedB, Self::TransposedA];

    /// The number that shaders know it by.
    fn number(self) -> u32 {
        match self {
            Self::Plain => 0,
            Self::TransposedB => 1,
            Self::TransposedA => 2,
        }
    }
}

/// What becomes of the product on the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epilogue {
    /// Nothing.
    Product,
    /// activation(product + bias), the bias being one row: a layer's output. Unless the activation is the identity, its derivative
    /// there goes to `derivative`, a matrix of the product's shape.
    Layer(Activation),
    /// The product times what `c` holds, the derivative of an activation: the gradient of what the layer before made of its input.
    Backward,
}

/// A product C [rows, columns] of A and B, and what follows it.
#[derive(Clone, Copy, Debug)]
pub struct Matmul {
    /// How the factors are stored.
    pub form: Form,
    /// How the work is laid out.
    pub schedule: Schedule,
    /// What becomes of the product on the way out.
    pub epilogue: Epilogue,
    /// Rows of C.
    pub rows: usize,
    /// Columns of C.
    pub columns: usize,
    /// What each element of C is a sum of.
    pub inner: usize,
}

impl Matmul {
    /// Binds `a`, `b`, a layer's `bias`, `c`, and a layer's `derivative`.
    pub fn call(&self) -> Call {
        let [rows, columns, inner] = [self.rows, self.columns, self.inner].map(|length| length as u32);
        let activation = activation_number(self.epilogue.activation());
        let parameters = match self.schedule {
            Schedule::Tiled(_) => {
                bytemuck::bytes_of(&TiledParameters { rows, columns, inner, activation, ..TiledParameters::default() })
                    .to_vec()
            }
            _ => bytemuck::bytes_of(&Parameters { rows, columns, inner }).to_vec(),
        };
        let [tile_rows, tile_columns] = self.schedule.tile();
        Call {
            kernel: self.schedule.kernel(),
            variant: variant(self.schedule, self.form, self.epilogue, self.load()),
            parameters,
            structures: Vec::new(),
            workgroups: folded_y(self.columns.div_ceil(tile_columns), self.rows.div_ceil(tile_rows)),
        }
    }

    /// What the schedule can load at once of all rows that it would load so.
    fn load(&self) -> Load {
        let row_of_a = if self.form == Form::TransposedA { self.rows } else { self.inner };
        let row_of_b = if self.form == Form::TransposedB { self.inner } else { self.columns };
        match self.schedule {
            Schedule::Direct => self.schedule.load(&[row_of_b]),
            _ => self.schedule.load(&[row_of_a, row_of_b, self.columns]),
        }
    }
}

impl Epilogue {
    fn activation(self) -> Activation {
        match self {
            Self::Product | Self::Backward => Activation::Identity,
            Self::Layer(activation) => activation,
        }
    }
}

fn tiled(size: TileSize) -> Variant {
    Variant::new("matmul_tiled", include_str!("../../shaders/matmul_tiled.wgsl"))
        .number("TILE", size.side() as u32)
        .trusted(true)
}

fn variant(schedule: Schedule, form: Form, epilogue: Epilogue, load: Load) -> Variant {
    let activation = epilogue.activation();
    let compiled = |variant: Variant| variant.number("ACTIVATION", activation_number(activation));
    let in_vectors = load == Load::Quad;
    let variant = match schedule {
        Schedule::Tiled(size) => tiled(size).flag("VECTOR", in_vectors),
        Schedule::Direct => compiled(Variant::new("matmul_direct", include_str!("../../shaders/matmul_direct.wgsl")))
            .flag("VECTOR", in_vectors),
        Schedule::Subgroup => {
            compiled(Variant::new("matmul_subgroup", include_str!("../../shaders/matmul_subgroup.wgsl")))
                .number("LOAD", load.elements() as u32)
        }
    };
    variant
        .number("FORM", form.number())
        .flag("BIAS", matches!(epilogue, Epilogue::Layer(_)))
        .flag("DERIVATIVE", activation != Activation::Identity)
        .flag("BACKWARD", epilogue == Epilogue::Backward)
}

/// The products of a training step: each form with what may follow it.
pub fn used() -> Vec<(Form, Epilogue)> {
    let mut all: Vec<_> = Form::ALL.map(|form| (form, Epilogue::Product)).into();
    all.extend(Activation::ALL.map(|activation| (Form::Plain, Epilogue::Layer(activation))));
    all.push((Form::TransposedB, Epilogue::Backward));
    all
}

/// Each once: some differ in their parameters alone.
fn variants(schedule: Schedule) -> Vec<Variant> {
    let of = |load: &Load| {
        let load = *load;
        used().into_iter().map(move |(form, epilogue)| variant(schedule, form, epilogue, load))
    };
    let unique: BTreeSet<Variant> = schedule.loads().iter().flat_map(of).collect();
    unique.into_iter().collect()
}
