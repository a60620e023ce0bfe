//! Slowing down whoever goes on faster than its budget: nothing more of its stream is read for a while, and the transport
//! holds it up. Who is too far ahead, by many streams at once, is answered `RESOURCE_EXHAUSTED` with the time to wait.

use std::time::Duration;

use sealpost_domain::agency::AgencyId;
use sealpost_server::shutdown::Shutdown;
use sealpost_wire::status;
use tokio::time::Instant;
use tonic::Status;

use crate::rates::{Budgets, Flow, Rates, Turn};

/// The budgets, and the clock by which they are judged: one that never goes back.
pub struct Pace {
    budgets: Budgets,
    began: Instant,
}

impl Pace {
    /// Full budgets for everybody from now on.
    pub fn new(rates: Rates) -> Self {
        Self { budgets: Budgets::new(rates), began: Instant::now() }
    }

    /// Charges a flow of an agency, and waits until it may go on; at the end of the hub nobody waits. What is refused came all
    /// the same: its bytes are charged to what nodes say, so that calls whose mail is refused cannot be opened for ever.
    pub(super) async fn keep(
        &self,
        agency: &AgencyId,
        flow: Flow,
        items: usize,
        bytes: usize,
        shutdown: &Shutdown,
    ) -> Result<(), Status> {
        match self.turn(agency, flow, items, bytes) {
            Turn::After(wait) => {
                rest(wait, shutdown).await;
                Ok(())
            }
            Turn::Refused(after) => {
                tracing::warn!(%agency, ?flow, ?after, "too fast, refused");
                if flow != Flow::Control {
                    let _ = self.turn(agency, Flow::Control, 1, bytes);
                }
                let detail = format!("{agency} goes on faster than the hub takes; nothing was taken of this");
                Err(status::full(detail, after))
            }
        }
    }

    /// The same for something that may be dropped: whether it may pass. For what may not, its flow waits as well.
    pub(super) async fn passes(
        &self,
        agency: &AgencyId,
        flow: Flow,
        items: usize,
        bytes: usize,
        shutdown: &Shutdown,
    ) -> bool {
        match self.turn(agency, flow, items, bytes) {
            Turn::After(wait) => {
                rest(wait, shutdown).await;
                true
            }
            Turn::Refused(after) => {
                tracing::warn!(%agency, ?flow, ?after, "too fast, dropped");
                rest(after, shutdown).await;
                false
            }
        }
    }

    fn turn(&self, agency: &AgencyId, flow: Flow, items: usize, bytes: usize) -> Turn {
        self.budgets.take(agency, flow, items as u64, bytes as u64, self.began.elapsed())
    }
}

async fn rest(wait: Duration, shutdown: &Shutdown) {
    if wait.is_zero() {
        return;
    }
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = shutdown.begun() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::agency;
    use crate::rates::{Rate, SLOWED_MAX};

    #[tokio::test(start_paused = true)]
    async fn what_is_too_fast_is_dropped_and_goes_on_when_there_is_room() {
        let rate = Rate { items: 1, bytes: 1000 };
        let pace = Pace::new(Rates { flash: rate, mail: rate, control: rate });
        let (hk, shutdown) = (agency("HK-CED"), Shutdown::new(Duration::ZERO));
        // As many streams at once do.
        while let Turn::After(_) = pace.turn(&hk, Flow::Control, 1, 1) {}
        let before = Instant::now();
        assert!(!pace.passes(&hk, Flow::Control, 1, 1, &shutdown).await);
        assert!(before.elapsed() > SLOWED_MAX, "nothing is read meanwhile");
        assert!(pace.passes(&hk, Flow::Control, 1, 1, &shutdown).await);
        pace.keep(&hk, Flow::Flash, 1, 1, &shutdown).await.expect("FLASH has a budget of its own");
    }

    #[tokio::test(start_paused = true)]
    async fn mail_that_is_refused_is_paid_for_with_the_next_calls() {
        let rate = Rate { items: 1000, bytes: 1000 };
        let pace = Pace::new(Rates { flash: rate, mail: rate, control: rate });
        let (hk, shutdown) = (agency("HK-CED"), Shutdown::new(Duration::ZERO));
        let large = async || pace.keep(&hk, Flow::Mail, 1, 20_000, &shutdown).await;
        large().await.unwrap();
        assert!(matches!(pace.turn(&hk, Flow::Control, 1, 1), Turn::After(Duration::ZERO)));
        large().await.unwrap_err();
        assert!(matches!(pace.turn(&hk, Flow::Control, 1, 1), Turn::Refused(_)));
    }
}
