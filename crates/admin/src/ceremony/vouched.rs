//! What a key signed of that which a version lists: to be looked at when the key turns out to be stolen.

use sealpost_domain::digest::KeyId;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::Listing;
use serde::Serialize;

use super::statement::{Content, Kind};

/// Something that a key signed and a version lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VouchedFor {
    /// What it is.
    pub what: String,
    /// How it is revoked, the arguments of `directory revoke`.
    pub revoke: String,
}

/// What a key signed of that which a version lists and does not revoke. It stands when the key is revoked: whoever stole the
/// key may have signed it.
pub(super) fn by(listing: &Listing, key: KeyId) -> Vec<VouchedFor> {
    let agencies = listing.agencies.iter();
    let keys = agencies.flat_map(|agency| {
        let signing = agency.signing_keys.iter().map(|signed| (Kind::SigningKey, signed));
        signing.chain(agency.sealing_keys.iter().map(|signed| (Kind::SealingKey, signed)))
    });
    let agreements = listing.agreements.iter().map(|signed| (Kind::Agreement, signed));
    let operations = listing.operations.iter().map(|signed| (Kind::Operation, signed));
    let signed_by = |signed: &Signed| signed.signatures.iter().any(|signature| signature.key_id == key);
    let stands = |id: KeyId| id != key && !listing.revocations.iter().any(|(revoked, _)| *revoked == id);
    let all = keys.chain(agreements).chain(operations).filter(|(_, signed)| signed_by(signed));
    all.filter_map(|(kind, signed)| {
        let content = Content::parse(kind, &signed.payload).ok()?;
        let revoke = match &content {
            Content::SigningKey(_) | Content::SealingKey(_) => {
                let id = content.key_id().filter(|id| stands(*id))?;
                format!("--key {id} --reason compromised")
            }
            Content::Agreement(agreement) => format!("--agreement {}", agreement.id),
            Content::Operation(operation) => format!("--operation {}", operation.id),
        };
        Some(VouchedFor { what: content.describe(), revoke })
    })
    .collect()
}
