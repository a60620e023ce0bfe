//! Whose certificates are believed: the roots of a trust set, with the revocation list of each.
//!
//! Lists come from the folder that the operator provisions, and later from others; those are kept in a folder of the
//! program's own. Each is verified by its root, and of two lists of one root the newer holds: whoever relays them can
//! hold one back and forge none. A root without a list vouches for nobody.
//!
//! Never here: which roots there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sealpost_crypto::trust::{self, RootHolder, Trust, TrustSet};
use tokio::sync::watch;

/// The roots and their lists, as they hold now.
pub struct Roots {
    trust: Trust,
    kept: PathBuf,
    lists: Mutex<Lists>,
    /// Counts the changes.
    changes: watch::Sender<u64>,
}

/// The revocation lists that are in force, DER.
struct Lists {
    of: BTreeMap<RootHolder, Bytes>,
    /// Those that the disk did not take yet.
    unkept: BTreeSet<RootHolder>,
}

/// Why the revocation lists are not as they must be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A folder or a file cannot be read or written.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is no list in DER, or its signature does not hold.
    #[error("{} is not a usable certificate revocation list", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: trust::Error,
    },
    /// A list that no root signed, or that is older than the present one.
    #[error("a revocation list is not taken")]
    List(#[source] trust::Error),
    /// A root without a list.
    #[error("no revocation list of {holder} was found in {}: nobody whom it vouches for could connect", folder.display())]
    Missing {
        /// Whose list.
        holder: RootHolder,
        /// Where it was looked for.
        folder: PathBuf,
    },
}

/// What becomes of a list that is older than the present one of its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Older {
    /// Somebody publishes it: all that comes with it is refused.
    Refused,
    /// Somebody relays what it has: the present one stays.
    PassedOver,
}

impl Roots {
    /// Reads the lists of all roots: those that the operator provisioned, and those that were kept.
    pub fn open(set: TrustSet, provisioned: &Path, kept: &Path) -> Result<Self, Error> {
        fs::create_dir_all(kept).map_err(|source| io("create", kept, source))?;
        let (set, lists) = read(set, provisioned, &[provisioned, kept])?;
        Ok(Self {
            trust: Trust::new(set),
            kept: kept.to_owned(),
            lists: Mutex::new(Lists { of: lists, unkept: BTreeSet::new() }),
            changes: watch::Sender::new(0),
        })
    }

    /// Whether the provisioned lists are as they must be. Changes nothing.
    pub fn check(set: TrustSet, provisioned: &Path) -> Result<(), Error> {
        read(set, provisioned, &[provisioned]).map(drop)
    }

    /// What connections are judged by.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Tells when roots or lists change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The current list of every root, DER.
    pub fn lists(&self) -> Vec<Bytes> {
        self.lock().of.values().cloned().collect()
    }

    /// Believes these roots from now on, with the lists that are known of them.
    pub fn follow(&self, mut set: TrustSet) {
        let mut lists = self.lock();
        let Lists { of, unkept } = &mut *lists;
        of.retain(|holder, der| set.install_crl(*holder, der).is_ok());
        unkept.retain(|holder| of.contains_key(holder));
        for holder in set.holders().filter(|holder| !of.contains_key(holder)) {
            tracing::warn!(%holder, "no revocation list is known: nobody whom this root vouches for can connect");
        }
        self.trust.replace(set);
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Takes new lists: all of them, verified, or none. They hold at once; when the disk does not take one, that is told,
    /// and every later call tries again to keep it. Says whether any of them was new.
    pub fn take(&self, crls: &[Bytes], older: Older) -> Result<bool, Error> {
        let mut lists = self.lock();
        let mut set = TrustSet::clone(&self.trust.current());
        let mut taken = Vec::new();
        for der in crls {
            match install(&mut set, der) {
                Ok(holder) if lists.of.get(&holder) == Some(der) => {}
                Ok(holder) => taken.push((holder, der.clone())),
                Err(trust::Error::OlderCrl { .. }) if older == Older::PassedOver => {}
                Err(error) => return Err(Error::List(error)),
            }
        }
        let is_new = !taken.is_empty();
        if is_new {
            // Whoever was revoked is refused from here on, whatever the disk says to it.
            lists.unkept.extend(taken.iter().map(|(holder, _)| *holder));
            lists.of.extend(taken);
            self.trust.replace(set);
            self.changes.send_modify(|changes| *changes += 1);
        }
        lists.keep(&self.kept).map(|()| is_new)
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
            let written = write(folder, &file_name(*holder), der);
            let is_unkept = written.is_err();
            if outcome.is_ok() {
                outcome = written;
            }
            is_unkept
        });
        outcome
    }
}

