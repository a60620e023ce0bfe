//! The directories that were installed, and from which record on each was in force.

use std::sync::Arc;

use bytes::Bytes;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::record::Record;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::signed_directory_from_bytes;
use sealpost_wire::envelope::signed_to_bytes;

use super::{Core, Env, Error, Round};

/// Verifies a signed directory against the one before it, and reads it.
pub type Opener = Box<dyn Fn(&Signed, Option<&Directory>) -> Result<Directory, String> + Send + Sync>;

/// The directories of this ledger.
pub struct Directories {
    opener: Opener,
    current: Option<Arc<Directory>>,
    /// First index and version, ascending.
    installed: Vec<(u64, DirectoryVersion)>,
}

impl Directories {
    pub(super) fn new(opener: Opener) -> Self {
        Self { opener, current: None, installed: Vec::new() }
    }

    /// The one in force.
    pub fn current(&self) -> Option<&Arc<Directory>> {
        self.current.as_ref()
    }

    /// The version that was in force when a record was made; 0 before the first.
    pub fn version_at(&self, index: u64) -> u64 {
        let after = self.installed.partition_point(|(first, _)| *first <= index);
        after
            .checked_sub(1)
            .and_then(|last| self.installed.get(last))
            .map_or(0, |(_, version)| version.version)
    }

    /// Where a version was installed, and its digest; `None` when it never was.
    pub fn installed(&self, version: u64) -> Option<(u64, Digest)> {
        let place = self.installed.binary_search_by_key(&version, |(_, installed)| installed.version).ok()?;
        self.installed.get(place).map(|(index, installed)| (*index, installed.digest))
    }

    /// Verifies a version that may follow the one in force.
    pub fn open(&self, signed: &Signed) -> Result<Directory, String> {
        (self.opener)(signed, self.current.as_deref())
    }

    pub(super) fn apply(&mut self, index: u64, version: DirectoryVersion, body: &Bytes) -> Result<(), Error> {
        let signed = signed_directory_from_bytes(body).map_err(|source| Error::Record { index, source })?;
        let directory = self.open(&signed).map_err(|fault| Error::Directory { index, fault })?;
        if directory.version != version {
            let fault = format!(
                "its body is version {}, its leaf says {}",
                directory.version.version, version.version
            );
            return Err(Error::Directory { index, fault });
        }
        self.installed.push((index, version));
        self.current = Some(Arc::new(directory));
        Ok(())
    }
}

impl Core {
    /// Installs a version of the directory, if it is the next one; older and equal ones are passed over.
    pub fn install(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        signed: &Signed,
    ) -> Result<(), NotInstalled> {
        // Verified against what is durable: two versions in one round could not both follow it.
        if round.records().iter().any(|draft| matches!(draft.record, Record::Directory(_))) {
            return Err(NotInstalled("another version is being recorded".to_owned()));
        }
        let directory = self.directories.open(signed).map_err(NotInstalled)?;
        let record = Record::Directory(directory.version);
        round.record(env, record, signed_to_bytes(signed).into());
        Ok(())
    }
}

/// A directory that is not the next one, or that does not verify.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the directory is not installed: {0}")]
pub struct NotInstalled(pub String);
