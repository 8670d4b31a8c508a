//! What the tests on an adapter share. A machine without any adapter fails them; none is skipped.

use diabolo::gpu::{Gpu, select_adapter};

/// The adapter that `DIABOLO_ADAPTER` names, or the default one.
pub fn gpu() -> Gpu {
    let wanted = std::env::var("DIABOLO_ADAPTER").ok();
    let adapter = select_adapter(wanted.as_deref()).unwrap_or_else(|error| panic!("{error}"));
    Gpu::open(&adapter).unwrap_or_else(|error| panic!("{error}"))
}
