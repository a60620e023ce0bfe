//! What a draft changes. Pure: from what a draft lists to what it is to list; [`draft`](super::draft) judges the result.

mod error;

use std::collections::BTreeSet;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sealpost_crypto::digest::{Algorithm, key_id, sha256};
use sealpost_domain::agency::{AgencyId, JurisdictionCode};
use sealpost_domain::agreement::AgreementId;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::{ApprovalRule, Directory, JurisdictionRecord, Revocation, RevocationReason};
use sealpost_domain::instant::Instant;
use sealpost_domain::message::OperationId;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{
    ListedAgency, Listing, SealingKeyTerms, SigningKeyTerms, agreement_from_payload, operation_from_payload,
};

use super::statement::{Content, Kind, Statement};
pub use error::Error;

/// A jurisdiction that comes with its first agency.
#[derive(Clone, Debug)]
pub struct NewJurisdiction {
    /// English short name.
    pub name: String,
    /// Its root certificate, DER.
    pub root: Vec<u8>,
}

/// A new agency.
#[derive(Clone, Debug)]
pub struct NewAgency {
    /// Its id.
    pub id: AgencyId,
    /// As officers know it.
    pub name: String,
    /// Statements of its signing and sealing keys.
    pub keys: Vec<Statement>,
    /// Which of its messages need approvals.
    pub approvals: Vec<ApprovalRule>,
    /// Its jurisdiction, where that is not listed yet.
    pub jurisdiction: Option<NewJurisdiction>,
}

/// Lists a new agency, with its jurisdiction where that is new.
pub fn add_agency(listing: &mut Listing, agency: NewAgency) -> Result<(), Error> {
    let NewAgency { id, name, keys, approvals, jurisdiction } = agency;
    let Err(place) = listing.agencies.binary_search_by(|other| other.id.cmp(&id)) else {
        return Err(Error::AgencyListed(id));
    };
    if let Some(new) = jurisdiction {
        add_jurisdiction(listing, id.jurisdiction(), new)?;
    }
    let mut listed = ListedAgency {
        id: id.clone(),
        name,
        signing_keys: Vec::new(),
        sealing_keys: Vec::new(),
        approval_rules: approvals,
    };
    for statement in keys {
        add_key(&mut listed, statement)?;
    }
    if listed.signing_keys.is_empty() || listed.sealing_keys.is_empty() {
        let (signing, sealing) = (listed.signing_keys.len(), listed.sealing_keys.len());
        return Err(Error::KeysMissing { agency: id, signing, sealing });
    }
    listing.agencies.insert(place, listed);
    Ok(())
}

fn add_jurisdiction(
    listing: &mut Listing,
    code: JurisdictionCode,
    new: NewJurisdiction,
) -> Result<(), Error> {
    match listing.jurisdictions.binary_search_by(|(other, _)| other.cmp(&code)) {
        Ok(_) => Err(Error::JurisdictionListed(code)),
        Err(place) => {
            let record = JurisdictionRecord { name: new.name, root: new.root };
            listing.jurisdictions.insert(place, (code, record));
            Ok(())
        }
    }
}

fn add_key(listed: &mut ListedAgency, statement: Statement) -> Result<(), Error> {
    let (agency, key) = match &statement.content {
        Content::SigningKey(terms) => (&terms.agency, statement.content.describe()),
        Content::SealingKey(terms) => (&terms.agency, statement.content.describe()),
        Content::Agreement(_) | Content::Operation(_) => {
            return Err(Error::NoKey(statement.content.describe()));
        }
    };
    if *agency != listed.id {
        return Err(Error::OtherAgency { key, found: agency.clone(), expected: listed.id.clone() });
    }
    let (kind, key) = (statement.content.kind(), statement.content.key_id());
    let listed = match kind {
        Kind::SigningKey => &mut listed.signing_keys,
        _ => &mut listed.sealing_keys,
    };
    let is_same =
        |signed: &Signed| Content::parse(kind, &signed.payload).is_ok_and(|other| other.key_id() == key);
    match listed.iter().position(is_same) {
        // The key with other terms.
        Some(place) => listed[place] = statement.signed,
        None => listed.push(statement.signed),
    }
    Ok(())
}

/// Lists another signing or sealing key of an agency that is listed, or a listed one with other terms in its place.
pub fn add_agency_key(listing: &mut Listing, statement: Statement) -> Result<(), Error> {
    let agency = match &statement.content {
        Content::SigningKey(terms) => terms.agency.clone(),
        Content::SealingKey(terms) => terms.agency.clone(),
        other => return Err(Error::NoKey(other.describe())),
    };
    let listed = listing.agencies.iter_mut().find(|listed| listed.id == agency);
    add_key(listed.ok_or(Error::KeyOfUnlisted(agency))?, statement)
}

