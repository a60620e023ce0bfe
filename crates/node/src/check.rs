//! `ledger …`: what can be said about a ledger by itself, while its node runs or after.
//!
//! Opens the ledger for reading alone. Never here: how a result is shown.

mod directories;
mod error;
mod events;
mod tally;
mod witness;

use std::fmt::Display;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::directory;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::KeyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::record::Record;
use sealpost_ledger::tree::{self, Files, Prover, Signed, listed};
use sealpost_ledger::verify::{ByDirectory, Claim, Counts, Excused, Report, verify};
use sealpost_ledger::{Entry, History, ReadError};
use sealpost_merkle::Hash;
use sealpost_merkle::key::VerifierKey;
use sealpost_seglog::disk::{Disk, Real};
use sealpost_server::program::with_causes;
use serde::{Serialize, Serializer};

use crate::config::NodeConfig;
use crate::run::{self, Places};
pub use directories::InstalledVersion;
pub use error::Error;
pub use events::{Asked, Kind, SecurityEvent};
pub use tally::{Bodies, Tally};
pub use witness::{Vouch, Vouched};

/// A checkpoint that somebody kept has less.
const KEPT_BYTES_MAX: u64 = 64 << 10;

/// What was verified, for people and machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whether everything holds.
    pub verified: bool,
    /// How much there is, up to the fault if there is one.
    #[serde(flatten)]
    pub counts: Counts,
    /// How many records of each kind there are, and what became of bodies, as far as was verified.
    #[serde(flatten)]
    pub tally: Tally,
    /// Whether the provisioned directory is among those that the ledger installed. Otherwise its first one was believed
    /// as it is, and with it everything that was signed.
    pub anchored: bool,
    /// Whether the ledger has a checkpoint of its own. Without one, records that are missing at the end do not show.
    pub checkpoint_stored: bool,
    /// The first thing that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// The first stored tile that is not that of the records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong_tile: Option<String>,
    /// The first stored tile that the disk did not give, and what it said: nothing is known about that tile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread_tile: Option<String>,
    /// Records whose bodies were damaged and did not come again; everything else of them holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost_bodies: Vec<u64>,
    /// Records whose leaves are lost: they are not verified, but for their hashes in the tree.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost_leaves: Vec<u64>,
    /// Checkpoints of peers that nothing proves to continue the one kept before: each is put down to one lost leaf.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excused_checkpoints: Vec<Excused>,
}

/// The first thing that is wrong with a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The record; where a checkpoint is at fault, the last one that it is compared with.
    pub index: u64,
    /// What does not hold.
    pub subject: Subject,
    /// What is wrong with it, and why.
    pub reason: String,
}

/// What does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A record.
    Record,
    /// A checkpoint over the records.
    Checkpoint,
}

/// A ledger, opened to be looked at.
pub struct Books {
    history: History,
    files: Files,
    /// As it was before the ledger was opened, so that every record that it covers is there.
    checkpoint: Result<Option<Signed>, Arc<tree::Error>>,
    genesis: Directory,
    agency: AgencyId,
}

impl Books {
    /// Opens the ledger of a configuration for reading.
    pub fn open(config: &NodeConfig) -> Result<Self, Error> {
        let (_, genesis) = directory::read(&config.genesis).map_err(run::Error::from)?;
        let places = Places::of(config);
        let files = Files::at(&places.tree);
        let checkpoint = files.checkpoint().map_err(Arc::new);
        let (disk, dir): (Arc<dyn Disk>, _) = (Arc::new(Real), &places.ledger);
        let opened = History::open(&disk, dir, 0);
        let (history, _) = opened.map_err(|source| Error::Open { dir: dir.clone(), source })?;
        Ok(Self { history, files, checkpoint, genesis, agency: config.agency.clone() })
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.history.durable()
    }

    /// The records that still have their leaves, in order and in bounded memory.
    fn entries(&self) -> impl Iterator<Item = Result<Entry, ReadError>> + use<> {
        self.history.scan(0).filter(|entry| !matches!(entry, Err(ReadError::Lost { .. })))
    }

    /// Verifies everything, and that it continues the checkpoint that somebody kept in `since`. `progress` is told how
    /// many records are done.
    pub fn verify(&self, since: Option<&Path>, mut progress: impl FnMut(u64)) -> Result<Verified, Error> {
        if let Ok(entry) = self.history.get(0)
            && let Record::Incarnation { agency, .. } = entry.leaf.record
            && agency != self.agency
        {
            return Err(Error::Agency { found: agency, expected: self.agency.clone() });
        }
        // One that was begun with an earlier version must come to the provisioned one.
        let provisioned = self.genesis.version;
        let mut directories = match first_directory(&self.history) {
            Some(version) if version == provisioned.version => ByDirectory::anchored(provisioned.digest),
            _ => ByDirectory::expecting(provisioned.digest),
        };
        let mut claims = Vec::new();
        if let Ok(Some(signed)) = self.checkpoint.clone() {
            claims.push(Claim { name: "the ledger's checkpoint".to_owned(), signed });
        }
        if let Some(path) = since {
            claims.push(Claim { name: path.display().to_string(), signed: self.kept(path)? });
        }
        let report = verify(&self.history, &mut directories, &claims, &self.files, &mut progress);
        let mut verified = Verified::new(report, directories.has_met());
        verified.tally = self.tally(verified.counts.records);
        verified.checkpoint_stored = matches!(self.checkpoint, Ok(Some(_)));
        if let (Err(unusable), None) = (&self.checkpoint, &verified.fault) {
            let (index, reason) = (verified.counts.records, with_causes(unusable.as_ref()));
            verified.fault = Some(Fault { index, subject: Subject::Checkpoint, reason });
            verified.verified = false;
        }
        Ok(verified)
    }

