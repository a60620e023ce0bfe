//! `directory.proto`: the directory and the statements in it, as parsed and not yet verified.
//!
//! A [`Listing`] is what the authority's payload lists. Verifying it, which makes a `domain::directory::Directory`,
//! is the crypto crate's part.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::agency::{AgencyId, JurisdictionCode};
use sealpost_domain::agreement::{Agreement, AgreementId, Operation, Parties};
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::{ApprovalRule, JurisdictionRecord, KeyUse, Revocation, RevocationReason};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::{Instant, Period};
use sealpost_domain::message::OperationId;
use sealpost_domain::statement::Signed;
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::envelope::{key_id_bytes, signed, signed_message};
use crate::field::{In, digest_bytes, enumeration, instant};
use crate::names;

/// The largest directory, in bytes.
pub const DIRECTORY_BYTES_MAX: usize = 8 * 1024 * 1024;
const SECONDS_PER_DAY: u64 = 86_400;

enumeration!(key_use, key_use_number, pb::KeyUse, KeyUse {
    Node = Node,
    Officer = Officer,
});

enumeration!(revocation_reason, revocation_reason_number, pb::RevocationReason, RevocationReason {
    Superseded = Superseded,
    Compromised = Compromised,
    Cessation = Cessation,
});

/// The payload of a directory: what the authority lists, with the statements of the others inside, none verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The network.
    pub network: NetworkName,
    /// Counted from 1.
    pub version: u64,
    /// The digest of the version before; zeros before the first.
    pub previous: Digest,
    /// When it was issued.
    pub issued_at: Instant,
    /// After this it is stale.
    pub valid_until: Instant,
    /// The authority's Ed25519 keys.
    pub authority_keys: Vec<[u8; 32]>,
    /// How many of them must sign the next version.
    pub threshold: u32,
    /// The root certificate of the hub's operator, DER.
    pub operator_root: Bytes,
    /// The hub's Ed25519 keys.
    pub hub_keys: Vec<[u8; 32]>,
    /// The jurisdictions, ascending.
    pub jurisdictions: Vec<(JurisdictionCode, JurisdictionRecord)>,
    /// The agencies, ascending.
    pub agencies: Vec<ListedAgency>,
    /// Each signed by its parties; payload [`AgreementTerms`].
    pub agreements: Vec<Signed>,
    /// Each signed by its lead; payload [`Operation`].
    pub operations: Vec<Signed>,
    /// Keys that are no longer believed.
    pub revocations: Vec<(KeyId, Revocation)>,
}

/// An agency, with the statements that name its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAgency {
    /// Its id.
    pub id: AgencyId,
    /// As officers know it.
    pub name: String,
    /// Each signed by the jurisdiction's root; payload [`SigningKeyTerms`].
    pub signing_keys: Vec<Signed>,
    /// Each signed by a signing key of the agency; payload [`SealingKeyTerms`].
    pub sealing_keys: Vec<Signed>,
    /// Which messages need approvals.
    pub approval_rules: Vec<ApprovalRule>,
}

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

impl Listing {
    /// Parses the signed bytes of a directory.
    pub fn from_payload(bytes: &Bytes) -> Result<Self, Error> {
        let at = In("Directory");
        let pb::Directory {
            network,
            version,
            previous_digest,
            issued_at_ms,
            valid_until_ms,
            authority_keys,
            threshold,
            hub,
            jurisdictions,
            agencies,
            agreements,
            operations,
            revocations,
        } = at.decode(bytes, DIRECTORY_BYTES_MAX)?;
        let pb::HubRecord {
            operator_root,
            signing_keys,
        } = at.required("hub", hub)?;
        let network = NetworkName::parse(&network)
            .ok_or_else(|| at.fault("network", format!("`{network}` is not a network's name")))?;
        let listing = Self {
            network,
            version,
            previous: at.bytes("previous_digest", &previous_digest)?,
            issued_at: instant(issued_at_ms),
            valid_until: instant(valid_until_ms),
            authority_keys: authority_keys
                .iter()
                .map(|key| at.array("authority_keys", key))
                .collect::<Result<_, _>>()?,
            threshold,
            operator_root,
            hub_keys: signing_keys
                .iter()
                .map(|key| at.array("hub.signing_keys", key))
                .collect::<Result<_, _>>()?,
            jurisdictions: jurisdictions
                .into_iter()
                .map(jurisdiction)
                .collect::<Result<_, _>>()?,
            agencies: agencies.into_iter().map(agency).collect::<Result<_, _>>()?,
            agreements: agreements.into_iter().map(signed).collect::<Result<_, _>>()?,
            operations: operations.into_iter().map(signed).collect::<Result<_, _>>()?,
            revocations: revocations
                .into_iter()
                .map(revocation)
                .collect::<Result<_, _>>()?,
        };
        if listing
            .jurisdictions
            .windows(2)
            .any(|pair| pair[0].0 >= pair[1].0)
        {
            return Err(at.fault("jurisdictions", "are out of ascending order or repeated"));
        }
        if listing.agencies.windows(2).any(|pair| pair[0].id >= pair[1].id) {
            return Err(at.fault("agencies", "are out of ascending order or repeated"));
        }
        Ok(listing)
    }

