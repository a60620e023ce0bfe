//! The next version of a directory, as a file that is carried from machine to machine.
//!
//! A draft has the form of a directory, with as many of the authority's signatures as it has got so far: once enough are
//! there it is the next version, to the byte. It is begun from the version in force, which everybody who works on it gives
//! as their own copy (`base`). Each change is judged as nodes will judge the version, and is not written otherwise; it
//! drops the signatures that were there, which were over other bytes.

use std::path::Path;

use bytes::Bytes;
use sealpost_crypto::directory::{self, Quorum};
use sealpost_crypto::dsse::{PayloadType, Signer, sign_statement};
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::Signature;
use sealpost_domain::instant::Instant;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{Listing, SIGNED_DIRECTORY_BYTES_MAX, signed_directory_from_bytes};
use sealpost_wire::envelope::signed_to_bytes;

use super::holder::Holder;
use super::vouched::{self, VouchedFor};
use super::{Error, edit};
use crate::file;

/// By whose keys a version was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// By those that it lists itself, which whoever made it chose.
    ByItself,
    /// The same, beside this version, which it does not follow directly: what lies between them is not known.
    Beside(u64),
    /// Also by those of this version, which it follows.
    AsSuccessorOf(u64),
}

/// How far a version, or a draft of one, is signed.
#[derive(Clone, Debug)]
pub struct Standing {
    /// What it lists; verified but for the authority's signatures.
    pub directory: Directory,
    /// By whose keys.
    pub judged: Judged,
    /// Who of the authority signed: of the version before, where it is known, and of its own.
    pub quorums: Vec<Quorum>,
}

impl Standing {
    /// Whether enough signed, of every authority that is known.
    pub fn is_complete(&self) -> bool {
        self.quorums.iter().all(Quorum::is_reached)
    }
}

/// A draft after a change.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The version in force.
    pub base: Directory,
    /// What the draft lists now.
    pub directory: Directory,
    /// How many signatures were dropped.
    pub dropped: usize,
    /// What the keys signed that the draft declares compromised: it stands until it is revoked too.
    pub doubtful: Vec<VouchedFor>,
}

/// A draft after a signature.
#[derive(Clone, Debug)]
pub struct SignedDraft {
    /// Which key signed.
    pub key: KeyId,
    /// The version in force.
    pub base: Directory,
    /// How far it is signed now.
    pub standing: Standing,
}

/// The version in force, as its file has it.
pub fn base(path: &Path) -> Result<(Signed, Directory), Error> {
    directory::read(path).map_err(Error::Base)
}

/// Reads a version or a draft; nothing is verified.
pub fn read(path: &Path) -> Result<Signed, Error> {
    let bytes = file::read(path, SIGNED_DIRECTORY_BYTES_MAX)?;
    signed_directory_from_bytes(&bytes.into())
        .map_err(|source| Error::NoDraft { path: path.to_owned(), source })
}

/// What a version or draft lists, without believing it: to tell whose a key is.
pub fn listing(path: &Path) -> Result<Listing, Error> {
    let signed = read(path)?;
    Listing::from_payload(&signed.payload).map_err(|source| Error::NoDraft { path: path.to_owned(), source })
}

/// Judges a version or a draft, by itself or as the successor of the one before.
pub fn standing(signed: &Signed, base: Option<&Directory>) -> Result<Standing, Error> {
    let directory = directory::judge(&signed.payload, base)?;
    let judged = base.map_or(Judged::ByItself, |base| Judged::AsSuccessorOf(base.version.version));
    signatures(signed, base, directory, judged)
}

/// Judges a version or a draft for comparing it with another one: as its successor where it is that, else by itself.
pub fn beside(signed: &Signed, base: &Directory) -> Result<Standing, Error> {
    let listing = Listing::from_payload(&signed.payload).map_err(directory::Error::from)?;
    if listing.network != base.network {
        let (found, expected) = (listing.network, base.network.clone());
        return Err(directory::Error::Network { found, expected }.into());
    }
    if base.version.version.checked_add(1) == Some(listing.version) {
        return standing(signed, Some(base));
    }
    let directory = directory::judge(&signed.payload, None)?;
    signatures(signed, Some(base), directory, Judged::Beside(base.version.version))
}

