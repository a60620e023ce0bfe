//! The statements that a directory lists: keys, agreements and operations, each signed by its own party.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::{Agreement, AgreementId, Operation, Parties};
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::KeyUse;
use sealpost_domain::envelope::Wrap;
use sealpost_domain::instant::{Instant, Period};
use sealpost_domain::message::OperationId;
use sealpost_proto::v1 as pb;

use super::DIRECTORY_BYTES_MAX;
use crate::Error;
use crate::envelope::{wrap, wrap_message};
use crate::field::{In, digest_bytes, enumeration, instant};
use crate::names;

const SECONDS_PER_DAY: u64 = 86_400;

enumeration!(key_use, key_use_number, pb::KeyUse, KeyUse {
    Node = Node,
    Officer = Officer,
});

/// The payload of a signing key's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyTerms {
    /// Whose key.
    pub agency: AgencyId,
    /// Ed25519.
    pub public_key: [u8; 32],
    /// What it may sign.
    pub usage: KeyUse,
    /// When it is valid; always with an end.
    pub period: Period,
}

/// The payload of a sealing key's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingKeyTerms {
    /// Whose key.
    pub agency: AgencyId,
    /// X-Wing, 1216 bytes.
    pub public_key: Bytes,
    /// Counted from 1.
    pub epoch: u64,
    /// When it is valid; always with an end.
    pub period: Period,
}

