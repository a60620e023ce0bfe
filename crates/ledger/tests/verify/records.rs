//! Records by themselves, and in their places.

use std::path::Path;

use sealpost_crypto::dsse::PayloadType;
use sealpost_domain::digest::Digest;
use sealpost_domain::link::Disposition;
use sealpost_domain::message::Priority;
use sealpost_domain::record::{Record, Settlement};
use sealpost_domain::statement::{Void, VoidReason};
use sealpost_ledger::Draft;
use sealpost_ledger::tree::Files;
use sealpost_ledger::verify::{Counts, FaultKind};
use sealpost_seglog::disk::sim::Sim;

use crate::scene::*;

#[test]
fn a_sound_ledger_verifies_with_its_counts() {
    let scene = Scene::new();
    let report = verified(&scene, |life| {
        let first = to_peers(life, 1, Digest::ZERO);
        let second = to_peers(life, 2, first.digest());
        let arrivals = [from_peer(1, Digest::ZERO), from_peer(3, Digest::new([3; 32]))];
        let void = Void {
            sender: agency(PEER),
            recipient: agency(OWN),
            priority: Priority::Flash,
            incarnation: PEER_LIFE,
            number: 2,
            header: Digest::new([3; 32]),
            previous: arrivals[0].digest(),
            reason: VoidReason::Refused,
            made_at: NOW,
        };
        let batch = [first.digest(), second.digest()];
        vec![
            Record::Sent(first.sent(&scene)),
            Record::Received(arrivals[0].received(&scene, Settlement::Delivered)),
            Record::Sent(second.sent(&scene)),
            Record::Accepted {
                statement: scene.statement("the hub", PayloadType::Accepted, &accepted(&batch)),
                headers: batch.to_vec(),
            },
            Record::Received(arrivals[1].received(&scene, Settlement::Delivered)),
            Record::Voided(scene.statement(PEER, PayloadType::Void, &void)),
            Record::ReceiptSent(scene.statement(OWN, PayloadType::Receipt, &receipt(3))),
        ]
    });
    assert!(report.fault.is_none(), "{:?}", report.fault);
    let expected = Counts {
        records: 8,
        sent: 2,
        received: 2,
        accepted: 1,
        receipts: 1,
        voids: 1,
        directories: 0,
        witnessed: 0,
        cosigned: 0,
        signed: 7,
        chains: 3,
        ..Counts::default()
    };
    assert_eq!(report.counts, expected);
}

#[test]
fn own_numbers_with_a_gap_or_another_predecessor_are_found() {
    let scene = Scene::new();
    let gap = fault(&scene, |life| vec![Record::Sent(to_peers(life, 2, Digest::ZERO).sent(&scene))]);
    assert!(matches!(gap, FaultKind::Number { found: 2, expected: 1, .. }), "{gap}");
    let chain = fault(&scene, |life| {
        vec![
            Record::Sent(to_peers(life, 1, Digest::ZERO).sent(&scene)),
            Record::Sent(to_peers(life, 2, Digest::ZERO).sent(&scene)),
        ]
    });
    assert!(matches!(chain, FaultKind::Chain { number: 2, .. }), "{chain}");
    let life = fault(&scene, |_| vec![Record::Sent(to_peers(PEER_LIFE, 1, Digest::ZERO).sent(&scene))]);
    assert!(matches!(life, FaultKind::Incarnation { found: PEER_LIFE, .. }), "{life}");
}

#[test]
fn a_message_delivered_twice_or_against_its_chain_is_found() {
    let scene = Scene::new();
    let delivered = |letter: &Letter| Record::Received(letter.received(&scene, Settlement::Delivered));
    let first = from_peer(1, Digest::ZERO);
    let twice = fault(&scene, |_| vec![delivered(&first), delivered(&first)]);
    assert!(matches!(twice, FaultKind::Twice { number: 1, .. }), "{twice}");
    let broken = fault(&scene, |_| vec![delivered(&first), delivered(&from_peer(2, Digest::new([1; 32])))]);
    assert!(matches!(broken, FaultKind::Chain { number: 2, .. }), "{broken}");
    let evidence = Settlement::Excepted(Disposition::Quarantined, "link.equivocation".into());
    let kept = Record::Received(first.received(&scene, evidence));
    assert!(verified(&scene, |_| vec![delivered(&first), kept]).fault.is_none());
}

