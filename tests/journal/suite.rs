//! The promises of `sealpost_hub::journal`, one test for each.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use sealpost_crypto::chains::NOW;
use sealpost_domain::envelope::Envelope;
use sealpost_domain::message::Priority;
use sealpost_hub::core::{Effect, Place, State, Waiting};
use sealpost_hub::journal::{Draft, DraftEnvelope, Journal, Proposal, Ticket};
use sealpost_wire::hub::{BodyLocation, Event, Payload};

use crate::fixture::{Network, agency};

/// How long anything may take to come back.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Makes a test of every promise.
macro_rules! of {
    ($subject:expr) => {
        $crate::suite::of!($subject;
            what_was_committed_is_there_after_a_restart_with_the_same_state_and_incarnation,
            proposals_come_back_in_their_order_each_once,
            every_draft_of_a_proposal_is_an_entry_that_can_be_read,
            a_body_can_be_read_until_nothing_waits_for_it,
            the_largest_envelope_passes,
            what_is_not_there_is_not_made_up,
        );
    };
    ($subject:expr; $($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            $crate::suite::$name(&$subject);
        })*
    };
}
pub(crate) use of;

/// A place where a journal is kept, for one hub after the other.
pub(crate) trait Subject {
    /// Opens it with all that was committed. One that is open must have been dropped before.
    fn open(&self) -> (Box<dyn Journal>, State);
}

/// A hub's writer, without anything around it.
pub(crate) struct Hub {
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) state: State,
    bell: mpsc::Receiver<()>,
    /// The own proposals that came back, in order.
    pub(crate) landed: Vec<Ticket>,
    pub(crate) effects: Vec<Effect>,
}

impl Hub {
    pub(crate) fn open(subject: &dyn Subject) -> Self {
        let (mut journal, state) = subject.open();
        let (ring, bell) = mpsc::channel();
        // Fails when the test is over.
        journal.notify(Box::new(move || {
            let _ = ring.send(());
        }));
        Self { journal, state, bell, landed: Vec::new(), effects: Vec::new() }
    }

    /// With the first version of the directory in force.
    pub(crate) fn founded(subject: &dyn Subject, network: &Network) -> Self {
        let mut hub = Self::open(subject);
        hub.enter(vec![Draft::Directory(network.genesis())]);
        hub
    }

    pub(crate) fn propose(&mut self, drafts: Vec<Draft>) -> Ticket {
        self.journal.propose(Proposal { at: NOW, drafts }).unwrap()
    }

    /// Applies what came back until it is so.
    pub(crate) fn follow_until(&mut self, what: &str, is_so: impl FnMut(&Self) -> bool) {
        self.follow_within(PATIENCE, what, is_so);
    }

    /// The same, with more patience, or less.
    pub(crate) fn follow_within(
        &mut self,
        patience: Duration,
        what: &str,
        mut is_so: impl FnMut(&Self) -> bool,
    ) {
        let begun = Instant::now();
        loop {
            while let Some(committed) = self.journal.committed().unwrap() {
                for (index, entry) in (committed.first..).zip(&committed.entries) {
                    self.effects.extend(self.state.step(index, entry).unwrap());
                }
                self.landed.extend(committed.ticket);
                self.journal.applied(&self.state).unwrap();
            }
            self.journal.applied(&self.state).unwrap();
            if is_so(self) {
                return;
            }
            assert!(begun.elapsed() < patience, "not in time: {what}");
            // Whether it rings or not, it is looked at again.
            let _ = self.bell.recv_timeout(LOOK_EVERY);
        }
    }

    /// Proposes, and applies until it is back.
    pub(crate) fn enter(&mut self, drafts: Vec<Draft>) -> Ticket {
        let ticket = self.propose(drafts);
        self.follow_until("a proposal comes back", |hub| hub.landed.contains(&ticket));
        ticket
    }

    pub(crate) fn waiting(&self) -> Vec<(Place, Waiting)> {
        self.state.waiting(&agency("DE-ZKA"), Priority::Routine, None, usize::MAX)
    }

    /// The bodies that wait for Germany, as far as they can be read.
    pub(crate) fn bodies(&self) -> Vec<bytes::Bytes> {
        let reader = self.journal.reader();
        let read = |(_, waiting): (Place, Waiting)| reader.payload(&waiting.payload).ok();
        self.waiting().into_iter().filter_map(read).map(|payload| payload.sealed).collect()
    }

    pub(crate) fn settle(&mut self, place: Place) {
        let (recipient, priority) = (agency("DE-ZKA"), Priority::Routine);
        self.enter(vec![Draft::Settled { recipient, priority, index: place.index() }]);
    }
}

pub(crate) fn envelope(network: &Network, seed: u8) -> Envelope {
    network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, seed)
}

/// A batch of Hong Kong's.
pub(crate) fn batch(envelopes: &[Envelope]) -> Draft {
    let draft = |envelope: &Envelope| DraftEnvelope {
        header: envelope.header.clone(),
        signatures: envelope.signatures.clone(),
        wrapped: 1,
        body: Payload { sealed: envelope.sealed.clone(), wraps: envelope.wraps.clone() }.to_bytes(),
    };
    Draft::Batch { sender: agency("HK-CED"), envelopes: envelopes.iter().map(draft).collect() }
}

