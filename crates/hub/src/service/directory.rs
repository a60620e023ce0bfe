//! The directory: new versions to the nodes as they are published, with the current revocation lists.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use sealpost_crypto::digest::sha256;
use sealpost_crypto::directory::{self, Error};
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::statement::Signed;
use sealpost_proto::v1 as pb;
use sealpost_server::changes::Listener;
use sealpost_server::pool::Lane;
use sealpost_server::program::with_causes;
use sealpost_server::roots::{self, Older};
use sealpost_wire::envelope::{directory_version_message, signed, signed_message};
use sealpost_wire::hub::Event;
use sealpost_wire::status::Failure;
use tonic::Status;

use super::{Parts, farewell, given_up, not_now, refused};
use crate::dispatch::NotNow;
use crate::writer::PublishError;

type Response = Result<pb::DirectoryUpdate, Status>;

/// Where one watcher stands.
struct Watch {
    parts: Arc<Parts>,
    changes: Listener,
    /// The versions that are still to be told, each with its journal entry, the last one first.
    versions: Vec<(u64, u64)>,
    /// The last version that was told.
    told: u64,
    /// The lists as they were told.
    lists: Option<Vec<Bytes>>,
    /// Which version is in force here, as it was told.
    in_force: Option<DirectoryVersion>,
}

/// Tells the versions after one, in order, then new ones and new lists as they come.
pub(super) fn watch(parts: Arc<Parts>, after: u64) -> BoxStream<'static, Response> {
    let changes = parts.roots.changes();
    let watch = Watch { parts, changes, versions: Vec::new(), told: after, lists: None, in_force: None };
    stream::unfold(watch, next).boxed()
}

async fn next(mut watch: Watch) -> Option<(Response, Watch)> {
    loop {
        if let Some(update) = watch.pending().await {
            return Some((update, watch));
        }
        let shutdown = watch.parts.shutdown.clone();
        tokio::select! {
            biased;
            () = farewell(&shutdown) => return None,
            () = watch.changes.changed() => {}
        }
    }
}

impl Watch {
    async fn pending(&mut self) -> Option<Response> {
        self.changes.mark_seen();
        if self.versions.is_empty() {
            self.versions = self.parts.view.state().versions_after(self.told);
            self.versions.reverse();
        }
        let lists = self.parts.roots.lists();
        let in_force = self.parts.view.directory().map(|directory| directory.version);
        let Some((version, entry)) = self.versions.pop() else {
            if self.lists.as_ref() == Some(&lists) && self.in_force == in_force {
                return None;
            }
            (self.lists, self.in_force) = (Some(lists.clone()), in_force);
            let in_force = in_force.map(directory_version_message);
            return Some(Ok(pb::DirectoryUpdate { directory: None, crls: lists, in_force }));
        };
        let update = self.read(entry).await.map(|directory| pb::DirectoryUpdate {
            directory: Some(signed_message(&directory)),
            crls: lists.clone(),
            in_force: in_force.map(directory_version_message),
        });
        (self.lists, self.in_force) = (Some(lists), in_force);
        self.told = version;
        Some(update)
    }

    async fn read(&self, entry: u64) -> Result<Signed, Status> {
        let read = self.parts.dispatch.entry(entry).await.map_err(given_up)?;
        match read.map(|entry| entry.event) {
            Ok(Event::Directory(directory)) => Ok(directory),
            Ok(_) => Err(Failure::Internal.status("the hub's journal holds no directory where it should")),
            Err(error) if error.is_unreachable() => Err(not_now(&NotNow::Unreachable(error))),
            Err(error) => {
                tracing::error!(entry, %error, "a version of the directory is not readable");
                Err(Failure::Internal.status("a version of the directory is not readable at the hub"))
            }
        }
    }
}

/// Publishes a version, then lists, which may be of roots that only this version brings in. Only an operator
/// can ask for it, and it revokes keys: it waits for no mail.
pub(super) async fn publish(
    parts: &Parts,
    request: pb::PublishDirectoryRequest,
) -> Result<pb::PublishDirectoryResponse, Status> {
    let pb::PublishDirectoryRequest { directory, crls } = request;
    let present = parts.view.directory().map_or(0, |directory| directory.version.version);
    let Some(directory) = directory else {
        take_lists(parts, crls).await?;
        return Ok(pb::PublishDirectoryResponse { version: present });
    };
    let directory = signed(directory)?;
    // An operator who did not hear the answer asks again.
    if let Some(present) = parts.view.directory()
        && sha256(&directory.payload) == present.version.digest
    {
        take_lists(parts, crls).await?;
        return Ok(pb::PublishDirectoryResponse { version: present.version.version });
    }
    let directory = verified(parts, directory).await?;
    let published = parts.writer.publish(directory).await.map_err(|error| refusal(&error))?;
    tracing::info!(version = published.version.version, "directory published");
    match directory::trust_set(&published) {
        Ok(set) => {
            let roots = Arc::clone(&parts.roots);
            parts.pool.run(Lane::Express, move || roots.follow(set)).await.map_err(given_up)?;
        }
        Err(error) => tracing::error!(%error, "the roots of the new directory are not usable"),
    }
    take_lists(parts, crls).await?;
    Ok(pb::PublishDirectoryResponse { version: published.version.version })
}

/// A version as it came, once it verified against the one in force. What does not never gets to the writer, behind whom all mail
/// waits, and who verifies again: another version may be in force by then.
async fn verified(parts: &Parts, signed: Signed) -> Result<Signed, Status> {
    let (previous, now) = (parts.view.directory(), parts.clock.now());
    let verify = move || directory::verify_now(&signed, previous.as_deref(), now).map(|_| signed);
    let verified = parts.pool.run(Lane::Express, verify).await.map_err(given_up)?;
    verified.map_err(|error| refusal(&PublishError::Directory(Box::new(error))))
}

/// Lists hold here at once, and at every other hub of this journal before the operator hears that they do.
async fn take_lists(parts: &Parts, crls: Vec<Bytes>) -> Result<(), Status> {
    if crls.is_empty() {
        return Ok(());
    }
    let (roots, lists) = (Arc::clone(&parts.roots), crls.clone());
    let taken = parts.pool.run(Lane::Express, move || roots.take(&lists, Older::Refused));
    let unkept = match taken.await.map_err(given_up)? {
        Ok(()) => None,
        Err(error @ roots::Error::Unkept { .. }) => Some(error),
        Err(error) => return Err(Failure::Malformed.status(with_causes(&error))),
    };
    parts.writer.publish_lists(crls).await.map_err(|error| refused(&error))?;
    unkept.map_or(Ok(()), |error| {
        Err(Failure::Unavailable
            .status(format!("{}; the hub tries to keep it every minute", with_causes(&error))))
    })
}

fn refusal(error: &PublishError) -> Status {
    match error {
        PublishError::Directory(source) => {
            let failure = match &**source {
                Error::Version { .. }
                | Error::Previous { .. }
                | Error::Network { .. }
                | Error::Issued { .. }
                | Error::Early { .. } => Failure::Conflict,
                Error::Unreadable(_) => Failure::Malformed,
                _ => Failure::Forbidden,
            };
            failure.status(format!("{}: {}", source.rule(), with_causes(error)))
        }
        PublishError::Refused(error) => refused(error),
    }
}
