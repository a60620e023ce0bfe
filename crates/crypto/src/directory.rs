//! The directory, verified: the only way from a listing that somebody sent to a [`Directory`] that is believed.
//!
//! | who signs | what | so that |
//! |---|---|---|
//! | the authority | the version, by the keys of the version before and by its own | it orders, lists and revokes |
//! | a jurisdiction's root | the signing keys of its own agencies | the authority cannot make an agency up |
//! | an agency | its sealing keys | nobody else opens its mail |
//! | every party | an agreement | nobody is bound without knowing |
//! | the lead | an operation | nobody is drawn into a group by the authority |
//!
//! A first version is believed as its provisioner gave it, if all of that holds; a later one only as the successor of
//! the version before: same network, same roots, next number, its digest, no revocation forgotten.
//!
//! A revocation stops its key from being used and leaves standing what the key vouched for: otherwise the authority
//! could not revoke a stolen key before every agreement was signed again. Nothing here reads a clock: whether a
//! version is stale and a key in its period is judged where it is used.

use std::collections::{BTreeMap, BTreeSet};

use rustls_pki_types::CertificateDer;
use sealpost_domain::agency::{AgencyId, JurisdictionCode};
use sealpost_domain::agreement::{Agreement, Operation};
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::{
    AgencyRecord, Directory, HubRecord, JurisdictionRecord, KeyUse, PublicKey, SealingKeyRecord,
    SigningKeyRecord,
};
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::message::OperationId;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{
    ListedAgency, Listing, SealingKeyTerms, SigningKeyTerms, agreement_from_payload, operation_from_payload,
};

use crate::digest::{Algorithm, key_id, sha256};
use crate::dsse::{PayloadType, VerifyingKey, verify_statement};
use crate::trust::{self, RootHolder, TrustSet};
use crate::wrap::{PUBLIC_KEY_SIZE, SealingPublicKey};
use crate::x509;

mod error;
mod file;

pub use error::{Error, Statement, Term};
pub use file::{FileError, read};

/// Verifies a version of the directory: against the version before it, or (`None`) by itself, as a node does with
/// the version that its operator provisioned.
pub fn verify(signed: &Signed, previous: Option<&Directory>) -> Result<Directory, Error> {
    if let Some(previous) = previous {
        let keys = authority_keys(&previous.authority_keys)?;
        authority(signed, &keys, previous.threshold, previous.version.version)?;
    }
    let listing = Listing::from_payload(&signed.payload)?;
    if listing.threshold == 0 || listing.threshold as usize > listing.authority_keys.len() {
        return Err(Error::Threshold { threshold: listing.threshold, keys: listing.authority_keys.len() });
    }
    let keys = authority_keys(&listing.authority_keys)?;
    authority(signed, &keys, listing.threshold, listing.version)?;
    chain(&listing, previous)?;
    Verifier::default().directory(listing, sha256(&signed.payload))
}

/// Believes the roots that a directory lists. Their revocation lists are still to be installed.
pub fn trust_set(directory: &Directory) -> Result<TrustSet, trust::Error> {
    let mut set = TrustSet::new(directory.network.clone());
    let operator = CertificateDer::from(directory.hub.operator_root.as_slice());
    set.add_root(RootHolder::HubOperator, &operator)?;
    for (code, record) in &directory.jurisdictions {
        let root = CertificateDer::from(record.root.as_slice());
        set.add_root(RootHolder::Jurisdiction(*code), &root)?;
    }
    Ok(set)
}

fn authority_keys(keys: &[[u8; 32]]) -> Result<Vec<VerifyingKey>, Error> {
    let read = |(index, key): (usize, &[u8; 32])| {
        VerifyingKey::from_bytes(key).map_err(|source| Error::AuthorityKey { position: index + 1, source })
    };
    keys.iter().enumerate().map(read).collect()
}

/// Enough of the authority's keys signed. Signatures of others are neither counted nor held against a version.
fn authority(signed: &Signed, keys: &[VerifyingKey], threshold: u32, version: u64) -> Result<(), Error> {
    let signers: BTreeSet<KeyId> = keys
        .iter()
        .filter(|key| key.signed(signed, PayloadType::Directory))
        .map(VerifyingKey::key_id)
        .collect();
    if signers.len() < threshold as usize {
        return Err(Error::Authority { version, found: signers.len(), threshold });
    }
    Ok(())
}

