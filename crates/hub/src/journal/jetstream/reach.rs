//! Whether the servers can be reached: a hub that cannot reach its journal can neither take nor give anything, and lets its nodes go
//! to another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use tokio::sync::watch;
use tokio::time::Instant;

use super::engine::{Engine, fit};

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long there may be no connection.
const DISCONNECTED_MAX: Duration = Duration::from_secs(2);
/// How long the stream may be silent on a connection: longer than its servers take to agree on a leader.
const SILENT_MAX: Duration = Duration::from_secs(15);
/// And when another server is tried, once; the next one only when that one had the time to find a leader with the others.
const ELSEWHERE_AFTER: Duration = Duration::from_secs(5);
const NEXT_AFTER: Duration = Duration::from_secs(12);

/// When the stream was last heard, as the follower notes it.
#[derive(Clone)]
pub(super) struct Heard(Arc<Mark>);

struct Mark {
    begun: Instant,
    millis: AtomicU64,
}

impl Heard {
    pub(super) fn now() -> Self {
        Self(Arc::new(Mark { begun: Instant::now(), millis: AtomicU64::new(0) }))
    }

    /// It was heard right now.
    pub(super) fn note(&self) {
        let millis = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.millis.store(millis, Ordering::Relaxed);
    }

    fn ago(&self) -> Duration {
        let at = Duration::from_millis(self.0.millis.load(Ordering::Relaxed));
        self.0.begun.elapsed().saturating_sub(at)
    }
}

/// Tells whether the servers can be reached, until nobody asks any more.
pub(super) async fn watch(engine: Engine, heard: Heard, reachable: watch::Sender<bool>) {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut connected, mut elsewhere) = (Instant::now(), Instant::now());
    let mut connections = engine.connections.clone();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = reachable.closed() => return,
        }
        let mut is_connected = engine.client.connection_state() == State::Connected;
        // Another server of the cluster may be an older one.
        if is_connected && connections.has_changed().unwrap_or(false) {
            connections.mark_unchanged();
            if let Err(error) = fit(&engine.client) {
                tracing::error!(%error, "another server is tried");
                is_connected = false;
                let _ = engine.client.force_reconnect().await;
            }
        }
        if is_connected {
            connected = Instant::now();
        }
        let silent = heard.ago();
        let is_reachable = connected.elapsed() < DISCONNECTED_MAX && silent < SILENT_MAX;
        let changed =
            reachable.send_if_modified(|present| std::mem::replace(present, is_reachable) != is_reachable);
        if changed && is_reachable {
            tracing::info!("the journal can be reached again");
        } else if changed {
            tracing::error!("the journal cannot be reached: nodes are let go to other hubs");
        }
        if is_connected && silent > ELSEWHERE_AFTER && elsewhere.elapsed() > NEXT_AFTER {
            elsewhere = Instant::now();
            tracing::warn!("the stream is silent on this connection: another server is tried");
            if let Err(error) = engine.client.force_reconnect().await {
                tracing::warn!(%error, "no other server can be tried");
            }
        }
    }
}