    /// The stored checkpoint.
    pub fn checkpoint(&self) -> Result<Signed, Error> {
        let stored = self.checkpoint.clone().map_err(Error::Checkpoint)?;
        stored.ok_or_else(|| Error::NoCheckpoint { path: self.files.checkpoint_path() })
    }

    /// The public key of the agency's node that signed a checkpoint, and its id in the directory; `None` when the provisioned directory does not list
    /// it.
    pub fn verifier_key(&self, signed: &Signed) -> Option<(VerifierKey, KeyId)> {
        let key = listed::signing_key(signed, &self.genesis, &self.agency)?;
        let origin = signed.checkpoint.origin().parse().ok()?;
        Some((tree::verifier_key(&origin, &key), key.key_id()))
    }

    /// The leaf at an index, and the C2SP tlog-proof that the stored checkpoint covers it.
    pub fn prove(&self, index: u64) -> Result<(Bytes, String), Error> {
        let signed = self.checkpoint()?;
        let (leaf, proof) = Prover::new(&self.history, &self.files, signed).inclusion(index)?;
        Ok((leaf, proof.to_string()))
    }

    /// The proof that the stored checkpoint continues the one that somebody kept, and the size of that. Both must be
    /// signed by a key of the agency's nodes that the provisioned directory lists.
    pub fn since(&self, path: &Path) -> Result<(u64, Vec<Hash>), Error> {
        let (signed, kept) = (self.checkpoint()?, self.kept(path)?);
        let (size, root) = (kept.checkpoint.size(), kept.checkpoint.root());
        self.verifier_key(&signed).ok_or(Error::UnlistedKey)?;
        self.verifier_key(&kept).ok_or_else(|| Error::Unsigned { path: path.to_owned() })?;
        let (found, proof) = Prover::new(&self.history, &self.files, signed).consistency(size)?;
        if found == root {
            Ok((size, proof))
        } else {
            Err(Error::Forked { path: path.to_owned(), size, kept: root, found })
        }
    }

    /// The checkpoint that somebody kept of this ledger, its signature unchecked.
    fn kept(&self, path: &Path) -> Result<Signed, Error> {
        let kept = kept(path)?;
        let lives = self.history.incarnations();
        let origins =
            || lives.iter().map(|(_, life)| tree::origin(&self.genesis.network, &self.agency, *life));
        let found = kept.checkpoint.origin();
        if origins().any(|known| known.as_str() == found) {
            return Ok(kept);
        }
        let expected = origins().next_back().map(|origin| origin.to_string()).unwrap_or_default();
        Err(Error::Foreign { path: path.to_owned(), found: found.to_owned(), expected })
    }

    /// Writes what the stored checkpoint covers as a complete C2SP tlog-tiles folder, and says how many records.
    pub fn export(&self, dir: &Path, mut progress: impl FnMut(u64)) -> Result<u64, Error> {
        let signed = self.checkpoint()?;
        tree::export(&self.history, &signed, dir, &mut progress)?;
        Ok(signed.checkpoint.size())
    }
}

impl Verified {
    /// Whether the records were compared with a checkpoint, the ledger's own or one that was kept. Without one, nothing
    /// says that they are those that there were: a ledger that is not new is not verified then.
    pub fn is_covered(&self) -> bool {
        is_covered(&self.counts)
    }

    fn new(report: Report, anchored: bool) -> Self {
        let Report { counts, fault, wrong_tile, unread_tile, bodies_lost, leaves_lost, excused } = report;
        let fault = fault.map(|fault| Fault {
            index: fault.index,
            subject: if fault.kind.is_of_the_record() { Subject::Record } else { Subject::Checkpoint },
            reason: with_causes(&fault.kind),
        });
        let wrong_tile = wrong_tile.map(|tile| tile.to_string());
        Self {
            verified: fault.is_none()
                && wrong_tile.is_none()
                && unread_tile.is_none()
                && anchored
                && (is_covered(&counts) || counts.records <= run::NEW_RECORDS),
            counts,
            tally: Tally::default(),
            anchored,
            checkpoint_stored: false,
            fault,
            wrong_tile,
            unread_tile: unread_tile.map(|tile| with_causes(&tile)),
            lost_bodies: bodies_lost,
            lost_leaves: leaves_lost,
            excused_checkpoints: excused,
        }
    }
}

fn is_covered(counts: &Counts) -> bool {
    counts.checkpoints > 0
}

/// The checkpoint in a file.
fn kept(path: &Path) -> Result<Signed, Error> {
    let mut note = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(KEPT_BYTES_MAX).read_to_end(&mut note));
    read.map_err(|source| Error::Kept { path: path.to_owned(), source })?;
    Signed::parse(&note).map_err(|source| Error::NotKept { path: path.to_owned(), source })
}

fn first_directory(history: &History) -> Option<u64> {
    let entries = history.scan(0).take_while(|entry: &Result<_, ReadError>| entry.is_ok());
    entries.flatten().find_map(|entry| match entry.leaf.record {
        Record::Directory(version) => Some(version.version),
        _ => None,
    })
}

fn as_text<S: Serializer>(shown: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(shown)
}
