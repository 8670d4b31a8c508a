//! The last dispatch of each compute pass, by which the host knows that the pass has run: `gpu::completion`.

use super::{Call, Kernel};
use crate::gpu::{Needs, completion};

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: completion::INTERFACE,
    needs: Needs { invocations: 1, workgroup_bytes: 0, features: &[] },
    variants: || vec![completion::variant()],
};

/// Binds `completed`, `[1]` of u32, which becomes one more.
pub fn call() -> Call {
    Call {
        kernel: &KERNEL,
        variant: completion::variant(),
        parameters: Vec::new(),
        structures: Vec::new(),
        workgroups: [1, 1, 1],
    }
}
