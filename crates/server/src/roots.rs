//! Whose certificates are believed: the roots of a trust set, with the revocation list of each.
//!
//! Lists come from the folder that the operator provisions, and later from others. Those in force are kept in a folder of
//! the program's own, so that a restart goes back behind none of them. Each is verified by its root, and of two lists of one
//! root that with the higher number holds: whoever relays them can hold one back and forge none. A root without a list
//! vouches for nobody, which stops its own holders and nobody else.
//!
//! Never here: which roots there are.

mod error;
mod folder;
mod judging;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sealpost_crypto::trust::{self, RootHolder, Trust, TrustSet};

use crate::changes::{Changes, Listener};
use crate::clock::Clock;
use folder::Found;

pub use error::Error;
pub(crate) use folder::files as crl_files;
pub use judging::Judging;

/// The roots and their lists, as they hold now.
pub struct Roots {
    trust: Trust,
    kept: PathBuf,
    clock: Clock,
    lists: Mutex<Lists>,
    changes: Changes,
}

/// The revocation lists that are in force, DER.
struct Lists {
    of: BTreeMap<RootHolder, Bytes>,
    /// Those that the disk did not take yet.
    unkept: BTreeSet<RootHolder>,
    /// The roots without a list of which that was told.
    missing: BTreeSet<RootHolder>,
}

/// What becomes of a list that is no newer than the present one of its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Older {
    /// Somebody wants it to hold: it is refused, and all that comes with it.
    Refused,
    /// Somebody relays what it has: the present one stays, and each of the others is judged by itself.
    PassedOver,
}

impl Roots {
    /// Reads the lists of all roots: those that were kept, and those that the operator provisioned. These roots must have
    /// one, or nothing would go; where another has none, that is told.
    pub fn open(
        set: TrustSet,
        needed: &[RootHolder],
        provisioned: &Path,
        kept: &Path,
        clock: Clock,
    ) -> Result<Self, Error> {
        fs::create_dir_all(kept).map_err(|source| error::io("create", kept, source))?;
        let mut found = Found::new(set);
        found.read_kept(kept)?;
        found.read_provisioned(provisioned, clock.now())?;
        found.require(needed, provisioned)?;
        let Found { set, lists: of } = found;
        let mut lists = Lists { unkept: of.keys().copied().collect(), of, missing: BTreeSet::new() };
        lists.tell_missing(&set);
        if let Err(error) = lists.keep(kept) {
            tracing::warn!(%error, "a revocation list in force is not kept: tried again with the next one");
        }
        let (trust, changes) = (Trust::new(set), Changes::default());
        Ok(Self { trust, kept: kept.to_owned(), clock, lists: Mutex::new(lists), changes })
    }

    /// Whether the provisioned lists are as they must be for a start. Changes nothing.
    pub fn check(
        set: TrustSet,
        needed: &[RootHolder],
        provisioned: &Path,
        clock: &Clock,
    ) -> Result<(), Error> {
        let mut found = Found::new(set);
        found.read_provisioned(provisioned, clock.now())?;
        found.require(needed, provisioned)
    }

    /// What connections are judged by.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Tells when roots or lists change.
    pub fn changes(&self) -> Listener {
        self.changes.listen()
    }

    /// Tells when live connections are to be judged again.
    pub fn judging(&self) -> Judging {
        Judging::new(self.changes())
    }

    /// The current list of every root, DER.
    pub fn lists(&self) -> Vec<Bytes> {
        let (lists, set) = (self.lock(), self.trust.current());
        set.holders().filter_map(|holder| lists.of.get(&holder).cloned()).collect()
    }

    /// Believes these roots from now on, with the lists that are known of them; those that come along are taken next. The
    /// list of a root that is not listed any more waits, for the case that it comes back.
    pub fn follow(&self, mut set: TrustSet) {
        let mut lists = self.lock();
        let Lists { of, unkept, missing } = &mut *lists;
        of.retain(|holder, der| {
            matches!(set.install_crl(*holder, der), Ok(()) | Err(trust::Error::NoRoot { .. }))
        });
        unkept.retain(|holder| of.contains_key(holder));
        missing.retain(|missing| set.holders().any(|holder| holder == *missing));
        self.trust.replace(set);
        self.changes.tell();
    }

    /// Whether a root that is listed signed this list.
    pub fn knows_signer(&self, crl: &[u8]) -> bool {
        self.trust.current().read_crl(crl).is_ok()
    }

    /// Takes new lists. They hold at once; when the disk does not take one ([`Error::Unkept`]), every later call tries again
    /// to keep it.
    pub fn take(&self, crls: &[Bytes], older: Older) -> Result<(), Error> {
        let now = self.clock.now();
        let mut lists = self.lock();
        let mut set = TrustSet::clone(&self.trust.current());
        let mut taken = BTreeMap::new();
        for der in crls {
            match (set.take_crl(der, now), older) {
                (Ok((holder, _)), _) if lists.of.get(&holder) == Some(der) => {}
                (Ok((holder, number)), _) => {
                    taken.insert(holder, (number, der.clone()));
                }
                (Err(error), Older::Refused) => return Err(Error::List(error)),
                (Err(trust::Error::OlderCrl { .. }), Older::PassedOver) => {}
                (Err(error), Older::PassedOver) => {
                    tracing::warn!(reason = %error, "revocation list not taken: the present one stays");
                }
            }
        }
        lists.missing.retain(|holder| !taken.contains_key(holder));
        lists.tell_missing(&set);
        if !taken.is_empty() {
            // Whoever was revoked is refused from here on, whatever the disk says to it.
            for (holder, (number, der)) in taken {
                tracing::info!(root = %holder, number, "revocation list taken");
                lists.unkept.insert(holder);
                lists.of.insert(holder, der);
            }
            self.trust.replace(set);
            self.changes.tell();
        }
        lists.keep(&self.kept)
    }

    /// Tries again to keep what the disk did not take.
    pub fn keep(&self) -> Result<(), Error> {
        self.lock().keep(&self.kept)
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lists {
    /// Writes what the disk has not taken yet: all that can be written, and then the first fault.
    fn keep(&mut self, folder: &Path) -> Result<(), Error> {
        let mut outcome = Ok(());
        self.unkept.retain(|holder| {
            let Some(der) = self.of.get(holder) else { return false };
            let written = write(folder, &holder.crl_file_name(), der);
            let is_unkept = written.is_err();
            if outcome.is_ok() {
                outcome = written;
            }
            is_unkept
        });
        outcome
    }

    /// Tells of each root without a list, once.
    fn tell_missing(&mut self, set: &TrustSet) {
        for holder in set.holders().filter(|holder| !set.has_crl(*holder)) {
            if self.missing.insert(holder) {
                tracing::warn!(root = %holder, "no revocation list is known: nobody whom this root vouches for can connect");
            }
        }
    }
}

/// Writes a file so that after a crash either the old or the new one is there, whole. One that is so already stays.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let (path, new) = (folder.join(name), folder.join(format!("{name}.new")));
    if fs::read(&path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let written = || {
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    };
    written().map_err(|source| Error::Unkept { path: path.clone(), source })
}

#[cfg(test)]
mod tests;
