//! When live connections are judged again: at every change of roots or lists, and from time to time, since certificates
//! and lists also end by themselves.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::changes::Listener;

/// How long a connection may outlive its certificate, or the list that would have to show that it is not revoked.
const JUDGE_EVERY: Duration = Duration::from_secs(30);

/// Tells when live connections are to be judged again.
#[derive(Debug)]
pub struct Judging {
    changes: Listener,
    looks: Interval,
}

impl Judging {
    pub(super) fn new(changes: Listener) -> Self {
        let mut looks = interval(JUDGE_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { changes, looks }
    }

    /// Waits until it is time, the first time not at all.
    pub async fn due(&mut self) {
        tokio::select! {
            biased;
            () = self.changes.changed() => {}
            _ = self.looks.tick() => {}
        }
    }

    /// Judges each time, and gives the first refusal.
    pub async fn until_refused<E>(mut self, judge: impl Fn() -> Result<(), E>) -> E {
        loop {
            self.due().await;
            if let Err(refusal) = judge() {
                return refusal;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::changes::Changes;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn it_is_judged_at_once_at_each_change_and_from_time_to_time() {
        let changes = Changes::default();
        let mut judging = Judging::new(changes.listen());
        let begun = Instant::now();
        judging.due().await;
        changes.tell();
        judging.due().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        judging.due().await;
        assert_eq!(begun.elapsed(), JUDGE_EVERY);

        let refused = judging.until_refused(|| if begun.elapsed() < HOUR { Ok(()) } else { Err("ended") });
        assert_eq!(timeout(HOUR * 2, refused).await, Ok("ended"), "nothing but the time changed");
    }
}
