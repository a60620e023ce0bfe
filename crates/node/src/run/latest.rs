//! The directory that a node goes by, for whoever looks at its files while it runs or does not: the last version in its
//! ledger. Changes nothing.

use std::path::Path;
use std::sync::Arc;

use sealpost_crypto::directory;
use sealpost_domain::directory::Directory;
use sealpost_domain::record::Record;
use sealpost_ledger::{History, ReadError};
use sealpost_seglog::disk::{Disk, Real};
use sealpost_wire::directory::signed_directory_from_bytes;

use super::Error;
use crate::core;

/// The last version that the ledger in a folder installed; `None` before the node's first start. Reads all of it.
pub(super) fn directory(ledger: &Path) -> Result<Option<Directory>, Error> {
    if !ledger.exists() {
        return Ok(None);
    }
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let (history, _) = History::open(&disk, ledger, 0).map_err(Error::Looked)?;
    let mut latest = None;
    for entry in history.scan(0) {
        match entry {
            Ok(entry) if matches!(entry.leaf.record, Record::Directory(_)) => latest = Some(entry),
            Ok(_) | Err(ReadError::Lost { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let Some(entry) = latest else { return Ok(None) };
    let index = entry.index;
    let signed = signed_directory_from_bytes(&entry.body)
        .map_err(|source| Error::Core(core::Error::Record { index, source }))?;
    // The ledger believed it after the versions before; it is looked at alone here.
    let directory = directory::verify(&signed, None)
        .map_err(|error| Error::Core(core::Error::Directory { index, fault: error.to_string() }))?;
    Ok(Some(directory))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;
    use sealpost_crypto::chains::{NETWORK, Root};
    use sealpost_crypto::dsse::{PayloadType, SigningKey};
    use sealpost_domain::digest::Digest;
    use sealpost_domain::identity::NetworkName;
    use sealpost_ledger::{Draft, Ledger, Options};
    use sealpost_wire::directory::Listing;
    use sealpost_wire::envelope::signed_to_bytes;

    use super::*;
    use crate::fixture::{NOW, agency, sign};

    /// A version in which nobody takes part.
    fn version(authority: &SigningKey, number: u64) -> Draft {
        let hub = SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(number));
        let listing = Listing {
            network: NetworkName::parse(NETWORK).unwrap(),
            version: number,
            previous: Digest::new([7; 32]),
            issued_at: NOW,
            valid_until: NOW.plus(Duration::from_hours(24)),
            authority_keys: vec![*authority.verifying_key().as_bytes()],
            threshold: 1,
            operator_root: Bytes::copy_from_slice(&Root::new("hub").certificate),
            hub_keys: vec![*hub.verifying_key().as_bytes()],
            jurisdictions: [].into(),
            agencies: Vec::new(),
            agreements: Vec::new(),
            operations: Vec::new(),
            revocations: Vec::new(),
            withdrawn: Vec::new(),
        };
        let signed = sign(authority, PayloadType::Directory, listing.to_payload());
        let version = directory::verify(&signed, None).unwrap().version;
        let body = signed_to_bytes(&signed).into();
        Draft { recorded_at: NOW, salt: [0; 32], record: Record::Directory(version), body }
    }

    #[tokio::test]
    async fn the_last_version_of_the_ledger_is_the_one_also_while_the_node_runs() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("ledger");
        assert_eq!(directory(&at).unwrap(), None, "it has never run");
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let authority = SigningKey::generate(&mut rng);
        let disk: Arc<dyn Disk> = Arc::new(Real);
        let (ledger, _) =
            Ledger::open(disk, &at, &agency("HK-CED"), NOW, &mut rng, Options::default()).unwrap();
        assert_eq!(directory(&at).unwrap(), None, "it has not been provisioned");
        for number in 2..5 {
            ledger.append(vec![version(&authority, number)]).await.unwrap();
            assert_eq!(directory(&at).unwrap().unwrap().version.version, number);
        }
        ledger.close().await.unwrap();
    }
}
