//! `sealpost`: the liaison officer's command.

use std::process::ExitCode;

fn main() -> ExitCode {
    sealpost_cli::run()
}
