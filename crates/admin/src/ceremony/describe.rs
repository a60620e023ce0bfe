//! What keys, agreements and operations say, in one line each: the same words in a statement, before it is signed, and in the
//! differences of a version, so that the one can be compared with the other.

use std::collections::BTreeMap;
use std::fmt::Display;

use sealpost_crypto::digest::{Algorithm, key_id};
use sealpost_domain::agreement::{Agreement, Operation};
use sealpost_domain::digest::KeyId;
use sealpost_domain::directory::{Directory, KeyUse, RevocationReason};
use sealpost_domain::instant::Period;

/// A signing key.
pub fn signing_key(usage: KeyUse, period: Period) -> String {
    format!("for {}, {}", self::usage(usage), during(period))
}

/// A sealing key.
pub fn sealing_key(epoch: u64, period: Period) -> String {
    format!("epoch {epoch}, {}", during(period))
}

/// An agreement.
pub fn agreement(agreement: &Agreement) -> String {
    let days = agreement.retention_max.as_secs() / 86_400;
    format!(
        "\"{}\" between {}; {}; {}; up to {}, {}; kept {days} days; {}; digest {}",
        agreement.title,
        joined(agreement.parties.as_slice()),
        joined(&agreement.categories),
        joined(&agreement.modes),
        agreement.strictest_tlp,
        joined(&agreement.handling_codes),
        during(agreement.period),
        agreement.digest
    )
}

/// An operation; what it is about is in its digest alone.
pub fn operation(operation: &Operation) -> String {
    format!(
        "led by {}, with {}; from {} until {}; digest {}",
        operation.lead,
        joined(operation.members.as_slice()),
        operation.from,
        operation.until,
        operation.digest
    )
}

/// Whose the keys are that a version lists, and what for.
pub fn holders(directory: &Directory) -> BTreeMap<KeyId, String> {
    let authority = directory.authority_keys.iter();
    let authority =
        authority.map(|key| (key_id(Algorithm::Ed25519, key), "a key of the authority".to_owned()));
    let hub = directory.hub.signing_keys.iter().map(|key| (key.id, "a key of the hub".to_owned()));
    let agencies = directory.agencies.iter().flat_map(|(agency, record)| {
        let signing = record.signing_keys.iter();
        let signing =
            signing.map(move |key| (key.key.id, format!("signing key of {agency} for {}", usage(key.usage))));
        let sealing = record.sealing_keys.iter();
        let sealing =
            sealing.map(move |key| (key.key.id, format!("sealing key of {agency}, epoch {}", key.epoch)));
        signing.chain(sealing)
    });
    authority.chain(hub).chain(agencies).collect()
}

/// What a signing key may sign, in one word.
pub fn usage(usage: KeyUse) -> &'static str {
    match usage {
        KeyUse::Node => "node",
        KeyUse::Officer => "officer",
    }
}

/// Why a key is no longer believed, in one word.
pub fn reason(reason: RevocationReason) -> &'static str {
    match reason {
        RevocationReason::Superseded => "superseded",
        RevocationReason::Compromised => "compromised",
        RevocationReason::Cessation => "cessation",
    }
}

/// When something holds.
pub fn during(period: Period) -> String {
    match period.until {
        Some(until) => format!("from {} until {until}", period.from),
        None => format!("from {}", period.from),
    }
}

/// A list.
pub fn joined<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}