#[test]
fn what_was_not_signed_as_it_must_be_is_found() {
    let scene = Scene::new();
    let forged = fault(&scene, |_| {
        let mut received = from_peer(1, Digest::ZERO).received(&scene, Settlement::Delivered);
        received.signatures = scene.sign(THIRD, PayloadType::Header, &received.header);
        vec![Record::Received(received)]
    });
    assert!(matches!(forged, FaultKind::Signature { what: "header", .. }), "{forged}");
    let forged = fault(&scene, |_| {
        vec![Record::ReceiptSent(scene.statement(PEER, PayloadType::Receipt, &receipt(0)))]
    });
    assert!(matches!(forged, FaultKind::Signature { what: "receipt", .. }), "{forged}");
}

#[test]
fn promises_that_the_ledger_does_not_keep_are_found() {
    let scene = Scene::new();
    let receipted =
        fault(&scene, |_| vec![Record::ReceiptSent(scene.statement(OWN, PayloadType::Receipt, &receipt(1)))]);
    assert!(matches!(receipted, FaultKind::Receipt { receipted: 1, held: 0, .. }), "{receipted}");
    let batch = fault(&scene, |_| {
        let statement = scene.statement("the hub", PayloadType::Accepted, &accepted(&[Digest::ZERO]));
        vec![Record::Accepted { statement, headers: vec![Digest::new([1; 32])] }]
    });
    assert!(matches!(batch, FaultKind::Batch), "{batch}");
    let opened = fault(&scene, |life| {
        let mut sent = to_peers(life, 1, Digest::ZERO).sent(&scene);
        sent.commitments[1].salt = [0; 32];
        vec![Record::Sent(sent)]
    });
    assert!(
        matches!(&opened, FaultKind::Commitment { agency, number: 1 } if agency.as_str() == THIRD),
        "{opened}"
    );
}

#[test]
fn a_body_that_is_not_the_headers_is_found() {
    let scene = Scene::new();
    let disk = Sim::new();
    let ledger = ledger(&disk);
    let record = Record::Received(from_peer(1, Digest::ZERO).received(&scene, Settlement::Delivered));
    let swapped = Draft { body: sealed_body(b"swapped"), ..draft(record) };
    drop(ledger.enqueue(vec![swapped]).unwrap());
    let fault = looked_at(&scene, &ledger, &[], &Files::at(Path::new("/absent"))).fault.unwrap();
    assert!(matches!((fault.index, fault.kind), (1, FaultKind::Sealed)));
}

#[test]
fn a_flipped_bit_is_named_with_its_record() {
    let scene = Scene::new();
    let disk = Sim::new();
    let ledger = ledger(&disk);
    let received = Record::Received(from_peer(1, Digest::ZERO).received(&scene, Settlement::Delivered));
    let place = |drafts: Vec<Draft>| drop(ledger.enqueue(drafts).unwrap());
    place(vec![draft(received)]);
    place(vec![draft(Record::Security { rule: "a.rule".into(), peer: None, header: None })]);
    let file = Path::new("ledger/00000000000000000000.seg");
    let middle = disk.contents(file).unwrap().len() as u64 / 2;
    assert!(disk.flip(file, middle, 4));
    let report = looked_at(&scene, &ledger, &[], &Files::at(Path::new("/absent")));
    let fault = report.fault.unwrap();
    assert_eq!((fault.index, report.counts.records), (1, 1));
    let FaultKind::Unreadable(cause) = fault.kind else { panic!("{}", fault.kind) };
    assert!(cause.to_string().starts_with("record 1 is damaged"), "{cause}");
}

#[test]
fn a_fault_far_inside_is_the_first_one_named_however_many_follow() {
    let scene = Scene::new();
    let report = verified(&scene, |life| {
        let plain = || Record::Security { rule: "a.rule".into(), peer: None, header: None };
        let mut records: Vec<Record> = (0..3000).map(|_| plain()).collect();
        // Both are wrong; the second lies in a later piece of work, which may be done before.
        records[1500] = Record::ReceiptSent(scene.statement(PEER, PayloadType::Receipt, &receipt(0)));
        records[2900] = Record::Sent(to_peers(life, 2, Digest::ZERO).sent(&scene));
        records
    });
    assert_eq!(report.fault.map(|fault| fault.index), Some(1501));
    assert_eq!(report.counts.records, 1501);
}
