//! `ledger hold|release|erase|held|orders`: what is ordered about one body, and how that is told.

use clap::Args;
use sealpost_domain::message::MessageId;
use sealpost_node::config::NodeConfig;
use sealpost_node::orders::{self, CarriedOut, Order, Ordered};
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

#[derive(Args)]
pub(crate) struct Erase {
    #[command(flatten)]
    arguments: Arguments,
    /// The message whose body it is: erasing cannot be undone, and an index is soon mistyped.
    #[arg(long, value_name = "ID")]
    message: MessageId,
}

pub(super) fn erase(config: &NodeConfig, erase: &Erase) -> Result<(), Failure> {
    obey(config, Order::Erase, &erase.arguments, Some(erase.message))
}

pub(super) fn obey(
    config: &NodeConfig,
    order: Order,
    arguments: &Arguments,
    named: Option<MessageId>,
) -> Result<(), Failure> {
    let Arguments { index, reason } = arguments;
    let (now, mut rng) = (Clock::system().now(), system_random()());
    let CarriedOut { message, record } =
        orders::carry_out(config, order, (*index, named), reason, now, rng.as_mut())?;
    let done = match order {
        Order::Hold => "is held: it outlives its retention",
        Order::Release => "is held no more: where its retention is over, it ends at the next start",
        Order::Erase => {
            "is erased; backups of the key folder (buckets/) still have its key until they are replaced"
        }
    };
    Ok(say(&format!("the body of message {message} (record {index}) {done}; record {record} says so"))?)
}

pub(super) fn held(config: &NodeConfig) -> Result<(), Failure> {
    tell(orders::held(config)?, "no legal hold is on any body")
}

pub(super) fn all(config: &NodeConfig) -> Result<(), Failure> {
    tell(orders::all(config)?, "nothing was ordered about any body")
}

fn tell(orders: Vec<Ordered>, none: &str) -> Result<(), Failure> {
    if orders.is_empty() {
        return Ok(say(none)?);
    }
    for Ordered { order, record, at, index, message, reason } in orders {
        let order = match order {
            Order::Hold => "hold",
            Order::Release => "release",
            Order::Erase => "erase",
        };
        let reason = reason.unwrap_or_else(|| {
            "(the reason cannot be read: its key has ended or is not in place)".to_owned()
        });
        say(&format!("{at} {order} record {index}, message {message}: {reason} (record {record})"))?;
    }
    Ok(())
}
