//! `ledger hold|release|erase|held|orders`: what somebody orders about one body, on the record, while no node runs on the ledger.
//!
//! Never here: how a result is shown.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rand::CryptoRng;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::MessageId;
use sealpost_domain::record::Record;
use sealpost_domain::rule::Rule;
use sealpost_ledger::{
    Bucket, Buckets, Commits, Draft, Entry, History, Ledger, Options, ReadError, append, bucket, open, tree,
};
use sealpost_seglog::disk::{Disk, Real};
use sealpost_wire::envelope::header_from_bytes;
use sealpost_wire::ledger::{stored_body_from_bytes, stored_body_to_bytes};

use crate::config::NodeConfig;
use crate::core::erasures::{self, Erasures};
use crate::erase;
use crate::retention::{EVIDENCE, evidence_month};
use crate::run::Places;

/// The longest reason, in bytes.
pub const REASON_BYTES_MAX: usize = 1000;

/// What is ordered about one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It outlives its bucket.
    Hold,
    /// The hold on it ends.
    Release,
    /// It ends now.
    Erase,
}

/// An order that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedOut {
    /// The message whose body it is about.
    pub message: MessageId,
    /// The record that says so.
    pub record: u64,
}

/// An order that the ledger holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// What was ordered.
    pub order: Order,
    /// The record that says so.
    pub record: u64,
    /// When.
    pub at: Instant,
    /// The record whose body it is about.
    pub index: u64,
    /// The message.
    pub message: MessageId,
    /// Who ordered it and why; `None` where that cannot be read.
    pub reason: Option<String>,
}

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
    /// There is no such record, or it is no message with a body.
    #[error(
        "record {index} is no message whose body lies here: give the ledger index that `sealpost show` tells of it"
    )]
    NoMessage {
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
    #[error("record {index} holds message {found}, not {named}: nothing was erased")]
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
    Erase(#[from] erase::Error),
}

impl Error {
    /// Whether an argument is at fault, and not what it names.
    pub fn is_of_an_argument(&self) -> bool {
        matches!(self, Self::Reason { .. })
    }
}

/// Carries out an order about the body of a record, which the ledger then holds with its reason. Where a message is named
/// too, it must be the one in that record.
pub fn carry_out(
    config: &NodeConfig,
    order: Order,
    (index, named): (u64, Option<MessageId>),
    reason: &str,
    now: Instant,
    rng: &mut dyn CryptoRng,
) -> Result<CarriedOut, Error> {
    if !(1..=REASON_BYTES_MAX).contains(&reason.len()) || reason.chars().any(char::is_control) {
        return Err(Error::Reason { found: reason.len() });
    }
    let places = Places::of(config);
    // Not made anew by being asked about.
    drop(history(&places)?);
    let known_durable =
        tree::Files::at(&places.tree).checkpoint()?.map_or(0, |signed| signed.checkpoint.size());
    let options = Options { known_durable, commits: Commits::Inline, ..Options::default() };
    let (ledger, _) = Ledger::open(Arc::new(Real), &places.ledger, &config.agency, now, rng, options)?;
    let buckets = Buckets::open(&places.buckets)?;
    let mut erasures = erasures_of(ledger.history())?;

    let (message, bucket) = message_at(ledger.history(), index)?;
    if let Some(named) = named.filter(|named| *named != message) {
        return Err(Error::OtherMessage { index, found: message, named });
    }
    judge(&erasures, order, index, &bucket)?;
    let name = erasures::name(&bucket);
    let record = match order {
        Order::Hold => Record::Hold { index, bucket: name, held: true },
        Order::Release => Record::Hold { index, bucket: name, held: false },
        Order::Erase => {
            let (rule, key) = (Rule::ErasureOrdered.to_string(), buckets.key_id(&bucket)?);
            Record::Erasure { bucket: name, rule, index: Some(index), key }
        }
    };
    let mut salt = [0; 32];
    rng.fill_bytes(&mut salt);
    let kept_until = evidence_month(now).unwrap_or_else(|| bucket.month());
    let body = buckets.keep_text(rng, &Bucket::new(EVIDENCE, kept_until)?, salt, reason.as_bytes())?;
    let draft = Draft { recorded_at: now, salt, record: record.clone(), body: stored_body_to_bytes(&body) };
    let at = ledger.history().durable();
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(Error::System)?;
    runtime.block_on(ledger.append(vec![draft]))?;
    erasures.apply(at, now, &record);
    if order == Order::Erase {
        let due = erasures.due(|_| None, erase::present(&buckets));
        erase::carry_out(due, &buckets, ledger.history(), rng)?;
    }
    Ok(CarriedOut { message, record: at })
}

/// Every order, in the order in which they were given; also while the node runs.
pub fn all(config: &NodeConfig) -> Result<Vec<Ordered>, Error> {
    let places = Places::of(config);
    let history = history(&places)?;
    let buckets = Buckets::read_only(&places.buckets);
    let mut orders = Vec::new();
    for entry in entries(&history) {
        let entry = entry?;
        let (order, index) = match entry.leaf.record {
            Record::Hold { index, held, .. } => (if held { Order::Hold } else { Order::Release }, index),
            Record::Erasure { index: Some(index), .. } => (Order::Erase, index),
            _ => continue,
        };
        let (message, _) = message_at(&history, index)?;
        let text = stored_body_from_bytes(&entry.body).ok();
        let text = text.and_then(|body| buckets.text(&body, entry.leaf.salt).ok());
        let reason = text.map(|text| String::from_utf8_lossy(&text).into_owned());
        let (record, at) = (entry.index, entry.leaf.recorded_at);
        orders.push(Ordered { order, record, at, index, message, reason });
    }
    Ok(orders)
}

/// Every body on which a hold is, by the order to hold it.
pub fn held(config: &NodeConfig) -> Result<Vec<Ordered>, Error> {
    let mut held = BTreeMap::new();
    for ordered in all(config)? {
        match ordered.order {
            Order::Hold => drop(held.insert(ordered.index, ordered)),
            Order::Release => drop(held.remove(&ordered.index)),
            Order::Erase => {}
        }
    }
    Ok(held.into_values().collect())
}

/// Whether an order about a body can be carried out.
fn judge(erasures: &Erasures, order: Order, index: u64, bucket: &Bucket) -> Result<(), Error> {
    let (is_held, is_erased) =
        (erasures.is_held(index), erasures.of(index, &erasures::name(bucket)).is_some());
    match order {
        Order::Release if !is_held => Err(Error::NotHeld { index }),
        Order::Erase if is_held => Err(Error::Held { index }),
        Order::Hold if is_held => Err(Error::HeldAlready { index }),
        Order::Hold | Order::Erase if is_erased => Err(Error::Erased { index }),
        _ => Ok(()),
    }
}

fn history(places: &Places) -> Result<History, Error> {
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let (history, _) = History::open(&disk, &places.ledger, 0)?;
    if history.durable() == 0 { Err(Error::Empty { dir: places.ledger.clone() }) } else { Ok(history) }
}

/// The records that still have their leaves.
fn entries(history: &History) -> impl Iterator<Item = Result<Entry, Error>> + '_ {
    (0..history.durable()).filter_map(|index| match history.get(index) {
        Err(ReadError::Lost { .. }) => None,
        read => Some(read.map_err(|source| Error::Read { index, source })),
    })
}

fn erasures_of(history: &History) -> Result<Erasures, Error> {
    let mut erasures = Erasures::default();
    for entry in entries(history) {
        let entry = entry?;
        erasures.apply(entry.index, entry.leaf.recorded_at, &entry.leaf.record);
    }
    Ok(erasures)
}

/// The message of a record, and the bucket of its body.
fn message_at(history: &History, index: u64) -> Result<(MessageId, Bucket), Error> {
    if index >= history.durable() {
        return Err(Error::NoMessage { index });
    }
    let entry = history.get(index).map_err(|source| Error::Read { index, source })?;
    let header = match &entry.leaf.record {
        Record::Sent(sent) => &sent.header,
        Record::Received(received) => &received.header,
        _ => return Err(Error::NoMessage { index }),
    };
    let header = header_from_bytes(header).map_err(|_| Error::NoMessage { index })?;
    let (_, body) = erase::kept_in(&entry).ok_or(Error::NoMessage { index })?;
    let bucket = String::from_utf8_lossy(&body.bucket).parse()?;
    Ok((header.id, bucket))
}