/// Who signed, of the authorities that are known. A signature that does not hold is refused.
fn signatures(
    signed: &Signed,
    base: Option<&Directory>,
    directory: Directory,
    judged: Judged,
) -> Result<Standing, Error> {
    let quorums = directory::quorums(signed, base)?;
    // Who is named and did not sign signed something else: a changed file is told from a missing signature.
    let is_named = |key: &KeyId| signed.signatures.iter().any(|signature| signature.key_id == *key);
    let mut keys = quorums.iter().flat_map(|quorum| &quorum.keys);
    match keys.find(|(key, has_signed)| !has_signed && is_named(key)) {
        Some((key, _)) => Err(Error::SignatureBroken { key: *key }),
        None => Ok(Standing { directory, judged, quorums }),
    }
}

/// Changes a draft, or begins it; it is written only if nodes would take it once it is signed.
pub fn change(
    base: &Path,
    draft: &Path,
    now: Instant,
    change: impl FnOnce(&mut Listing) -> Result<(), edit::Error>,
) -> Result<Changed, Error> {
    let (in_force, base) = self::base(base)?;
    let present = match read(draft) {
        Ok(present) => Some(present),
        Err(Error::File(error)) if error.is_absent() => None,
        Err(error) => return Err(error),
    };
    let unreadable = |source| Error::NoDraft { path: draft.to_owned(), source };
    let before = match &present {
        Some(present) => Listing::from_payload(&present.payload).map_err(unreadable)?,
        None => successor(&in_force.payload, &base, now)?,
    };
    let mut listing = before.clone();
    change(&mut listing)?;
    edit::withdraw(&mut listing, &base);
    if listing == before && present.is_some() {
        return Err(Error::NoChange);
    }
    let signed = Signed { payload: listing.to_payload(), signatures: Vec::new() };
    let directory = directory::judge(&signed.payload, Some(&base))?;
    file::replace(draft, &signed_to_bytes(&signed))?;
    let dropped = present.map_or(0, |present| present.signatures.len());
    let compromised = |key: &KeyId| directory.is_compromised(*key) && !base.is_compromised(*key);
    let doubtful = directory.revocations.keys().filter(|key| compromised(key));
    let doubtful = doubtful.flat_map(|key| vouched::by(&listing, *key)).collect();
    Ok(Changed { base, directory, dropped, doubtful })
}

/// Judges what somebody proposes as the successor of the version in force would be judged, and writes nothing.
pub fn attempt(
    base: &Path,
    now: Instant,
    change: impl FnOnce(&mut Listing) -> Result<(), edit::Error>,
) -> Result<Listing, Error> {
    let (in_force, base) = self::base(base)?;
    let mut listing = successor(&in_force.payload, &base, now)?;
    change(&mut listing)?;
    directory::judge(&listing.to_payload(), Some(&base))?;
    Ok(listing)
}

/// A version that changes nothing but its number, its times, and what it follows.
fn successor(payload: &Bytes, base: &Directory, now: Instant) -> Result<Listing, Error> {
    let listing = Listing::from_payload(payload).map_err(directory::Error::from)?;
    let issued_at = now.max(base.issued_at);
    Ok(Listing {
        version: base.version.version.saturating_add(1),
        previous: base.version.digest,
        issued_at,
        valid_until: issued_at.plus(base.valid_until.since(base.issued_at)),
        ..listing
    })
}

/// Adds the signature of one of the authority's keys, of the version in force or of the draft itself.
pub fn sign(
    base: &Path,
    draft: &Path,
    key: &dyn Signer,
    expected: Option<Digest>,
) -> Result<SignedDraft, Error> {
    let (_, base) = self::base(base)?;
    let mut signed = read(draft)?;
    let before = standing(&signed, Some(&base))?;
    let found = before.directory.version.digest;
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(Error::OtherDigest { what: "draft", found, expected });
    }
    let id = key.key_id();
    let mut of_authority =
        before.quorums.iter().flat_map(|quorum| &quorum.keys).filter(|(key, _)| *key == id);
    match of_authority.next() {
        None => {
            let listing = Listing::from_payload(&signed.payload).map_err(directory::Error::from)?;
            let whose = Holder::of(key.verifying_key(), &listing).to_string();
            return Err(Error::NotAuthority { key: id, whose });
        }
        Some((_, true)) => return Err(Error::SignedAlready { key: id }),
        Some((_, false)) => {}
    }
    let signature = sign_statement(key, PayloadType::Directory, &signed.payload)?;
    let bytes = Bytes::copy_from_slice(&signature.bytes);
    signed.signatures.push(Signature { key_id: id, bytes });
    let standing = standing(&signed, Some(&base))?;
    file::replace(draft, &signed_to_bytes(&signed))?;
    Ok(SignedDraft { key: id, base, standing })
}
