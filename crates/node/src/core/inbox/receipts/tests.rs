use sealpost_domain::link::Settled;

use super::*;
use crate::core::facts::{Chain, SettledBy};
use crate::fixture::agency;

const LIFE: Incarnation = Incarnation([1; 16]);
const NOW: Instant = Instant::from_millis(1);

/// A past that nobody has to ask.
struct Unasked;

impl Past for Unasked {
    fn record(&self, _: u64) -> Option<(Record, usize)> {
        None
    }

    fn settled(&self, _: &Chain, number: u64) -> Result<SettledBy, sealpost_store::Error> {
        panic!("number {number} is held")
    }

    fn sent(&self, _: &Chain, number: u64) -> Result<u64, sealpost_store::Error> {
        panic!("number {number} is not ours")
    }

    fn message_of(&self, _: &[Digest]) -> Result<Option<u64>, sealpost_store::Error> {
        Ok(None)
    }
}

fn key() -> LinkKey {
    LinkKey { sender: agency("HK-CED"), priority: Priority::Urgent, incarnation: LIFE }
}

fn inbox() -> Inbox {
    Inbox::new(agency("DE-ZKA"), LIFE)
}

fn refuse(inbox: &mut Inbox, numbers: impl Iterator<Item = u64>) {
    for number in numbers {
        let settled = Settled::Excepted(sealpost_domain::link::Disposition::Refused, "agreement.none".into());
        inbox.settle(key(), number, (Digest::new([1; 32]), Digest::new([1; 32])), settled, number);
    }
}

/// What stands for the bytes of a receipt.
fn payload(number: u64) -> Bytes {
    number.to_string().into()
}

/// Makes the next receipt, and applies it.
fn receipt(inbox: &mut Inbox) -> Receipt {
    let directory = DirectoryVersion { version: 1, digest: Digest::ZERO };
    let made = inbox.receipt(&Unasked, &key().sender, directory, Bytes::new(), NOW).unwrap();
    let statement = Signed { payload: payload(made.number), signatures: Vec::new() };
    inbox.apply_receipt(&made, &statement);
    made
}

/// The sender says which receipt it holds.
fn confirm(inbox: &mut Inbox, number: u64) {
    inbox.confirm_receipt(&Heads {
        sender: key().sender,
        recipient: agency("DE-ZKA"),
        made_at: NOW,
        links: Vec::new(),
        receipt: Some(HeldReceipt { incarnation: LIFE, number, digest: sha256(&payload(number)) }),
        checkpoint: Bytes::new(),
        directory: DirectoryVersion { version: 1, digest: Digest::ZERO },
        cosigned: Bytes::new(),
    });
}

fn excepted(receipt: &Receipt) -> Vec<u64> {
    receipt.links.iter().flat_map(|link| &link.exceptions).map(|exception| exception.number).collect()
}

#[test]
fn an_exception_that_found_no_room_again_is_not_known_by_the_receipt_that_lacked_it() {
    let mut inbox = inbox();
    let room = EXCEPTIONS_MAX as u64;
    refuse(&mut inbox, 11..=room + 10);
    let lost = receipt(&mut inbox);
    assert_eq!(excepted(&lost), (11..=room + 10).collect::<Vec<_>>());
    refuse(&mut inbox, 1..=10);
    let second = receipt(&mut inbox);
    assert_eq!(excepted(&second), (1..=room).collect::<Vec<_>>());
    // The first one never came, so that the sender knows nothing of the last ten.
    confirm(&mut inbox, second.number);
    let third = receipt(&mut inbox);
    assert_eq!((third.builds_on, excepted(&third)), (second.number, (room + 1..=room + 10).collect()));
    confirm(&mut inbox, third.number);
    assert_eq!(excepted(&receipt(&mut inbox)), [0; 0]);
}

