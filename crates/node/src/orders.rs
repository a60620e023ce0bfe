//! `ledger hold|release|erase|held|orders`: what somebody orders about one body, on the record, while no node runs on the
//! ledger; and what was ordered, told also while it runs.
//!
//! Never here: how a result is shown.

mod bodies;
mod error;

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::CryptoRng;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::MessageId;
use sealpost_domain::record::Record;
use sealpost_domain::rule::Rule;
use sealpost_ledger::{Bucket, Buckets, Commits, Draft, History, Ledger, Options, tree};
use sealpost_seglog::disk::{Disk, Real};
use sealpost_wire::ledger::{stored_body_from_bytes, stored_body_to_bytes};

use crate::config::NodeConfig;
use crate::erase;
use crate::retention::{EVIDENCE, evidence_month};
use crate::run::Places;
use bodies::{Bodies, entries, message_of};
pub use error::Error;

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

/// The body that an order is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The record of its message.
    pub index: u64,
    /// The message that must be in that record, as far as that is known.
    pub message: MessageId,
}

/// An order that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedOut {
    /// The message whose body it is about; `None` where the leaf that says so is lost.
    pub message: Option<MessageId>,
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
    /// The message; `None` where the leaf that says so is lost.
    pub message: Option<MessageId>,
    /// Who ordered it and why; `None` where that cannot be read.
    pub reason: Option<String>,
}

/// Carries out an order about one body, which the ledger then holds with its reason.
pub fn carry_out(
    config: &NodeConfig,
    order: Order,
    target: Target,
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
    let mut bodies = Bodies::of(ledger.history())?;

    let Target { index, message: named } = target;
    let message = message_of(ledger.history(), index)?;
    if let Some(found) = message.filter(|found| *found != named) {
        return Err(Error::OtherMessage { index, found, named });
    }
    let bucket = judge(&bodies, ledger.history(), order, index)?;
    let name = bucket.to_bytes();
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
    let body = stored_body_to_bytes(&body);
    let draft = Draft { recorded_at: now, salt, record: record.clone(), body: body.clone() };
    let at = ledger.history().durable();
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(Error::System)?;
    runtime.block_on(ledger.append(vec![draft]))?;
    bodies.apply(at, now, &record, &body);
    if order == Order::Erase {
        let due = bodies.due_to_be_destroyed(erase::present(&buckets));
        let undestroyed = erase::carry_out(due, &buckets, ledger.history(), rng);
        // What is wrong with others does not concern this order; every start tells it.
        if let Some(undestroyed) = undestroyed.into_iter().find(|failed| failed.bucket == bucket) {
            return Err(undestroyed.into());
        }
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
        let message = message_of(&history, index)?;
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

/// The bucket of the body, where the order about it can be carried out.
fn judge(bodies: &Bodies, history: &History, order: Order, index: u64) -> Result<Bucket, Error> {
    let held_in = bodies.erasures().held_in(index);
    match (order, held_in) {
        // What is known of the hold is enough: the body itself may be lost.
        (Order::Release, Some(name)) => return Ok(Bucket::named(name)?),
        (Order::Release, None) => return Err(Error::NotHeld { index }),
        (Order::Erase, Some(_)) => return Err(Error::Held { index }),
        (Order::Hold, Some(_)) => return Err(Error::HeldAlready { index }),
        (Order::Hold | Order::Erase, None) => {}
    }
    let bucket = bodies.bucket_of(history, index)?;
    match bodies.erasures().of(index, &bucket.to_bytes()) {
        Some(_) => Err(Error::Erased { index }),
        None => Ok(bucket),
    }
}

fn history(places: &Places) -> Result<History, Error> {
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let (history, _) = History::open(&disk, &places.ledger, 0)?;
    if history.durable() == 0 { Err(Error::Empty { dir: places.ledger.clone() }) } else { Ok(history) }
}

#[cfg(test)]
mod tests;
