//! One Receive stream for each agency and priority: a newer call takes the place of the older one, and ROUTINE waits
//! while there is URGENT mail to be sent to the same agency.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::Priority;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The places that are taken.
#[derive(Clone, Default)]
pub(super) struct Seats(Arc<Mutex<HashMap<(AgencyId, Priority), Place>>>);

#[derive(Default)]
struct Place {
    taken: Option<CancellationToken>,
    activity: watch::Sender<Activity>,
}

/// Whether a stream could send something now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Activity {
    /// It has mail and credit.
    Sending,
    /// It has none, or there is no stream.
    #[default]
    Idle,
}

/// A stream's place, given back when it is dropped.
pub(super) struct Seat {
    seats: Seats,
    key: (AgencyId, Priority),
    replaced: CancellationToken,
    activity: watch::Sender<Activity>,
    /// The stream that goes first.
    first: Option<watch::Receiver<Activity>>,
}

impl Seats {
    /// Takes the place, from an older stream if need be.
    pub(super) fn take(&self, recipient: &AgencyId, priority: Priority) -> Seat {
        let (key, replaced) = ((recipient.clone(), priority), CancellationToken::new());
        let mut places = self.lock();
        let first = (priority == Priority::Routine).then(|| {
            let urgent = places.entry((recipient.clone(), Priority::Urgent)).or_default();
            urgent.activity.subscribe()
        });
        let place = places.entry(key.clone()).or_default();
        if let Some(older) = place.taken.replace(replaced.clone()) {
            older.cancel();
        }
        let activity = place.activity.clone();
        Seat { seats: self.clone(), key, replaced, activity, first }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(AgencyId, Priority), Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Waits until a newer stream takes the place.
    pub(super) async fn replaced(&self) {
        self.replaced.cancelled().await;
    }

    /// Tells the streams that come after this one.
    pub(super) fn tell(&self, activity: Activity) {
        self.activity.send_if_modified(|present| std::mem::replace(present, activity) != activity);
    }

    /// Whether no other stream goes first now.
    pub(super) fn has_turn(&self) -> bool {
        self.first.as_ref().is_none_or(|first| *first.borrow() == Activity::Idle)
    }

    /// Waits until no other stream goes first.
    pub(super) async fn turn(&self) {
        if let Some(mut first) = self.first.clone() {
            // The sender lives as long as the seats do.
            let _ = first.wait_for(|activity| *activity == Activity::Idle).await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.replaced.is_cancelled() {
            self.tell(Activity::Idle);
            if let Some(place) = self.seats.lock().get_mut(&self.key) {
                place.taken = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::agency;

    #[tokio::test]
    async fn routine_waits_for_urgent_of_the_same_agency_alone() {
        let seats = Seats::default();
        let routine = seats.take(&agency("DE-ZKA"), Priority::Routine);
        let elsewhere = seats.take(&agency("HK-CED"), Priority::Routine);
        let urgent = seats.take(&agency("DE-ZKA"), Priority::Urgent);
        urgent.tell(Activity::Sending);
        assert!(!routine.has_turn() && elsewhere.has_turn() && urgent.has_turn());
        let newer = seats.take(&agency("DE-ZKA"), Priority::Urgent);
        urgent.replaced().await;
        drop(urgent);
        assert!(!routine.has_turn(), "the newer stream has the place");
        drop(newer);
        routine.turn().await;
    }
}