    /// The bytes for the authority to sign.
    pub fn to_payload(&self) -> Bytes {
        let message = pb::Directory {
            network: self.network.to_string(),
            version: self.version,
            previous_digest: digest_bytes(self.previous),
            issued_at_ms: self.issued_at.as_millis(),
            valid_until_ms: self.valid_until.as_millis(),
            authority_keys: self
                .authority_keys
                .iter()
                .map(|key| Bytes::copy_from_slice(key))
                .collect(),
            threshold: self.threshold,
            hub: Some(pb::HubRecord {
                operator_root: self.operator_root.clone(),
                signing_keys: self
                    .hub_keys
                    .iter()
                    .map(|key| Bytes::copy_from_slice(key))
                    .collect(),
            }),
            jurisdictions: self.jurisdictions.iter().map(jurisdiction_message).collect(),
            agencies: self.agencies.iter().map(agency_message).collect(),
            agreements: self.agreements.iter().map(signed_message).collect(),
            operations: self.operations.iter().map(signed_message).collect(),
            revocations: self.revocations.iter().map(revocation_message).collect(),
        };
        message.encode_to_vec().into()
    }
}

fn jurisdiction(message: pb::JurisdictionRecord) -> Result<(JurisdictionCode, JurisdictionRecord), Error> {
    let at = In("JurisdictionRecord");
    let pb::JurisdictionRecord { code, name, root } = message;
    Ok((
        at.parse("code", &code)?,
        JurisdictionRecord {
            name,
            root: root.to_vec(),
        },
    ))
}

fn jurisdiction_message((code, record): &(JurisdictionCode, JurisdictionRecord)) -> pb::JurisdictionRecord {
    pb::JurisdictionRecord {
        code: code.to_string(),
        name: record.name.clone(),
        root: Bytes::copy_from_slice(&record.root),
    }
}

fn agency(message: pb::AgencyRecord) -> Result<ListedAgency, Error> {
    let at = In("AgencyRecord");
    let pb::AgencyRecord {
        id,
        name,
        signing_keys,
        sealing_keys,
        approval_rules,
    } = message;
    Ok(ListedAgency {
        id: at.agency("id", &id)?,
        name,
        signing_keys: signing_keys.into_iter().map(signed).collect::<Result<_, _>>()?,
        sealing_keys: sealing_keys.into_iter().map(signed).collect::<Result<_, _>>()?,
        approval_rules: approval_rules
            .into_iter()
            .map(approval_rule)
            .collect::<Result<_, _>>()?,
    })
}

fn agency_message(agency: &ListedAgency) -> pb::AgencyRecord {
    pb::AgencyRecord {
        id: agency.id.to_string(),
        name: agency.name.clone(),
        signing_keys: agency.signing_keys.iter().map(signed_message).collect(),
        sealing_keys: agency.sealing_keys.iter().map(signed_message).collect(),
        approval_rules: agency.approval_rules.iter().map(approval_rule_message).collect(),
    }
}

fn approval_rule(message: pb::ApprovalRule) -> Result<ApprovalRule, Error> {
    let at = In("ApprovalRule");
    let pb::ApprovalRule {
        kinds,
        tlp,
        approvals,
    } = message;
    Ok(ApprovalRule {
        kinds: kinds
            .into_iter()
            .map(|kind| names::kind(at, "kinds", kind))
            .collect::<Result<_, _>>()?,
        tlp: tlp
            .into_iter()
            .map(|label| names::tlp(at, "tlp", label))
            .collect::<Result<_, _>>()?,
        approvals,
    })
}

fn approval_rule_message(rule: &ApprovalRule) -> pb::ApprovalRule {
    pb::ApprovalRule {
        kinds: rule.kinds.iter().copied().map(names::kind_number).collect(),
        tlp: rule.tlp.iter().copied().map(names::tlp_number).collect(),
        approvals: rule.approvals,
    }
}

fn revocation(message: pb::Revocation) -> Result<(KeyId, Revocation), Error> {
    let at = In("Revocation");
    let pb::Revocation {
        key_id,
        revoked_at_ms,
        reason,
    } = message;
    let reason = revocation_reason(at, "reason", reason)?;
    Ok((
        at.bytes("key_id", &key_id)?,
        Revocation {
            revoked_at: instant(revoked_at_ms),
            reason,
        },
    ))
}

