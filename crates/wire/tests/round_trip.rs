//! Whatever is written is read back, and whatever is not quite a message is refused with the field at fault.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use bytes::Bytes;
use proptest::prelude::*;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::envelope::{
    DirectoryVersion, Header, OpenedCommitment, Recipient, Recipients, Signature,
};
use sealpost_domain::handling::{Handling, HandlingCode, Tlp};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Disposition, Head, Incarnation, Position, Range};
use sealpost_domain::message::{Category, Kind, MessageId, Priority, SharingMode};
use sealpost_domain::record::{Cursor, Leaf, Received, Record, Sent, Settlement, StoredBody, Witness};
use sealpost_domain::statement::{Approval, Delivered, Exception, LinkReceipt, Receipt, Signed};
use sealpost_wire::envelope::{header_from_bytes, header_to_bytes};
use sealpost_wire::hub::snapshot::{Proposer, Snapshot, State, Stored, Waiting};
use sealpost_wire::hub::{BodyLocation, Entry, Event, Group, SubmittedEnvelope};
use sealpost_wire::ledger::{leaf_from_bytes, leaf_to_bytes, stored_body_from_bytes, stored_body_to_bytes};
use sealpost_wire::statement::Payload;

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::new)
}

fn delivered(first: u64, last: u64) -> Delivered {
    Delivered { numbers: Range { first, last }, digest: Some(Digest::new([3; 32])) }
}

fn agency() -> impl Strategy<Value = AgencyId> {
    "[A-Z]{2}-[A-Z0-9]{2,8}".prop_map(|text| text.parse().unwrap())
}

fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..max).prop_map(Bytes::from)
}

fn instant() -> impl Strategy<Value = Instant> {
    (0..4_000_000_000_000_i64).prop_map(Instant::from_millis)
}

fn incarnation() -> impl Strategy<Value = Incarnation> {
    any::<[u8; 16]>().prop_map(Incarnation)
}

fn message_id() -> impl Strategy<Value = MessageId> {
    (0..4_000_000_000_000_u64, any::<[u8; 10]>()).prop_map(|(ms, random)| MessageId::new(ms, random))
}

fn signatures() -> impl Strategy<Value = Vec<Signature>> {
    let one =
        (any::<[u8; 32]>(), bytes(70)).prop_map(|(id, bytes)| Signature { key_id: KeyId::new(id), bytes });
    prop::collection::vec(one, 0..3)
}

fn signed() -> impl Strategy<Value = Signed> {
    (bytes(100), signatures()).prop_map(|(payload, signatures)| Signed { payload, signatures })
}

fn version() -> impl Strategy<Value = DirectoryVersion> {
    (any::<u64>(), digest()).prop_map(|(version, digest)| DirectoryVersion { version, digest })
}

fn handling() -> impl Strategy<Value = Handling> {
    let codes = prop::collection::vec(prop::sample::select(HandlingCode::ALL), 0..4);
    (prop::sample::select(Tlp::ALL), codes).prop_map(|(tlp, codes)| Handling::new(tlp, codes))
}

fn recipients() -> impl Strategy<Value = Recipients> {
    prop::collection::btree_map(agency(), (digest(), digest()), 1..6).prop_map(|map| {
        let recipient =
            |(agency, (agreement, link_commitment))| Recipient { agency, agreement, link_commitment };
        Recipients::new(map.into_iter().map(recipient).collect()).unwrap()
    })
}

prop_compose! {
    fn header()(
        (id, sender, sent_at, in_reply_to) in (message_id(), agency(), instant(), prop::option::of(message_id())),
        kind in prop::sample::select(Kind::ALL),
        priority in prop::sample::select(Priority::ALL),
        category in prop::sample::select(Category::ALL),
        mode in prop::sample::select(SharingMode::ALL),
        (handling, directory, recipients) in (handling(), version(), recipients()),
        act_before in prop::option::of(instant()),
        operation in prop::option::of("[A-Z0-9-]{1,64}"),
        (sealed_digest, key_commitment, plaintext_digest) in (digest(), digest(), digest()),
        approval_digest in prop::option::of(digest()),
    ) -> Header {
        Header {
            id, sender, sent_at, kind, priority, act_before, category, mode, handling,
            operation: operation.map(|text| text.parse().unwrap()),
            in_reply_to, directory, recipients, sealed_digest, key_commitment, plaintext_digest, approval_digest,
        }
    }
}

fn commitment() -> impl Strategy<Value = OpenedCommitment> {
    (incarnation(), 1..u64::MAX, digest(), any::<[u8; 32]>()).prop_map(
        |(incarnation, number, previous, salt)| OpenedCommitment {
            position: Position { incarnation, number },
            previous,
            salt,
        },
    )
}

