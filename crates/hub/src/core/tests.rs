use sealpost_crypto::chains::NOW;
use sealpost_domain::envelope::Envelope;
use sealpost_wire::hub::BodyLocation;

use super::*;
use crate::fixture::{Network, agency};

/// A journal in memory, and the state that it made.
struct Hub {
    state: State,
    entries: Vec<Entry>,
}

impl Hub {
    fn new(network: &Network) -> Self {
        let mut hub = Self { state: State::new(0), entries: Vec::new() };
        assert_eq!(hub.enter(Event::Directory(network.genesis())), [Effect::DirectoryChanged]);
        hub
    }

    fn enter(&mut self, event: Event) -> Vec<Effect> {
        let entry = Entry { at: NOW, event };
        let effects = self.state.step(self.entries.len() as u64, &entry).unwrap();
        self.entries.push(entry);
        effects
    }

    fn submit(&mut self, sender: &str, envelopes: &[Envelope]) -> (Vec<(AgencyId, Place)>, Acceptance) {
        let segment = self.entries.len() as u64;
        let envelopes = envelopes.iter().map(|envelope| submitted(envelope, segment)).collect();
        let mut effects = self.enter(Event::Batch { sender: agency(sender), envelopes });
        let Some(Effect::Accepted(acceptance)) = effects.pop() else {
            panic!("a batch ends with its acceptance");
        };
        let delivery = |effect| match effect {
            Effect::Deliver { recipient, place, .. } => (recipient, place),
            other => panic!("unexpected {other:?}"),
        };
        (effects.into_iter().map(delivery).collect(), acceptance)
    }

    fn settle(&mut self, recipient: &str, up_to: Place) {
        let event = Event::Settled {
            recipient: agency(recipient),
            priority: Priority::Routine,
            index: up_to.index(),
        };
        assert_eq!(self.enter(event), []);
    }

    fn waiting(&self, recipient: &str) -> Vec<Place> {
        let waiting = self.state.waiting(&agency(recipient), Priority::Routine, None, usize::MAX);
        waiting.into_iter().map(|(place, _)| place).collect()
    }
}

/// As verification leaves it, with its body in a segment of its own.
fn submitted(envelope: &Envelope, segment: u64) -> SubmittedEnvelope {
    SubmittedEnvelope {
        header: envelope.header.clone(),
        signatures: envelope.signatures.clone(),
        payload: BodyLocation { segment, offset: 44, length: 3000, checksum: 1, index: segment },
        wrapped: (1 << envelope.wraps.len()) - 1,
    }
}

fn refusals(acceptance: &Acceptance) -> Vec<(u32, Option<String>, &str)> {
    let read = |refusal: &'_ HubRefusal| {
        (refusal.position, refusal.recipient.as_ref().map(ToString::to_string), refusal.rule.clone())
    };
    acceptance
        .refusals
        .iter()
        .map(read)
        .map(|(position, recipient, rule)| (position, recipient, &*Box::leak(rule.into_boxed_str())))
        .collect()
}

#[test]
fn an_envelope_under_an_agreement_waits_for_its_recipient() {
    let network = Network::new();
    let mut hub = Hub::new(&network);
    let envelope = network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, 1);
    let (deliveries, acceptance) = hub.submit("HK-CED", std::slice::from_ref(&envelope));
    assert_eq!(deliveries, [(agency("DE-ZKA"), Place::new(1, 0))]);
    assert_eq!(acceptance, Acceptance { index: 1, at: NOW, sender: agency("HK-CED"), refusals: vec![] });
    let [(_, waiting)] = hub.state.waiting(&agency("DE-ZKA"), Priority::Routine, None, 9)[..] else {
        panic!("one waits");
    };
    assert_eq!(waiting.header, sha256(&envelope.header));
    assert_eq!(hub.waiting("TH-TCD"), []);
}

