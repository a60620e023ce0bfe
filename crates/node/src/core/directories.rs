//! The directories that were installed, and from which record on each was in force; and what is shown instead of the next
//! one: a step back, a fork, a gap, or nothing at all.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::instant::CLOCK_TOLERANCE;
use sealpost_domain::record::Record;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{Listing, signed_directory_from_bytes};
use sealpost_wire::envelope::signed_to_bytes;

use super::{Alarm, Core, Env, Error, Round};

/// How long a version that a peer has may take until it is here.
const WITHHELD_AFTER: Duration = Duration::from_mins(5);

/// Verifies a signed directory against the one before it, and reads it.
pub type Opener = Box<dyn Fn(&Signed, Option<&Directory>) -> Result<Directory, Unbelieved> + Send + Sync>;

/// Why a version is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbelieved {
    /// The rule that it breaks.
    pub rule: Rule,
    /// In what, for people.
    pub fault: String,
}

/// What came of a version that was to be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installing {
    /// It is recorded with this round.
    Recorded,
    /// It is in force already.
    InForce,
}

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
    pub fn open(&self, signed: &Signed) -> Result<Directory, Unbelieved> {
        (self.opener)(signed, self.current.as_deref())
    }

    pub(super) fn apply(&mut self, index: u64, version: DirectoryVersion, body: &Bytes) -> Result<(), Error> {
        let signed = signed_directory_from_bytes(body).map_err(|source| Error::Record { index, source })?;
        let open = |unbelieved: Unbelieved| Error::Directory { index, fault: unbelieved.fault };
        let directory = self.open(&signed).map_err(open)?;
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

    /// What a version is that is not the next one: one that was installed shown again, another one in the place of one, or
    /// whatever its own fault is.
    fn judge(&self, shown: DirectoryVersion) -> Option<(Rule, String)> {
        let current = self.current.as_ref()?.version;
        let DirectoryVersion { version, digest } = shown;
        match self.installed(version) {
            Some((_, ours)) if ours == digest && version == current.version => None,
            Some((index, ours)) if ours == digest => Some((
                Rule::DirectoryRollback,
                format!(
                    "version {version}, of record {index} of this ledger, is shown again while version {} is in force here",
                    current.version
                ),
            )),
            Some((index, ours)) => Some((
                Rule::DirectoryFork,
                format!(
                    "version {version} is shown with the digest {digest}; record {index} of this ledger installed one with the digest {ours}"
                ),
            )),
            None if version < current.version => Some((
                Rule::DirectoryRollback,
                format!(
                    "version {version} with the digest {digest} is shown while version {} is in force here",
                    current.version
                ),
            )),
            None => None,
        }
    }
}

impl Core {
    /// Installs a version of the directory, if it is the next one. What is shown in its place is recorded with its bytes.
    pub fn install(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        signed: &Signed,
    ) -> Result<Installing, NotInstalled> {
        // Verified against what is durable: two versions in one round could not both follow it.
        if round.records().iter().any(|draft| matches!(draft.record, Record::Directory(_))) {
            return Err(NotInstalled::Busy);
        }
        let digest = sha256(&signed.payload);
        if self.directory().is_some_and(|directory| directory.version.digest == digest) {
            return Ok(Installing::InForce);
        }
        match self.directories.open(signed) {
            Ok(directory) => {
                let record = Record::Directory(directory.version);
                round.record(env, record, signed_to_bytes(signed).into());
                Ok(Installing::Recorded)
            }
            Err(unbelieved) => Err(self.not_installed(env, round, signed, digest, unbelieved)),
        }
    }

    fn not_installed(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        signed: &Signed,
        digest: Digest,
        unbelieved: Unbelieved,
    ) -> NotInstalled {
        let Unbelieved { mut rule, fault } = unbelieved;
        let mut detail = format!("the hub shows a directory that is not believed: {fault}");
        // Its authority signed it, and it is not the next one.
        if rule == Rule::DirectoryChain
            && let (Some(current), Ok(listing)) = (self.directory(), Listing::from_payload(&signed.payload))
        {
            let shown = DirectoryVersion { version: listing.version, digest };
            if let Some((place, told)) = self.directories.judge(shown) {
                (rule, detail) = (place, format!("the hub shows an authentic directory: {told}"));
            } else if listing.version == current.version.version + 1
                && listing.previous != current.version.digest
            {
                rule = Rule::DirectoryFork;
            }
        }
        let exhibits = vec![signed_to_bytes(signed).into()];
        self.alarm(env, round, Alarm { rule, peer: None, header: Some(digest), detail, exhibits });
        NotInstalled::NotBelieved(fault)
    }

    /// The hub says which version is in force there.
    pub fn hub_shows(&mut self, env: &mut Env<'_>, round: &mut Round, shown: DirectoryVersion) {
        let Some((rule, told)) = self.directories.judge(shown) else { return };
        let detail = format!("what the hub says of its directory: {told}");
        // Apart from what a version of that digest itself is recorded under.
        let subject = sha256(&[b"in force at the hub".as_slice(), shown.digest.as_bytes()].concat());
        let exhibits = Vec::new();
        self.alarm(env, round, Alarm { rule, peer: None, header: Some(subject), detail, exhibits });
    }

    /// A directory that stands still: it is no longer valid, or a peer has a later one that does not come here.
    pub(super) fn notice_frozen(&mut self, env: &mut Env<'_>, round: &mut Round) {
        let Some(directory) = self.directory() else { return };
        let (current, valid_until) = (directory.version, directory.valid_until);
        if valid_until.plus(CLOCK_TOLERANCE) < env.now {
            let detail = format!(
                "version {} of the directory was valid until {valid_until}, and no later one has come",
                current.version
            );
            let (rule, header, exhibits) = (Rule::DirectoryStale, Some(current.digest), Vec::new());
            self.alarm(env, round, Alarm { rule, peer: None, header, detail, exhibits });
        }
        for ahead in self.witness.ahead_of(current.version, env.now.minus(WITHHELD_AFTER)) {
            let detail = format!(
                "{} has installed version {} of the directory with the digest {}; here version {} is in force, and no                  later one has come since that was heard at {}",
                ahead.peer, ahead.directory.version, ahead.directory.digest, current.version, ahead.since
            );
            let (rule, header) = (Rule::DirectoryWithheld, Some(ahead.directory.digest));
            let exhibits = vec![ahead.statement];
            self.alarm(env, round, Alarm { rule, peer: None, header, detail, exhibits });
        }
    }
}

/// Why a version is not installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotInstalled {
    /// It is not the next one, or does not verify.
    #[error("the directory is not installed: {0}")]
    NotBelieved(String),
    /// Only one is recorded at a time.
    #[error("the directory is not installed yet: another version is being recorded")]
    Busy,
    /// The round in which it was recorded was not kept.
    #[error("the directory is not installed yet: the node has no space to record it")]
    NoSpace,
}
