//! What operators publish takes effect at every hub of a journal, whichever of them they asked: roots of a new version of the
//! directory, and revocation lists.

use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::directory;
use sealpost_domain::directory::Directory;
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
}

impl Published {
    /// Begins to listen.
    pub(crate) fn new(view: &Arc<View>, reader: &Arc<dyn Read>, roots: &Arc<Roots>) -> Self {
        let (directories, lists) = (view.directories(), view.lists());
        let (view, reader, roots) = (Arc::clone(view), Arc::clone(reader), Arc::clone(roots));
        Self { view, reader, roots, directories, lists }
    }

    /// Takes what was published while this hub was away, and then what comes.
    pub(crate) async fn follow(mut self) {
        self.catch_up().await;
        loop {
            tokio::select! {
                changed = self.directories.changed() => match changed {
                    Ok(()) => self.follow_roots().await,
                    Err(_) => return,
                },
                lists = self.lists.recv() => match lists {
                    Ok(lists) => self.take(lists).await,
                    Err(broadcast::error::RecvError::Lagged(_)) => self.catch_up().await,
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

    /// Lists that the journal knows; what is older than those that hold is passed over.
    async fn catch_up(&self) {
        let entries: Vec<u64> = self.view.state().lists().collect();
        let reader = Arc::clone(&self.reader);
        let read = spawn_blocking(move || {
            let lists = |index| match reader.entry(index).map(|entry| entry.event) {
                Ok(Event::Lists(lists)) => lists,
                Ok(_) => Vec::new(),
                Err(error) => {
                    tracing::error!(index, %error, "published revocation lists are not readable");
                    Vec::new()
                }
            };
            entries.into_iter().flat_map(lists).collect()
        });
        self.take(read.await.unwrap_or_default()).await;
    }

    async fn take(&self, lists: Vec<Bytes>) {
        let roots = Arc::clone(&self.roots);
        let taken = spawn_blocking(move || roots.take(&lists, Older::PassedOver));
        match taken.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "published revocation lists could not be kept"),
            Err(_) => tracing::error!("taking published revocation lists panicked"),
        }
    }
}