/// Lists another sealing key, as the agency that proposes it would have it listed: under the next epoch.
pub fn propose_sealing_key(listing: &mut Listing, statement: Statement) -> Result<(), Error> {
    let Content::SealingKey(terms) = &statement.content else {
        return Err(Error::NoSealingKey(statement.content.describe()));
    };
    let listed = listing.agencies.iter().find(|listed| listed.id == terms.agency);
    let listed = listed.ok_or_else(|| Error::ProposedByUnlisted(terms.agency.clone()))?;
    let epochs = listed.sealing_keys.iter();
    let epochs = epochs.filter_map(|signed| SealingKeyTerms::from_payload(&signed.payload).ok());
    let next = epochs.map(|terms| terms.epoch).max().unwrap_or(0).saturating_add(1);
    if terms.epoch != next {
        return Err(Error::NotNextEpoch { agency: terms.agency.clone(), found: terms.epoch, next });
    }
    add_agency_key(listing, statement)
}

/// Lists an agreement.
pub fn add_agreement(listing: &mut Listing, statement: Statement) -> Result<(), Error> {
    let Content::Agreement(agreement) = &statement.content else {
        return Err(Error::NotAnAgreement(statement.content.describe()));
    };
    for party in agreement.parties.as_slice() {
        if !listing.agencies.iter().any(|listed| listed.id == *party) {
            return Err(Error::PartyUnlisted { agreement: agreement.id.clone(), party: party.clone() });
        }
    }
    listing.agreements.push(statement.signed);
    Ok(())
}

/// Lists an operation.
pub fn add_operation(listing: &mut Listing, statement: Statement) -> Result<(), Error> {
    let Content::Operation(_) = &statement.content else {
        return Err(Error::NotAnOperation(statement.content.describe()));
    };
    listing.operations.push(statement.signed);
    Ok(())
}

/// A key to list, as its holder told it: both are 64 digits, and the one given for the other would be a key that nobody
/// has.
#[derive(Clone, Copy, Debug)]
pub struct NewKey {
    /// Its public half.
    pub public: [u8; 32],
    /// Its id.
    pub id: KeyId,
}

impl NewKey {
    /// Keys, each with the id that stands at its place.
    pub fn pair(keys: &[[u8; 32]], ids: &[KeyId]) -> Result<Vec<Self>, Error> {
        let (found, expected) = (ids.len(), keys.len());
        if found != expected {
            return Err(Error::Unpaired { found, expected });
        }
        Ok(keys.iter().zip(ids).map(|(public, id)| Self { public: *public, id: *id }).collect())
    }
}

/// What of the authority is to change.
#[derive(Clone, Debug, Default)]
pub struct AuthorityChange {
    /// Keys that it gets.
    pub add: Vec<NewKey>,
    /// Keys that it loses.
    pub remove: Vec<KeyId>,
    /// How many must sign from then on; as before where it is absent.
    pub threshold: Option<u32>,
}

/// Changes the authority's keys.
pub fn change_authority(listing: &mut Listing, change: &AuthorityChange) -> Result<(), Error> {
    replace_keys(&mut listing.authority_keys, &change.add, &change.remove, "the authority")?;
    listing.threshold = change.threshold.unwrap_or(listing.threshold);
    Ok(())
}

/// Changes the hub's signing keys.
pub fn change_hub_keys(listing: &mut Listing, add: &[NewKey], remove: &[KeyId]) -> Result<(), Error> {
    replace_keys(&mut listing.hub_keys, add, remove, "the hub")
}

fn replace_keys(
    keys: &mut Vec<[u8; 32]>,
    add: &[NewKey],
    remove: &[KeyId],
    whose: &'static str,
) -> Result<(), Error> {
    for id in remove {
        let place = keys.iter().position(|key| key_id(Algorithm::Ed25519, key) == *id);
        keys.remove(place.ok_or(Error::NotTheirs { whose, key: *id })?);
    }
    for NewKey { public, id } in add {
        let found = key_id(Algorithm::Ed25519, public);
        if found != *id {
            return Err(Error::OtherId { public: HEXLOWER.encode(public), found, expected: *id });
        }
        keys.push(*public);
    }
    Ok(())
}

