//! Follows an agency's ledger, tells what arrives, and reads what is urgent.

use std::sync::Arc;

use sealpost_client::gateway::Gateway;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::view::{self, Direction, Filter, Shown};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Board, Error, Event, is_read_at_once};

/// An agency that listens.
pub(super) struct Listener {
    pub(super) agency: AgencyId,
    pub(super) board: Arc<watch::Sender<Board>>,
    pub(super) events: mpsc::Sender<Event>,
}

impl Listener {
    /// Listens from the beginning of the ledger until the curtain falls.
    pub(super) async fn listen(self, gateway: Gateway, curtain: CancellationToken) -> Result<(), Error> {
        let mut subscription = gateway.subscribe(0, Filter::default());
        loop {
            let event = tokio::select! {
                () = curtain.cancelled() => return Ok(()),
                event = subscription.next() => event,
            };
            match event {
                Ok(view::Event::Message(shown)) if shown.direction == Direction::Received => {
                    self.arrived(&gateway, shown).await?;
                }
                Ok(_) => {}
                Err(error) if error.is_temporary() => {}
                Err(error) => return Err(Error::Gateway { agency: self.agency, source: Box::new(error) }),
            }
        }
    }

    async fn arrived(&self, gateway: &Gateway, shown: Box<Shown>) -> Result<(), Error> {
        if is_read_at_once(shown.priority) {
            let failed = |error| Error::Gateway { agency: self.agency.clone(), source: Box::new(error) };
            gateway.acknowledge(&[shown.id], Some(&shown.sender)).await.map_err(failed)?;
        }
        self.board.send_modify(|board| {
            board.arrived.entry(self.agency.clone()).or_default().insert(shown.id);
        });
        // Nobody listens any more when the play was given up.
        let _ = self.events.send(Event::Arrived { at: self.agency.clone(), message: shown }).await;
        Ok(())
    }
}
