//! What operators publish takes effect at every hub of a journal, whichever of them they asked: roots of a new version of the
//! directory, and revocation lists.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealpost_crypto::directory;
use sealpost_domain::directory::Directory;
use sealpost_server::program::with_causes;
use sealpost_server::roots::{Older, Roots};
use sealpost_wire::hub::Event;
use tokio::sync::{broadcast, watch};
use tokio::task::spawn_blocking;

use crate::journal::Read;
use crate::view::View;

/// Follows what is published.
pub(crate) struct Published {
    view: Arc<View>,
    reader: Arc<dyn Read>,
    roots: Arc<Roots>,
    directories: watch::Receiver<Option<Arc<Directory>>>,
    lists: broadcast::Receiver<Vec<Bytes>>,
    /// Whether lists that were published could not be read yet.
    behind: bool,
}

/// When what could not be read is read again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

impl Published {
    /// Begins to listen.
    pub(crate) fn new(view: &Arc<View>, reader: &Arc<dyn Read>, roots: &Arc<Roots>) -> Self {
        let (directories, lists) = (view.directories(), view.lists());
        let (view, reader, roots) = (Arc::clone(view), Arc::clone(reader), Arc::clone(roots));
        Self { view, reader, roots, directories, lists, behind: false }
    }

    /// Takes what was published while this hub was away, if the journal gives it: before anybody is let in.
    pub(crate) async fn begin(&mut self) {
        self.follow_roots().await;
        self.behind = !self.catch_up().await;
    }

    /// Takes what comes.
    pub(crate) async fn follow(mut self) {
        loop {
            tokio::select! {
                // A list may be of a root that only the version before it brings in.
                biased;
                changed = self.directories.changed() => match changed {
                    Ok(()) => {
                        self.follow_roots().await;
                        self.behind = !self.catch_up().await;
                    }
                    Err(_) => return,
                },
                () = tokio::time::sleep(AGAIN_AFTER), if self.behind => self.behind = !self.catch_up().await,
                lists = self.lists.recv() => match lists {
                    Ok(lists) => self.take(lists).await,
                    Err(broadcast::error::RecvError::Lagged(_)) => self.behind = !self.catch_up().await,
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            }
        }
    }

    async fn follow_roots(&mut self) {
        let Some(directory) = self.directories.borrow_and_update().clone() else { return };
        let roots = Arc::clone(&self.roots);
        let followed = spawn_blocking(move || match directory::trust_set(&directory) {
            Ok(set) => roots.follow(set),
            Err(error) => tracing::error!(%error, "the roots of the new directory are not usable"),
        });
        if followed.await.is_err() {
            tracing::error!("following the roots of the new directory panicked");
        }
    }

    /// Lists that the journal knows; what is older than those that hold is passed over. Whether all of them could be read.
    async fn catch_up(&self) -> bool {
        let entries: Vec<u64> = self.view.state().lists().collect();
        let reader = Arc::clone(&self.reader);
        let read = spawn_blocking(move || {
            let (mut lists, mut whole) = (Vec::new(), true);
            for index in entries {
                match reader.entry(index).map(|entry| entry.event) {
                    Ok(Event::Lists(found)) => lists.extend(found),
                    Ok(_) => {}
                    Err(error) => {
                        tracing::error!(
                            index,
                            error = with_causes(&error),
                            "published revocation lists are not readable"
                        );
                        whole &= !error.is_unreachable();
                    }
                }
            }
            (lists, whole)
        });
        let (lists, whole) = read.await.unwrap_or_default();
        self.take(lists).await;
        whole
    }

    async fn take(&self, lists: Vec<Bytes>) {
        let roots = Arc::clone(&self.roots);
        let taken = spawn_blocking(move || roots.take(&lists, Older::PassedOver));
        match taken.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(error = with_causes(&error), "published revocation lists could not be kept");
            }
            Err(_) => tracing::error!("taking published revocation lists panicked"),
        }
    }
}