/// A version is the successor of the one before it, or the first.
fn chain(listing: &Listing, previous: Option<&Directory>) -> Result<(), Error> {
    if listing.valid_until <= listing.issued_at {
        return Err(Error::Validity { issued_at: listing.issued_at, valid_until: listing.valid_until });
    }
    let Some(previous) = previous else {
        return match (listing.version, listing.previous) {
            (0, _) => Err(Error::Version { found: 0, expected: 1 }),
            (1, digest) if digest != Digest::ZERO => {
                Err(Error::Previous { version: 1, found: digest, expected: Digest::ZERO })
            }
            _ => Ok(()),
        };
    };
    if Some(listing.version) != previous.version.version.checked_add(1) {
        return Err(Error::Version {
            found: listing.version,
            expected: previous.version.version.saturating_add(1),
        });
    }
    if listing.previous != previous.version.digest {
        return Err(Error::Previous {
            version: listing.version,
            found: listing.previous,
            expected: previous.version.digest,
        });
    }
    if listing.network != previous.network {
        return Err(Error::Network { found: listing.network.clone(), expected: previous.network.clone() });
    }
    if listing.issued_at < previous.issued_at {
        return Err(Error::Issued { found: listing.issued_at, previous: previous.issued_at });
    }
    for (code, record) in &listing.jurisdictions {
        let before = previous.jurisdictions.get(code);
        if before.is_some_and(|before| before.root != record.root) {
            return Err(Error::RootChanged { jurisdiction: *code });
        }
    }
    let kept: BTreeSet<KeyId> = listing.revocations.iter().map(|(key, _)| *key).collect();
    match previous.revocations.keys().find(|key| !kept.contains(key)) {
        Some(key) => Err(Error::RevocationDropped { key: *key }),
        None => Ok(()),
    }
}

/// Works through one version, from the roots to what they carry.
#[derive(Default)]
struct Verifier {
    /// Every key of the version, so that none has two holders.
    holders: BTreeMap<KeyId, String>,
    roots: BTreeMap<JurisdictionCode, VerifyingKey>,
    /// The keys that sign for nodes.
    node_keys: BTreeMap<KeyId, (AgencyId, VerifyingKey)>,
}

impl Verifier {
    fn directory(mut self, listing: Listing, digest: Digest) -> Result<Directory, Error> {
        for (index, key) in authority_keys(&listing.authority_keys)?.iter().enumerate() {
            self.hold(key.key_id(), format!("the authority's key {}", index + 1))?;
        }
        let hub = self.hub(&listing)?;
        let mut jurisdictions = BTreeMap::new();
        for (code, record) in listing.jurisdictions {
            self.jurisdiction(code, &record)?;
            jurisdictions.insert(code, record);
        }
        let mut agencies = BTreeMap::new();
        for agency in listing.agencies {
            let id = agency.id.clone();
            agencies.insert(id, self.agency(agency)?);
        }
        let agreements = self.agreements(&listing.agreements)?;
        let operations = self.operations(&listing.operations)?;
        let mut revocations = BTreeMap::new();
        for (key, revocation) in listing.revocations {
            if revocations.insert(key, revocation).is_some() {
                return Err(Error::RevokedTwice { key });
            }
        }
        Ok(Directory {
            network: listing.network,
            version: DirectoryVersion { version: listing.version, digest },
            previous: listing.previous,
            issued_at: listing.issued_at,
            valid_until: listing.valid_until,
            authority_keys: listing.authority_keys,
            threshold: listing.threshold,
            hub,
            jurisdictions,
            agencies,
            agreements,
            operations,
            revocations,
        })
    }

    /// Notes whose key it is; two holders of one key could each act as the other.
    fn hold(&mut self, key: KeyId, holder: String) -> Result<(), Error> {
        if let Some(first) = self.holders.get(&key) {
            return Err(Error::KeyTwice { key, first: first.clone(), second: holder });
        }
        self.holders.insert(key, holder);
        Ok(())
    }

