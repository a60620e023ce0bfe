//! The revocation lists in a folder, at a start.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sealpost_crypto::revocation;
use sealpost_crypto::trust::{self, RootHolder, TrustSet};
use sealpost_domain::instant::Instant;

use super::Error;
use super::error::io as failed;

/// A trust set, and the list of each root that was found so far.
pub(super) struct Found {
    pub(super) set: TrustSet,
    pub(super) lists: BTreeMap<RootHolder, Bytes>,
}

/// A list that one of the roots signed.
struct Candidate {
    path: PathBuf,
    number: u64,
    holder: RootHolder,
    issued: Instant,
    der: Bytes,
}

impl Found {
    pub(super) fn new(set: TrustSet) -> Self {
        Self { set, lists: BTreeMap::new() }
    }

    /// Takes what was in force before. It was judged then, and a clock that is wrong today does not put an older one in
    /// its place.
    pub(super) fn read_kept(&mut self, folder: &Path) -> Result<(), Error> {
        for candidate in self.candidates(folder)? {
            self.install(candidate)?;
        }
        Ok(())
    }

    /// Takes what the operator provisioned, where it goes on with what was found before. A root's first list must not be of
    /// the future.
    pub(super) fn read_provisioned(&mut self, folder: &Path, now: Instant) -> Result<(), Error> {
        for candidate in self.candidates(folder)? {
            let Candidate { path, number, holder, issued, .. } = &candidate;
            let is_early = *issued > now.plus(sealpost_domain::instant::CLOCK_TOLERANCE);
            if is_early && !self.set.has_crl(*holder) {
                let (number, holder, issued) = (*number, *holder, *issued);
                let error = trust::Error::EarlyCrl { holder, number, issued, now };
                tracing::warn!(file = %path.display(), %error, "revocation list passed over");
                continue;
            }
            self.install(candidate)?;
        }
        Ok(())
    }

    /// Whether these roots have a list.
    pub(super) fn require(&self, needed: &[RootHolder], folder: &Path) -> Result<(), Error> {
        match needed.iter().find(|holder| !self.lists.contains_key(holder)) {
            Some(holder) => Err(Error::Missing { holder: *holder, folder: folder.to_owned() }),
            None => Ok(()),
        }
    }

    fn install(&mut self, candidate: Candidate) -> Result<(), Error> {
        let Candidate { path, holder, der, .. } = candidate;
        match self.set.install_crl(holder, &der) {
            Ok(()) => {
                self.lists.insert(holder, der);
            }
            // The usual case: a newer one came another way.
            Err(error @ trust::Error::OlderCrl { .. }) => {
                tracing::info!(file = %path.display(), %error, "revocation list passed over");
            }
            Err(error @ trust::Error::ForgettingCrl { .. }) => {
                tracing::warn!(file = %path.display(), %error, "revocation list passed over");
            }
            Err(source) => return Err(Error::File { path, source }),
        }
        Ok(())
    }

    /// Older lists come first, so that what a later one leaves out is seen whatever the files are called.
    fn candidates(&self, folder: &Path) -> Result<Vec<Candidate>, Error> {
        let mut candidates = Vec::new();
        for path in files(folder).map_err(|source| failed("read", folder, source))? {
            let der = revocation::read_file(&path).map_err(|source| failed("read", &path, source))?;
            match self.set.read_crl(&der) {
                Ok((holder, list)) => {
                    let (number, issued, der) = (list.number, list.issued, Bytes::from(der));
                    candidates.push(Candidate { path, number, holder, issued, der });
                }
                Err(error @ trust::Error::UnknownCrl) => {
                    tracing::warn!(file = %path.display(), %error, "revocation list passed over");
                }
                Err(source) => return Err(Error::File { path, source }),
            }
        }
        candidates.sort_by_key(|candidate| candidate.number);
        Ok(candidates)
    }
}

/// The files of revocation lists in a folder.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "crl") {
            paths.push(path);
        }
    }
    Ok(paths)
}
