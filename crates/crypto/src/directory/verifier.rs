//! Works through one version, from the roots to what they carry.

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
use sealpost_domain::instant::Instant;
use sealpost_domain::message::OperationId;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{
    ListedAgency, Listing, SealingKeyTerms, SigningKeyTerms, agreement_from_payload, operation_from_payload,
};

use super::signatures::Signatures;
use super::subject::{Novelty, Statement, Term};
use super::{Error, authority_keys};
use crate::digest::{Algorithm, key_id, sha256};
use crate::dsse::{PayloadType, VerifyingKey};
use crate::trust::RootHolder;
use crate::wrap::{PUBLIC_KEY_SIZE, SealingPublicKey};
use crate::x509;

/// What is known of a version so far.
pub(super) struct Verifier<'p> {
    /// What the version before lists stands, whatever became of the keys that signed it.
    previous: Option<&'p Directory>,
    /// When the version says that it was issued.
    issued_at: Instant,
    /// The keys that this version revokes.
    revoked: BTreeSet<KeyId>,
    /// Every key of the version, so that none has two holders.
    holders: BTreeMap<KeyId, String>,
    roots: BTreeMap<JurisdictionCode, VerifyingKey>,
    /// The subject of every root's certificate, raw, as revocation lists name it.
    subjects: BTreeMap<Vec<u8>, RootHolder>,
    /// The keys that sign for nodes.
    node_keys: BTreeMap<KeyId, (AgencyId, VerifyingKey)>,
}

impl<'p> Verifier<'p> {
    pub(super) fn new(previous: Option<&'p Directory>, listing: &Listing) -> Self {
        Self {
            previous,
            issued_at: listing.issued_at,
            revoked: listing.revocations.iter().map(|(key, _)| *key).collect(),
            holders: BTreeMap::new(),
            roots: BTreeMap::new(),
            subjects: BTreeMap::new(),
            node_keys: BTreeMap::new(),
        }
    }

    pub(super) fn directory(mut self, listing: Listing, digest: Digest) -> Result<Directory, Error> {
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
            withdrawn: listing.withdrawn.into_iter().collect(),
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
        if let Some(first) = self.subjects.insert(certificate.subject().as_raw().to_vec(), holder) {
            return Err(Error::RootSubject { first, second: holder });
        }
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
        if !root.has_signed(signed, PayloadType::SigningKey) {
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
        self.continued(agency, &key, &record, signed, &statement)?;
        if terms.usage == KeyUse::Node {
            self.node_keys.insert(key.key_id(), (agency.clone(), key));
        }
        Ok(record)
    }

    /// A key that is new comes with its own word; that, and other terms of a listed one, with the agency's, as long as
    /// the agency has a key of its node to give it with.
    fn continued(
        &self,
        agency: &AgencyId,
        key: &VerifyingKey,
        record: &SigningKeyRecord,
        signed: &Signed,
        statement: &Statement,
    ) -> Result<(), Error> {
        let Some(before) = self.previous.and_then(|previous| previous.agencies.get(agency)) else {
            return Ok(());
        };
        let novelty = match before.signing_keys.iter().find(|other| other.key.id == record.key.id) {
            Some(listed) if listed == record => return Ok(()),
            Some(_) => Novelty::Terms,
            None => Novelty::Key,
        };
        if novelty == Novelty::Key && !key.has_signed(signed, PayloadType::SigningKey) {
            return Err(Error::NotByItself { statement: statement.clone() });
        }
        let is_left =
            |other: &&SigningKeyRecord| other.usage == KeyUse::Node && !self.revoked.contains(&other.key.id);
        let left: Vec<_> = before.signing_keys.iter().filter(is_left).collect();
        let vouches = |other: &SigningKeyRecord| {
            other.period.holds_at(self.issued_at)
                && VerifyingKey::from_bytes(&other.key.bytes)
                    .is_ok_and(|other| other.has_signed(signed, PayloadType::SigningKey))
        };
        // Where all that are left expired, they are revoked first: the root alone gives no key to who still has one.
        if left.is_empty() || left.into_iter().any(vouches) {
            return Ok(());
        }
        Err(Error::NotContinued { statement: statement.clone(), novelty, agency: agency.clone() })
    }

    fn sealing_key(
        &mut self,
        agency: &AgencyId,
        signed: &Signed,
        statement: Statement,
    ) -> Result<SealingKeyRecord, Error> {
        let terms =
            SealingKeyTerms::from_payload(&signed.payload).map_err(|source| statement.terms(source))?;
        let id = key_id(Algorithm::XWing, &terms.public_key);
        let record = SealingKeyRecord {
            key: PublicKey { id, bytes: terms.public_key.to_vec() },
            epoch: terms.epoch,
            period: terms.period,
        };
        // To the last of its terms: a thief would have another epoch or period vouched for.
        let stands = self.stands(|before| {
            before.agencies.get(agency).is_some_and(|before| before.sealing_keys.contains(&record))
        });
        if !self.signers(signed, PayloadType::SealingKey, stands).contains(agency) {
            return Err(Error::NotByAgency { statement, agency: agency.clone() });
        }
        if &terms.agency != agency {
            return Err(Error::OtherAgency { statement, found: terms.agency });
        }
        if terms.public_key.len() != PUBLIC_KEY_SIZE {
            return Err(Error::SealingKeyLength { statement, found: terms.public_key.len() });
        }
        SealingPublicKey::from_bytes(&terms.public_key)
            .map_err(|source| Error::SealingKey { statement: statement.clone(), source })?;
        self.hold(id, statement.to_string())?;
        Ok(record)
    }

    /// Whether the version before lists the same. A version that is judged by itself stands as it is.
    fn stands(&self, listed: impl FnOnce(&Directory) -> bool) -> bool {
        self.previous.is_none_or(listed)
    }

    /// The agencies whose nodes signed. Signatures that do not hold count for nobody, and those of keys that this version
    /// revokes only for what `stands` since an earlier version.
    fn signers(&self, signed: &Signed, kind: PayloadType, stands: bool) -> BTreeSet<AgencyId> {
        let mut signatures = Signatures::new(signed, kind);
        signed
            .signatures
            .iter()
            .filter(|signature| stands || !self.revoked.contains(&signature.key_id))
            .filter_map(|signature| self.node_keys.get(&signature.key_id))
            .filter(|(_, key)| signatures.hold_of(key))
            .map(|(agency, _)| agency.clone())
            .collect()
    }

    fn agreements(&self, listed: &[Signed]) -> Result<Vec<Agreement>, Error> {
        let mut agreements: Vec<Agreement> = Vec::with_capacity(listed.len());
        for (index, signed) in listed.iter().enumerate() {
            let position = index + 1;
            let agreement = agreement_from_payload(&signed.payload, sha256(&signed.payload))
                .map_err(|source| Error::Agreement { position, source })?;
            let stands = self.stands(|before| before.agreement(agreement.digest).is_some());
            let signers = self.signers(signed, PayloadType::Agreement, stands);
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
            let operation = operation_from_payload(&signed.payload, sha256(&signed.payload))
                .map_err(|source| Error::Operation { position, source })?;
            let stands = self.stands(|before| before.operations.get(&operation.id) == Some(&operation));
            if !self.signers(signed, PayloadType::Operation, stands).contains(&operation.lead) {
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

fn public_key(key: &VerifyingKey) -> PublicKey {
    PublicKey { id: key.key_id(), bytes: key.as_bytes().to_vec() }
}
