//! Says what an agency has to say.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt as _, future, stream};
use jiff::Timestamp;
use sealpost_client::gateway::{Gateway, Outgoing, Pace};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::{Draft, DraftParts};
use sealpost_domain::message::MessageId;
use sealpost_domain::view::{Published, Refusal};
use tokio::sync::{mpsc, watch};

use super::deviation::{Line, Part};
use super::{Board, Error, Event};
use crate::operation::{Operation, ReplayError};

/// An agency that publishes.
pub(super) struct Speaker {
    pub(super) agency: AgencyId,
    pub(super) operation: Arc<Operation>,
    pub(super) lines: Vec<Line>,
    pub(super) board: Arc<watch::Sender<Board>>,
    pub(super) events: mpsc::Sender<Event>,
}

impl Speaker {
    /// Publishes the lines in their order.
    pub(super) async fn speak(self, gateway: Gateway) -> Result<(), Error> {
        // What ends the stream before its end; told after the answers to everything before it.
        let fault = Mutex::new(None);
        let drafts = stream::iter(&self.lines).then(|line| self.outgoing(line)).scan((), |(), outgoing| {
            let sound = outgoing.map_err(|error| {
                *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            });
            future::ready(sound.ok())
        });
        {
            let mut answers = pin!(gateway.publish(drafts, Pace::default()));
            for line in &self.lines {
                let Some(answer) = answers.next().await else { break };
                let failed = |error| Error::Gateway { agency: self.agency.clone(), source: Box::new(error) };
                match answer.map_err(failed)?.result {
                    Ok(published) => self.published(line, published).await,
                    Err(refusals) => return Err(self.refused(line, &refusals)),
                }
            }
        }
        fault.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// The message as it is handed in, once the message that it answers is known here.
    async fn outgoing(&self, line: &Line) -> Result<Outgoing, Error> {
        let message = &self.operation.messages[line.place];
        let answers = match message.draft.parts().in_reply_to {
            Some(in_file) => self.known(in_file).await,
            None => None,
        };
        let mut draft = message.sent_at(Timestamp::now(), answers)?;
        if let Some(recipients) = &line.recipients {
            let parts = DraftParts { recipients: recipients.clone(), ..draft.into_parts() };
            let reference = line.key.clone();
            draft = Draft::new(parts).map_err(|source| ReplayError::Invalid { reference, source })?;
        }
        let key = line.key.parse().map_err(|source| Error::Key { name: line.key.clone(), source })?;
        Ok(Outgoing { key: Some(key), draft })
    }

    /// The id that a message of the file has got, once this agency has published or received it.
    async fn known(&self, in_file: MessageId) -> Option<MessageId> {
        let answered = self.operation.messages.iter().find(|message| message.id == in_file)?;
        let known = |board: &Board| board.known_to(&self.agency, in_file, &answered.from);
        let mut board = self.board.subscribe();
        let board = board.wait_for(|board| known(board).is_some()).await.ok()?;
        known(&board)
    }

    async fn published(&self, line: &Line, published: Published) {
        let message = &self.operation.messages[line.place];
        let place = match line.part {
            Part::Message => {
                self.board.send_modify(|board| {
                    board.published.insert(message.id, published.id);
                });
                Some(line.place)
            }
            Part::Surplus => None,
        };
        // Nobody listens any more when the play was given up.
        let _ = self.events.send(Event::Published { place, published }).await;
    }

    fn refused(&self, line: &Line, refusals: &[Refusal]) -> Error {
        let reasons: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        Error::Refused { agency: self.agency.clone(), name: line.key.clone(), reasons: reasons.join("; ") }
    }
}
