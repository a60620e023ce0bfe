//! Certificate, key and revocation lists, looked at again for as long as the program runs.
//!
//! What changed on the disk is taken once it has stayed the same between two looks, so that a certificate and its key may
//! be written one after the other. A new certificate is shown from the next handshake on; connections that live go on. One
//! that does not fit is refused whole, with the reason in the log, and the present one stays; it is tried again every
//! minute, since a clock or a list may be what was missing. A revocation list holds at once, also for connections that
//! live ([`Roots::changes`]); one that is not taken is tried again in the same way, and when the roots change: it may lie
//! there before its root is listed.
//!
//! Never here: a prompt. Nobody sits at the terminal of a running program.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealpost_crypto::revocation;
use sealpost_crypto::tls::{self, Endpoint};
use sealpost_crypto::trust::{self, Usage};

use tokio::time::{Instant, interval};

use crate::changes::Listener;
use crate::program::with_causes;
use crate::roots::{self, Older, Roots, crl_files};
use crate::settings::{Passphrase, Tls};

/// How often the files are looked at: what is new holds after twice that time.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often a certificate that was refused is tried again.
const TRY_EVERY: Duration = Duration::from_mins(1);
/// The files of a running program, and where what is in them goes.
pub struct Renewal {
    tls: Tls,
    passphrase: Passphrase,
    crls: PathBuf,
    /// The ends of connections that show the certificate, and as which end they show it.
    ends: Vec<(Endpoint, Usage)>,
    roots: Arc<Roots>,
    pair: Settled<[Stamp; 2]>,
    refused_at: Option<Instant>,
    roots_changes: Listener,
    lists: BTreeMap<PathBuf, List>,
    looks: Looks,
    folder_failed: bool,
    unkept_at: Option<Instant>,
}

/// The file of a revocation list.
#[derive(Debug, Default)]
struct List {
    settled: Settled<Stamp>,
    /// Whether it has been there since the start, when a newer one may have been kept.
    is_of_the_start: bool,
    refused_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    First,
    Later,
}

impl Renewal {
    /// Watches the files of a configuration on behalf of these ends.
    pub fn new(
        tls: Tls,
        passphrase: Passphrase,
        crls: PathBuf,
        ends: Vec<(Endpoint, Usage)>,
        roots: Arc<Roots>,
    ) -> Self {
        Self {
            tls,
            passphrase,
            crls,
            ends,
            roots_changes: roots.changes(),
            roots,
            pair: Settled::default(),
            refused_at: None,
            lists: BTreeMap::new(),
            looks: Looks::First,
            folder_failed: false,
            unkept_at: None,
        }
    }

