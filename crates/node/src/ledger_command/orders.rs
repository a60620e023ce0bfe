//! `ledger hold|release|erase|held|orders`: what is ordered about one body, and how that is told.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use sealpost_domain::message::MessageId;
use sealpost_node::config::NodeConfig;
use sealpost_node::orders::{self, CarriedOut, Order, Ordered, REASON_BYTES_MAX, Target};
use sealpost_node::pool::system_random;
use sealpost_server::clock::Clock;
use sealpost_server::program::say;
use serde::Serialize;

use super::{Failure, Output, json};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The record of the message: the ledger index that `sealpost show` tells.
    index: u64,
    /// The message whose body it is: an index is soon mistyped, and what has ended does not come back.
    #[arg(long, value_name = "ID")]
    message: MessageId,
    #[command(flatten)]
    reason: Reason,
}

/// Who orders it and why.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Reason {
    /// Who orders it and why, in one line; kept with the record, encrypted, for a year. Others on this machine can see it
    /// while the command runs, and the shell keeps it: whoever is at risk is named in --reason-file.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A file with that line; - is stdin.
    #[arg(long, value_name = "FILE")]
    reason_file: Option<PathBuf>,
}

impl Reason {
    fn text(&self) -> Result<String, Failure> {
        match (&self.reason, &self.reason_file) {
            (Some(reason), _) => Ok(reason.clone()),
            (None, Some(path)) => {
                let unread = |source| Failure::Unread { path: path.clone(), source };
                let read = if path == Path::new("-") {
                    line(io::stdin().lock())
                } else {
                    File::open(path).and_then(line)
                };
                read.map_err(unread)
            }
            // What is empty is refused with what was expected; clap lets neither of them be left out.
            (None, None) => Ok(String::new()),
        }
    }
}

/// One line. Of a longer one only so much is read as is refused.
fn line(from: impl Read) -> io::Result<String> {
    let (mut bytes, max) = (Vec::new(), REASON_BYTES_MAX + "\r\n".len());
    from.take(max as u64).read_to_end(&mut bytes)?;
    if bytes.len() == max && !bytes.ends_with(b"\r\n") {
        // It may end within a character.
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    let mut text =
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let end = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).len());
    text.truncate(end.unwrap_or(text.len()));
    Ok(text)
}

pub(super) fn obey(config: &NodeConfig, order: Order, arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { index, message, reason } = arguments;
    let (now, mut rng) = (Clock::system().now(), system_random()());
    let target = Target { index: *index, message: *message };
    let CarriedOut { message, record } =
        orders::carry_out(config, order, target, &reason.text()?, now, rng.as_mut())?;
    let done = match order {
        Order::Hold => "is held: it outlives its retention",
        Order::Release => "is held no more: where its retention is over, it ends at the next start",
        Order::Erase => {
            "is erased; backups of the key folder (buckets/) still have its key until they are replaced, and what encloses \
             the message, as an own forward of it, is a body of its own"
        }
    };
    let whose = whose(*index, message);
    Ok(say(&format!("the body of {whose} {done}; record {record} says so"))?)
}

pub(super) fn held(config: &NodeConfig, output: Output) -> Result<(), Failure> {
    tell(orders::held(config)?, "no legal hold is on any body", output)
}

pub(super) fn all(config: &NodeConfig, output: Output) -> Result<(), Failure> {
    tell(orders::all(config)?, "nothing was ordered about any body", output)
}

fn tell(orders: Vec<Ordered>, none: &str, output: Output) -> Result<(), Failure> {
    match output {
        Output::Json => {
            let told: Vec<Told> = orders.into_iter().map(Told::from).collect();
            say(&json(&told))?;
        }
        Output::Text if orders.is_empty() => say(none)?,
        Output::Text => {
            for ordered in orders {
                say(&text(ordered))?;
            }
        }
    }
    Ok(())
}

fn text(ordered: Ordered) -> String {
    let Ordered { order, record, at, index, message, reason } = ordered;
    let (order, whose) = (word(order), whose(index, message));
    let reason = reason
        .unwrap_or_else(|| "(the reason cannot be read: its key has ended or is not in place)".to_owned());
    format!("{at} {order} {whose}: {reason} (record {record})")
}

/// What `--output json` says of an order.
#[derive(Serialize)]
struct Told {
    order: &'static str,
    at: String,
    /// The record of the message.
    ledger_index: u64,
    /// Left out where the leaf that says it is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Left out where it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The record of the order.
    record: u64,
}

impl From<Ordered> for Told {
    fn from(ordered: Ordered) -> Self {
        let Ordered { order, record, at, index, message, reason } = ordered;
        let message = message.map(|message| message.to_string());
        Self { order: word(order), at: at.to_string(), ledger_index: index, message, reason, record }
    }
}

fn word(order: Order) -> &'static str {
    match order {
        Order::Hold => "hold",
        Order::Release => "release",
        Order::Erase => "erase",
    }
}

/// Whose body it is.
fn whose(index: u64, message: Option<MessageId>) -> String {
    match message {
        Some(message) => format!("message {message} (record {index})"),
        None => format!("record {index}, whose leaf is lost (its message is not known)"),
    }
}

#[cfg(test)]
mod tests {
    use sealpost_domain::instant::Instant;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_reason_is_one_line_without_its_end_and_no_more_than_a_little_is_read() {
        let read = |text: &str| line(text.as_bytes()).unwrap();
        for text in ["Court order 12", "Court order 12\n", "Court order 12\r\n"] {
            assert_eq!(read(text), "Court order 12");
        }
        assert_eq!(read("two\nlines\n"), "two\nlines", "refused, and not shortened");
        let longest = "x".repeat(REASON_BYTES_MAX);
        assert_eq!(read(&format!("{longest}\n")), longest);
        for long in ["x", "ü"] {
            assert!(read(&long.repeat(REASON_BYTES_MAX * 3)).len() > REASON_BYTES_MAX);
        }
        assert!(line(&b"\xff\n"[..]).is_err());
    }

    #[test]
    fn an_order_is_told_to_machines_with_what_is_known_of_it() {
        let message: MessageId = "018f7b1c-0000-7000-8000-000000000001".parse().unwrap();
        let at = Instant::from_millis(1_790_000_000_000);
        let ordered = Ordered {
            order: Order::Hold,
            record: 9,
            at,
            index: 3,
            message: Some(message),
            reason: Some("Court order 12".to_owned()),
        };
        let told = |ordered: Ordered| serde_json::to_value(Told::from(ordered)).unwrap();
        let all = json!({
            "order": "hold", "at": at.to_string(), "ledger_index": 3, "message": message.to_string(),
            "reason": "Court order 12", "record": 9,
        });
        assert_eq!(told(ordered.clone()), all);
        let lost = told(Ordered { message: None, reason: None, ..ordered });
        assert_eq!((lost.get("message"), lost.get("reason")), (None::<&Value>, None));
    }
}
