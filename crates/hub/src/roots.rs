//! Whose certificates are believed: the roots that the directory lists, with the revocation list of each.
//!
//! Lists come from the folder that the operator provisions and, later, with published directories; those are kept in
//! a folder of the hub's own. Of two lists of one root the newer holds. A root without a list vouches for nobody.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sealpost_crypto::directory::trust_set;
use sealpost_crypto::trust::{self, RootHolder, Trust, TrustSet};
use sealpost_domain::directory::Directory;
use tokio::sync::watch;

/// The roots and their lists, as they hold now.
pub struct Roots {
    trust: Trust,
    kept: PathBuf,
    lists: Mutex<BTreeMap<RootHolder, Bytes>>,
    /// Counts the changes.
    changes: watch::Sender<u64>,
}

/// Why the revocation lists are not as they must be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A root of the directory is not usable.
    #[error("a root certificate in the directory is not usable")]
    Root(#[source] trust::Error),
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
    /// A list that no root of the directory signed, or that is older than the present one.
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

impl Roots {
    /// Reads the lists for all roots of a directory: those that the operator provisioned, and those that were kept.
    pub fn open(directory: &Directory, provisioned: &Path, kept: &Path) -> Result<Self, Error> {
        fs::create_dir_all(kept).map_err(|source| io("create", kept, source))?;
        Self::read(directory, provisioned, kept)
    }

    /// As [`Roots::open`], of folders that exist, and changes nothing.
    pub fn read(directory: &Directory, provisioned: &Path, kept: &Path) -> Result<Self, Error> {
        let mut set = trust_set(directory).map_err(Error::Root)?;
        let mut lists = BTreeMap::new();
        for folder in [provisioned, kept] {
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
        Ok(Self {
            trust: Trust::new(set),
            kept: kept.to_owned(),
            lists: Mutex::new(lists),
            changes: watch::Sender::new(0),
        })
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
        self.lock().values().cloned().collect()
    }

    /// Believes the roots of a new directory, with the lists that are known of them.
    pub fn follow(&self, directory: &Directory) -> Result<(), Error> {
        let mut set = trust_set(directory).map_err(Error::Root)?;
        let mut lists = self.lock();
        lists.retain(|holder, der| set.install_crl(*holder, der).is_ok());
        for holder in set.holders().filter(|holder| !lists.contains_key(holder)) {
            tracing::warn!(%holder, "no revocation list is known: nobody whom this root vouches for can connect");
        }
        self.trust.replace(set);
        self.changes.send_modify(|changes| *changes += 1);
        Ok(())
    }

    /// Takes new lists: all of them, verified and kept on the disk, or none.
    pub fn take(&self, crls: &[Bytes]) -> Result<(), Error> {
        let mut lists = self.lock();
        let mut set = TrustSet::clone(&self.trust.current());
        let mut taken = Vec::new();
        for der in crls {
            taken.push((install(&mut set, der).map_err(Error::List)?, der.clone()));
        }
        for (holder, der) in taken {
            write(&self.kept, &file_name(holder), &der)?;
            lists.insert(holder, der);
        }
        self.trust.replace(set);
        self.changes.send_modify(|changes| *changes += 1);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RootHolder, Bytes>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    use sealpost_crypto::chains::NOW;
    use std::time::Duration;

    use super::*;
    use crate::fixture::Network;

    fn provision(network: &Network, folder: &Path, without: &str) {
        for (holder, root) in network.roots.iter().filter(|(holder, _)| **holder != without) {
            fs::write(folder.join(format!("{holder}.crl")), root.crl(&[])).unwrap();
        }
    }

    fn open(network: &Network, folder: &Path) -> Result<Roots, Error> {
        let directory = sealpost_crypto::directory::verify(&network.genesis(), None).unwrap();
        Roots::open(&directory, folder, &folder.join("kept"))
    }

    #[test]
    fn a_root_without_a_list_is_named() {
        let (network, folder) = (Network::new(), tempfile::tempdir().unwrap());
        provision(&network, folder.path(), "TH");
        let error = open(&network, folder.path()).err().unwrap();
        assert!(error.to_string().starts_with("no revocation list of TH was found in "), "{error}");
    }

    #[test]
    fn a_newer_list_holds_at_once_and_after_a_restart() {
        let (network, folder) = (Network::new(), tempfile::tempdir().unwrap());
        provision(&network, folder.path(), "");
        let roots = open(&network, folder.path()).unwrap();
        let later = NOW.plus(Duration::from_mins(1));
        let newer =
            Bytes::from(network.roots["HK"].crl_between(&[], later, later.plus(Duration::from_hours(1))));
        let older = Bytes::from(network.roots["HK"].crl(&[]));
        roots.take(std::slice::from_ref(&newer)).unwrap();
        assert!(roots.lists().contains(&newer));
        assert!(matches!(roots.take(&[older]), Err(Error::List(trust::Error::OlderCrl { .. }))));
        assert!(open(&network, folder.path()).unwrap().lists().contains(&newer));
    }

    #[test]
    fn a_strangers_list_is_refused_and_nothing_of_the_same_call_is_kept() {
        let (network, folder) = (Network::new(), tempfile::tempdir().unwrap());
        provision(&network, folder.path(), "");
        let roots = open(&network, folder.path()).unwrap();
        let before = roots.lists();
        let later = NOW.plus(Duration::from_mins(1));
        let good =
            Bytes::from(network.roots["HK"].crl_between(&[], later, later.plus(Duration::from_hours(1))));
        let stranger = Bytes::from(sealpost_crypto::chains::Root::new("SG").crl(&[]));
        assert!(roots.take(&[good, stranger]).is_err());
        assert_eq!(roots.lists(), before);
    }
}