#[test]
fn without_an_agreement_only_the_recipient_concerned_is_refused() {
    let network = Network::new();
    let mut hub = Hub::new(&network);
    let mixed = network.envelope("HK-CED", &["DE-ZKA", "HK-CED", "TH-TCD"], Priority::Routine, 1);
    let (deliveries, acceptance) = hub.submit("HK-CED", &[mixed]);
    assert_eq!(deliveries, [(agency("DE-ZKA"), Place::new(1, 0))]);
    assert_eq!(
        refusals(&acceptance),
        [(0, Some("HK-CED".to_owned()), "agency.itself"), (0, Some("TH-TCD".to_owned()), "agreement.none"),]
    );
}

#[test]
fn unknown_agencies_forged_senders_and_unknown_keys_are_refused() {
    let network = Network::new();
    let mut hub = Hub::new(&network);
    let known = network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, 1);
    let stranger = network.envelope("HK-CED", &["ZZ-XXX"], Priority::Routine, 2);
    let mut unsigned = network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, 3);
    unsigned.signatures = network.envelope("TH-TCD", &["DE-ZKA"], Priority::Routine, 3).signatures;
    let mut malformed = known.clone();
    malformed.header = Bytes::from_static(b"\xff");

    let (deliveries, acceptance) = hub.submit("HK-CED", &[stranger, unsigned, malformed, known.clone()]);
    assert_eq!(deliveries, [(agency("DE-ZKA"), Place::new(1, 3))], "the rest of the batch goes on");
    assert_eq!(
        refusals(&acceptance),
        [
            (0, Some("ZZ-XXX".to_owned()), "agency.unknown"),
            (1, None, "key.unknown"),
            (2, None, "header.malformed"),
        ]
    );
    let (deliveries, acceptance) = hub.submit("TH-TCD", &[known]);
    assert_eq!(deliveries, []);
    assert_eq!(refusals(&acceptance), [(0, None, "sender.forged")]);
}

#[test]
fn a_recipient_without_a_wrap_is_refused() {
    let network = Network::new();
    let mut hub = Hub::new(&network);
    let mut envelope = network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, 1);
    envelope.wraps.clear();
    let (deliveries, acceptance) = hub.submit("HK-CED", &[envelope]);
    assert_eq!(deliveries, []);
    assert_eq!(refusals(&acceptance), [(0, Some("DE-ZKA".to_owned()), "wrap.missing")]);
}

#[test]
fn without_a_directory_everything_is_denied() {
    let network = Network::new();
    let mut hub = Hub { state: State::new(0), entries: Vec::new() };
    let (deliveries, acceptance) =
        hub.submit("HK-CED", &[network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, 1)]);
    assert_eq!(deliveries, []);
    assert_eq!(refusals(&acceptance), [(0, None, "directory.none")]);
}

#[test]
fn a_repeat_is_thinned_until_it_is_acknowledged_and_new_afterwards() {
    let network = Network::new();
    let mut hub = Hub::new(&network);
    let envelope = [network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, 1)];
    for _ in 0..3 {
        hub.submit("HK-CED", &envelope);
    }
    assert_eq!(hub.waiting("DE-ZKA"), [Place::new(1, 0), Place::new(3, 0)]);
    assert_eq!(hub.state.backlog(), 2);
    hub.settle("DE-ZKA", Place::new(2, 0));
    assert_eq!(hub.waiting("DE-ZKA"), [Place::new(3, 0)]);
    assert_eq!(hub.state.first_body_segment(), Some(3), "the body that was replaced is free");

    hub.settle("DE-ZKA", Place::new(3, 0));
    assert_eq!((hub.state.backlog(), hub.state.first_body_segment()), (0, None));
    hub.submit("HK-CED", &envelope);
    assert_eq!(hub.waiting("DE-ZKA"), [Place::new(6, 0)]);
}

#[test]
fn settling_is_cumulative_and_per_recipient_and_lane() {
    let network = Network::new();
    let mut hub = Hub::new(&network);
    for seed in 1..=3 {
        hub.submit("HK-CED", &[network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, seed)]);
    }
    hub.submit("HK-CED", &[network.envelope("HK-CED", &["DE-ZKA"], Priority::Flash, 4)]);
    hub.submit("DE-ZKA", &[network.envelope("DE-ZKA", &["HK-CED"], Priority::Routine, 5)]);
    hub.settle("DE-ZKA", Place::new(2, 0));
    assert_eq!(hub.waiting("DE-ZKA"), [Place::new(3, 0)]);
    assert_eq!(hub.waiting("HK-CED"), [Place::new(5, 0)]);
    assert_eq!(hub.state.waiting(&agency("DE-ZKA"), Priority::Flash, None, 9).len(), 1);
}

