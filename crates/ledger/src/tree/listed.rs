//! Whose checkpoint a note is, by a directory: its origin, who signed it, and who cosigned it.
//!
//! A note does not say when it was signed, so that every key counts that the directory lists for a node of the agency, but
//! for those that somebody else may have: whatever they signed may be anybody's.

use sealpost_crypto::dsse::{self, SignError, VerifyingKey};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::{Directory, KeyUse};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_merkle::cosignature;
use sealpost_merkle::key::KeyName;

use super::keys::{CosignatureVerifier, Cosigner};
use super::{Signed, origin};

/// The name under which an agency's nodes cosign. One for all lives of its ledger: whose ledger is cosigned stands in the
/// note.
pub fn witness(network: &NetworkName, agency: &AgencyId) -> KeyName {
    format!("{network}/witness/{agency}")
        .parse()
        .expect("names of networks and agencies hold neither blanks nor plus signs")
}

/// Of which life of an agency's ledger a checkpoint is; `None` when it is none of that ledger.
pub fn incarnation(checkpoint: &Checkpoint, network: &NetworkName, agency: &AgencyId) -> Option<Incarnation> {
    let incarnation = named(checkpoint)?;
    (origin(network, agency, incarnation).as_str() == checkpoint.origin()).then_some(incarnation)
}

/// The life that the last part of an origin names; whether the rest of it is right is not said.
pub(crate) fn named(checkpoint: &Checkpoint) -> Option<Incarnation> {
    let (_, last) = checkpoint.origin().rsplit_once('/')?;
    let bytes = data_encoding::HEXLOWER.decode(last.as_bytes()).ok()?;
    Some(Incarnation(bytes.try_into().ok()?))
}

/// The key of the agency's nodes that signed a checkpoint.
pub fn signing_key(signed: &Signed, directory: &Directory, agency: &AgencyId) -> Option<VerifyingKey> {
    node_keys(directory, agency).find(|key| signed.is_signed_by(key))
}

/// When the agency's nodes cosigned a checkpoint, to the second; `None` when none of them did, or when a cosignature under
/// one of their keys is false.
pub fn cosigned_at(signed: &Signed, directory: &Directory, agency: &AgencyId) -> Option<Instant> {
    let name = witness(&directory.network, agency);
    let seconds = node_keys(directory, agency)
        .find_map(|key| cosignature::verify(&signed.note, &CosignatureVerifier::new(&name, &key)).ok())?;
    Some(Instant::from_millis(i64::try_from(seconds).ok()?.checked_mul(1000)?))
}

/// A checkpoint with the cosignature of an agency's node added.
pub fn cosign(
    signed: &Signed,
    network: &NetworkName,
    agency: &AgencyId,
    signer: &dyn dsse::Signer,
    at: Instant,
) -> Result<Signed, cosignature::Error<SignError>> {
    let mut note = signed.note.clone();
    // A clock before 1970 is at fault by more than this.
    let seconds = u64::try_from(at.as_millis() / 1000).unwrap_or(0);
    cosignature::cosign(&mut note, &Cosigner::new(&witness(network, agency), signer), seconds)?;
    Ok(Signed { note, checkpoint: signed.checkpoint.clone() })
}

fn node_keys<'a>(
    directory: &'a Directory,
    agency: &AgencyId,
) -> impl Iterator<Item = VerifyingKey> + use<'a> {
    let keys = directory.agencies.get(agency).map_or(&[][..], |record| &record.signing_keys);
    let keys = keys.iter().filter(|key| key.usage == KeyUse::Node && !directory.is_compromised(key.key.id));
    keys.filter_map(|key| VerifyingKey::from_bytes(&key.key.bytes).ok())
}
