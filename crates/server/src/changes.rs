//! That something changed, told to everybody who waits for it, in the order in which they began to wait.
//!
//! As `tokio::sync::watch`, which wakes its waiters in an order that chance decides: with this one, a run that is simulated
//! repeats.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Tells of changes. Clones tell the same ones.
#[derive(Clone, Debug, Default)]
pub struct Changes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: AtomicU64,
    bell: Notify,
}

/// Somebody who is told.
#[derive(Clone, Debug)]
pub struct Listener {
    changes: Changes,
    seen: u64,
}

impl Changes {
    /// Something changed.
    pub fn tell(&self) {
        self.0.count.fetch_add(1, Ordering::Release);
        self.0.bell.notify_waiters();
    }

    /// Whoever listens is told what changes from now on.
    pub fn listen(&self) -> Listener {
        Listener { changes: self.clone(), seen: self.count() }
    }

    fn count(&self) -> u64 {
        self.0.count.load(Ordering::Acquire)
    }
}

impl Listener {
    /// Waits for a change after the last one that was seen.
    pub async fn changed(&mut self) {
        loop {
            // Listens before it looks, so that nothing that comes between is missed.
            let bell = self.changes.0.bell.notified();
            let count = self.changes.count();
            if count != self.seen {
                self.seen = count;
                return;
            }
            bell.await;
        }
    }

    /// Whether something changed after the last change that was seen.
    pub fn has_changed(&self) -> bool {
        self.changes.count() != self.seen
    }

    /// What changed until now is known.
    pub fn mark_seen(&mut self) {
        self.seen = self.changes.count();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn a_change_is_told_once_and_also_to_those_who_look_later() {
        let changes = Changes::default();
        let mut listener = changes.listen();
        assert!(!listener.has_changed());
        changes.tell();
        changes.tell();
        listener.changed().await;
        assert!(!listener.has_changed());
        changes.tell();
        assert!(listener.has_changed());
        listener.mark_seen();
        assert!(!listener.has_changed());
    }

    #[tokio::test]
    async fn those_who_wait_are_woken_in_the_order_in_which_they_came() {
        let (changes, order) = (Changes::default(), Arc::new(Mutex::new(Vec::new())));
        let mut waiting = tokio::task::JoinSet::new();
        for number in 0..20 {
            let (mut listener, order) = (changes.listen(), Arc::clone(&order));
            waiting.spawn(async move {
                listener.changed().await;
                order.lock().unwrap().push(number);
            });
        }
        tokio::task::yield_now().await;
        changes.tell();
        waiting.join_all().await;
        assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
    }
}
