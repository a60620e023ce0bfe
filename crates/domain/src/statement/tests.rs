use super::*;

#[test]
fn a_receipt_tells_delivered_excepted_and_open_numbers_apart() {
    let receipt = LinkReceipt {
        priority: Priority::Flash,
        sender_incarnation: Incarnation([1; 16]),
        contiguous: 3,
        chain_digest: Digest::ZERO,
        delivered: vec![Delivered { numbers: Range { first: 5, last: 6 }, digest: None }],
        exceptions: vec![Exception {
            number: 2,
            disposition: Disposition::Refused,
            rule: "agreement.none".into(),
        }],
        read: vec![Range { first: 1, last: 1 }],
        agreed: None,
        filled: vec![Range { first: 8, last: 8 }],
    };
    assert_eq!(receipt.outcome(8), Some(Outcome::Filled));
    assert_eq!(receipt.outcome(1), Some(Outcome::Read));
    assert_eq!(receipt.outcome(2), Some(Outcome::Excepted(Disposition::Refused, "agreement.none")));
    assert_eq!(receipt.outcome(3), Some(Outcome::Delivered));
    assert_eq!(receipt.outcome(4), None);
    assert_eq!(receipt.outcome(6), Some(Outcome::Delivered));
    assert_eq!(receipt.outcome(7), None);
}
