//! A node under a clock that is ahead: what only time brings about cannot be waited for.
//!
//! `node_at CONFIG SECONDS`: as `sealpost-node run`, with so many seconds more on its clock.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use sealpost_crypto::memory::Wiping;
use sealpost_node::config::NodeConfig;
use sealpost_node::run::{Error, Node};
use sealpost_server::clock::Clock;
use sealpost_server::program::{self, Program};
use sealpost_server::shutdown::Shutdown;

const PROGRAM: Program = Program::new("node_at");

/// As that of the real program.
#[global_allocator]
static ALLOCATOR: Wiping = Wiping::new();

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let path = PathBuf::from(arguments.next().expect("the first argument is the configuration"));
    let seconds = arguments.next().and_then(|seconds| seconds.to_str()?.parse().ok());
    let ahead = Duration::from_secs(seconds.expect("the second argument is how many seconds it is ahead"));
    match PROGRAM.load::<NodeConfig>(&path) {
        Ok(config) => PROGRAM.conclude(program::run(&config.log, run(&config, ahead), Error::System)),
        Err(code) => code,
    }
}

async fn run(config: &NodeConfig, ahead: Duration) -> Result<(), Error> {
    let shutdown = Shutdown::on_signals(config.ending.grace).map_err(Error::System)?;
    let system = Clock::system();
    let clock = Clock::new(move || system.now().plus(ahead));
    Node::open(config, shutdown, clock).await?.serve().await
}
