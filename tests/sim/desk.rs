//! Those who use a node: publishers that repeat until they are answered, and a system that takes over what is shown.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealpost_domain::alert::Alert;
use sealpost_domain::digest::KeyId;
use sealpost_domain::link::Incarnation;
use sealpost_domain::view::{Direction, Filter, Shown};
use sealpost_node::handle::{Handle, PublishError, Views as _};
use sealpost_node::views::LedgerViews;
use sealpost_seglog::disk::sim::Sim;
use sealpost_server::changes::Changes;
use sealpost_wire::alert::alert_to_bytes;
use tokio::time::sleep;

use crate::history::{Event, History};
use crate::kept::Kept;
use crate::letters::{Letter, MARKER};

/// How long a publisher waits before it repeats.
const AGAIN: Duration = Duration::from_millis(700);

/// What a node's own see of it while it runs.
#[derive(Clone)]
pub(crate) struct Open {
    pub(crate) handle: Handle,
    pub(crate) views: Arc<LedgerViews>,
    /// Of the node's machine.
    pub(crate) disk: Sim,
}

/// A node's door: open while it runs.
#[derive(Clone, Default)]
pub(crate) struct Door {
    open: Arc<Mutex<Option<Open>>>,
    changes: Changes,
}

impl Door {
    /// Opens or closes it.
    pub(crate) fn becomes(&self, open: Option<Open>) {
        *self.open.lock().unwrap() = open;
        self.changes.tell();
    }

    /// What is to be seen of the node, as soon as it runs.
    async fn opened(&self) -> Open {
        let mut changes = self.changes.listen();
        loop {
            if let Some(open) = self.open.lock().unwrap().clone() {
                return open;
            }
            changes.changed().await;
        }
    }
}

/// Hands a message in until it is answered.
pub(crate) async fn publish(door: Door, history: Arc<History>, letter: Letter, waiting: Arc<AtomicUsize>) {
    sleep(letter.at).await;
    loop {
        let open = door.opened().await;
        let (by, marker) = (letter.from.clone(), letter.marker.clone());
        match open.handle.publish(letter.publication()).await {
            Ok(published) => {
                let (id, kept) = (published.id, Kept::on(&open.disk).has_sent(published.id));
                history.note(Event::Published { by, marker, id, kept });
            }
            Err(PublishError::Refused(refusals)) => {
                let rules = refusals.into_iter().map(|refusal| refusal.rule).collect();
                history.note(Event::Refused { by, marker, rules });
            }
            Err(
                PublishError::Full | PublishError::Silenced(_) | PublishError::Stopping | PublishError::Fatal,
            ) => {
                drop(open);
                sleep(AGAIN).await;
                continue;
            }
        }
        waiting.fetch_sub(1, Ordering::Relaxed);
        return;
    }
}

/// Takes over every message of peers, from the beginning of each life of the ledger; reads each third one.
pub(crate) async fn subscribe(door: Door, history: Arc<History>) {
    let mut stands: Option<(Incarnation, u64)> = None;
    loop {
        let open = door.opened().await;
        let mut changes = door.changes.listen();
        let life = open.views.ledger();
        let mut next = stands.filter(|(of, _)| *of == life).map_or(0, |(_, next)| next);
        let mut readable = open.handle.next_index();
        let Open { handle, views, .. } = open;
        let at = handle.status().agency;
        loop {
            let end = *readable.borrow_and_update();
            while next < end {
                let Ok(forward) = views.forward(next, &Filter::default()) else { break };
                for shown in forward.messages.iter().filter(|shown| shown.direction == Direction::Received) {
                    history.note(told(&at, life, shown));
                    if shown.index.is_multiple_of(3) && !shown.read {
                        let (id, sender) = (shown.id, shown.sender.clone());
                        let handle = handle.clone();
                        // Whoever reads does not wait for the answer.
                        tokio::spawn(async move {
                            handle.acknowledge(vec![id], Some(sender), KeyId::new([8; 32])).await
                        });
                    }
                }
                next = forward.next_index;
                stands = Some((life, next));
            }
            tokio::select! {
                biased;
                () = changes.changed() => break,
                changed = readable.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
            }
        }
        drop((handle, views));
        // Until it is closed, and opened again.
        tokio::task::yield_now().await;
    }
}

fn told(at: &sealpost_domain::agency::AgencyId, life: Incarnation, shown: &Shown) -> Event {
    Event::Told {
        at: at.clone(),
        life,
        sender: shown.sender.clone(),
        id: shown.id,
        header: shown.verification.header,
        marker: shown.alert.as_ref().map(marker_in).unwrap_or_default(),
    }
}

/// The marker in a text.
fn marker_in(alert: &Alert) -> String {
    let bytes = alert_to_bytes(alert).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let found = text.find(MARKER).and_then(|from| {
        let until = text[from..].find('.')?;
        Some(text[from..=from + until].to_owned())
    });
    found.unwrap_or_default()
}
