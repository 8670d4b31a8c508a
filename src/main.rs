//! The command `diabolo`.

use std::process::ExitCode;

fn main() -> ExitCode {
    keep_mesa_quiet();
    diabolo::cli::main()
}

/// Where there is no desktop, Mesa's Vulkan layer for choosing a GPU complains on the standard error stream each time that adapters are
/// listed. diabolo chooses by itself, and its errors are to stand alone.
fn keep_mesa_quiet() {
    let has_desktop = std::env::var_os("XDG_RUNTIME_DIR").is_some();
    if cfg!(target_os = "linux") && !has_desktop {
        // SAFETY: this is the first thing that the program does; no other thread is there to read the environment.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
