//! Why an order about one body was not carried out.

use std::path::PathBuf;

use sealpost_domain::message::MessageId;
use sealpost_ledger::{ReadError, append, bucket, open, tree};

use super::REASON_BYTES_MAX;
use crate::erase;

/// Why an order was not carried out. Nothing was changed, unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder holds no ledger.
    #[error("{} holds no ledger yet: start the node once", dir.display())]
    Empty {
        /// Where it should lie.
        dir: PathBuf,
    },
    /// The ledger was not opened.
    #[error("the ledger is not opened for this; stop its node first, and start it again afterwards")]
    Open(#[from] open::Error),
    /// The ledger cannot be read without opening it.
    #[error("the ledger cannot be read")]
    Log(#[from] sealpost_seglog::open::Error),
    /// The checkpoint beside it.
    #[error("the checkpoint of the ledger cannot be read")]
    Checkpoint(#[from] tree::Error),
    /// A record of it.
    #[error("record {index} cannot be read")]
    Read {
        /// Which one.
        index: u64,
        /// Why.
        source: ReadError,
    },
    /// There is no such record, or it is no message.
    #[error("record {index} is no message: give the ledger index that `sealpost show` tells of it")]
    NoMessage {
        /// Which one.
        index: u64,
    },
    /// Its body is lost, and nothing tells any more with which bucket it ends.
    #[error(
        "the body of record {index} is lost here, and with it when it ends: start the node, so that it comes again from its \
         sender, or put the ledger back from a backup, and give the order then"
    )]
    BodyLost {
        /// Which one.
        index: u64,
    },
    /// The reason is missing or too long.
    #[error("a reason is one line of 1 to {REASON_BYTES_MAX} bytes, found {found}")]
    Reason {
        /// Bytes.
        found: usize,
    },
    /// It was erased before.
    #[error("the body of record {index} was erased before")]
    Erased {
        /// Which one.
        index: u64,
    },
    /// A hold is on it.
    #[error(
        "a legal hold is on the body of record {index}: it is not erased before every order to hold it has ended"
    )]
    Held {
        /// Which one.
        index: u64,
    },
    /// A hold is on it already.
    #[error(
        "a legal hold is on the body of record {index} already, and one protects it: keep a second order on file, and do not \
         release it before both have ended"
    )]
    HeldAlready {
        /// Which one.
        index: u64,
    },
    /// It is another message's.
    #[error("record {index} holds message {found}, not {named}: nothing was ordered")]
    OtherMessage {
        /// Which one.
        index: u64,
        /// Whose it is.
        found: MessageId,
        /// What was named.
        named: MessageId,
    },
    /// No hold is on it.
    #[error("no legal hold is on the body of record {index}")]
    NotHeld {
        /// Which one.
        index: u64,
    },
    /// The system gave no means to work with.
    #[error("cannot begin to work")]
    System(#[source] std::io::Error),
    /// The keys.
    #[error("the keys of the bodies")]
    Buckets(#[from] bucket::Error),
    /// The record of it was not made durable.
    #[error("the order cannot be recorded")]
    Append(#[from] append::Error),
    /// The order is recorded, and the key could not be destroyed.
    #[error(
        "the order is recorded; the key is destroyed at the next start of the node, since it could not be now"
    )]
    Erase(#[from] erase::Undestroyed),
}

impl Error {
    /// Whether an argument is at fault, and not what it names.
    pub fn is_of_an_argument(&self) -> bool {
        matches!(self, Self::Reason { .. })
    }
}
