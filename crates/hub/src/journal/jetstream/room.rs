//! How much room the servers have, as far as they say: by the limits of the streams and the account, and by what they refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::Info;

use super::engine::Engine;
use crate::journal::Free;

/// How long a refusal counts, where nothing was taken since.
const REFUSED_FOR: Duration = Duration::from_secs(5);

/// Which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Entries,
    Bodies,
}

/// What is known of the room of both streams. Clones share it.
#[derive(Clone)]
pub(super) struct Room(Arc<[Stream; 2]>);

struct Stream {
    free: AtomicU64,
    /// When a message was refused for want of room.
    refused: Mutex<Option<Instant>>,
}

impl Room {
    pub(super) fn unknown() -> Self {
        let stream = || Stream { free: AtomicU64::new(u64::MAX), refused: Mutex::default() };
        Self(Arc::new([stream(), stream()]))
    }

    fn of(&self, stream: Of) -> &Stream {
        match stream {
            Of::Entries => &self.0[0],
            Of::Bodies => &self.0[1],
        }
    }

    /// A message was refused for want of room.
    pub(super) fn refused(&self, stream: Of) {
        *self.of(stream).refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// A message was taken.
    pub(super) fn taken(&self, stream: Of) {
        *self.of(stream).refused.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What is left now.
    pub(super) fn free(&self) -> Free {
        let free = |of| {
            let stream = self.of(of);
            let refused = *stream.refused.lock().unwrap_or_else(PoisonError::into_inner);
            match refused {
                Some(at) if at.elapsed() < REFUSED_FOR => 0,
                _ => stream.free.load(Ordering::Relaxed),
            }
        };
        Free { entries: free(Of::Entries), bodies: free(Of::Bodies) }
    }

    /// Asks the servers.
    pub(super) async fn ask(&self, engine: &Engine, entries: &Info, bodies: &Info) {
        // An account counts each replica.
        let replicas = u64::try_from(engine.settings.replicas.max(1)).unwrap_or(1);
        let of_account = match engine.context.query_account().await {
            Ok(account) => left(account.limits.max_storage.unwrap_or(-1), account.storage) / replicas,
            Err(_) => return,
        };
        for (of, info) in [(Of::Entries, entries), (Of::Bodies, bodies)] {
            let of_stream = left(info.config.max_bytes, info.state.bytes);
            self.of(of).free.store(of_stream.min(of_account), Ordering::Relaxed);
        }
    }
}

/// What a limit leaves; a negative one is none.
fn left(limit: i64, used: u64) -> u64 {
    u64::try_from(limit).map_or(u64::MAX, |limit| limit.saturating_sub(used))
}
