//! The hub without its journal's files: bytes are verified, journalled in memory, and become deliveries.

use bytes::Bytes;
use prost::Message as _;
use sealpost_crypto::directory;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::Envelope;
use sealpost_domain::instant::Instant;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::Signed;
use sealpost_hub::core::{Effect, State};
use sealpost_hub::verify::{Sender, Sound, verify};
use sealpost_proto::v1 as pb;
use sealpost_wire::envelope::{envelope, envelope_message};
use sealpost_wire::hub::{BodyLocation, Delivery, Entry, Event, SubmittedEnvelope, delivery_message};

use super::{HK, NOW, Network, agency};

/// What every delivery has for its place in the journal: equal envelopes give equal deliveries.
const PLACE: u64 = 1 << 16;

/// The hub, to which Hong Kong submits.
pub(crate) struct Hub {
    state: State,
    pub(crate) directory: Directory,
    now: Instant,
}

/// What the hub makes of an envelope that it takes.
pub(crate) struct Passed {
    /// To whom it goes, as the bytes that go there.
    pub(crate) deliveries: Vec<(AgencyId, Bytes)>,
    /// Who does not get it, by which rule.
    pub(crate) refusals: Vec<(AgencyId, String)>,
}

/// Why the hub takes nothing of an envelope.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The bytes are no envelope: the whole batch falls.
    Unreadable,
    /// This rule.
    By(String),
}

impl Refused {
    pub(crate) fn by(rule: Rule) -> Self {
        Self::By(rule.to_string())
    }
}

pub(crate) fn encoded(envelope: &Envelope) -> Vec<u8> {
    envelope_message(envelope).encode_to_vec()
}

impl Hub {
    pub(super) fn new(network: &Network) -> Self {
        let mut state = State::new(0);
        state.step(0, &Entry { at: NOW, event: Event::Directory(network.genesis.clone()) }).unwrap();
        Self { state, directory: network.directory.clone(), now: NOW }
    }

    /// A version of the directory is published.
    pub(crate) fn installs(&mut self, version: &Signed) {
        let entry = Entry { at: self.now, event: Event::Directory(version.clone()) };
        self.state.step(self.state.next(), &entry).unwrap();
        self.directory = directory::verify(version, Some(&self.directory)).unwrap();
    }

    /// Takes an envelope from Hong Kong's node, as the bytes that come.
    pub(crate) fn submit(&mut self, bytes: &[u8]) -> Result<Passed, Refused> {
        let message = pb::Envelope::decode(bytes).map_err(|_| Refused::Unreadable)?;
        let submitted = envelope(message).map_err(|_| Refused::Unreadable)?;
        let sender = agency(HK);
        let sound =
            verify(submitted, &Sender::new(&sender, &self.directory, self.now)).map_err(Refused::by)?;
        let effects = self.journalled(sender, &sound);
        let mut passed = Passed { deliveries: Vec::new(), refusals: Vec::new() };
        for effect in effects {
            match effect {
                Effect::Deliver { recipient, .. } => {
                    // As the hub's dispatch finds a recipient's own wrap.
                    let wrap = sound.content.wraps.iter().find(|wrap| wrap.recipient == recipient).unwrap();
                    let delivery = Delivery {
                        index: PLACE,
                        header: sound.header.clone(),
                        signatures: sound.signatures.clone(),
                        sealed: sound.content.sealed.clone(),
                        wrap: wrap.clone(),
                    };
                    passed.deliveries.push((recipient, delivery_message(delivery).encode_to_vec().into()));
                }
                Effect::Accepted(acceptance) => {
                    for refusal in acceptance.refusals {
                        let recipient = refusal.recipient.ok_or(Refused::By(refusal.rule.clone()))?;
                        passed.refusals.push((recipient, refusal.rule));
                    }
                }
                Effect::DirectoryChanged | Effect::DirectoryOvertaken | Effect::Lists(_) => {}
            }
        }
        Ok(passed)
    }

    fn journalled(&mut self, sender: AgencyId, sound: &Sound) -> Vec<Effect> {
        let envelope = SubmittedEnvelope {
            header: sound.header.clone(),
            signatures: sound.signatures.clone(),
            payload: BodyLocation { segment: 0, offset: 0, length: 0, checksum: 0, index: 0 },
            wrapped: sound.wrapped,
        };
        let entry = Entry { at: self.now, event: Event::Batch { sender, envelopes: vec![envelope] } };
        self.state.step(self.state.next(), &entry).unwrap()
    }
}