pub(crate) fn what_was_committed_is_there_after_a_restart_with_the_same_state_and_incarnation(
    subject: &dyn Subject,
) {
    let network = Network::new();
    let mut hub = Hub::founded(subject, &network);
    for seed in 1..=5 {
        hub.enter(vec![batch(&[envelope(&network, seed)])]);
    }
    let first = hub.waiting()[0].0;
    hub.settle(first);
    let (digest, incarnation) = (hub.state.digest(), hub.journal.incarnation());
    hub.journal.close().unwrap();
    drop(hub);

    let hub = Hub::open(subject);
    assert_eq!((hub.state.digest(), hub.journal.incarnation()), (digest, incarnation));
    let sent: Vec<_> = (2..=5).map(|seed| envelope(&network, seed).sealed).collect();
    assert!(hub.bodies() == sent);
}

pub(crate) fn proposals_come_back_in_their_order_each_once(subject: &dyn Subject) {
    const PROPOSALS: usize = 300;
    let network = Network::new();
    let mut hub = Hub::founded(subject, &network);
    let one = envelope(&network, 1);
    let tickets: Vec<_> =
        (0..PROPOSALS).map(|_| hub.propose(vec![batch(std::slice::from_ref(&one))])).collect();
    hub.landed.clear();
    hub.follow_until("all come back", |hub| hub.landed.last() == tickets.last());
    assert_eq!(hub.landed, tickets);
    let accepted = hub.effects.iter().filter(|effect| matches!(effect, Effect::Accepted(_))).count();
    assert_eq!(accepted, PROPOSALS);
}

pub(crate) fn every_draft_of_a_proposal_is_an_entry_that_can_be_read(subject: &dyn Subject) {
    let network = Network::new();
    let mut hub = Hub::founded(subject, &network);
    let drafts = (1..=100).map(|seed| batch(&[envelope(&network, seed), envelope(&network, seed + 100)]));
    hub.enter(drafts.collect());
    let (waiting, reader) = (hub.waiting(), hub.journal.reader());
    assert_eq!(waiting.len(), 200);
    for ((place, waiting), number) in waiting.into_iter().zip(0..) {
        let seed = number / 2 + 1 + number % 2 * 100;
        let sent = envelope(&network, seed);
        let Event::Batch { envelopes, .. } = reader.entry(place.entry()).unwrap().event else {
            panic!("a batch lies there");
        };
        assert_eq!(envelopes[place.position()].header, sent.header);
        assert!(reader.payload(&waiting.payload).unwrap().sealed == sent.sealed);
    }
}

pub(crate) fn a_body_can_be_read_until_nothing_waits_for_it(subject: &dyn Subject) {
    let network = Network::new();
    let mut hub = Hub::founded(subject, &network);
    // Enough for what deletes bodies to be worth its while, whatever it counts.
    for _ in 0..3 {
        for seed in 1..=100 {
            hub.propose(vec![batch(&[network.envelope_of(
                300_000,
                "HK-CED",
                &["DE-ZKA"],
                Priority::Routine,
                seed,
            )])]);
        }
    }
    hub.follow_until("all come back", |hub| hub.landed.len() > 300);
    let waiting = hub.waiting();
    let (last, first) = (waiting[waiting.len() - 2].0, waiting[0].1);
    hub.settle(last);
    // Whoever has read it before may have kept it.
    let is_gone = |hub: &Hub| hub.journal.reader().payload(&first.payload).is_err();
    hub.follow_until("a settled body is deleted", is_gone);
    assert_eq!(hub.bodies().len(), 1, "the last one waits");
}

pub(crate) fn the_largest_envelope_passes(subject: &dyn Subject) {
    let network = Network::new();
    let mut hub = Hub::founded(subject, &network);
    let bytes = sealpost_domain::envelope::SEALED_BYTES_MAX;
    let large = network.envelope_of(bytes, "HK-CED", &["DE-ZKA"], Priority::Routine, 7);
    hub.enter(vec![batch(std::slice::from_ref(&large)), batch(&[envelope(&network, 8)])]);
    assert!(hub.bodies() == [large.sealed, envelope(&network, 8).sealed]);
}

#[allow(dead_code, reason = "of a journal that several hubs write")]
pub(crate) fn the_second_of_two_versions_at_a_time_changes_nothing(subject: &dyn Subject) {
    let network = Network::new();
    let mut hub = Hub::founded(subject, &network);
    let first = hub.state.directory().unwrap().clone();
    let versions = [["HK-CED", "TH-TCD"], ["DE-ZKA", "HK-CED"]];
    let [_, second] =
        versions.map(|left| hub.propose(vec![Draft::Directory(network.next_version(&first, &left))]));
    hub.follow_until("both come back", |hub| hub.landed.contains(&second));
    assert_eq!(hub.effects[1..], [Effect::DirectoryChanged, Effect::DirectoryOvertaken]);
    let left: Vec<_> = hub.state.directory().unwrap().agencies.keys().map(ToString::to_string).collect();
    assert_eq!(left, versions[0]);
}

pub(crate) fn what_is_not_there_is_not_made_up(subject: &dyn Subject) {
    let network = Network::new();
    let mut hub = Hub::founded(subject, &network);
    hub.enter(vec![batch(&[envelope(&network, 1)])]);
    let (place, waiting) = hub.waiting()[0];
    let reader = hub.journal.reader();
    for index in [place.entry() + 1, place.entry() + (1 << 20), u64::MAX >> 16] {
        assert!(reader.entry(index).is_err(), "{index}");
    }
    let at = waiting.payload;
    let elsewhere = [
        BodyLocation { segment: at.segment + 1, ..at },
        BodyLocation { offset: at.offset + 1, ..at },
        BodyLocation { length: at.length - 1, ..at },
        BodyLocation { checksum: at.checksum ^ 1, ..at },
        BodyLocation { offset: u64::MAX, ..at },
    ];
    for at in elsewhere {
        assert!(reader.payload(&at).is_err(), "{at:?}");
    }
    assert!(reader.payload(&at).is_ok());
}
