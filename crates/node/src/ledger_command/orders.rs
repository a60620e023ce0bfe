//! `ledger hold|release|erase|held`: what is ordered about one body, and how that is told.

use clap::Args;
use sealpost_node::config::NodeConfig;
use sealpost_node::orders::{self, CarriedOut, Held, Order};
use sealpost_node::pool::system_random;
use sealpost_server::clock::Clock;
use sealpost_server::program::say;

use super::Failure;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The record of the message: the ledger index that `sealpost show` tells.
    index: u64,
    /// Who orders it and why, in one line; kept with the record, encrypted, for a year.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) fn obey(config: &NodeConfig, order: Order, arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { index, reason } = arguments;
    let (now, mut rng) = (Clock::system().now(), system_random()());
    let CarriedOut { message, record } = orders::carry_out(config, order, *index, reason, now, rng.as_mut())?;
    let done = match order {
        Order::Hold => "is held: it outlives its retention",
        Order::Release => "is held no more",
        Order::Erase => {
            "is erased; backups of the key folder (buckets/) still have its key until they are replaced"
        }
    };
    Ok(say(&format!("the body of message {message} (record {index}) {done}; record {record} says so"))?)
}

pub(super) fn held(config: &NodeConfig) -> Result<(), Failure> {
    let held = orders::held(config)?;
    if held.is_empty() {
        return Ok(say("no legal hold is on any body")?);
    }
    for Held { record, message, since, reason } in held {
        let reason = reason.unwrap_or_else(|| "(the reason is erased)".to_owned());
        say(&format!("record {record}, message {message}, since {since}: {reason}"))?;
    }
    Ok(())
}
