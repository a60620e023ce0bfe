//! The directory: who takes part, with which keys, under which agreements.
//!
//! A [`Directory`] exists only after every signature in it was checked: keys by their jurisdiction's root, sealing
//! keys by their agency, agreements by their parties, operations by their lead, the whole by the authority.

use std::collections::{BTreeMap, BTreeSet};

use crate::agency::{AgencyId, JurisdictionCode};
use crate::agreement::{Agreement, Operation};
use crate::digest::{Digest, KeyId};
use crate::envelope::DirectoryVersion;
use crate::handling::Tlp;
use crate::identity::NetworkName;
use crate::instant::{Instant, Period};
use crate::message::{Kind, OperationId};

/// One version of the directory, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// The network, which is the SPIFFE trust domain of its certificates.
    pub network: NetworkName,
    /// Which version this is.
    pub version: DirectoryVersion,
    /// The digest of the version before; zeros before the first.
    pub previous: Digest,
    /// When the authority issued it.
    pub issued_at: Instant,
    /// After this it is stale.
    pub valid_until: Instant,
    /// The authority's Ed25519 keys.
    pub authority_keys: Vec<[u8; 32]>,
    /// How many of them must sign the next version.
    pub threshold: u32,
    /// The hub.
    pub hub: HubRecord,
    /// The jurisdictions.
    pub jurisdictions: BTreeMap<JurisdictionCode, JurisdictionRecord>,
    /// The agencies.
    pub agencies: BTreeMap<AgencyId, AgencyRecord>,
    /// The agreements, in the order of the directory.
    pub agreements: Vec<Agreement>,
    /// The operations.
    pub operations: BTreeMap<OperationId, Operation>,
    /// Keys that are no longer believed.
    pub revocations: BTreeMap<KeyId, Revocation>,
    /// Digests of agreements and operations that ended: they never come back.
    pub withdrawn: BTreeSet<Digest>,
}

/// The hub's keys and root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubRecord {
    /// The root certificate of its operator, DER.
    pub operator_root: Vec<u8>,
    /// The keys under which it signs, Ed25519.
    pub signing_keys: Vec<PublicKey>,
}

/// A jurisdiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JurisdictionRecord {
    /// Its English short name.
    pub name: String,
    /// Its root certificate, DER.
    pub root: Vec<u8>,
}

/// An agency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencyRecord {
    /// As officers know it.
    pub name: String,
    /// Keys that sign.
    pub signing_keys: Vec<SigningKeyRecord>,
    /// Keys to which is sealed, by ascending epoch.
    pub sealing_keys: Vec<SealingKeyRecord>,
    /// Which messages need officers' approvals.
    pub approval_rules: Vec<ApprovalRule>,
}

/// A public key and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its name.
    pub id: KeyId,
    /// Its raw bytes.
    pub bytes: Vec<u8>,
}

/// A key under which an agency signs; its algorithm is Ed25519.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyRecord {
    /// The key.
    pub key: PublicKey,
    /// What it may sign.
    pub usage: KeyUse,
    /// When it is valid.
    pub period: Period,
}

/// What a signing key may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Everything that the node signs.
    Node,
    /// Approvals only.
    Officer,
}

/// A key to which messages are sealed; its algorithm is X-Wing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingKeyRecord {
    /// The key.
    pub key: PublicKey,
    /// Counted from 1.
    pub epoch: u64,
    /// When it is valid.
    pub period: Period,
}

/// How many officers must approve which messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRule {
    /// Empty: every kind.
    pub kinds: Vec<Kind>,
    /// Empty: every label.
    pub tlp: Vec<Tlp>,
    /// How many.
    pub approvals: u32,
}

/// A key that is no longer believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// From when.
    pub revoked_at: Instant,
    /// Why.
    pub reason: RevocationReason,
}

/// Why a key is no longer believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationReason {
    /// Another one took its place.
    Superseded,
    /// Somebody else may have it.
    Compromised,
    /// Its holder stopped.
    Cessation,
}

