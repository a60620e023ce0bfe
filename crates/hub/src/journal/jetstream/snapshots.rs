//! What a hub knows, stored now and then, so that another one that starts has to read no more than the end of the stream.
//!
//! A snapshot is derived from the entries: one that is lost, half written or of another life costs time and nothing else. It is
//! taken after every so many groups, by the hub that proposed that group, and lies in a stream of its own: its parts, and then a
//! message that names them. What came before it is deleted.

use std::time::Duration;

use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use bytes::{Bytes, BytesMut};
use sealpost_crypto::digest::sha256;
use sealpost_domain::link::Incarnation;
use sealpost_wire::hub::snapshot::{SNAPSHOT_BYTES_MAX, Snapshot, Stored};

use super::engine::{Engine, acknowledged};

/// After how many groups one is taken.
pub(super) const EVERY: u64 = 4096;
/// Bytes of a part.
const PART_BYTES: usize = 1 << 20;
/// How often it is tried to read one, while another one may take its place.
const ATTEMPTS: u32 = 3;
/// Between two times.
const ATTEMPTS_APART: Duration = Duration::from_secs(1);

/// Stores a snapshot. What goes wrong is told, and left to the next one.
pub(super) async fn store(engine: Engine, snapshot: Snapshot) {
    let sequence = snapshot.sequence;
    match try_store(&engine, snapshot).await {
        Ok(bytes) => tracing::info!(sequence, bytes, "snapshot stored"),
        Err(reason) => tracing::warn!(sequence, reason, "a snapshot could not be stored"),
    }
}

async fn try_store(engine: &Engine, snapshot: Snapshot) -> Result<usize, String> {
    let sequence = snapshot.sequence;
    let encoded = tokio::task::spawn_blocking(move || {
        let bytes = snapshot.to_bytes();
        (sha256(&bytes), bytes)
    });
    let (digest, bytes) = encoded.await.map_err(|error| error.to_string())?;
    if bytes.len() > SNAPSHOT_BYTES_MAX {
        return Err(format!("{} bytes are more than {SNAPSHOT_BYTES_MAX}", bytes.len()));
    }
    let parts = bytes.len().div_ceil(PART_BYTES);
    let mut first = None;
    for number in 0..parts {
        let part = bytes.slice(number * PART_BYTES..bytes.len().min((number + 1) * PART_BYTES));
        let at = publish(engine, engine.settings.snapshot_subject(sequence, number), part).await?;
        first = first.or(Some(at));
    }
    let stored = Stored { sequence, parts: u32::try_from(parts).map_err(|error| error.to_string())?, digest };
    publish(engine, engine.settings.latest_snapshot_subject(), stored.to_bytes()).await?;
    if let Some(first) = first {
        engine.snapshots.purge().sequence(first).await.map_err(|error| error.to_string())?;
    }
    Ok(bytes.len())
}

async fn publish(engine: &Engine, subject: String, message: Bytes) -> Result<u64, String> {
    let published = engine.context.publish(subject, message).await;
    acknowledged(published).await.map_err(|error| error.to_string())
}

/// The latest snapshot of a life of the hub, if there is one that is whole.
pub(super) async fn latest(engine: &Engine, incarnation: Incarnation) -> Option<Snapshot> {
    for _ in 0..ATTEMPTS {
        match read(engine).await {
            Ok(None) => return None,
            Ok(Some(snapshot)) if snapshot.incarnation == incarnation => return Some(snapshot),
            Ok(Some(_)) => {
                tracing::warn!("the latest snapshot is of another life of the hub: all entries are read");
                return None;
            }
            Err(reason) => tracing::warn!(reason, "the latest snapshot cannot be read"),
        }
        tokio::time::sleep(ATTEMPTS_APART).await;
    }
    tracing::warn!("no snapshot can be read: all entries are");
    None
}

async fn read(engine: &Engine) -> Result<Option<Snapshot>, String> {
    let settings = &engine.settings;
    let Some(stored) = last(&engine.snapshots, settings.latest_snapshot_subject()).await? else {
        return Ok(None);
    };
    let stored = Stored::from_bytes(&stored).map_err(|error| error.to_string())?;
    let mut bytes = BytesMut::new();
    for number in 0..stored.parts {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let part = last(&engine.snapshots, settings.snapshot_subject(stored.sequence, number)).await?;
        bytes.extend_from_slice(&part.ok_or("a part of it is missing")?);
    }
    let parsed = tokio::task::spawn_blocking(move || {
        let bytes = bytes.freeze();
        if sha256(&bytes) != stored.digest {
            return Err("its digest is another one".to_owned());
        }
        Snapshot::from_bytes(&bytes).map_err(|error| error.to_string())
    });
    parsed.await.map_err(|error| error.to_string())?.map(Some)
}

async fn last(stream: &Stream<()>, subject: String) -> Result<Option<Bytes>, String> {
    match stream.get_last_raw_message_by_subject(&subject).await {
        Ok(message) => Ok(Some(message.payload)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
