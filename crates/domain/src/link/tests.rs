use super::*;

fn digest(byte: u8) -> Digest {
    Digest::new([byte; 32])
}

fn received(numbers: &[u8]) -> Received {
    let mut link = Received::default();
    for number in numbers {
        link.settle(u64::from(*number), digest(*number), before(*number), Settled::Delivered);
    }
    link
}

fn before(number: u8) -> Digest {
    if number == 1 { Digest::ZERO } else { digest(number - 1) }
}

#[test]
fn a_gap_delays_nothing_and_is_closed_by_what_fills_it() {
    let mut link = received(&[1, 3, 4]);
    assert_eq!(link.contiguous(), 1);
    assert_eq!(link.delivered_beyond().collect::<Vec<_>>(), [(Range { first: 3, last: 4 }, digest(4))]);
    assert!(link.has_gap_before(3));
    assert_eq!(link.judge(2, digest(2), digest(1)), Some(Arrival::Next));
    link.settle(2, digest(2), digest(1), Settled::Delivered);
    assert_eq!((link.contiguous(), link.chain_digest()), (4, digest(4)));
    assert_eq!(link.delivered_beyond().count(), 0);
}

#[test]
fn a_repeat_is_a_duplicate_and_another_content_an_equivocation() {
    let link = received(&[1, 2]);
    assert_eq!(link.judge(2, digest(2), digest(1)), Some(Arrival::Duplicate));
    assert_eq!(link.judge(2, digest(9), digest(1)), Some(Arrival::Equivocation { first: digest(2) }));
}

#[test]
fn a_chain_that_does_not_fit_is_noticed_from_both_sides() {
    let link = received(&[1, 3]);
    assert_eq!(link.judge(4, digest(4), digest(9)), Some(Arrival::BrokenChain { settled: digest(3) }));
    assert_eq!(link.judge(2, digest(9), digest(1)), Some(Arrival::BrokenChain { settled: digest(2) }));
    assert_eq!(
        Received::default().judge(1, digest(1), digest(9)),
        Some(Arrival::BrokenChain { settled: Digest::ZERO })
    );
}

#[test]
fn what_lies_beyond_the_window_is_not_taken() {
    let link = received(&[1]);
    assert_eq!(link.judge(1 + WINDOW, digest(7), digest(6)), Some(Arrival::AfterGap));
    assert_eq!(link.judge(2 + WINDOW, digest(7), digest(6)), Some(Arrival::TooFarAhead { contiguous: 1 }));
}

#[test]
fn exceptions_and_voids_settle_without_delivering() {
    let mut link = received(&[1]);
    link.settle(2, digest(2), digest(1), Settled::Excepted(Disposition::Refused, "agreement.none".into()));
    link.settle(4, digest(4), digest(3), Settled::Void);
    assert_eq!(link.contiguous(), 2);
    assert_eq!(link.delivered_beyond().count(), 0);
    assert_eq!(link.exceptions().collect::<Vec<_>>(), [(2, Disposition::Refused, "agreement.none")]);
}

#[test]
fn what_is_missing_is_named_in_ranges_within_the_window() {
    let link = received(&[1, 4, 6]);
    let ranges = [Range { first: 2, last: 3 }, Range { first: 5, last: 5 }, Range { first: 7, last: 9 }];
    assert_eq!(link.missing(9, 64), ranges);
    assert_eq!(link.missing(9, 2), ranges[..2]);
    assert_eq!(link.missing(1, 64), []);
    assert_eq!(link.missing(u64::MAX, 64).last(), Some(&Range { first: 7, last: 1 + WINDOW }));
    assert_eq!(link.highest(), Head { number: 6, digest: digest(6) });
}

#[test]
fn reading_counts_once() {
    let mut link = received(&[1, 2]);
    assert!(link.mark_read(1));
    assert!(!link.mark_read(1));
    assert!(!link.mark_read(7));
    assert_eq!(link.read(), [Range { first: 1, last: 1 }]);
}

#[test]
fn what_is_kept_elsewhere_is_let_go_and_the_link_goes_on() {
    let mut link = received(&[1, 2, 3, 5]);
    let before = link.clone();
    link.let_go();
    assert_eq!(link.judge(2, digest(2), digest(1)), None, "whoever keeps it tells");
    assert_eq!(link.digest_at(2), None);
    let ends = |link: &Received| (link.contiguous(), link.chain_digest(), link.highest());
    assert_eq!(ends(&link), ends(&before));
    for (number, previous) in [(3, 2), (4, 3), (4, 9), (5, 4), (6, 5), (6, 9)] {
        let judge = |link: &Received| link.judge(number, digest(7), digest(previous));
        assert_eq!(judge(&link), judge(&before), "number {number}");
    }
    assert!(link.is_settled(1) && link.is_settled(5) && !link.is_settled(4) && !link.is_settled(0));
    assert!(link.mark_read(1));
}

#[test]
fn what_was_not_delivered_is_never_let_go() {
    let mut link = Received::default();
    link.settle(1, digest(1), digest(0), Settled::Excepted(Disposition::Refused, "agreement.none".into()));
    link.settle(2, digest(2), digest(1), Settled::Void);
    link.settle(3, digest(3), digest(2), Settled::Delivered);
    link.let_go();
    assert_eq!(link.exceptions().collect::<Vec<_>>(), [(1, Disposition::Refused, "agreement.none")]);
    assert_eq!(link.voids().collect::<Vec<_>>(), [2]);
}

#[test]
fn nothing_is_taken_at_number_0_and_nobody_is_asked_about_it() {
    for mut link in [received(&[]), received(&[1, 2, 3])] {
        for _ in 0..2 {
            let contradicts = Arrival::Equivocation { first: Digest::ZERO };
            assert_eq!(link.judge(0, digest(7), Digest::ZERO), Some(contradicts));
            link.let_go();
        }
    }
}
