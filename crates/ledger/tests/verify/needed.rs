//! Leaves that nobody can give up: what begins a life of the ledger, and what says whose the keys are.

use bytes::Bytes;
use sealpost_crypto::dsse::PayloadType;
use sealpost_domain::digest::Digest;
use sealpost_domain::record::Record;
use sealpost_domain::statement::Signed;
use sealpost_ledger::Start;
use sealpost_ledger::repair::{Action, Error, Finding, Kind, Knowledge};
use sealpost_wire::directory::Listing;
use sealpost_wire::envelope::signed_to_bytes;

use crate::damaged::{Damaged, Part, RECORDS, accepting, knowing, opened_as};
use crate::scene::*;

/// Undecided as long as nobody has the leaf, never given up, and whole again with the leaf.
fn cannot_be_given_up(damaged: &Damaged, index: u64, kind: Kind) {
    let cases = damaged.repair(&Knowledge::default()).unwrap();
    let found: Vec<_> = cases.iter().map(|case| (case.kind, case.finding, case.action)).collect();
    assert_eq!(found, [(Some(kind), Finding::LeafLost, Action::Undecided)]);
    let refused = damaged.repair(&accepting(index)).unwrap_err();
    let expected = match &refused {
        Error::Beginning { index } => (*index, Kind::Beginning),
        Error::Directory { index } => (*index, Kind::Directory),
        _ => panic!("{refused}"),
    };
    assert_eq!(expected, (index, kind));
    assert!(refused.to_string().contains("--entry FILE"), "{refused}");
    assert!(
        damaged.repair(&Knowledge::default()).unwrap()[0].action == Action::Undecided,
        "nothing is listed"
    );
    let leaf = &damaged.leaves[usize::try_from(index).unwrap()];
    let cases = damaged.repair(&knowing(leaf)).unwrap();
    assert_eq!((cases[0].kind, cases[0].action), (Some(kind), Action::Listed));
}

#[test]
fn the_first_record_of_no_life_is_given_up() {
    for index in [0, RECORDS] {
        let mut damaged = Damaged::new();
        let anew = Start::Anew { checkpoint: Bytes::new(), unsent_from: None };
        let ledger = opened_as(&damaged.disk, RECORDS, anew).unwrap();
        let security = Record::Security { rule: "a.rule".into(), peer: None, header: None };
        drop(ledger.enqueue(vec![draft(security)]).unwrap());
        assert!(damaged.keeper(&ledger).advance().unwrap());
        damaged.leaves = ledger.history().leaves(0).map(Result::unwrap).collect();
        drop(ledger);
        damaged.flip(index, Part::Leaf);
        cannot_be_given_up(&damaged, index, Kind::Beginning);
    }
}

/// A directory of an invented network, signed by somebody.
fn directory(scene: &Scene) -> Bytes {
    let listing = Listing {
        network: network(),
        version: 1,
        previous: Digest::ZERO,
        issued_at: NOW,
        valid_until: NOW,
        authority_keys: Vec::new(),
        threshold: 1,
        operator_root: Bytes::new(),
        hub_keys: Vec::new(),
        jurisdictions: Vec::new(),
        agencies: Vec::new(),
        agreements: Vec::new(),
        operations: Vec::new(),
        revocations: Vec::new(),
        withdrawn: Vec::new(),
    };
    let payload = listing.to_payload();
    let signatures = scene.sign("the hub", PayloadType::Directory, &payload);
    signed_to_bytes(&Signed { payload, signatures }).into()
}

#[test]
fn what_installs_a_directory_is_not_given_up() {
    // The leaf as good as whole, and nothing of it left but what it named.
    for part in [Part::Leaf, Part::WholeLeaf] {
        let damaged = Damaged::drafting(|scene, _| {
            let body = directory(scene);
            vec![sealpost_ledger::Draft { body, ..draft(Record::Directory(DIRECTORY)) }]
        });
        damaged.flip(1, part);
        cannot_be_given_up(&damaged, 1, Kind::Directory);
    }
}