fn record() -> impl Strategy<Value = Record> {
    let sent =
        (bytes(200), signatures(), prop::collection::vec(commitment(), 0..3), prop::option::of(digest()));
    let settlement = prop_oneof![
        Just(Settlement::Delivered),
        "[a-z.]{1,20}".prop_map(|rule| Settlement::Excepted(Disposition::Refused, rule)),
        "[a-z.]{1,20}".prop_map(|rule| Settlement::Excepted(Disposition::Quarantined, rule)),
    ];
    let cursor = (incarnation(), any::<u64>(), digest())
        .prop_map(|(hub_incarnation, index, entry_digest)| Cursor { hub_incarnation, index, entry_digest });
    prop_oneof![
        sent.prop_map(|(header, signatures, commitments, idempotency_digest)| Record::Sent(Sent {
            header,
            signatures,
            commitments,
            idempotency_digest,
            publisher: KeyId::new([9; 32]),
        })),
        (bytes(200), signatures(), prop::option::of(commitment()), cursor, settlement).prop_map(
            |(header, signatures, commitment, cursor, settlement)| Record::Received(Received {
                header,
                signatures,
                commitment,
                cursor,
                settlement,
            })
        ),
        (
            agency(),
            incarnation(),
            prop::option::of((incarnation(), bytes(40))),
            prop::option::of(any::<u64>())
        )
            .prop_map(|(agency, incarnation, previous, unsent_from)| {
                Record::Incarnation { agency, incarnation, previous, unsent_from }
            }),
        (signed(), prop::collection::vec(digest(), 0..4))
            .prop_map(|(statement, headers)| Record::Accepted { statement, headers }),
        signed().prop_map(Record::ReceiptSent),
        signed().prop_map(Record::ReceiptReceived),
        signed().prop_map(Record::Voided),
        version().prop_map(Record::Directory),
        ("[a-z.]{1,20}", prop::option::of(agency()), prop::option::of(digest()))
            .prop_map(|(rule, peer, header)| Record::Security { rule, peer, header }),
        (message_id(), agency(), commitment()).prop_map(|(message, sender, commitment)| Record::Read {
            message,
            sender,
            priority: Priority::Urgent,
            position: commitment.position,
            key: KeyId::new([3; 32]),
        }),
        (bytes(20), "[a-z.]{1,20}", prop::option::of(any::<u64>()), any::<[u8; 32]>()).prop_map(
            |(bucket, rule, index, key)| Record::Erasure { bucket, rule, index, key: KeyId::new(key) }
        ),
        (any::<u64>(), bytes(20), any::<bool>()).prop_map(|(index, bucket, held)| Record::Hold {
            index,
            bucket,
            held
        }),
        (any::<u64>(), digest()).prop_map(|(index, leaf_hash)| Record::Loss { index, leaf_hash }),
        (agency(), bytes(200), prop::collection::vec(digest(), 0..4), instant())
            .prop_map(|(peer, note, proof, made_at)| Record::Witness(Witness { peer, note, proof, made_at })),
        (agency(), bytes(200)).prop_map(|(peer, note)| Record::Cosigned { peer, note }),
        (any::<u64>(), digest()).prop_map(|(index, header)| Record::Body { index, header }),
    ]
}