impl SigningKeyTerms {
    /// Parses the signed bytes.
    pub fn from_payload(bytes: &Bytes) -> Result<Self, Error> {
        let at = In("SigningKey");
        let pb::SigningKey { agency, algorithm, public_key, r#use, not_before_ms, not_after_ms } =
            at.decode(bytes, 4096)?;
        algorithm_is(at, &algorithm, "Ed25519")?;
        Ok(Self {
            agency: at.agency("agency", &agency)?,
            public_key: at.array("public_key", &public_key)?,
            usage: key_use(at, "use", r#use)?,
            period: period(at, not_before_ms, not_after_ms)?,
        })
    }

    /// The bytes for the jurisdiction's root to sign.
    pub fn to_payload(&self) -> Bytes {
        let (not_before_ms, not_after_ms) = period_numbers(self.period);
        let message = pb::SigningKey {
            agency: self.agency.to_string(),
            algorithm: "Ed25519".to_owned(),
            public_key: Bytes::copy_from_slice(&self.public_key),
            r#use: key_use_number(self.usage),
            not_before_ms,
            not_after_ms,
        };
        message.encode_to_vec().into()
    }
}

impl SealingKeyTerms {
    /// Parses the signed bytes.
    pub fn from_payload(bytes: &Bytes) -> Result<Self, Error> {
        let at = In("SealingKey");
        let pb::SealingKey { agency, algorithm, public_key, epoch, not_before_ms, not_after_ms } =
            at.decode(bytes, 8192)?;
        algorithm_is(at, &algorithm, "X-Wing")?;
        Ok(Self {
            agency: at.agency("agency", &agency)?,
            public_key,
            epoch,
            period: period(at, not_before_ms, not_after_ms)?,
        })
    }

    /// The bytes for the agency to sign.
    pub fn to_payload(&self) -> Bytes {
        let (not_before_ms, not_after_ms) = period_numbers(self.period);
        let message = pb::SealingKey {
            agency: self.agency.to_string(),
            algorithm: "X-Wing".to_owned(),
            public_key: self.public_key.clone(),
            epoch: self.epoch,
            not_before_ms,
            not_after_ms,
        };
        message.encode_to_vec().into()
    }
}

fn algorithm_is(at: In, found: &str, expected: &str) -> Result<(), Error> {
    if found == expected {
        Ok(())
    } else {
        Err(at.fault("algorithm", format!("is `{found}`, this version knows {expected}")))
    }
}

fn period(at: In, from_ms: i64, until_ms: i64) -> Result<Period, Error> {
    if from_ms >= until_ms {
        return Err(at.fault("not_after_ms", "is not after not_before_ms"));
    }
    Ok(Period { from: instant(from_ms), until: Some(instant(until_ms)) })
}

fn period_numbers(period: Period) -> (i64, i64) {
    (period.from.as_millis(), period.until.map_or(i64::MAX, Instant::as_millis))
}

/// Parses the signed bytes of an agreement; `digest` is theirs.
pub fn agreement_from_payload(bytes: &Bytes, digest: Digest) -> Result<Agreement, Error> {
    let at = In("Agreement");
    let pb::Agreement {
        id,
        title,
        parties,
        categories,
        modes,
        strictest_tlp,
        handling_codes,
        retention_days_max,
        from_ms,
        until_ms,
    } = at.decode(bytes, 64 * 1024)?;
    if until_ms.is_some_and(|until| until <= from_ms) {
        return Err(at.fault("until_ms", "is not after from_ms"));
    }
    Ok(Agreement {
        id: at.parse::<AgreementId>("id", &id)?,
        digest,
        title,
        parties: self::parties(at, "parties", &parties)?,
        categories: categories
            .into_iter()
            .map(|category| names::category(at, "categories", category))
            .collect::<Result<_, _>>()?,
        modes: modes.into_iter().map(|mode| names::mode(at, "modes", mode)).collect::<Result<_, _>>()?,
        strictest_tlp: names::tlp(at, "strictest_tlp", strictest_tlp)?,
        handling_codes: handling_codes
            .into_iter()
            .map(|code| names::handling_code(at, "handling_codes", code))
            .collect::<Result<_, _>>()?,
        retention_max: Duration::from_secs(u64::from(retention_days_max) * SECONDS_PER_DAY),
        period: Period { from: instant(from_ms), until: until_ms.map(instant) },
    })
}

/// The bytes for the parties to sign; the agreement's own digest is not among them.
pub fn agreement_to_payload(agreement: &Agreement) -> Bytes {
    let days = agreement.retention_max.as_secs() / SECONDS_PER_DAY;
    let message = pb::Agreement {
        id: agreement.id.to_string(),
        title: agreement.title.clone(),
        parties: agreement.parties.as_slice().iter().map(AgencyId::to_string).collect(),
        categories: agreement.categories.iter().copied().map(names::category_number).collect(),
        modes: agreement.modes.iter().copied().map(names::mode_number).collect(),
        strictest_tlp: names::tlp_number(agreement.strictest_tlp),
        handling_codes: agreement.handling_codes.iter().copied().map(names::handling_code_number).collect(),
        retention_days_max: u32::try_from(days).unwrap_or(u32::MAX),
        from_ms: agreement.period.from.as_millis(),
        until_ms: agreement.period.until.map(Instant::as_millis),
    };
    message.encode_to_vec().into()
}

/// What an operation is about, as its lead sealed it to the members.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedDetails {
    /// Sealed as an envelope's body is.
    pub sealed: Bytes,
    /// One for each member, of the content key alone.
    pub wraps: Vec<Wrap>,
    /// The commitment to the content key.
    pub key_commitment: Digest,
}

/// Parses the signed bytes of an operation; `digest` is theirs, and covers the sealed details, which are not opened here.
pub fn operation_from_payload(bytes: &Bytes, digest: Digest) -> Result<Operation, Error> {
    let at = In("Operation");
    let pb::Operation {
        id,
        lead,
        members,
        from_ms,
        until_ms,
        sealed_details: _,
        wraps: _,
        key_commitment: _,
    } = at.decode(bytes, DIRECTORY_BYTES_MAX)?;
    let operation = Operation {
        id: at.parse::<OperationId>("id", &id)?,
        digest,
        lead: at.agency("lead", &lead)?,
        members: parties(at, "members", &members)?,
        from: instant(from_ms),
        until: instant(until_ms),
    };
    if !operation.members.contains(&operation.lead) {
        return Err(at.fault("lead", format!("{} is not among the members", operation.lead)));
    }
    Ok(operation)
}

/// The sealed details in the signed bytes of an operation; `None` where nothing is said.
pub fn operation_details_from_payload(bytes: &Bytes) -> Result<Option<SealedDetails>, Error> {
    let at = In("Operation");
    let message: pb::Operation = at.decode(bytes, DIRECTORY_BYTES_MAX)?;
    if message.sealed_details.is_empty() {
        return Ok(None);
    }
    Ok(Some(SealedDetails {
        sealed: message.sealed_details,
        wraps: message.wraps.into_iter().map(wrap).collect::<Result<_, _>>()?,
        key_commitment: at.bytes("key_commitment", &message.key_commitment)?,
    }))
}

/// The bytes for the lead to sign, with sealed details or without; the operation's own digest is not among them.
pub fn operation_to_payload(operation: &Operation, details: Option<&SealedDetails>) -> Bytes {
    let message = pb::Operation {
        id: operation.id.to_string(),
        lead: operation.lead.to_string(),
        members: operation.members.as_slice().iter().map(AgencyId::to_string).collect(),
        from_ms: operation.from.as_millis(),
        until_ms: operation.until.as_millis(),
        sealed_details: details.map_or_else(Bytes::new, |details| details.sealed.clone()),
        wraps: details.map_or_else(Vec::new, |details| details.wraps.iter().map(wrap_message).collect()),
        key_commitment: details.map_or_else(Bytes::new, |details| digest_bytes(details.key_commitment)),
    };
    message.encode_to_vec().into()
}

fn parties(at: In, field: &'static str, names: &[String]) -> Result<Parties, Error> {
    let agencies = names.iter().map(|name| at.agency(field, name)).collect::<Result<_, _>>()?;
    Parties::new(agencies).map_err(|error| at.fault(field, error))
}
