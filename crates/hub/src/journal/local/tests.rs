use sealpost_crypto::chains::NOW;
use sealpost_domain::envelope::Envelope;
use sealpost_domain::message::Priority;
use sealpost_seglog::disk::sim::Sim;
use sealpost_wire::hub::{Event, Payload, SubmittedEnvelope};

use super::*;
use crate::core::Place;
use crate::fixture::{Network, agency};

const FRESH: Fresh = Fresh { incarnation: Incarnation([7; 16]), entries_salt: [1; 8], bodies_salt: [2; 8] };

fn disk_of(disk: &Sim) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

struct Hub {
    journal: Local,
    state: State,
}

impl Hub {
    fn open(disk: &Sim) -> Self {
        let (journal, state) = Local::open(&disk_of(disk), Path::new("hub"), FRESH).unwrap();
        Self { journal, state }
    }

    fn enter(&mut self, event: Event) {
        let entry = Entry { at: NOW, event };
        let index = self.journal.write_entries(std::slice::from_ref(&entry)).unwrap();
        self.journal.sync().unwrap();
        self.state.step(index, &entry).unwrap();
    }

    fn batch(&mut self, envelope: &Envelope) -> Event {
        let payload = Payload { sealed: envelope.sealed.clone(), wraps: envelope.wraps.clone() };
        let [payload] = self.journal.write_bodies(std::iter::once(payload.to_bytes())).unwrap()[..] else {
            panic!("one body");
        };
        let submitted = SubmittedEnvelope {
            header: envelope.header.clone(),
            signatures: envelope.signatures.clone(),
            payload,
            wrapped: 1,
        };
        Event::Batch { sender: agency("HK-CED"), envelopes: vec![submitted] }
    }

    fn waiting(&self) -> Vec<(Place, crate::core::Waiting)> {
        self.state.waiting(&agency("DE-ZKA"), Priority::Routine, None, usize::MAX)
    }
}

fn envelope(network: &Network, seed: u8) -> Envelope {
    network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, seed)
}

#[test]
fn what_was_synced_is_there_after_a_power_cut_with_the_same_state_and_incarnation() {
    let (network, disk) = (Network::new(), Sim::new());
    let mut hub = Hub::open(&disk);
    hub.enter(Event::Directory(network.genesis()));
    for seed in 1..=5 {
        let batch = hub.batch(&envelope(&network, seed));
        hub.enter(batch);
    }
    let digest = hub.state.digest();
    drop(hub);
    disk.lose_power(1);

    let other = Fresh { incarnation: Incarnation([9; 16]), ..FRESH };
    let (journal, state) = Local::open(&disk_of(&disk), Path::new("hub"), other).unwrap();
    assert_eq!(state.digest(), digest);
    assert_eq!(journal.incarnation(), FRESH.incarnation);
    let hub = Hub { journal, state };
    for ((place, waiting), seed) in hub.waiting().into_iter().zip(1..) {
        let sent = envelope(&network, seed);
        let payload = hub.journal.reader().payload(&waiting.payload).unwrap();
        assert!(payload.sealed == sent.sealed && payload.wraps == sent.wraps);
        let Event::Batch { envelopes, .. } = hub.journal.reader().entry(place.entry()).unwrap().event else {
            panic!("a batch");
        };
        assert_eq!(envelopes[place.position()].header, sent.header);
    }
}

/// The process dies after the bodies were written and before the entry was: nothing refers to them.
#[test]
fn a_body_without_an_entry_is_forgotten() {
    let (network, disk) = (Network::new(), Sim::new());
    let mut hub = Hub::open(&disk);
    hub.enter(Event::Directory(network.genesis()));
    hub.batch(&envelope(&network, 1));
    drop(hub);
    disk.kill();

    let mut hub = Hub::open(&disk);
    assert_eq!(hub.waiting(), []);
    let batch = hub.batch(&envelope(&network, 2));
    hub.enter(batch);
    let [(_, waiting)] = hub.waiting()[..] else { panic!("one waits") };
    assert!(hub.journal.reader().payload(&waiting.payload).unwrap().sealed == envelope(&network, 2).sealed);
}

/// The power fails when the entry is on the disk and its body is not. Nobody was told that it was accepted: the body
/// is not there, nor is the one that later takes its place mistaken for it, and the sender's repeat heals it.
#[test]
fn an_entry_without_its_body_is_healed_by_the_repeat() {
    let (network, disk) = (Network::new(), Sim::new());
    let mut hub = Hub::open(&disk);
    hub.enter(Event::Directory(network.genesis()));
    let lost = hub.batch(&envelope(&network, 1));
    let at = match &lost {
        Event::Batch { envelopes, .. } => envelopes[0].payload,
        _ => panic!("a batch"),
    };
    hub.journal.write_entries(&[Entry { at: NOW, event: lost }]).unwrap();
    hub.journal.entries.sync().unwrap();
    drop(hub);
    disk.lose_power(3);
    disk.put(Path::new("hub/bodies/00000000000000000000.seg"), &[]);

    let mut hub = Hub::open(&disk);
    assert_eq!(hub.waiting().len(), 1);
    assert!(hub.journal.reader().payload(&at).is_err(), "never written");
    let other = hub.batch(&envelope(&network, 2));
    hub.enter(other);
    assert!(hub.journal.reader().payload(&at).is_err(), "another body lies there now");

    let repeat = hub.batch(&envelope(&network, 1));
    hub.enter(repeat);
    let bodies: Vec<_> = hub
        .waiting()
        .iter()
        .filter_map(|(_, waiting)| hub.journal.reader().payload(&waiting.payload).ok())
        .map(|payload| payload.sealed)
        .collect();
    assert!(bodies == [envelope(&network, 2).sealed, envelope(&network, 1).sealed]);
}

#[test]
fn body_segments_in_which_nothing_waits_are_deleted() {
    let (network, disk) = (Network::new(), Sim::new());
    let mut hub = Hub::open(&disk);
    hub.enter(Event::Directory(network.genesis()));
    let mut last = None;
    let first_segment = Path::new("hub/bodies/00000000000000000000.seg");
    // Sealed contents of two MiB fill a segment of 64 MiB.
    for seed in 1..=40 {
        let mut large = envelope(&network, seed);
        large.sealed = Bytes::from(vec![seed; 2 << 20]);
        let batch = hub.batch(&large);
        hub.enter(batch);
        last = hub.waiting().last().map(|(place, _)| *place);
        hub.journal.applied(&hub.state).unwrap();
    }
    assert!(disk.contents(first_segment).is_some(), "everything waits");
    let index = last.unwrap().index() - 1;
    hub.enter(Event::Settled { recipient: agency("DE-ZKA"), priority: Priority::Routine, index });
    hub.journal.applied(&hub.state).unwrap();
    assert!(disk.contents(first_segment).is_none());
    let [(_, waiting)] = hub.waiting()[..] else { panic!("the last one waits") };
    assert!(hub.journal.reader().payload(&waiting.payload).is_ok());
}
