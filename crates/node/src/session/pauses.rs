//! A hub that takes no more of a stream for now is given the time that it asks for, and the stream is opened again: nothing
//! else on its connection has to do with that. How long is bounded, and grows while it goes on; who was told the same time does
//! not come back in the same instant.

use sealpost_client::Backoff;
use tracing::warn;

use super::{Ended, Session};
use crate::pool::Pool;

/// The pauses of one stream.
pub(super) struct Pauses {
    stream: &'static str,
    backoff: Backoff,
    pool: Pool,
}

impl Pauses {
    /// Of the stream that is called so in the log.
    pub(super) fn new(session: &Session, stream: &'static str) -> Self {
        let backoff = Backoff::new(session.settings.retry_first, session.settings.retry_max);
        Self { stream, backoff, pool: session.pool.clone() }
    }

    /// Waits until the stream may be opened again. Any other end than that is one.
    pub(super) async fn sit_out(&mut self, ended: Ended) -> Result<(), Ended> {
        let Ended::Full { retry_after, detail } = ended else { return Err(ended) };
        let pause = self.backoff.next_after(retry_after, self.pool.random().as_mut());
        warn!(stream = self.stream, detail, ?pause, "the hub takes no more now");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Something came: the stream works, and its next pause is a first one.
    pub(super) fn over(&mut self) {
        self.backoff.reset();
    }
}

#[cfg(test)]
mod tests;
