//! Officers' approvals: whose signature it is. What an approval binds is the domain's to judge.

use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::PayloadType;
use sealpost_crypto::signed_by::signed_by;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;
use sealpost_domain::statement::{Approval, Signed};
use sealpost_wire::statement::Payload as _;

/// The approval in a statement, and the key of the sender's officer who signed it.
pub(crate) fn verify(
    signed: &Signed,
    sender: &AgencyId,
    directory: &Directory,
    now: Instant,
) -> Result<(KeyId, Approval), String> {
    let listed = |id| {
        let record = directory.officer_key(sender, id, now)?;
        Some((record.key.bytes.as_slice(), id))
    };
    let (officer, _) = signed_by(PayloadType::Approval, &signed.payload, &signed.signatures, listed)
        .map_err(|not| not.to_string())?;
    let approval = Approval::from_payload(&signed.payload).map_err(|error| error.to_string())?;
    Ok((officer, approval))
}

/// Those approvals whose signatures hold.
pub(crate) fn verified(
    approvals: &[Signed],
    sender: &AgencyId,
    directory: &Directory,
    now: Instant,
) -> Vec<(KeyId, Approval)> {
    approvals.iter().filter_map(|signed| verify(signed, sender, directory, now).ok()).collect()
}

/// What the header says about the approvals that are sealed with it; `None` where there are none.
pub(crate) fn digest(approvals: &[Signed]) -> Option<Digest> {
    let payloads: Vec<&[u8]> = approvals.iter().map(|signed| &signed.payload[..]).collect();
    (!payloads.is_empty()).then(|| sha256(&payloads.concat()))
}
