//! An agency's machine: its disk and folder, its clock and keys, and the node on it while it runs.
//!
//! What the file system knows of the ledger's files is known to the machine ([`Noted`]). [`program`] starts the node, [`keys`]
//! are those that its operator keeps.

mod keys;
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_node::run::Places;
use sealpost_node::run::continuity::{Continuity, Found, Standing};
use sealpost_seglog::disk::Disk as _;
use sealpost_seglog::disk::sim::Sim;
use sealpost_server::clock::Clock;
use tempfile::TempDir;

use crate::dice::Dice;
use crate::network::BEGIN;
use crate::wire::Wire;
pub(crate) use keys::Keys;
use program::{Kept, Program};

/// The machine.
pub(crate) struct Node {
    pub(crate) id: AgencyId,
    pub(crate) disk: Sim,
    pub(crate) program: Option<Program>,
    pub(crate) keys: Keys,
    /// By how many milliseconds its clock is wrong.
    pub(crate) skew: Arc<AtomicI64>,
    folder: TempDir,
    dice: Dice,
    boot: u64,
    /// Which files of the ledger lie there, as the file system would tell.
    files: u64,
    noted: Option<Noted>,
    index: Option<(Kept, Incarnation, u64)>,
    starts: u64,
    began: tokio::time::Instant,
}

/// What the node noted of its ledger at its last start.
#[derive(Clone, Copy)]
struct Noted {
    standing: Standing,
    boot: u64,
    files: u64,
}

/// A copy of all that lies on a machine.
pub(crate) struct Backup {
    disk: Sim,
    folder: TempDir,
    files: u64,
    noted: Option<Noted>,
}

impl Node {
    pub(crate) fn new(id: AgencyId, dice: Dice) -> Self {
        Self {
            keys: Keys::of(&id),
            id,
            disk: Sim::new(),
            program: None,
            skew: Arc::default(),
            folder: crate::network::folder(),
            dice,
            boot: 1,
            files: 1,
            noted: None,
            index: None,
            starts: 0,
            began: tokio::time::Instant::now(),
        }
    }

    /// Its clock.
    pub(crate) fn clock(&self) -> Clock {
        let (skew, began) = (Arc::clone(&self.skew), self.began);
        Clock::new(move || {
            let passed = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
            Instant::from_millis(BEGIN.as_millis() + passed + skew.load(Ordering::Relaxed))
        })
    }

    fn places(&self) -> Places {
        // The ledger lies on the disk in memory, all else in the folder.
        Places { ledger: PathBuf::from("ledger"), ..Places::under(self.folder.path()) }
    }

    fn examine(&self) -> Found {
        let unproven_from = self.noted.and_then(|noted| match noted.standing {
            Standing::Unproven(index) => Some(index),
            Standing::Proven => None,
        });
        let listed = self.disk.list(Path::new("ledger")).unwrap_or_default();
        let is_segment = |name: &String| Path::new(name).extension().is_some_and(|end| end == "seg");
        let continuity = match self.noted {
            _ if !listed.iter().any(is_segment) => Continuity::New,
            Some(noted) if noted.files != self.files => Continuity::Copied,
            Some(noted) if noted.boot == self.boot && unproven_from.is_none() => Continuity::Same,
            _ => Continuity::Unproven,
        };
        Found { continuity, unproven_from }
    }

    /// Ends the program where it stands.
    pub(crate) fn kill(&mut self, wire: &Wire) {
        // Dropping the tasks ends them.
        drop(self.program.take());
        wire.cut(&self.id);
        self.disk.kill();
    }

    /// Ends the program, and of what was not synced some is lost.
    pub(crate) fn lose_power(&mut self, wire: &Wire) {
        self.kill(wire);
        self.disk.lose_power(self.dice.number());
        self.boot += 1;
        // Tiles are never synced.
        if self.dice.percent(30) {
            let _ = fs::remove_dir_all(self.places().tree.join("tile"));
        }
    }

    /// Copies all that lies there, while the program runs.
    pub(crate) fn back_up(&self) -> Backup {
        let folder = crate::network::folder();
        copy(self.folder.path(), folder.path());
        Backup { disk: self.disk.fork(), folder, files: self.files, noted: self.noted }
    }

    /// Puts the files of a copy there.
    pub(crate) fn restore(&mut self, backup: &Backup) {
        self.set_back(backup);
        self.files = self.starts + 1000;
    }

    /// The whole machine is what it was.
    pub(crate) fn set_back(&mut self, backup: &Backup) {
        self.disk = backup.disk.fork();
        // Whoever held it then is gone.
        self.disk.kill();
        self.folder = crate::network::folder();
        copy(backup.folder.path(), self.folder.path());
        (self.files, self.noted, self.index) = (backup.files, backup.noted, None);
        self.boot += 1000;
    }

    /// All is lost but the keys.
    pub(crate) fn wipe(&mut self) {
        (self.disk, self.folder) = (Sim::new(), crate::network::folder());
        (self.noted, self.index) = (None, None);
        self.files = self.starts + 1000;
        self.boot += 1;
    }

    /// Where its tree and its checkpoint lie.
    pub(crate) fn tree(&self) -> PathBuf {
        self.places().tree
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