#[test]
fn a_new_directory_takes_the_place_of_the_old_one_and_drops_the_mail_of_who_left() {
    let network = Network::new();
    let mut hub = Hub::new(&network);
    hub.submit("HK-CED", &[network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, 1)]);
    hub.submit("DE-ZKA", &[network.envelope("DE-ZKA", &["HK-CED"], Priority::Routine, 2)]);
    let genesis = hub.state.directory().unwrap().clone();
    let second = network.next_version(&genesis, &["HK-CED", "TH-TCD"]);
    assert_eq!(hub.enter(Event::Directory(second)), [Effect::DirectoryChanged]);
    assert_eq!((hub.waiting("DE-ZKA"), hub.waiting("HK-CED")), (vec![], vec![Place::new(2, 0)]));
    assert_eq!(hub.state.versions_after(0), [(1, 0), (2, 3)]);
    assert_eq!(hub.state.versions_after(1), [(2, 3)]);
    assert_eq!(hub.state.directory().unwrap().version.version, 2);

    let entry = Entry { at: NOW, event: Event::Directory(network.genesis()) };
    let fault = hub.state.step(4, &entry).unwrap_err();
    assert!(matches!(fault, Fault::Directory { index: 4, .. }), "a step back: {fault}");
}

/// Each was verified by its hub against the version that was in force there.
#[test]
fn of_versions_that_several_hubs_publish_at_a_time_the_first_counts() {
    let network = Network::new();
    let mut hub = Hub { state: State::of_several(), ..Hub::new(&network) };
    hub.state.step(0, &hub.entries[0].clone()).unwrap();
    let genesis = hub.state.directory().unwrap().clone();
    let [second, other] =
        [["HK-CED", "TH-TCD"], ["DE-ZKA", "HK-CED"]].map(|left| network.next_version(&genesis, &left));
    assert_eq!(hub.enter(Event::Directory(second)), [Effect::DirectoryChanged]);
    let unsigned = Signed { signatures: Vec::new(), ..other.clone() };
    for late in [other, network.genesis(), unsigned] {
        assert_eq!(hub.enter(Event::Directory(late)), [Effect::DirectoryOvertaken]);
    }
    assert_eq!(hub.state.versions_after(0), [(1, 0), (2, 1)], "nothing changed");
}

#[test]
fn the_mail_of_an_agency_that_is_stopped_waits() {
    let network = Network::new();
    let mut hub = Hub::new(&network);
    hub.submit("HK-CED", &[network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, 1)]);
    let genesis = hub.state.directory().unwrap().clone();
    let stops = network.stopping(&genesis, "DE-ZKA");
    assert_eq!(hub.enter(Event::Directory(stops)), [Effect::DirectoryChanged]);
    assert!(!hub.state.directory().unwrap().takes_part(&agency("DE-ZKA")));
    assert_eq!(hub.waiting("DE-ZKA"), [Place::new(1, 0)], "its next key may be listed later");
}

#[test]
fn an_entry_out_of_order_is_a_fault() {
    let network = Network::new();
    let mut hub = Hub::new(&network);
    let entry = hub.entries[0].clone();
    assert!(matches!(hub.state.step(0, &entry), Err(Fault::Order { found: 0, expected: 1 })));
}