/// Withdraws what the version in force lists and the draft does not, so that it never comes back without being signed
/// again. A draft that lists it again, before it is published, withdraws it no more.
pub fn withdraw(listing: &mut Listing, base: &Directory) {
    let listed: BTreeSet<Digest> =
        listing.agreements.iter().chain(&listing.operations).map(|signed| sha256(&signed.payload)).collect();
    let agreements = base.agreements.iter().map(|agreement| agreement.digest);
    let before = agreements.chain(base.operations.values().map(|operation| operation.digest));
    let ended = before.filter(|digest| !listed.contains(digest));
    let withdrawn: BTreeSet<Digest> = base.withdrawn.iter().copied().chain(ended).collect();
    listing.withdrawn = withdrawn.into_iter().collect();
}

/// Revokes a key for ever, whoever's it is. One of the authority's is taken off its list too. Of a key that was superseded or
/// given up it may turn out later that somebody else has it: its time stays.
pub fn revoke_key(
    listing: &mut Listing,
    key: KeyId,
    reason: RevocationReason,
    at: Instant,
) -> Result<(), Error> {
    if let Some((_, present)) = listing.revocations.iter_mut().find(|(other, _)| *other == key) {
        if present.reason == RevocationReason::Compromised || reason != RevocationReason::Compromised {
            return Err(Error::RevokedAlready(key));
        }
        present.reason = reason;
        return Ok(());
    }
    if !keys(listing).contains(&key) {
        return Err(Error::UnknownKey(key));
    }
    listing.authority_keys.retain(|other| key_id(Algorithm::Ed25519, other) != key);
    listing.revocations.push((key, Revocation { revoked_at: at, reason }));
    Ok(())
}

/// Revokes all keys of an agency: it is stopped, and what it said before stays provable.
pub fn revoke_agency(
    listing: &mut Listing,
    agency: &AgencyId,
    reason: RevocationReason,
    at: Instant,
) -> Result<(), Error> {
    let listed = listing.agencies.iter().find(|listed| listed.id == *agency);
    let listed = listed.ok_or_else(|| Error::NoAgency(agency.clone()))?;
    let is_new = |key: &KeyId| !listing.revocations.iter().any(|(other, _)| other == key);
    let keys: Vec<_> = keys_of(listed).into_iter().filter(is_new).collect();
    if keys.is_empty() {
        return Err(Error::StoppedAlready(agency.clone()));
    }
    listing.revocations.extend(keys.into_iter().map(|key| (key, Revocation { revoked_at: at, reason })));
    Ok(())
}

/// Takes an agreement off the list: from then on nothing goes under it.
pub fn remove_agreement(listing: &mut Listing, id: &AgreementId) -> Result<(), Error> {
    let named = |signed: &Signed| {
        agreement_from_payload(&signed.payload, Digest::ZERO).is_ok_and(|agreement| agreement.id == *id)
    };
    remove(&mut listing.agreements, named).ok_or_else(|| Error::NoAgreement(id.clone()))
}

/// Takes an operation off the list.
pub fn remove_operation(listing: &mut Listing, id: &OperationId) -> Result<(), Error> {
    let named = |signed: &Signed| {
        operation_from_payload(&signed.payload, Digest::ZERO).is_ok_and(|operation| operation.id == *id)
    };
    remove(&mut listing.operations, named).ok_or_else(|| Error::NoOperation(id.clone()))
}

/// Takes the first one that is named off a list.
fn remove(listed: &mut Vec<Signed>, named: impl Fn(&Signed) -> bool) -> Option<()> {
    let place = listed.iter().position(named)?;
    listed.remove(place);
    Some(())
}

/// Lets the version be valid for longer, counted from when it was issued.
pub fn renew(listing: &mut Listing, valid_for: Duration) {
    listing.valid_until = listing.issued_at.plus(valid_for);
}

/// The ids of all keys that a listing names.
fn keys(listing: &Listing) -> Vec<KeyId> {
    let raw = listing.authority_keys.iter().chain(&listing.hub_keys);
    let raw = raw.map(|key| key_id(Algorithm::Ed25519, key));
    raw.chain(listing.agencies.iter().flat_map(keys_of)).collect()
}

fn keys_of(agency: &ListedAgency) -> Vec<KeyId> {
    let signing = agency.signing_keys.iter().filter_map(|signed: &Signed| {
        let terms = SigningKeyTerms::from_payload(&signed.payload).ok()?;
        Some(key_id(Algorithm::Ed25519, &terms.public_key))
    });
    let sealing = agency.sealing_keys.iter().filter_map(|signed| {
        let terms = SealingKeyTerms::from_payload(&signed.payload).ok()?;
        Some(key_id(Algorithm::XWing, &terms.public_key))
    });
    signing.chain(sealing).collect()
}