/// A trust set with the newest list of each root in the folders.
fn read(
    mut set: TrustSet,
    provisioned: &Path,
    folders: &[&Path],
) -> Result<(TrustSet, BTreeMap<RootHolder, Bytes>), Error> {
    let mut lists = BTreeMap::new();
    for folder in folders {
        for entry in fs::read_dir(folder).map_err(|source| io("read", folder, source))? {
            let path = entry.map_err(|source| io("read", folder, source))?.path();
            if path.extension().is_none_or(|extension| extension != "crl") {
                continue;
            }
            let der = fs::read(&path).map_err(|source| io("read", &path, source))?;
            match install(&mut set, &der) {
                Ok(holder) => {
                    lists.insert(holder, der.into());
                }
                Err(trust::Error::OlderCrl { .. }) => {}
                Err(error @ trust::Error::ForeignCrl { .. }) => {
                    tracing::warn!(file = %path.display(), %error, "revocation list passed over");
                }
                Err(source) => return Err(Error::File { path, source }),
            }
        }
    }
    if let Some(holder) = set.holders().find(|holder| !lists.contains_key(holder)) {
        return Err(Error::Missing { holder, folder: provisioned.to_owned() });
    }
    Ok((set, lists))
}

fn io(operation: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io { operation, path: path.to_owned(), source }
}

/// Installs a list for the root that issued it.
fn install(set: &mut TrustSet, der: &[u8]) -> Result<RootHolder, trust::Error> {
    let holders: Vec<_> = set.holders().collect();
    let mut refusal = trust::Error::MalformedCrl { holder: RootHolder::HubOperator };
    for holder in holders {
        match set.install_crl(holder, der) {
            Ok(()) => return Ok(holder),
            Err(error @ trust::Error::ForeignCrl { .. }) => refusal = error,
            Err(error) => return Err(error),
        }
    }
    Err(refusal)
}

fn file_name(holder: RootHolder) -> String {
    match holder {
        RootHolder::Jurisdiction(code) => format!("{code}.crl"),
        RootHolder::HubOperator => "operator.crl".to_owned(),
    }
}

