//! What an operation is about, sealed to its members with the sealing keys that a directory lists for them.

use rand::CryptoRng;
use sealpost_crypto::details;
use sealpost_crypto::wrap::{SealingPrivateKey, SealingPublicKey};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::Operation;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::OperationId;
use sealpost_wire::directory::{
    Listing, SealedDetails, operation_details_from_payload, operation_from_payload,
};
use zeroize::Zeroizing;

use super::Error;

/// Seals a text to all members of an operation; each needs a sealing key that is valid now.
pub fn seal(
    operation: &Operation,
    text: &[u8],
    directory: &Directory,
    now: Instant,
    rng: &mut dyn CryptoRng,
) -> Result<SealedDetails, Error> {
    let mut members = Vec::new();
    for member in operation.members.as_slice() {
        let key = directory.sealing_key(member, now);
        let key = key.ok_or_else(|| Error::NoSealingKey(member.clone()))?;
        members.push((member.clone(), SealingPublicKey::from_bytes(&key.key.bytes)?));
    }
    Ok(details::seal(rng, operation, text, &members)?)
}

/// Opens what an operation is about, for a member.
pub fn open(
    listing: &Listing,
    id: &OperationId,
    member: &AgencyId,
    key: &SealingPrivateKey,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    for signed in &listing.operations {
        let Ok(operation) = operation_from_payload(&signed.payload, Digest::ZERO) else { continue };
        if operation.id != *id {
            continue;
        }
        let found = operation_details_from_payload(&signed.payload);
        let found = found.ok().flatten().ok_or_else(|| Error::NoDetails(id.clone()))?;
        return Ok(details::open(&operation, &found, member, key)?);
    }
    Err(Error::NoOperation(id.clone()))
}