impl Directory {
    /// The key that a node of an agency signed with, if it may be believed at that time.
    pub fn node_key(&self, agency: &AgencyId, id: KeyId, now: Instant) -> Option<&SigningKeyRecord> {
        self.node_keys(agency, now).find(|key| key.key.id == id)
    }

    /// All keys of an agency's node that may be believed at a time.
    pub fn node_keys(&self, agency: &AgencyId, now: Instant) -> impl Iterator<Item = &SigningKeyRecord> {
        let keys = self.agencies.get(agency).into_iter().flat_map(|record| &record.signing_keys);
        keys.filter(move |key| {
            let believed = key.period.holds_at(now) && !self.revocations.contains_key(&key.key.id);
            key.usage == KeyUse::Node && believed
        })
    }

    /// Whether an agency takes part: it is listed, and not every key of its node is revoked. A key whose period is over
    /// stops nobody: its holder may be late with the next one.
    pub fn takes_part(&self, agency: &AgencyId) -> bool {
        let stands =
            |key: &SigningKeyRecord| key.usage == KeyUse::Node && !self.revocations.contains_key(&key.key.id);
        self.agencies.get(agency).is_some_and(|record| record.signing_keys.iter().any(stands))
    }

    /// The key with which an officer of an agency approved, if it may be believed at that time.
    pub fn officer_key(&self, agency: &AgencyId, id: KeyId, now: Instant) -> Option<&SigningKeyRecord> {
        let record = self.agencies.get(agency)?;
        let key = record.signing_keys.iter().find(|key| key.key.id == id && key.usage == KeyUse::Officer)?;
        (key.period.holds_at(now) && !self.revocations.contains_key(&id)).then_some(key)
    }

    /// Whether somebody else may have a key: nothing is believed of it, whatever time it names.
    pub fn is_compromised(&self, id: KeyId) -> bool {
        let compromised = |revocation: &Revocation| revocation.reason == RevocationReason::Compromised;
        self.revocations.get(&id).is_some_and(compromised)
    }

    /// The key of that name with which the node of some agency signed what is shown as evidence, possibly long ago. Of a
    /// key that somebody else may have nothing is believed, whatever time it names.
    pub fn evidence_key(&self, id: KeyId) -> Option<(&AgencyId, &SigningKeyRecord)> {
        if self.is_compromised(id) {
            return None;
        }
        self.agencies.iter().find_map(|(agency, record)| {
            let key = record.signing_keys.iter().find(|key| key.key.id == id && key.usage == KeyUse::Node)?;
            Some((agency, key))
        })
    }

    /// Whether a key was in use at a moment: what it signed before it was superseded or given up stays its holder's.
    pub fn in_use_at(&self, key: &SigningKeyRecord, moment: Instant) -> bool {
        let revoked = self.revocations.get(&key.key.id).is_some_and(|other| other.revoked_at <= moment);
        key.period.holds_at(moment) && !revoked
    }

    /// The key to which a message for an agency is sealed now: the valid one of the highest epoch.
    pub fn sealing_key(&self, agency: &AgencyId, now: Instant) -> Option<&SealingKeyRecord> {
        let record = self.agencies.get(agency)?;
        let usable =
            |key: &&SealingKeyRecord| key.period.holds_at(now) && !self.revocations.contains_key(&key.key.id);
        record.sealing_keys.iter().filter(usable).max_by_key(|key| key.epoch)
    }

    /// The hub's key of that name, if it may be believed.
    pub fn hub_key(&self, id: KeyId) -> Option<&PublicKey> {
        let key = self.hub.signing_keys.iter().find(|key| key.id == id)?;
        (!self.revocations.contains_key(&id)).then_some(key)
    }

    /// The agreement with that digest.
    pub fn agreement(&self, digest: Digest) -> Option<&Agreement> {
        self.agreements.iter().find(|agreement| agreement.digest == digest)
    }
}