proptest! {
    #[test]
    fn headers_are_read_back(header in header()) {
        prop_assert_eq!(header_from_bytes(&header_to_bytes(&header)).unwrap(), header);
    }

    #[test]
    fn no_bytes_make_the_header_parser_panic(bytes in bytes(300)) {
        let _ = header_from_bytes(&bytes);
    }

    #[test]
    fn leaves_are_read_back(
        (recorded_at, salt, body_digest, record) in (instant(), any::<[u8; 32]>(), prop::option::of(digest()), record())
    ) {
        let leaf = Leaf { recorded_at, salt, body_digest, record };
        prop_assert_eq!(leaf_from_bytes(&leaf_to_bytes(&leaf)).unwrap(), leaf);
    }

    #[test]
    fn bodies_at_rest_are_read_back(
        (sealed, bucket, wrapped_key) in (bytes(200), bytes(20), bytes(60)),
        key_nonce: [u8; 12],
    ) {
        let body = StoredBody { sealed, bucket, key_nonce, wrapped_key };
        prop_assert!(stored_body_from_bytes(&stored_body_to_bytes(&body)).unwrap() == body);
    }

    #[test]
    fn journal_entries_are_read_back(
        (at, sender, header, signatures) in (instant(), agency(), bytes(200), signatures()),
        (segment, offset, length, checksum, index, wrapped) in any::<(u64, u64, u32, u32, u64, u64)>(),
    ) {
        let payload = BodyLocation { segment, offset, length, checksum, index };
        let envelopes = vec![SubmittedEnvelope { header, signatures, payload, wrapped }];
        let entry = Entry { at, event: Event::Batch { sender, envelopes } };
        prop_assert_eq!(&Entry::from_bytes(&entry.to_bytes()).unwrap(), &entry);
        let lists = Entry { at, event: Event::Lists(vec![Bytes::from_static(b"list"), Bytes::new()]) };
        let group = Group { proposer: [7; 16], serial: index, entries: vec![entry, lists], bodies_before: segment };
        prop_assert_eq!(Group::from_bytes(&group.to_bytes()).unwrap(), group);
    }

    #[test]
    fn snapshots_are_read_back(
        (directory, agencies) in (prop::option::of(signed()), prop::collection::vec(agency(), 0..4)),
        (group_digest, incarnation, header) in (digest(), incarnation(), digest()),
        (sequence, bodies_before, serial, index) in any::<(u64, u64, u64, u64)>(),
        (recipient, sender, id) in any::<(u32, u32, [u8; 16])>(),
    ) {
        let payload = BodyLocation { segment: index, offset: serial, length: 9, checksum: 8, index };
        let priority = Priority::Urgent;
        let state = State {
            next: sequence,
            directory,
            versions: vec![(1, 0), (2, index)],
            lists: vec![serial],
            agencies,
            waiting: vec![Waiting { recipient, sender, priority, index, header, payload }],
        };
        let proposers = vec![Proposer { id, serial, sequence }];
        let snapshot = Snapshot { sequence, group_digest, incarnation, bodies_before, proposers, state };
        prop_assert_eq!(Snapshot::from_bytes(&snapshot.to_bytes()).unwrap(), snapshot);
        let stored = Stored { sequence, parts: recipient, digest: group_digest };
        prop_assert_eq!(Stored::from_bytes(&stored.to_bytes()).unwrap(), stored);
    }

    #[test]
    fn no_bytes_make_the_parsers_of_the_journal_panic(bytes in bytes(300)) {
        let _ = (Group::from_bytes(&bytes), Snapshot::from_bytes(&bytes), Stored::from_bytes(&bytes));
    }

    #[test]
    fn receipts_are_read_back((recipient, sender, incarnation) in (agency(), agency(), incarnation()), number: u64) {
        let link = LinkReceipt {
            priority: Priority::Flash,
            sender_incarnation: incarnation,
            contiguous: 7,
            chain_digest: Digest::new([4; 32]),
            delivered: vec![delivered(9, 9), Delivered { digest: None, ..delivered(11, 20) }],
            exceptions: vec![Exception { number: 3, disposition: Disposition::Quarantined, rule: "wrap.closed".into() }],
            read: vec![Range { first: 1, last: 2 }],
            agreed: Some(Head { number: 5, digest: Digest::new([6; 32]) }),
            filled: vec![Range { first: 4, last: 4 }, Range { first: 21, last: 22 }],
        };
        let receipt = Receipt {
            recipient,
            sender,
            recipient_incarnation: incarnation,
            number,
            made_at: Instant::from_millis(5),
            links: vec![link],
            checkpoint: Bytes::from_static(b"of the recipient"),
            directory: DirectoryVersion { version: 2, digest: Digest::new([1; 32]) },
            cosigned: Bytes::from_static(b"of the sender"),
            builds_on: number / 2,
        };
        prop_assert_eq!(Receipt::from_payload(&receipt.to_payload()).unwrap(), receipt);
    }
}

#[test]
fn a_group_of_a_later_version_is_not_read() {
    // Field 5, a varint.
    let error = Group::from_bytes(&Bytes::from_static(&[0x28, 0x02])).unwrap_err();
    assert_eq!(error.to_string(), "JournalGroup.version: is 2, this hub reads version 1; update it");
}

#[test]
fn a_fault_names_its_message_and_field() {
    let error = header_from_bytes(&Bytes::from_static(&[0x08, 0x02])).unwrap_err();
    assert_eq!(error.to_string(), "EnvelopeHeader.version: is 2, this program reads version 1; update it");
}

proptest! {
    #[test]
    fn approvals_come_back(header in header(), agencies in prop::collection::vec(agency(), 0..3)) {
        let approval = Approval {
            message: header.id,
            sender: header.sender,
            recipients: agencies,
            kind: header.kind,
            handling: header.handling,
            act_before: header.act_before,
            in_reply_to: header.in_reply_to,
            category: header.category,
            mode: header.mode,
            operation: header.operation,
            priority: header.priority,
            plaintext_digest: header.plaintext_digest,
            approved_at: header.sent_at,
        };
        prop_assert_eq!(Approval::from_payload(&approval.to_payload()).unwrap(), approval);
    }
}

#[test]
fn ranges_out_of_order_are_refused() {
    let link = LinkReceipt {
        priority: Priority::Flash,
        sender_incarnation: Incarnation([1; 16]),
        contiguous: 0,
        chain_digest: Digest::ZERO,
        delivered: vec![delivered(5, 9), delivered(9, 12)],
        exceptions: vec![],
        read: vec![],
        agreed: None,
        filled: vec![],
    };
    let receipt = Receipt {
        recipient: "DE-ZKA".parse().unwrap(),
        sender: "HK-CED".parse().unwrap(),
        recipient_incarnation: Incarnation([2; 16]),
        number: 1,
        made_at: Instant::from_millis(0),
        links: vec![link],
        checkpoint: Bytes::new(),
        directory: DirectoryVersion { version: 1, digest: Digest::ZERO },
        cosigned: Bytes::new(),
        builds_on: 0,
    };
    let error = Receipt::from_payload(&receipt.to_payload()).unwrap_err();
    assert!(error.to_string().starts_with("LinkReceipt.delivered: has ranges"), "{error}");
}