    fn root(&mut self, holder: RootHolder, der: &[u8]) -> Result<VerifyingKey, Error> {
        let unusable = |source| Error::Root { holder, source };
        let der = CertificateDer::from(der);
        let certificate = x509::parse(&der).map_err(unusable)?;
        if !certificate.is_ca() {
            return Err(Error::NotARoot { holder });
        }
        let key = x509::ed25519_key(&certificate).map_err(unusable)?;
        self.hold(key.key_id(), format!("the root of {holder}"))?;
        Ok(key)
    }

    fn hub(&mut self, listing: &Listing) -> Result<HubRecord, Error> {
        self.root(RootHolder::HubOperator, &listing.operator_root)?;
        let mut signing_keys = Vec::with_capacity(listing.hub_keys.len());
        for (index, bytes) in listing.hub_keys.iter().enumerate() {
            let position = index + 1;
            let key = VerifyingKey::from_bytes(bytes).map_err(|source| Error::HubKey { position, source })?;
            self.hold(key.key_id(), format!("the hub's key {position}"))?;
            signing_keys.push(public_key(&key));
        }
        Ok(HubRecord { operator_root: listing.operator_root.to_vec(), signing_keys })
    }

    fn jurisdiction(&mut self, code: JurisdictionCode, record: &JurisdictionRecord) -> Result<(), Error> {
        let key = self.root(RootHolder::Jurisdiction(code), &record.root)?;
        self.roots.insert(code, key);
        Ok(())
    }

    fn agency(&mut self, listed: ListedAgency) -> Result<AgencyRecord, Error> {
        let agency = listed.id;
        let root = self.roots.get(&agency.jurisdiction());
        let root = root.cloned().ok_or_else(|| Error::NoJurisdiction { agency: agency.clone() })?;
        let mut signing_keys = Vec::with_capacity(listed.signing_keys.len());
        for (index, signed) in listed.signing_keys.iter().enumerate() {
            let statement = Statement::new(&agency, Term::SigningKey, index);
            signing_keys.push(self.signing_key(&agency, &root, signed, statement)?);
        }
        let mut sealing_keys: Vec<SealingKeyRecord> = Vec::with_capacity(listed.sealing_keys.len());
        for (index, signed) in listed.sealing_keys.iter().enumerate() {
            let statement = Statement::new(&agency, Term::SealingKey, index);
            let record = self.sealing_key(&agency, signed, statement)?;
            let last = sealing_keys.last().map_or(0, |last| last.epoch);
            if record.epoch <= last {
                return Err(Error::Epoch { agency, found: record.epoch, last });
            }
            sealing_keys.push(record);
        }
        Ok(AgencyRecord {
            name: listed.name,
            signing_keys,
            sealing_keys,
            approval_rules: listed.approval_rules,
        })
    }

    fn signing_key(
        &mut self,
        agency: &AgencyId,
        root: &VerifyingKey,
        signed: &Signed,
        statement: Statement,
    ) -> Result<SigningKeyRecord, Error> {
        if !root.signed(signed, PayloadType::SigningKey) {
            return Err(Error::NotByRoot { statement, jurisdiction: agency.jurisdiction() });
        }
        let terms =
            SigningKeyTerms::from_payload(&signed.payload).map_err(|source| statement.terms(source))?;
        if &terms.agency != agency {
            return Err(Error::OtherAgency { statement, found: terms.agency });
        }
        let key = VerifyingKey::from_bytes(&terms.public_key)
            .map_err(|source| Error::SigningKey { statement: statement.clone(), source })?;
        self.hold(key.key_id(), statement.to_string())?;
        let record = SigningKeyRecord { key: public_key(&key), usage: terms.usage, period: terms.period };
        if terms.usage == KeyUse::Node {
            self.node_keys.insert(key.key_id(), (agency.clone(), key));
        }
        Ok(record)
    }