fn revocation_message((key_id, revocation): &(KeyId, Revocation)) -> pb::Revocation {
    pb::Revocation {
        key_id: key_id_bytes(*key_id),
        revoked_at_ms: revocation.revoked_at.as_millis(),
        reason: revocation_reason_number(revocation.reason),
    }
}

impl SigningKeyTerms {
    /// Parses the signed bytes.
    pub fn from_payload(bytes: &Bytes) -> Result<Self, Error> {
        let at = In("SigningKey");
        let pb::SigningKey {
            agency,
            algorithm,
            public_key,
            r#use,
            not_before_ms,
            not_after_ms,
        } = at.decode(bytes, 4096)?;
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
        let pb::SealingKey {
            agency,
            algorithm,
            public_key,
            epoch,
            not_before_ms,
            not_after_ms,
        } = at.decode(bytes, 8192)?;
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
        Err(at.fault(
            "algorithm",
            format!("is `{found}`, this version knows {expected}"),
        ))
    }
}

fn period(at: In, from_ms: i64, until_ms: i64) -> Result<Period, Error> {
    if from_ms >= until_ms {
        return Err(at.fault("not_after_ms", "is not after not_before_ms"));
    }
    Ok(Period {
        from: instant(from_ms),
        until: Some(instant(until_ms)),
    })
}

fn period_numbers(period: Period) -> (i64, i64) {
    (
        period.from.as_millis(),
        period.until.map_or(i64::MAX, Instant::as_millis),
    )
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
        modes: modes
            .into_iter()
            .map(|mode| names::mode(at, "modes", mode))
            .collect::<Result<_, _>>()?,
        strictest_tlp: names::tlp(at, "strictest_tlp", strictest_tlp)?,
        handling_codes: handling_codes
            .into_iter()
            .map(|code| names::handling_code(at, "handling_codes", code))
            .collect::<Result<_, _>>()?,
        retention_max: Duration::from_secs(u64::from(retention_days_max) * SECONDS_PER_DAY),
        period: Period {
            from: instant(from_ms),
            until: until_ms.map(instant),
        },
    })
}

/// The bytes for the parties to sign; the agreement's own digest is not among them.
pub fn agreement_to_payload(agreement: &Agreement) -> Bytes {
    let days = agreement.retention_max.as_secs() / SECONDS_PER_DAY;
    let message = pb::Agreement {
        id: agreement.id.to_string(),
        title: agreement.title.clone(),
        parties: agreement
            .parties
            .as_slice()
            .iter()
            .map(AgencyId::to_string)
            .collect(),
        categories: agreement
            .categories
            .iter()
            .copied()
            .map(names::category_number)
            .collect(),
        modes: agreement.modes.iter().copied().map(names::mode_number).collect(),
        strictest_tlp: names::tlp_number(agreement.strictest_tlp),
        handling_codes: agreement
            .handling_codes
            .iter()
            .copied()
            .map(names::handling_code_number)
            .collect(),
        retention_days_max: u32::try_from(days).unwrap_or(u32::MAX),
        from_ms: agreement.period.from.as_millis(),
        until_ms: agreement.period.until.map(Instant::as_millis),
    };
    message.encode_to_vec().into()
}

/// Parses the signed bytes of an operation; its sealed details are not opened here.
pub fn operation_from_payload(bytes: &Bytes) -> Result<Operation, Error> {
    let at = In("Operation");
    let pb::Operation {
        id,
        lead,
        members,
        from_ms,
        until_ms,
        sealed_details: _,
        wraps: _,
    } = at.decode(bytes, DIRECTORY_BYTES_MAX)?;
    let operation = Operation {
        id: at.parse::<OperationId>("id", &id)?,
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

/// The bytes for the lead to sign, without sealed details.
pub fn operation_to_payload(operation: &Operation) -> Bytes {
    let message = pb::Operation {
        id: operation.id.to_string(),
        lead: operation.lead.to_string(),
        members: operation
            .members
            .as_slice()
            .iter()
            .map(AgencyId::to_string)
            .collect(),
        from_ms: operation.from.as_millis(),
        until_ms: operation.until.as_millis(),
        sealed_details: Bytes::new(),
        wraps: Vec::new(),
    };
    message.encode_to_vec().into()
}

fn parties(at: In, field: &'static str, names: &[String]) -> Result<Parties, Error> {
    let agencies = names
        .iter()
        .map(|name| at.agency(field, name))
        .collect::<Result<_, _>>()?;
    Parties::new(agencies).map_err(|error| at.fault(field, error))
}