    /// Looks until it is dropped.
    pub async fn run(mut self) {
        let mut looks = interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            // Disks are slow at times, and so is opening an encrypted key.
            let looked = tokio::task::spawn_blocking(move || {
                self.look(Instant::now());
                self
            });
            match looked.await {
                Ok(renewal) => self = renewal,
                Err(error) => {
                    tracing::error!(%error, "certificates and revocation lists are not looked at any more");
                    return std::future::pending().await;
                }
            }
        }
    }

    fn look(&mut self, now: Instant) {
        // The lists first: a certificate may be revoked and replaced in one go.
        self.look_at_lists(now);
        self.keep_lists(now);
        let stamps = self.tls.files().map(Stamp::of);
        let again = is_due(self.refused_at, now);
        if !self.pair.has_settled(stamps) && !again {
            return;
        }
        self.refused_at = match self.renew() {
            Ok(()) => None,
            Err(error) => {
                let [certificate, key] = self.tls.files().map(Path::display);
                tracing::warn!(%certificate, %key, reason = with_causes(&error), "certificate not renewed: the present one stays");
                Some(now)
            }
        };
    }

    /// Takes what is in the files, for all ends or for none.
    fn renew(&self) -> Result<(), tls::Error> {
        let Some((first, _)) = self.ends.first() else { return Ok(()) };
        let present = first.credentials();
        let found = self.tls.renewed(&present, &self.passphrase.unlock_unattended())?;
        if found.is_same(&present) {
            return Ok(());
        }
        for (end, usage) in &self.ends {
            end.judge_renewal(&found, *usage)?;
        }
        for (end, _) in &self.ends {
            end.renew(found.clone())?;
        }
        let Some(until) = found.certificate().validity.until else { return Ok(()) };
        tracing::info!(identity = %found.identity(), serial = found.certificate().serial, %until, "certificate renewed");
        Ok(())
    }

    fn look_at_lists(&mut self, now: Instant) {
        let looks = std::mem::replace(&mut self.looks, Looks::Later);
        let paths = match crl_files(&self.crls) {
            Ok(paths) => paths,
            Err(error) => {
                if !std::mem::replace(&mut self.folder_failed, true) {
                    tracing::warn!(folder = %self.crls.display(), %error, "the revocation lists cannot be looked at");
                }
                return;
            }
        };
        self.folder_failed = false;
        self.lists.retain(|path, _| paths.contains(path));
        let have_roots_changed = self.roots_changes.has_changed();
        self.roots_changes.mark_seen();
        for path in paths {
            let new = || List { is_of_the_start: looks == Looks::First, ..List::default() };
            let list = self.lists.entry(path.clone()).or_insert_with(new);
            let is_new = list.settled.has_settled(Stamp::of(&path));
            let is_again =
                list.refused_at.is_some_and(|_| have_roots_changed) || is_due(list.refused_at, now);
            if !is_new && !is_again {
                continue;
            }
            let is_of_the_start = std::mem::replace(&mut list.is_of_the_start, false);
            list.refused_at = match take(&self.roots, &path) {
                Ok(()) => None,
                Err(error @ roots::Error::Unkept { .. }) => {
                    tracing::warn!(reason = with_causes(&error), "revocation list not kept");
                    self.unkept_at = Some(now);
                    None
                }
                // No later moment makes it newer.
                Err(roots::Error::List(trust::Error::OlderCrl { .. })) if is_of_the_start => None,
                Err(error) => {
                    let is_final = matches!(error, roots::Error::List(trust::Error::OlderCrl { .. }));
                    if is_new {
                        tracing::warn!(file = %path.display(), reason = with_causes(&error), "revocation list not taken: the present one stays");
                    }
                    (!is_final).then_some(now)
                }
            };
        }
    }

    /// Tries again to keep the lists that the disk did not take, whichever way they came.
    fn keep_lists(&mut self, now: Instant) {
        if self.unkept_at.is_none_or(|at| now.duration_since(at) >= TRY_EVERY) {
            self.unkept_at = Some(now);
            if let Err(error) = self.roots.keep() {
                tracing::warn!(reason = with_causes(&error), "revocation list not kept");
            }
        }
    }
}

fn is_due(refused_at: Option<Instant>, now: Instant) -> bool {
    refused_at.is_some_and(|at| now.duration_since(at) >= TRY_EVERY)
}

fn take(roots: &Roots, path: &Path) -> Result<(), roots::Error> {
    let io = |source| roots::Error::Io { operation: "read", path: path.to_owned(), source };
    let der = Bytes::from(revocation::read_file(path).map_err(io)?);
    roots.take(&[der], Older::Refused)
}

/// What tells one content of a file from the next; nothing for a file that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stamp(Option<(u64, u64, i64, i64)>);

impl Stamp {
    fn of(path: &Path) -> Self {
        let stamp =
            fs::metadata(path).ok().map(|file| (file.ino(), file.len(), file.ctime(), file.ctime_nsec()));
        Self(stamp)
    }
}

/// Tells when something has changed and then stayed the same for one look.
#[derive(Debug)]
struct Settled<S> {
    last: Option<S>,
    handled: Option<S>,
}

impl<S> Default for Settled<S> {
    fn default() -> Self {
        Self { last: None, handled: None }
    }
}

impl<S: Copy + PartialEq> Settled<S> {
    /// Whether this state is to be handled now; it is told once.
    fn has_settled(&mut self, found: S) -> bool {
        let is_still = self.last.replace(found) == Some(found);
        is_still && self.handled.replace(found) != Some(found)
    }
}

#[cfg(test)]
mod tests;
