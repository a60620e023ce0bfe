//! `sealpost`: the liaison officer's command.

use std::process::ExitCode;

use sealpost_crypto::memory::Wiping;

/// Nothing of a message or a key stays behind in memory that was given back.
#[global_allocator]
static ALLOCATOR: Wiping = Wiping::new();

fn main() -> ExitCode {
    sealpost_cli::run()
}
