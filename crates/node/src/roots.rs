//! Whose certificates are believed: the roots that the directory lists, with the revocation list of each.
//!
//! Lists come from the folder that the operator provisions, and from the hub, which relays those of every root; the
//! latter are kept in a folder of the node's own. Each is verified by its root, and of two lists of one root the newer
//! holds: whoever relays them can hold one back and forge none. A root without a list vouches for nobody.

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
    /// A list that no root of the directory signed.
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
    /// Reads the lists of all roots of a directory: those that the operator provisioned, and those that were kept.
    pub fn open(directory: &Directory, provisioned: &Path, kept: &Path) -> Result<Self, Error> {
        fs::create_dir_all(kept).map_err(|source| failed("create", kept, source))?;
        let (set, lists) = read(directory, provisioned, &[provisioned, kept])?;
        Ok(Self {
            trust: Trust::new(set),
            kept: kept.to_owned(),
            lists: Mutex::new(lists),
            changes: watch::Sender::new(0),
        })
    }

    /// Whether the provisioned lists are as they must be. Changes nothing.
    pub fn check(directory: &Directory, provisioned: &Path) -> Result<(), Error> {
        read(directory, provisioned, &[provisioned]).map(drop)
    }

    /// What connections are judged by.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Tells when roots or lists change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
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

    /// Takes the lists that are newer, and keeps them on the disk.
    pub fn take(&self, crls: &[Bytes]) -> Result<(), Error> {
        let mut lists = self.lock();
        let mut set = TrustSet::clone(&self.trust.current());
        let mut changed = false;
        for der in crls {
            let holder = match install(&mut set, der) {
                Ok(holder) => holder,
                Err(trust::Error::OlderCrl { .. }) => continue,
                Err(error) => return Err(Error::List(error)),
            };
            if lists.get(&holder) != Some(der) {
                write(&self.kept, &file_name(holder), der)?;
                lists.insert(holder, der.clone());
                changed = true;
            }
        }
        if changed {
            self.trust.replace(set);
            self.changes.send_modify(|changes| *changes += 1);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RootHolder, Bytes>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The roots of a directory, with the newest list of each in the folders.
fn read(
    directory: &Directory,
    provisioned: &Path,
    folders: &[&Path],
) -> Result<(TrustSet, BTreeMap<RootHolder, Bytes>), Error> {
    let mut set = trust_set(directory).map_err(Error::Root)?;
    let mut lists = BTreeMap::new();
    for folder in folders {
        for path in files(folder)? {
            let der = fs::read(&path).map_err(|source| failed("read", &path, source))?;
            match install(&mut set, &der) {
                Ok(holder) => {
                    lists.insert(holder, Bytes::copy_from_slice(&der));
                }
                Err(trust::Error::OlderCrl { .. }) => {}
                Err(error) => tracing::warn!(file = %path.display(), %error, "revocation list passed over"),
            }
        }
    }
    if let Some(holder) = set.holders().find(|holder| !lists.contains_key(holder)) {
        return Err(Error::Missing { holder, folder: provisioned.to_owned() });
    }
    Ok((set, lists))
}

/// The lists in a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let io = |source| failed("read", folder, source);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|extension| extension == "crl") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Installs a list for the root that signed it.
fn install(set: &mut TrustSet, der: &[u8]) -> Result<RootHolder, trust::Error> {
    let holders: Vec<RootHolder> = set.holders().collect();
    let mut refused = None;
    for holder in holders {
        match set.install_crl(holder, der) {
            Ok(()) => return Ok(holder),
            // Of another root: go on.
            Err(foreign @ trust::Error::ForeignCrl { .. }) => refused = Some(foreign),
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or(trust::Error::MalformedCrl { holder: RootHolder::HubOperator }))
}

fn file_name(holder: RootHolder) -> String {
    match holder {
        RootHolder::Jurisdiction(code) => format!("{code}.crl"),
        RootHolder::HubOperator => "operator.crl".to_owned(),
    }
}

/// Writes a file whole: under another name, synced, then renamed.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let (path, draft) = (folder.join(name), folder.join(format!("{name}.new")));
    let io = |source| failed("write", &path, source);
    let mut file = File::create(&draft).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&draft, &path).and_then(|()| File::open(folder)?.sync_all()).map_err(io)
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io { operation, path: path.to_owned(), source }
}