/// Writes a file so that after a crash either the old or the new one is there, whole.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let (path, new) = (folder.join(name), folder.join(format!("{name}.new")));
    let written = || {
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    };
    written().map_err(|source| io("write", &path, source))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sealpost_crypto::chains::{NETWORK, NOW, Root};
    use sealpost_crypto::trust::Usage;
    use sealpost_domain::identity::NetworkName;

    use super::*;

    fn provision(roots: &[&Root], names: &[&str], folder: &Path) {
        for (root, name) in roots.iter().zip(names) {
            fs::write(folder.join(format!("{name}.crl")), root.crl(&[])).unwrap();
        }
    }

    fn set(roots: &[&Root]) -> TrustSet {
        let mut set = TrustSet::new(NetworkName::parse(NETWORK).unwrap());
        for root in roots {
            set.add_root(root.holder, &root.certificate).unwrap();
        }
        set
    }

    fn open(roots: &[&Root], folder: &Path) -> Result<Roots, Error> {
        Roots::open(set(roots), folder, &folder.join("kept"))
    }

    fn newer(root: &Root) -> Bytes {
        let later = NOW.plus(Duration::from_mins(1));
        Bytes::from(root.crl_between(&[], later, later.plus(Duration::from_hours(1))))
    }

    #[test]
    fn a_root_without_a_list_is_named() {
        let (hk, th, folder) = (Root::new("HK"), Root::new("TH"), tempfile::tempdir().unwrap());
        provision(&[&hk], &["HK"], folder.path());
        for error in [
            open(&[&hk, &th], folder.path()).err().unwrap(),
            Roots::check(set(&[&hk, &th]), folder.path()).err().unwrap(),
        ] {
            assert!(error.to_string().starts_with("no revocation list of TH was found in "), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_no_list_is_named() {
        let (hk, folder) = (Root::new("HK"), tempfile::tempdir().unwrap());
        provision(&[&hk], &["HK"], folder.path());
        fs::write(folder.path().join("broken.crl"), b"nonsense").unwrap();
        assert!(matches!(Roots::check(set(&[&hk]), folder.path()), Err(Error::File { .. })));
    }

    #[test]
    fn a_newer_list_holds_at_once_and_after_a_restart() {
        let (hk, folder) = (Root::new("HK"), tempfile::tempdir().unwrap());
        provision(&[&hk], &["HK"], folder.path());
        let roots = open(&[&hk], folder.path()).unwrap();
        let (newer, older) = (newer(&hk), Bytes::from(hk.crl(&[])));
        roots.take(std::slice::from_ref(&newer), Older::Refused).unwrap();
        assert_eq!(roots.lists(), std::slice::from_ref(&newer));
        let refused = roots.take(std::slice::from_ref(&older), Older::Refused);
        assert!(matches!(refused, Err(Error::List(trust::Error::OlderCrl { .. }))));
        let changes = *roots.changes().borrow();
        roots.take(&[older, newer.clone()], Older::PassedOver).unwrap();
        assert_eq!(*roots.changes().borrow(), changes, "nothing is new");
        assert_eq!(open(&[&hk], folder.path()).unwrap().lists(), [newer]);
    }

    #[test]
    fn a_list_that_the_disk_does_not_take_holds_all_the_same_and_is_kept_later() {
        let (hk, th, folder) = (Root::new("HK"), Root::new("TH"), tempfile::tempdir().unwrap());
        provision(&[&hk, &th], &["HK", "TH"], folder.path());
        let roots = open(&[&hk, &th], folder.path()).unwrap();
        let later = NOW.plus(Duration::from_mins(1));
        let revoked = hk.issue("spiffe://test.sealpost/HK/CED/node/main");
        let judged =
            |roots: &Roots| roots.trust().current().judge(&revoked.certificate, Usage::Client, NOW).is_ok();
        let crl = hk.crl_between(&[&revoked], later, later.plus(Duration::from_hours(1)));
        let (of_hk, of_th) = (Bytes::from(crl), newer(&th));

        // A folder in the place of the file keeps it from being written.
        let in_the_way = folder.path().join("kept/HK.crl.new");
        fs::create_dir(&in_the_way).unwrap();
        let changes = *roots.changes().borrow();
        assert!(judged(&roots));
        let unkept = roots.take(&[of_hk.clone(), of_th.clone()], Older::Refused);
        assert!(matches!(unkept, Err(Error::Io { operation: "write", .. })));
        assert!(!judged(&roots), "whoever was revoked is refused at once");
        assert_eq!(*roots.changes().borrow(), changes + 1);
        roots.follow(set(&[&hk, &th]));
        assert!(!judged(&roots), "also under another directory");
        assert_eq!(fs::read(folder.path().join("kept/TH.crl")).unwrap(), of_th, "the others are kept");
        assert!(roots.take(std::slice::from_ref(&of_hk), Older::Refused).is_err(), "it is not forgotten");

        fs::remove_dir(&in_the_way).unwrap();
        roots.take(std::slice::from_ref(&of_hk), Older::Refused).unwrap();
        assert_eq!(fs::read(folder.path().join("kept/HK.crl")).unwrap(), of_hk);
        assert_eq!(open(&[&hk, &th], folder.path()).unwrap().lists(), [of_hk, of_th]);
    }

    #[test]
    fn a_strangers_list_is_refused_and_nothing_of_the_same_call_is_kept() {
        let (hk, folder) = (Root::new("HK"), tempfile::tempdir().unwrap());
        provision(&[&hk], &["HK"], folder.path());
        let roots = open(&[&hk], folder.path()).unwrap();
        let before = roots.lists();
        let stranger = Bytes::from(Root::new("SG").crl(&[]));
        assert!(roots.take(&[newer(&hk), stranger], Older::PassedOver).is_err());
        assert_eq!(roots.lists(), before);
    }
}
