//! Plays an operation: every message goes in at its sender's gateway, in the order of the file, and an answer only
//! after what it answers has arrived where it is answered.
//!
//! Each agency has a speaker that publishes and a listener that follows the node's ledger; what is FLASH or URGENT is
//! acknowledged as read when it arrives. Nobody checks anything here: see `history`.

mod deviation;
mod error;
mod listener;
mod settle;
mod speaker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sealpost_client::gateway::Gateway;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::{MessageId, Priority};
use sealpost_domain::view::{Published, Shown};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time;
use tokio_util::sync::CancellationToken;

pub use deviation::Deviation;
pub use error::Error;
pub use settle::{States, settle};

use self::listener::Listener;
use self::speaker::Speaker;
use crate::operation::Operation;

/// How long nothing may happen before the play is given up.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// Events that wait to be shown.
const EVENTS: usize = 256;

/// Something that happened on the stage.
#[derive(Debug)]
pub enum Event {
    /// A message is durable at its sender.
    Published {
        /// Its place among the operation's messages; `None` for one that is too many on purpose.
        place: Option<usize>,
        /// The sender's answer.
        published: Published,
    },
    /// A message arrived.
    Arrived {
        /// Where.
        at: AgencyId,
        /// What.
        message: Box<Shown>,
    },
}

/// Whether a message of a priority is read as soon as it arrives.
pub fn is_read_at_once(priority: Priority) -> bool {
    priority != Priority::Routine
}

/// What all speakers and listeners know.
#[derive(Debug, Default)]
struct Board {
    /// By the id that stands in the file.
    published: BTreeMap<MessageId, MessageId>,
    /// By the id that the sender's node gave.
    arrived: BTreeMap<AgencyId, BTreeSet<MessageId>>,
}

impl Board {
    /// The id of a message of the file, once an agency knows the message: published it itself, or received it.
    fn known_to(&self, agency: &AgencyId, in_file: MessageId, sender: &AgencyId) -> Option<MessageId> {
        let id = *self.published.get(&in_file)?;
        let here = sender == agency || self.arrived.get(agency).is_some_and(|arrived| arrived.contains(&id));
        here.then_some(id)
    }
}

/// A play that is going on. Ends with its value.
#[derive(Debug)]
pub struct Play {
    events: mpsc::Receiver<Event>,
    speakers: JoinSet<Result<(), Error>>,
    listeners: JoinSet<Result<(), Error>>,
    curtain: CancellationToken,
    /// Deliveries that were published and have not arrived.
    on_their_way: i64,
}

impl Play {
    /// Begins. Every sender of the operation needs a gateway.
    pub fn begin(
        operation: &Arc<Operation>,
        gateways: &BTreeMap<AgencyId, Gateway>,
        deviation: Option<&Deviation>,
    ) -> Self {
        let (sender, events) = mpsc::channel(EVENTS);
        let (board, curtain) = (Arc::new(watch::Sender::new(Board::default())), CancellationToken::new());
        let (mut speakers, mut listeners) = (JoinSet::new(), JoinSet::new());
        for (agency, gateway) in gateways {
            let speaker = Speaker {
                agency: agency.clone(),
                operation: Arc::clone(operation),
                lines: deviation::lines(operation, agency, deviation),
                board: Arc::clone(&board),
                events: sender.clone(),
            };
            speakers.spawn(speaker.speak(gateway.clone()));
            let listener =
                Listener { agency: agency.clone(), board: Arc::clone(&board), events: sender.clone() };
            listeners.spawn(listener.listen(gateway.clone(), curtain.clone()));
        }
        Self { events, speakers, listeners, curtain, on_their_way: 0 }
    }

    /// The next event; `None` once everything was published and has arrived. What was published and does not arrive
    /// for long ends the play too: the checks will name it.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if self.speakers.is_empty() {
                match self.events.try_recv() {
                    Ok(event) => return Ok(Some(self.counted(event))),
                    Err(_) if self.on_their_way <= 0 => return Ok(None),
                    Err(_) => {}
                }
            }
            tokio::select! {
                Some(event) = self.events.recv() => return Ok(Some(self.counted(event))),
                Some(ended) = self.speakers.join_next() => ended.map_err(Error::Task)??,
                Some(ended) = self.listeners.join_next() => ended.map_err(Error::Task)??,
                () = time::sleep(SILENCE_MAX) => {
                    return if self.speakers.is_empty() { Ok(None) } else { Err(Error::Silence { duration: SILENCE_MAX }) };
                }
            }
        }
    }

    /// An arrival may be told before the publication that it comes from.
    fn counted(&mut self, event: Event) -> Event {
        match &event {
            Event::Published { published, .. } => {
                self.on_their_way += i64::try_from(published.recipients.len()).unwrap_or(0);
            }
            Event::Arrived { .. } => self.on_their_way -= 1,
        }
        event
    }

    /// Ends: waits until the listeners have acknowledged what they have at hand.
    pub async fn end(mut self) -> Result<(), Error> {
        self.curtain.cancel();
        self.events.close();
        while let Some(ended) = self.listeners.join_next().await {
            ended.map_err(Error::Task)??;
        }
        Ok(())
    }
}
