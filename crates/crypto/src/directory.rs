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
//! could not revoke a stolen key before every agreement was signed again. What is new in a version is vouched for by
//! keys that it does not revoke. A node's new signing key is signed by the root, by itself, and by a key that the agency
//! has already, unless the version revokes all of those: so a jurisdiction cannot add a second key to an agency unseen.
//! Nothing here reads a clock: whether a version is stale and a key in its period is judged where it is used.

use std::collections::BTreeSet;

use bytes::Bytes;
use rustls_pki_types::CertificateDer;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::Directory;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::Listing;

use crate::digest::sha256;
use crate::dsse::{PayloadType, VerifyingKey, verify_statement};
use crate::trust::{self, RootHolder, TrustSet};

mod error;
mod file;
mod verifier;

pub use error::{Error, Statement, Term};
pub use file::{FileError, read};
use verifier::Verifier;

/// Verifies a version of the directory: against the version before it, or (`None`) by itself, as a node does with
/// the version that its operator provisioned.
pub fn verify(signed: &Signed, previous: Option<&Directory>) -> Result<Directory, Error> {
    if let Some(previous) = previous {
        let keys = authority_keys(&previous.authority_keys)?;
        authority(signed, &keys, previous.threshold, previous.version.version)?;
    }
    let listing = Listing::from_payload(&signed.payload)?;
    let keys = own_authority(&listing)?;
    authority(signed, &keys, listing.threshold, listing.version)?;
    chain(&listing, previous)?;
    Verifier::new(previous, &listing).directory(listing, sha256(&signed.payload))
}

/// Judges what the authority is to sign as its readers will judge it then: everything but the authority's signatures.
pub fn judge(payload: &Bytes, previous: Option<&Directory>) -> Result<Directory, Error> {
    let listing = Listing::from_payload(payload)?;
    own_authority(&listing)?;
    chain(&listing, previous)?;
    Verifier::new(previous, &listing).directory(listing, sha256(payload))
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
    /// How many signed.
    pub fn signed(&self) -> usize {
        self.keys.iter().filter(|(_, signed)| *signed).count()
    }

    /// Whether enough did.
    pub fn is_reached(&self) -> bool {
        self.signed() >= self.threshold as usize
    }
}

/// Who signed a version: of the authority of the version before, where there is one, and then of its own.
pub fn quorums(signed: &Signed, previous: Option<&Directory>) -> Result<Vec<Quorum>, Error> {
    let listing = Listing::from_payload(&signed.payload)?;
    let quorum = |version, threshold, keys: &[[u8; 32]]| {
        let key = |key: &VerifyingKey| (key.key_id(), key.signed(signed, PayloadType::Directory));
        Ok(Quorum { version, threshold, keys: authority_keys(keys)?.iter().map(key).collect() })
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
    // Also not by leaving it out for one version.
    for (code, before) in &previous.jurisdictions {
        match listing.jurisdictions.iter().find(|(listed, _)| listed == code) {
            None => return Err(Error::JurisdictionDropped { jurisdiction: *code }),
            Some((_, record)) if record.root != before.root => {
                return Err(Error::RootChanged { jurisdiction: *code });
            }
            Some(_) => {}
        }
    }
    let kept: BTreeSet<KeyId> = listing.revocations.iter().map(|(key, _)| *key).collect();
    match previous.revocations.keys().find(|key| !kept.contains(key)) {
        Some(key) => Err(Error::RevocationDropped { key: *key }),
        None => Ok(()),
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

#[cfg(test)]
mod tests;
