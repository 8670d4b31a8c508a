//! The command `diabolo`.

use std::process::ExitCode;

fn main() -> ExitCode {
    diabolo::cli::main()
}
