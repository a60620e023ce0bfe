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
//! the version before: same network, same roots, next number, its digest, no revocation forgotten or weakened. A signing
//! key leaves by a revocation alone, an agreement or operation by a withdrawal that keeps it from coming back.
//!
//! A revocation stops its key from being used and leaves standing what the key vouched for: otherwise the authority
//! could not revoke a stolen key before every agreement was signed again. What is new in a version is vouched for by
//! keys that it does not revoke. A new signing key is signed by the root, by itself, and by a node's key that the agency
//! has already, unless the version revokes all of those; other terms of a listed key by the root and such a key: so a
//! jurisdiction adds no second key to an agency unseen.
//! Nothing here reads a clock: whether a version is stale and a key in its period is judged where it is used. Who vouches
//! for a new key is judged at the moment at which the version says that it was issued.

use std::collections::BTreeSet;

use bytes::Bytes;
use rustls_pki_types::CertificateDer;
use sealpost_domain::digest::KeyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::{CLOCK_TOLERANCE, Instant};
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::Listing;

use crate::digest::sha256;
use crate::dsse::{PayloadType, VerifyingKey};
use crate::trust::{self, RootHolder, TrustSet};

mod chain;
mod error;
mod file;
mod signatures;
mod subject;
mod verifier;

pub use error::Error;
pub use file::{FileError, read};
use signatures::Signatures;
pub use subject::{Novelty, Statement, Term, Withdrawable};
use verifier::Verifier;

/// Verifies a version of the directory: against the version before it, or (`None`) by itself, as a node does with
/// the version that its operator provisioned.
pub fn verify(signed: &Signed, previous: Option<&Directory>) -> Result<Directory, Error> {
    let mut signatures = Signatures::new(signed, PayloadType::Directory);
    if let Some(previous) = previous {
        let keys = authority_keys(&previous.authority_keys)?;
        authority(&mut signatures, &keys, previous.threshold, previous.version.version)?;
    }
    let listing = Listing::from_payload(&signed.payload)?;
    let keys = own_authority(&listing)?;
    authority(&mut signatures, &keys, listing.threshold, listing.version)?;
    listed(listing, &signed.payload, previous)
}

/// Verifies a version that is about to come into force. Times only go forward, and keys are judged by them: one that is of the
/// future could be followed by no version of the present.
pub fn verify_now(signed: &Signed, previous: Option<&Directory>, now: Instant) -> Result<Directory, Error> {
    let directory = verify(signed, previous)?;
    if directory.issued_at > now.plus(CLOCK_TOLERANCE) {
        return Err(Error::Early { issued_at: directory.issued_at, now });
    }
    Ok(directory)
}

/// Judges what the authority is to sign as its readers will judge it then: everything but the authority's signatures.
pub fn judge(payload: &Bytes, previous: Option<&Directory>) -> Result<Directory, Error> {
    let listing = Listing::from_payload(payload)?;
    own_authority(&listing)?;
    listed(listing, payload, previous)
}

/// What a version lists, believed but for the authority's signatures.
fn listed(listing: Listing, payload: &[u8], previous: Option<&Directory>) -> Result<Directory, Error> {
    chain::follows(&listing, previous)?;
    let directory = Verifier::new(previous, &listing).directory(listing, sha256(payload))?;
    chain::keeps(&directory, previous)?;
    Ok(directory)
}

/// The authority of one version, and who of it signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// The version that lists the keys.
    pub version: u64,
    /// How many of them must sign.
    pub threshold: u32,
    /// The keys in their order, and whether each signed.
    pub keys: Vec<(KeyId, bool)>,
}

impl Quorum {
    /// Which of the keys signed a version. Signatures of others are neither counted nor held against it.
    fn of(signatures: &mut Signatures<'_>, keys: &[VerifyingKey], threshold: u32, version: u64) -> Self {
        let key = |key: &VerifyingKey| (key.key_id(), signatures.hold_of(key));
        Self { version, threshold, keys: keys.iter().map(key).collect() }
    }

    /// How many signed; a key that is listed twice counts once.
    pub fn signed(&self) -> usize {
        let signers = self.keys.iter().filter(|(_, signed)| *signed).map(|(key, _)| *key);
        signers.collect::<BTreeSet<_>>().len()
    }

    /// Whether enough did.
    pub fn is_reached(&self) -> bool {
        self.signed() >= self.threshold as usize
    }
}

/// Who signed a version: of the authority of the version before, where there is one, and then of its own.
pub fn quorums(signed: &Signed, previous: Option<&Directory>) -> Result<Vec<Quorum>, Error> {
    let listing = Listing::from_payload(&signed.payload)?;
    let mut signatures = Signatures::new(signed, PayloadType::Directory);
    let mut quorum = |version, threshold, keys: &[[u8; 32]]| {
        Ok(Quorum::of(&mut signatures, &authority_keys(keys)?, threshold, version))
    };
    let before = previous
        .map(|previous| quorum(previous.version.version, previous.threshold, &previous.authority_keys));
    before.into_iter().chain([quorum(listing.version, listing.threshold, &listing.authority_keys)]).collect()
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

/// The keys that a version lists as its authority's: enough of them for its threshold, none of them revoked.
fn own_authority(listing: &Listing) -> Result<Vec<VerifyingKey>, Error> {
    if listing.threshold == 0 || listing.threshold as usize > listing.authority_keys.len() {
        return Err(Error::Threshold { threshold: listing.threshold, keys: listing.authority_keys.len() });
    }
    let keys = authority_keys(&listing.authority_keys)?;
    let revoked = |key: &VerifyingKey| listing.revocations.iter().any(|(id, _)| *id == key.key_id());
    match keys.iter().position(revoked) {
        Some(index) => Err(Error::AuthorityRevoked { position: index + 1, key: keys[index].key_id() }),
        None => Ok(keys),
    }
}

fn authority_keys(keys: &[[u8; 32]]) -> Result<Vec<VerifyingKey>, Error> {
    let read = |(index, key): (usize, &[u8; 32])| {
        VerifyingKey::from_bytes(key).map_err(|source| Error::AuthorityKey { position: index + 1, source })
    };
    keys.iter().enumerate().map(read).collect()
}

/// Enough of the authority's keys signed; a key that is listed twice counts once. No signature is verified once that is known.
fn authority(
    signatures: &mut Signatures<'_>,
    keys: &[VerifyingKey],
    threshold: u32,
    version: u64,
) -> Result<(), Error> {
    let mut signers = BTreeSet::new();
    for key in keys {
        if signatures.hold_of(key) {
            signers.insert(key.key_id());
        }
        if signers.len() >= threshold as usize {
            return Ok(());
        }
    }
    Err(Error::Authority { version, found: signers.len(), threshold })
}

#[cfg(test)]
mod tests;
