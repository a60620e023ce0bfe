//! One Receive stream for each agency and priority: a newer call takes the place of the older one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::Priority;
use tokio_util::sync::CancellationToken;

type Taken = HashMap<(AgencyId, Priority), CancellationToken>;

/// The places that are taken.
#[derive(Clone, Default)]
pub(super) struct Seats(Arc<Mutex<Taken>>);

/// A stream's place, given back when it is dropped.
pub(super) struct Seat {
    seats: Seats,
    key: (AgencyId, Priority),
    replaced: CancellationToken,
}

impl Seats {
    /// Takes the place, from an older stream if need be.
    pub(super) fn take(&self, recipient: &AgencyId, priority: Priority) -> Seat {
        let (key, replaced) = ((recipient.clone(), priority), CancellationToken::new());
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(older) = taken.insert(key.clone(), replaced.clone()) {
            older.cancel();
        }
        Seat { seats: self.clone(), key, replaced }
    }
}

impl Seat {
    /// Waits until a newer stream takes the place.
    pub(super) async fn replaced(&self) {
        self.replaced.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.replaced.is_cancelled() {
            self.seats.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        }
    }
}
