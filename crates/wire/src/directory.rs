//! `directory.proto`: the directory and the statements in it, as parsed and not yet verified.
//!
//! A [`Listing`] is what the authority's payload lists. Verifying it, which makes a `domain::directory::Directory`,
//! is the crypto crate's part.

mod terms;

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::agency::{AgencyId, JurisdictionCode};
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::{ApprovalRule, JurisdictionRecord, Revocation, RevocationReason};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use sealpost_domain::statement::Signed;
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::envelope::{key_id_bytes, signed, signed_from_bytes, signed_message};
use crate::field::{In, digest_bytes, enumeration, instant};
use crate::names;
pub use terms::{
    SealedDetails, SealingKeyTerms, SigningKeyTerms, agreement_from_payload, agreement_to_payload,
    operation_details_from_payload, operation_from_payload, operation_to_payload,
};

/// The largest directory, in bytes: signed, and with the revocation lists beside it, it fits into one message of the
/// transport, which has at most 4 MiB.
pub const DIRECTORY_BYTES_MAX: usize = 3 * 1024 * 1024;
/// The largest signed directory, in bytes: the payload and the authority's signatures.
pub const SIGNED_DIRECTORY_BYTES_MAX: usize = DIRECTORY_BYTES_MAX + 64 * 1024;

/// Parses a signed directory, as it lies in files, ledgers and journals. It is not yet verified.
pub fn signed_directory_from_bytes(bytes: &Bytes) -> Result<Signed, Error> {
    signed_from_bytes(bytes, SIGNED_DIRECTORY_BYTES_MAX)
}

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
    /// Each signed by its parties; payload [`Agreement`](sealpost_domain::agreement::Agreement).
    pub agreements: Vec<Signed>,
    /// Each signed by its lead; payload [`Operation`](sealpost_domain::agreement::Operation).
    pub operations: Vec<Signed>,
    /// Keys that are no longer believed.
    pub revocations: Vec<(KeyId, Revocation)>,
    /// SHA-256 of the payloads of agreements and operations that ended, ascending.
    pub withdrawn: Vec<Digest>,
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
            withdrawn,
        } = at.decode(bytes, DIRECTORY_BYTES_MAX)?;
        let pb::HubRecord { operator_root, signing_keys } = at.required("hub", hub)?;
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
            jurisdictions: jurisdictions.into_iter().map(jurisdiction).collect::<Result<_, _>>()?,
            agencies: agencies.into_iter().map(agency).collect::<Result<_, _>>()?,
            agreements: agreements.into_iter().map(signed).collect::<Result<_, _>>()?,
            operations: operations.into_iter().map(signed).collect::<Result<_, _>>()?,
            revocations: revocations.into_iter().map(revocation).collect::<Result<_, _>>()?,
            withdrawn: withdrawn
                .iter()
                .map(|digest| at.bytes("withdrawn", digest))
                .collect::<Result<_, _>>()?,
        };
        if listing.jurisdictions.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(at.fault("jurisdictions", "are out of ascending order or repeated"));
        }
        if listing.agencies.windows(2).any(|pair| pair[0].id >= pair[1].id) {
            return Err(at.fault("agencies", "are out of ascending order or repeated"));
        }
        if listing.withdrawn.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(at.fault("withdrawn", "are out of ascending order or repeated"));
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
            authority_keys: self.authority_keys.iter().map(|key| Bytes::copy_from_slice(key)).collect(),
            threshold: self.threshold,
            hub: Some(pb::HubRecord {
                operator_root: self.operator_root.clone(),
                signing_keys: self.hub_keys.iter().map(|key| Bytes::copy_from_slice(key)).collect(),
            }),
            jurisdictions: self.jurisdictions.iter().map(jurisdiction_message).collect(),
            agencies: self.agencies.iter().map(agency_message).collect(),
            agreements: self.agreements.iter().map(signed_message).collect(),
            operations: self.operations.iter().map(signed_message).collect(),
            revocations: self.revocations.iter().map(revocation_message).collect(),
            withdrawn: self.withdrawn.iter().copied().map(digest_bytes).collect(),
        };
        message.encode_to_vec().into()
    }
}

fn jurisdiction(message: pb::JurisdictionRecord) -> Result<(JurisdictionCode, JurisdictionRecord), Error> {
    let at = In("JurisdictionRecord");
    let pb::JurisdictionRecord { code, name, root } = message;
    Ok((at.parse("code", &code)?, JurisdictionRecord { name, root: root.to_vec() }))
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
    let pb::AgencyRecord { id, name, signing_keys, sealing_keys, approval_rules } = message;
    Ok(ListedAgency {
        id: at.agency("id", &id)?,
        name,
        signing_keys: signing_keys.into_iter().map(signed).collect::<Result<_, _>>()?,
        sealing_keys: sealing_keys.into_iter().map(signed).collect::<Result<_, _>>()?,
        approval_rules: approval_rules.into_iter().map(approval_rule).collect::<Result<_, _>>()?,
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
    let pb::ApprovalRule { kinds, tlp, approvals } = message;
    Ok(ApprovalRule {
        kinds: kinds.into_iter().map(|kind| names::kind(at, "kinds", kind)).collect::<Result<_, _>>()?,
        tlp: tlp.into_iter().map(|label| names::tlp(at, "tlp", label)).collect::<Result<_, _>>()?,
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
    let pb::Revocation { key_id, revoked_at_ms, reason } = message;
    let reason = revocation_reason(at, "reason", reason)?;
    Ok((at.bytes("key_id", &key_id)?, Revocation { revoked_at: instant(revoked_at_ms), reason }))
}

fn revocation_message((key_id, revocation): &(KeyId, Revocation)) -> pb::Revocation {
    pb::Revocation {
        key_id: key_id_bytes(*key_id),
        revoked_at_ms: revocation.revoked_at.as_millis(),
        reason: revocation_reason_number(revocation.reason),
    }
}
