//! When live connections are judged again: at every change of roots or lists, and from time to time, since certificates
//! and lists also end by themselves.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How long a connection may outlive its certificate, or the list that would have to show that it is not revoked.
const JUDGE_EVERY: Duration = Duration::from_secs(30);

/// Tells when live connections are to be judged again.
#[derive(Debug)]
pub struct Judging {
    changes: watch::Receiver<u64>,
    looks: Interval,
}

impl Judging {
    pub(super) fn new(changes: watch::Receiver<u64>) -> Self {
        let mut looks = interval(JUDGE_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { changes, looks }
    }

    /// Waits until it is time, the first time not at all; `false` once the roots are gone.
    pub async fn due(&mut self) -> bool {
        tokio::select! {
            changed = self.changes.changed() => changed.is_ok(),
            _ = self.looks.tick() => true,
        }
    }

    /// Judges each time, and gives the first refusal; nothing once the roots are gone.
    pub async fn until_refused<E>(mut self, judge: impl Fn() -> Result<(), E>) -> Option<E> {
        while self.due().await {
            if let Err(refusal) = judge() {
                return Some(refusal);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn it_is_judged_at_once_at_each_change_and_from_time_to_time() {
        let changes = watch::Sender::new(0);
        let mut judging = Judging::new(changes.subscribe());
        let begun = Instant::now();
        assert!(judging.due().await);
        changes.send_modify(|changes| *changes += 1);
        assert!(judging.due().await);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!(judging.due().await);
        assert_eq!(begun.elapsed(), JUDGE_EVERY);

        let refused = judging.until_refused(|| if begun.elapsed() < HOUR { Ok(()) } else { Err("ended") });
        assert_eq!(timeout(HOUR * 2, refused).await, Ok(Some("ended")), "nothing but the time changed");
        let judging = Judging::new(changes.subscribe());
        drop(changes);
        assert_eq!(timeout(HOUR, judging.until_refused(|| Ok::<_, ()>(()))).await, Ok(None));
    }
}
