mod hostile;

use std::time::Duration;

use sealpost_domain::message::Priority;
use sealpost_domain::record::Evidence;
use sealpost_domain::statement::{Heads, Proof};
use sealpost_merkle::hash::leaf_hash;
use sealpost_wire::ledger::evidence_from_bytes;
use sealpost_wire::statement::Payload as _;

use super::*;
use crate::core::Outgoing;
use crate::core::tests::heads;
use crate::fixture::{HUB, NOW, Network, Station, agency};

const HK: &str = "HK-CED";
const DE: &str = "DE-ZKA";
const MINUTE: Duration = Duration::from_mins(1);

/// Hong Kong hears heads of Germany's node with its checkpoint over so many records.
fn hears(hong_kong: &mut Station, germany: &Station, records: usize) {
    let heads = heads(germany, germany.checkpoint_over(records), germany.now);
    hong_kong.hear(vec![germany.claims(HK, ControlType::Heads, &heads)], DE);
}

fn grows(station: &mut Station, records: usize) {
    (0..records).for_each(|_| station.grow());
}

fn advance(stations: [&mut Station; 2], by: Duration) {
    for station in stations {
        station.now = station.now.plus(by);
    }
}

/// What Hong Kong has to say by itself now.
fn demands(hong_kong: &mut Station) -> Vec<Outgoing> {
    hong_kong.said.clear();
    hong_kong.step(Core::demand_proofs).unwrap();
    std::mem::take(&mut hong_kong.said)
}

/// Hong Kong demands what is due, and Germany answers.
fn proves(hong_kong: &mut Station, germany: &mut Station) {
    let demanded = demands(hong_kong);
    assert!(demanded.iter().any(|said| said.kind == ControlType::ProofRequest), "nothing was demanded");
    germany.hear(demanded, HK);
    hong_kong.hear(std::mem::take(&mut germany.said), DE);
}

fn kept(station: &Station) -> usize {
    station.count(|record| matches!(record, Record::Witness(_)))
}

fn cosigned(station: &Station) -> usize {
    station.count(|record| matches!(record, Record::Cosigned { .. }))
}

/// The security events of a station: rule and evidence.
fn alarms(station: &Station) -> Vec<(String, Evidence)> {
    let event = |(_, record, body): &(Instant, Record, Bytes)| match record {
        Record::Security { rule, .. } => Some((rule.clone(), evidence_from_bytes(body).unwrap())),
        _ => None,
    };
    station.records.iter().filter_map(event).collect()
}

fn rules(station: &Station) -> Vec<String> {
    alarms(station).into_iter().map(|(rule, _)| rule).collect()
}

fn size_kept(station: &Station) -> u64 {
    station.core.witness.standing(&agency(DE)).unwrap().kept.unwrap().0
}

/// Hong Kong, Germany with five records of which Hong Kong keeps the first three.
fn acquainted() -> [Station; 2] {
    let [mut hong_kong, mut germany] = Network::new().nodes();
    grows(&mut germany, 4);
    hears(&mut hong_kong, &germany, 3);
    advance([&mut hong_kong, &mut germany], MINUTE);
    [hong_kong, germany]
}

/// Somebody changes a record of a station and signs all of it again.
fn rewrite(station: &mut Station, record: usize) {
    station.rewritten.insert(record, leaf_hash(b"something else"));
}

#[test]
fn the_first_checkpoint_of_a_peer_is_kept_cosigned_and_told() {
    let [mut hong_kong, mut germany] = acquainted();
    assert_eq!((kept(&hong_kong), size_kept(&hong_kong)), (1, 3));
    let said = std::mem::take(&mut hong_kong.said);
    let heads = Heads::from_payload(&said[0].statement.payload).unwrap();
    assert_eq!((said.len(), heads.checkpoint.is_empty(), heads.cosigned.is_empty()), (1, true, false));
    germany.hear(said, HK);
    assert_eq!((cosigned(&germany), rules(&germany).len()), (1, 0));
    let standing = germany.core.witness.standing(&agency(HK)).unwrap();
    assert_eq!(standing.cosigned, Some((3, germany.now)));
    hears(&mut hong_kong, &germany, 3);
    assert_eq!((kept(&hong_kong), hong_kong.said.len()), (1, 0), "what is known says nothing new");
}

