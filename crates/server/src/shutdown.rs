//! An ordered end: stop accepting, drain, sync, close; each step bounded. A second signal ends at once.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// What every part of a program watches to learn that it ends.
#[derive(Clone, Debug)]
pub struct Shutdown {
    draining: CancellationToken,
    grace: Duration,
}

impl Shutdown {
    /// Ends when [`Shutdown::begin`] is called. Streams have `grace` to come to an end.
    pub fn new(grace: Duration) -> Self {
        Self { draining: CancellationToken::new(), grace }
    }

    /// Ends on SIGTERM or SIGINT as well; the second one ends the process on the spot. The task that listens ends
    /// with the runtime.
    pub fn on_signals(grace: Duration) -> io::Result<Self> {
        let shutdown = Self::new(grace);
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(listen(shutdown.clone(), terminate, interrupt));
        Ok(shutdown)
    }

    /// Begins the end.
    pub fn begin(&self) {
        self.draining.cancel();
    }

    /// Whether the end has begun.
    pub fn has_begun(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Waits until the end begins: time to say DRAIN, to finish what was accepted and to take nothing new.
    pub async fn begun(&self) {
        self.draining.cancelled().await;
    }

    /// A token for parts that take one; cancelled when the end begins.
    pub fn token(&self) -> CancellationToken {
        self.draining.child_token()
    }

    /// How long streams may take to come to an end.
    pub fn grace(&self) -> Duration {
        self.grace
    }
}

async fn listen(shutdown: Shutdown, mut terminate: Signal, mut interrupt: Signal) {
    let name = next(&mut terminate, &mut interrupt).await.0;
    info!(signal = name, grace = ?shutdown.grace, "shutting down in order; a second signal ends at once");
    shutdown.begin();
    let (name, number) = next(&mut terminate, &mut interrupt).await;
    warn!(signal = name, "ending at once");
    // What was acknowledged is synced at any moment, so that nothing is lost by this.
    std::process::exit(128 + number);
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> (&'static str, i32) {
    tokio::select! {
        _ = terminate.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
        _ = interrupt.recv() => ("SIGINT", SignalKind::interrupt().as_raw_value()),
    }
}
