//! A recipient on an older copy of its ledger: the numbers of its receipts.

use super::*;

/// Germany on an older copy of its ledger that it takes for the latest: its second receipt is not in it.
fn set_back_before_its_second_receipt() -> (Network, Station, Station) {
    let (network, mut hong_kong, mut germany) = delivered(1);
    let records = germany.records.len();
    hong_kong.publish(Priority::Urgent);
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 1);
    let mut copy = germany.older_copy(&network, records);
    copy.now = germany.now.plus(Duration::from_secs(1));
    hong_kong.said.clear();
    (network, hong_kong, copy)
}

/// Hong Kong sends another message, and both say what is to be said.
fn another_is_receipted(network: &Network, hong_kong: &mut Station, copy: &mut Station) {
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(network, hong_kong);
    assert_eq!(copy.receive(&deliveries[0], Priority::Urgent), Judged::Recorded);
    for _ in 0..3 {
        receipted(copy, hong_kong);
        for station in [&mut *hong_kong, &mut *copy] {
            station.wait(Duration::from_secs(2));
        }
        copy.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    }
}

#[test]
fn a_receipt_under_a_number_that_was_used_before_a_node_was_set_back_is_made_anew() {
    let (network, mut hong_kong, mut copy) = set_back_before_its_second_receipt();
    // It makes its second receipt once more before it hears that Hong Kong holds one.
    another_is_receipted(&network, &mut hong_kong, &mut copy);
    assert_eq!(state(&hong_kong, 3), DeliveryState::Delivered);
}

#[test]
fn what_was_refused_after_a_node_was_set_back_never_looks_delivered() {
    let (network, mut hong_kong, mut copy) = set_back_before_its_second_receipt();
    hong_kong.publish(Priority::Urgent);
    let third = submitted(&network, &mut hong_kong).remove(0);
    let directory = copy.directory.clone();
    copy.directory.agreements.clear();
    assert_ne!(copy.receive(&third, Priority::Urgent), Judged::Duplicate);
    copy.directory = directory;
    // Its second receipt, which excepts the third message, does not come.
    copy.receipts();
    copy.said.clear();
    another_is_receipted(&network, &mut hong_kong, &mut copy);
    let states = (state(&hong_kong, 3), state(&hong_kong, 4));
    assert_eq!(states, (DeliveryState::Refused, DeliveryState::Delivered));
}

#[test]
fn a_node_that_was_set_back_hears_how_many_receipts_it_had_made_and_uses_no_number_again() {
    let (network, mut hong_kong, mut copy) = set_back_before_its_second_receipt();
    let now = hong_kong.now;
    hong_kong.core.connected(now);
    hong_kong.wait(Duration::from_secs(2));
    copy.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    copy.receipts();
    let [receipt] = &copy.says(ControlType::Receipt)[..] else { panic!("one receipt") };
    let receipt = Receipt::from_payload(&receipt.payload).unwrap();
    assert_eq!((receipt.number, receipt.builds_on), (3, 0));
    another_is_receipted(&network, &mut hong_kong, &mut copy);
    assert_eq!(state(&hong_kong, 3), DeliveryState::Delivered);
}