#[test]
fn a_larger_checkpoint_is_kept_once_it_is_proved() {
    let [mut hong_kong, mut germany] = acquainted();
    hears(&mut hong_kong, &germany, 5);
    assert_eq!(size_kept(&hong_kong), 3);
    proves(&mut hong_kong, &mut germany);
    assert_eq!((kept(&hong_kong), size_kept(&hong_kong)), (2, 5));
    assert_eq!(rules(&hong_kong), [""; 0]);
    germany.hear(std::mem::take(&mut hong_kong.said), HK);
    assert_eq!(germany.core.witness.standing(&agency(HK)).unwrap().cosigned.unwrap().0, 5);
    assert!(demands(&mut hong_kong).is_empty(), "nothing is open");
}

#[test]
fn one_proof_is_demanded_at_a_time_and_not_before_the_pause_is_over() {
    let [mut hong_kong, mut germany] = acquainted();
    hears(&mut hong_kong, &germany, 4);
    assert_eq!(demands(&mut hong_kong).len(), 1);
    germany.now = germany.now.plus(Duration::from_millis(1));
    hears(&mut hong_kong, &germany, 5);
    assert!(demands(&mut hong_kong).is_empty());
    advance([&mut hong_kong, &mut germany], MINUTE);
    proves(&mut hong_kong, &mut germany);
    assert_eq!(size_kept(&hong_kong), 4, "what was demanded first is answered first");
    assert!(demands(&mut hong_kong).is_empty(), "the pause is not over");
    advance([&mut hong_kong, &mut germany], MINUTE);
    proves(&mut hong_kong, &mut germany);
    assert_eq!(size_kept(&hong_kong), 5);
}

/// Hands over everything that both have to say; how much that was.
fn talk(stations: &mut [Station; 2]) -> usize {
    let mut frames = 0;
    loop {
        let [hong_kong, germany] = stations;
        for station in [&mut *hong_kong, &mut *germany] {
            station.sign_checkpoint();
            station.receipts();
            station.step(Core::calendar).unwrap();
        }
        let said = [&mut *hong_kong, &mut *germany].map(|station| std::mem::take(&mut station.said));
        let count = said.iter().map(Vec::len).sum::<usize>();
        if count == 0 {
            return frames;
        }
        frames += count;
        let [of_hong_kong, of_germany] = said;
        germany.hear(of_hong_kong, HK);
        hong_kong.hear(of_germany, DE);
    }
}

#[test]
fn two_nodes_without_traffic_fall_silent() {
    let network = Network::new();
    let mut stations = network.nodes();
    for _ in 0..3 {
        stations[0].publish(Priority::Urgent);
        let (headers, deliveries) = stations[0].submit();
        let accepted = network.accept(&agency(HK), HUB, &headers, Vec::new());
        stations[0].hear_hub(&accepted, &headers);
        stations[1].receive(&deliveries[0], Priority::Urgent);
        talk(&mut stations);
    }
    let (mut last_frame, mut last_record) = (0, 0);
    for second in 1..=1200 {
        let [hong_kong, germany] = &mut stations;
        advance([hong_kong, germany], Duration::from_secs(1));
        let before = stations.each_ref().map(|station| station.records.len());
        if talk(&mut stations) > 0 {
            last_frame = second;
        }
        if before != stations.each_ref().map(|station| station.records.len()) {
            last_record = second;
        }
    }
    assert!(last_frame > 0 && last_frame < 300, "the last frame after {last_frame} seconds");
    assert!(last_record < 300, "the last record after {last_record} seconds");
    for (station, peer) in stations.iter().zip([DE, HK]) {
        assert_eq!(rules(station), [""; 0]);
        let standing = station.core.witness.standing(&agency(peer)).unwrap();
        assert!(standing.kept.is_some() && standing.cosigned.is_some(), "{peer}: {standing:?}");
    }
}