#[test]
fn all_is_told_again_to_a_sender_that_names_an_earlier_receipt() {
    let mut inbox = inbox();
    refuse(&mut inbox, 1..=3);
    let first = receipt(&mut inbox);
    confirm(&mut inbox, first.number);
    refuse(&mut inbox, 4..=5);
    let second = receipt(&mut inbox);
    assert_eq!((second.builds_on, excepted(&second)), (first.number, vec![4, 5]));
    confirm(&mut inbox, second.number);
    let third = receipt(&mut inbox);
    assert_eq!((third.builds_on, excepted(&third)), (second.number, vec![]));
    assert_eq!(inbox.owed(), Owed::default());
    for (named, told) in [(first.number, vec![4, 5]), (0, vec![1, 2, 3, 4, 5])] {
        confirm(&mut inbox, named);
        assert!(inbox.owed().all > 0, "the last receipt is of no use to it");
        let again = receipt(&mut inbox);
        assert_eq!((again.builds_on, excepted(&again)), (named, told));
    }
}

/// So many ranges that were read, of one number each.
fn read_on(ranges: u64) -> Vec<Range> {
    (1..=ranges).map(|number| Range { first: 2 * number, last: 2 * number }).collect()
}

fn reads<'l>(links: &[Vec<Range>], untold: &'l BTreeSet<u64>) -> Vec<Reads<'l>> {
    links.iter().map(|ranges| Reads { ranges: ranges.clone(), untold }).collect()
}

#[test]
fn all_that_was_read_is_told_where_there_is_room() {
    let links = vec![read_on(READ_MAX as u64 - 3), Vec::new(), read_on(3)];
    assert_eq!(told_of_read(reads(&links, &BTreeSet::new()), 7), links);
}

#[test]
fn more_reads_than_one_receipt_has_room_for_are_told_in_a_few_also_where_receipts_are_lost() {
    let links = vec![read_on(1500), Vec::new(), read_on(40), read_on(700)];
    let all: usize = links.iter().map(Vec::len).sum();
    let mut told = vec![BTreeSet::new(); links.len()];
    for number in (5..).take(all.div_ceil(READ_MAX / 2)) {
        let in_it = told_of_read(reads(&links, &BTreeSet::new()), number);
        assert!(in_it.iter().map(Vec::len).sum::<usize>() <= READ_MAX);
        for (place, link) in in_it.iter().enumerate() {
            told[place].extend(link.iter().map(|range| range.first));
        }
    }
    let counts: Vec<usize> = told.iter().map(BTreeSet::len).collect();
    assert_eq!(counts, links.iter().map(Vec::len).collect::<Vec<_>>());
}

#[test]
fn what_was_read_just_now_is_told_at_once_wherever_it_lies_and_what_found_no_room_soon() {
    let mut inbox = inbox();
    let number_max = 6 * READ_MAX as u64;
    for number in 1..=number_max {
        let digests = (Digest::new([1; 32]), Digest::new([1; 32]));
        inbox.settle(key(), number, digests, Settled::Delivered, number);
    }
    let read = |inbox: &mut Inbox, number| {
        let position = sealpost_domain::link::Position { incarnation: LIFE, number };
        inbox.apply_read(&key().sender, Priority::Urgent, position);
    };
    let told = |receipt: &Receipt, number| is_in(&receipt.links[0].read, number);
    // Every third one but for one of them, all at once.
    let is_left = |number: &u64| *number == 30;
    for number in (3..=number_max).step_by(3).filter(|number| !is_left(number)) {
        read(&mut inbox, number);
    }
    let mut told_of = BTreeSet::new();
    let mut receipts = 0;
    while inbox.owed().is_any() {
        let made = receipt(&mut inbox);
        assert!(made.links[0].read.len() <= READ_MAX);
        told_of.extend((1..=number_max).filter(|number| told(&made, *number)));
        receipts += 1;
        assert!(receipts <= 8, "{} are told", told_of.len());
    }
    assert_eq!(told_of.len() as u64, number_max / 3 - 1);
    read(&mut inbox, 30);
    assert!(told(&receipt(&mut inbox), 30));
    assert_eq!(inbox.owed(), Owed::default());
}