#[test]
fn a_replay_gives_the_identical_state_at_every_step() {
    let network = Network::new();
    let mut hub = Hub::new(&network);
    let mut digests = vec![hub.state.digest()];
    for seed in 1..=20 {
        let (sender, to) = if seed % 3 == 0 { ("DE-ZKA", "HK-CED") } else { ("HK-CED", "DE-ZKA") };
        hub.submit(sender, &[network.envelope(sender, &[to, "TH-TCD"], Priority::Routine, seed % 7)]);
        digests.push(hub.state.digest());
        if seed % 5 == 0 {
            let first = hub.waiting("DE-ZKA")[0];
            hub.settle("DE-ZKA", first);
            digests.push(hub.state.digest());
        }
    }
    let mut replica = State::new(0);
    for (index, (entry, digest)) in hub.entries.iter().zip(digests).enumerate() {
        let stored = Entry::from_bytes(&entry.to_bytes()).unwrap();
        replica.step(index as u64, &stored).unwrap();
        assert_eq!(replica.digest(), digest, "entry {index}");
    }
}

#[test]
fn what_waits_of_a_sender_is_counted_for_every_recipient_until_it_is_settled() {
    let network = Network::of_friends();
    let mut hub = Hub::new(&network);
    let held = |hub: &Hub| {
        let between = |id| hub.state.held_between(&agency("HK-CED"), &agency(id));
        let of = |id| (between(id).other, between(id).bytes);
        (hub.state.held_of(&agency("HK-CED")), of("DE-ZKA"), of("TH-TCD"))
    };
    let both = network.envelope("HK-CED", &["DE-ZKA", "TH-TCD"], Priority::Routine, 1);
    hub.submit("HK-CED", std::slice::from_ref(&both));
    let one = network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, 2);
    hub.submit("HK-CED", &[one]);
    hub.submit("TH-TCD", &[network.envelope("TH-TCD", &["DE-ZKA"], Priority::Routine, 3)]);
    let all = (9000, (2, 6000), (1, 3000));
    assert_eq!(held(&hub), all);
    let repeated = (15_000, (3, 9000), (2, 6000));
    for _ in 0..2 {
        hub.submit("HK-CED", std::slice::from_ref(&both));
        assert_eq!(held(&hub), repeated, "a repeat takes the place of the one before");
    }

    let replayed = |hub: &Hub| {
        let mut state = State::new(0);
        for (index, entry) in (0..).zip(&hub.entries) {
            state.step(index, entry).unwrap();
        }
        let hub = Hub { state, entries: Vec::new() };
        held(&hub)
    };
    assert_eq!(replayed(&hub), held(&hub));
    hub.settle("DE-ZKA", Place::new(2, 9));
    assert_eq!((held(&hub), replayed(&hub)), ((9000, (1, 3000), (2, 6000)), held(&hub)));
    hub.settle("DE-ZKA", Place::from_index(u64::MAX));
    hub.settle("TH-TCD", Place::from_index(u64::MAX));
    assert_eq!((held(&hub), hub.state.held_of(&agency("TH-TCD"))), ((0, (0, 0), (0, 0)), 0));
}

#[test]
fn a_delivery_counts_what_it_costs_however_small_its_body_is() {
    let network = Network::new();
    let mut hub = Hub::new(&network);
    let mut small = submitted(&network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, 1), 1);
    small.payload.length = 1;
    hub.enter(Event::Batch { sender: agency("HK-CED"), envelopes: vec![small] });
    assert_eq!(hub.state.held_of(&agency("HK-CED")), 1024);
    hub.settle("DE-ZKA", Place::from_index(u64::MAX));
    assert_eq!(hub.state.held_of(&agency("HK-CED")), 0);
}

#[test]
fn what_would_settle_nothing_is_known() {
    let network = Network::new();
    let mut hub = Hub::new(&network);
    let envelope = |seed| network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, seed);
    hub.submit("HK-CED", &[envelope(1), envelope(2)]);
    let settles = |hub: &Hub, place| hub.state.waits_up_to(&agency("DE-ZKA"), Priority::Routine, place);
    assert!(settles(&hub, Place::new(1, 0)) && !settles(&hub, Place::new(0, 9)));
    hub.settle("DE-ZKA", Place::new(1, 0));
    assert!(!settles(&hub, Place::new(1, 0)) && settles(&hub, Place::new(1, 1)));
    assert!(!hub.state.waits_up_to(&agency("DE-ZKA"), Priority::Flash, Place::from_index(u64::MAX)));
}