#[test]
fn cosignatures_are_recorded_once_a_while() {
    let [mut hong_kong, mut germany] = acquainted();
    germany.hear(std::mem::take(&mut hong_kong.said), HK);
    let sign = |records| {
        let signed = tree::Signed::parse(&germany.checkpoint_over(records)).unwrap();
        let network = &germany.directory.network;
        listed::cosign(&signed, network, &agency(HK), hong_kong.signing.as_ref(), NOW).unwrap().to_bytes()
    };
    let notes = [sign(2), sign(4), sign(5)];
    for note in notes.iter().chain(&notes) {
        let heads = Heads {
            sender: agency(HK),
            recipient: agency(DE),
            cosigned: note.clone(),
            ..heads(&germany, Bytes::new(), NOW)
        };
        germany.hear(vec![hong_kong.claims(DE, ControlType::Heads, &heads)], HK);
    }
    assert_eq!((cosigned(&germany), rules(&germany).len()), (1, 0));
    advance([&mut hong_kong, &mut germany], MINUTE);
    let heads = Heads {
        sender: agency(HK),
        recipient: agency(DE),
        cosigned: notes[2].clone(),
        ..heads(&germany, Bytes::new(), NOW)
    };
    germany.hear(vec![hong_kong.claims(DE, ControlType::Heads, &heads)], HK);
    assert_eq!(cosigned(&germany), 2);
}

#[test]
fn after_a_restart_everything_that_was_kept_is_there() {
    let [mut hong_kong, mut germany] = acquainted();
    germany.hear(std::mem::take(&mut hong_kong.said), HK);
    germany.core = germany.restarted();
    let standing = germany.core.witness.standing(&agency(HK)).unwrap();
    assert_eq!(standing.cosigned, Some((3, germany.now)));

    hong_kong.core = hong_kong.restarted();
    assert_eq!(size_kept(&hong_kong), 3);
    rewrite(&mut germany, 1);
    hears(&mut hong_kong, &germany, 3);
    hears(&mut hong_kong, &germany, 5);
    proves(&mut hong_kong, &mut germany);
    assert_eq!(rules(&hong_kong), ["checkpoint.fork", "checkpoint.inconsistent"]);
    hong_kong.core = hong_kong.restarted();
    hears(&mut hong_kong, &germany, 3);
    assert_eq!(rules(&hong_kong).len(), 2, "it is told once");
}

#[test]
fn a_round_that_is_not_kept_leaves_the_demand_open() {
    let [mut hong_kong, mut germany] = acquainted();
    hears(&mut hong_kong, &germany, 5);
    germany.hear(demands(&mut hong_kong), HK);
    let answer = germany.said.remove(0);
    let proof = Proof::from_payload(&answer.statement.payload).unwrap();
    for _ in 0..2 {
        let (heard, round) = hong_kong.decide(|core, env, round| {
            core.proved(env, round, &answer.statement, &proof)?;
            // The same answer twice in one round is one record.
            core.proved(env, round, &answer.statement, &proof)
        });
        heard.unwrap();
        assert_eq!(round.records().len(), 1);
        hong_kong.core.forget();
    }
    assert_eq!(size_kept(&hong_kong), 3);
    hong_kong.hear(vec![answer], DE);
    assert_eq!(size_kept(&hong_kong), 5);
}

#[test]
fn a_receipt_tells_a_cosignature_once() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    let hong_kongs = |hong_kong: &Station| Heads {
        sender: agency(HK),
        recipient: agency(DE),
        ..heads(hong_kong, hong_kong.checkpoint_over(1), NOW)
    };
    let said = hong_kong.claims(DE, ControlType::Heads, &hong_kongs(&hong_kong));
    germany.hear(vec![said], HK);
    let told = |germany: &mut Station| {
        germany.said.clear();
        germany.receipts();
        let receipt = germany.said.remove(0);
        !sealpost_domain::statement::Receipt::from_payload(&receipt.statement.payload)
            .unwrap()
            .cosigned
            .is_empty()
    };
    for expected in [true, false] {
        hong_kong.publish(Priority::Urgent);
        let (_, deliveries) = hong_kong.submit();
        germany.receive(&deliveries[0], Priority::Urgent);
        assert_eq!(told(&mut germany), expected);
    }
}