    fn sealing_key(
        &mut self,
        agency: &AgencyId,
        signed: &Signed,
        statement: Statement,
    ) -> Result<SealingKeyRecord, Error> {
        if !self.signers(signed, PayloadType::SealingKey).contains(agency) {
            return Err(Error::NotByAgency { statement, agency: agency.clone() });
        }
        let terms =
            SealingKeyTerms::from_payload(&signed.payload).map_err(|source| statement.terms(source))?;
        if &terms.agency != agency {
            return Err(Error::OtherAgency { statement, found: terms.agency });
        }
        if terms.public_key.len() != PUBLIC_KEY_SIZE {
            return Err(Error::SealingKeyLength { statement, found: terms.public_key.len() });
        }
        SealingPublicKey::from_bytes(&terms.public_key)
            .map_err(|source| Error::SealingKey { statement: statement.clone(), source })?;
        let id = key_id(Algorithm::XWing, &terms.public_key);
        self.hold(id, statement.to_string())?;
        Ok(SealingKeyRecord {
            key: PublicKey { id, bytes: terms.public_key.to_vec() },
            epoch: terms.epoch,
            period: terms.period,
        })
    }

    /// The agencies whose nodes signed. Signatures that do not hold count for nobody.
    fn signers(&self, signed: &Signed, kind: PayloadType) -> BTreeSet<AgencyId> {
        let holds = |key: &VerifyingKey, signature: &[u8]| {
            verify_statement(key, kind, &signed.payload, signature).is_ok()
        };
        signed
            .signatures
            .iter()
            .filter_map(|signature| Some((self.node_keys.get(&signature.key_id)?, &signature.bytes)))
            .filter(|((_, key), bytes)| holds(key, bytes))
            .map(|((agency, _), _)| agency.clone())
            .collect()
    }

    fn agreements(&self, listed: &[Signed]) -> Result<Vec<Agreement>, Error> {
        let mut agreements: Vec<Agreement> = Vec::with_capacity(listed.len());
        for (index, signed) in listed.iter().enumerate() {
            let position = index + 1;
            let agreement = agreement_from_payload(&signed.payload, sha256(&signed.payload))
                .map_err(|source| Error::Agreement { position, source })?;
            let signers = self.signers(signed, PayloadType::Agreement);
            if let Some(party) = agreement.parties.as_slice().iter().find(|party| !signers.contains(party)) {
                return Err(Error::NotByParty { agreement: agreement.id, party: party.clone() });
            }
            if agreements.iter().any(|other| other.id == agreement.id) {
                return Err(Error::AgreementTwice { agreement: agreement.id });
            }
            agreements.push(agreement);
        }
        Ok(agreements)
    }

    fn operations(&self, listed: &[Signed]) -> Result<BTreeMap<OperationId, Operation>, Error> {
        let known: BTreeSet<&AgencyId> = self.node_keys.values().map(|(agency, _)| agency).collect();
        let mut operations = BTreeMap::new();
        for (index, signed) in listed.iter().enumerate() {
            let position = index + 1;
            let operation = operation_from_payload(&signed.payload)
                .map_err(|source| Error::Operation { position, source })?;
            if !self.signers(signed, PayloadType::Operation).contains(&operation.lead) {
                return Err(Error::NotByLead { operation: operation.id, lead: operation.lead });
            }
            if let Some(member) = operation.members.as_slice().iter().find(|member| !known.contains(member)) {
                return Err(Error::UnknownMember { operation: operation.id, member: member.clone() });
            }
            if let Some(twice) = operations.insert(operation.id.clone(), operation) {
                return Err(Error::OperationTwice { operation: twice.id });
            }
        }
        Ok(operations)
    }
}

impl VerifyingKey {
    /// Whether one of the signatures is this key's and holds.
    fn signed(&self, signed: &Signed, kind: PayloadType) -> bool {
        signed
            .signatures
            .iter()
            .filter(|signature| signature.key_id == self.key_id())
            .any(|signature| verify_statement(self, kind, &signed.payload, &signature.bytes).is_ok())
    }
}

fn public_key(key: &VerifyingKey) -> PublicKey {
    PublicKey { id: key.key_id(), bytes: key.as_bytes().to_vec() }
}

#[cfg(test)]
mod tests;
