//! The versions of the directory that the ledger installed, and the file of each.

use bytes::Bytes;
use sealpost_crypto::digest::record_body_digest;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::Record;
use sealpost_ledger::Entry;
use sealpost_wire::directory::{Listing, signed_directory_from_bytes};
use serde::Serialize;

use super::{Books, Error, as_text};

/// A version of the directory that the ledger installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstalledVersion {
    /// Counted from 1.
    pub version: u64,
    /// SHA-256 of its payload: equal digests are equal directories.
    #[serde(serialize_with = "as_text")]
    pub digest: Digest,
    /// When the authority issued it.
    #[serde(serialize_with = "as_text")]
    pub issued_at: Instant,
    /// After this it is stale.
    #[serde(serialize_with = "as_text")]
    pub valid_until: Instant,
    /// The record that installs it.
    pub index: u64,
    /// When that was made, by this node's clock.
    #[serde(serialize_with = "as_text")]
    pub recorded_at: Instant,
}

impl Books {
    /// The versions that the ledger installed, in their order, or the one that is asked for: at least one. Reads every
    /// record; `progress` is told how many are done.
    pub fn directories(
        &self,
        version: Option<u64>,
        mut progress: impl FnMut(u64),
    ) -> Result<Vec<InstalledVersion>, Error> {
        let mut installed = Vec::new();
        for entry in self.entries() {
            let entry = entry?;
            progress(entry.index);
            if let Record::Directory(found) = &entry.leaf.record
                && version.is_none_or(|version| version == found.version)
            {
                let digest = found.digest;
                installed.push(described(&entry, digest)?);
            }
        }
        if installed.is_empty() { Err(Error::NoDirectory { version }) } else { Ok(installed) }
    }

    /// The exact bytes of a version, as they were installed: the file that a node or hub is provisioned with.
    pub fn directory_file(&self, installed: &InstalledVersion) -> Result<Bytes, Error> {
        let entry = self.history.get(installed.index)?;
        described(&entry, installed.digest)?;
        Ok(entry.body)
    }
}

/// What a record installs, once it is clear that the bytes beside it are those of that time.
fn described(entry: &Entry, digest: Digest) -> Result<InstalledVersion, Error> {
    let index = entry.index;
    if entry.leaf.body_digest != Some(record_body_digest(&entry.leaf.salt, &entry.body)) {
        return Err(Error::DirectoryDamaged { index });
    }
    let malformed = |source| Error::DirectoryMalformed { index, source };
    let signed = signed_directory_from_bytes(&entry.body).map_err(malformed)?;
    let listing = Listing::from_payload(&signed.payload).map_err(malformed)?;
    let Listing { version, issued_at, valid_until, .. } = listing;
    let recorded_at = entry.leaf.recorded_at;
    Ok(InstalledVersion { version, digest, issued_at, valid_until, index, recorded_at })
}
