//! Writes what happens to a node: whatever is drafted fits what was drafted before.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use rand::Rng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::digest::{link_commitment, sha256};
use sealpost_crypto::dsse::{PayloadType, SignError};
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::envelope::{Header, OpenedCommitment, Recipient, Recipients};
use sealpost_domain::handling::{Handling, Tlp};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Head, Incarnation, Position};
use sealpost_domain::message::{Category, Kind, MessageId, Priority, SharingMode};
use sealpost_domain::record::{Cursor, Received, Record, Sent, Settlement, StoredBody};
use sealpost_domain::statement::{Accepted, LinkReceipt, Receipt, Signed};
use sealpost_ledger::Draft;
use sealpost_wire::envelope::{header_to_bytes, signed_to_bytes};
use sealpost_wire::ledger::stored_body_to_bytes;
use sealpost_wire::statement::Payload as _;

use crate::network::{NOW, Network, Party, sign};

const PEER_LIFE: Incarnation = Incarnation([5; 16]);
const HUB_LIFE: Incarnation = Incarnation([9; 16]);
/// Records after which the same kinds come again.
const CYCLE: u64 = 32;

/// The lanes of the links with each peer.
type Heads = BTreeMap<(usize, Priority), Head>;

pub(super) struct Scribe {
    network: Network,
    life: Incarnation,
    body_bytes: usize,
    rng: ChaCha20Rng,
    /// Ends of the links to each peer, and from each.
    sent: Heads,
    received: Heads,
    /// What the hub has not accepted yet.
    unaccepted: Vec<Digest>,
    batches: u64,
    receipts: u64,
}

/// A message that is being made: from whom, and its place with each recipient.
struct Letter {
    exact: Bytes,
    digest: Digest,
    commitments: Vec<OpenedCommitment>,
    body: Bytes,
}

impl Scribe {
    pub(super) fn new(network: Network, life: Incarnation, body_bytes: usize, rng: ChaCha20Rng) -> Self {
        let (sent, received, unaccepted) = Default::default();
        Self { network, life, body_bytes, rng, sent, received, unaccepted, batches: 0, receipts: 0 }
    }

    /// The record with this index. They are asked for in order, from 1.
    pub(super) fn draft(&mut self, index: u64) -> Result<Draft, SignError> {
        let at = NOW.plus(Duration::from_millis(index));
        let mut body = Bytes::new();
        let record = if index == 1 {
            body = signed_to_bytes(&self.network.directory).into();
            Record::Directory(self.network.version)
        } else {
            match (index - 2) % CYCLE {
                28 => self.accepted(at)?,
                place @ 29..=30 => self.receipt_sent(usize::from(place == 30), at)?,
                31 => self.receipt_received(at)?,
                place if place % 2 == 0 => self.sent(index, at, &mut body)?,
                _ => self.received(index, at, &mut body)?,
            }
        };
        Ok(Draft { recorded_at: at, salt: self.random(), record, body })
    }

    fn sent(&mut self, index: u64, at: Instant, body: &mut Bytes) -> Result<Record, SignError> {
        let lane = lane(index);
        let recipients: &[usize] = match index % 3 {
            0 => &[0],
            1 => &[1],
            _ => &[0, 1],
        };
        let places: Vec<_> =
            recipients.iter().map(|peer| (*peer, head(&self.sent, (*peer, lane)), self.life)).collect();
        let letter = self.letter(None, &places, lane, index, at);
        for peer in recipients {
            advance(&mut self.sent, (*peer, lane), letter.digest);
        }
        self.unaccepted.push(letter.digest);
        let signed = sign(&self.network.own.key, PayloadType::Header, letter.exact)?;
        *body = letter.body;
        Ok(Record::Sent(Sent {
            header: signed.payload,
            signatures: signed.signatures,
            commitments: letter.commitments,
            idempotency_digest: None,
            publisher: KeyId::new([4; 32]),
        }))
    }

    fn received(&mut self, index: u64, at: Instant, body: &mut Bytes) -> Result<Record, SignError> {
        let (peer, lane) = (usize::from(index % 5 < 2), lane(index));
        let places = [(peer, head(&self.received, (peer, lane)), PEER_LIFE)];
        let letter = self.letter(Some(peer), &places, lane, index, at);
        advance(&mut self.received, (peer, lane), letter.digest);
        let signed = sign(&self.network.peers[peer].key, PayloadType::Header, letter.exact)?;
        *body = letter.body;
        Ok(Record::Received(Received {
            header: signed.payload,
            signatures: signed.signatures,
            commitment: letter.commitments.first().copied(),
            cursor: Cursor { hub_incarnation: HUB_LIFE, index, entry_digest: letter.digest },
            settlement: Settlement::Delivered,
        }))
    }

    /// A message of `sender` (a peer; `None`: of our own), next at each of the places.
    fn letter(
        &mut self,
        sender: Option<usize>,
        places: &[(usize, Head, Incarnation)],
        lane: Priority,
        index: u64,
        at: Instant,
    ) -> Letter {
        let mut sealed = vec![0; self.body_bytes];
        self.rng.fill_bytes(&mut sealed);
        let mut commitments = Vec::with_capacity(places.len());
        let mut recipients = Vec::with_capacity(places.len());
        for (peer, head, incarnation) in places {
            let position = Position { incarnation: *incarnation, number: head.number + 1 };
            let salt = self.random();
            let link_commitment = link_commitment(&salt, &incarnation.0, position.number, &head.digest);
            commitments.push(OpenedCommitment { position, previous: head.digest, salt });
            let agency = if sender.is_some() { &self.network.own } else { &self.network.peers[*peer] };
            let (agency, agreement) = (agency.id.clone(), Digest::new([8; 32]));
            recipients.push(Recipient { agency, agreement, link_commitment });
        }
        let header = Header {
            id: MessageId::new(at.as_millis().unsigned_abs(), self.random()),
            sender: sender.map_or(&self.network.own, |peer| &self.network.peers[peer]).id.clone(),
            sent_at: at,
            kind: if index.is_multiple_of(7) { Kind::Sighting } else { Kind::SuspectShipment },
            priority: lane,
            act_before: None,
            category: Category::Narcotics,
            mode: SharingMode::Spontaneous,
            handling: Handling::new(Tlp::Amber, []),
            operation: None,
            in_reply_to: None,
            directory: self.network.version,
            recipients: Recipients::new(recipients).expect("one or two recipients, none twice"),
            sealed_digest: sha256(&sealed),
            key_commitment: Digest::new(self.random()),
            plaintext_digest: Digest::new(self.random()),
            approval_digest: None,
        };
        let exact = header_to_bytes(&header);
        let wrapped_key: [u8; 48] = self.random();
        let body = stored_body_to_bytes(&StoredBody {
            sealed: sealed.into(),
            bucket: Bytes::from_static(b"message.2027-03"),
            key_nonce: self.random(),
            wrapped_key: Bytes::copy_from_slice(&wrapped_key),
        });
        Letter { digest: sha256(&exact), exact, commitments, body }
    }

    fn accepted(&mut self, at: Instant) -> Result<Record, SignError> {
        let headers = std::mem::take(&mut self.unaccepted);
        let digests: Vec<u8> = headers.iter().flat_map(|digest| *digest.as_bytes()).collect();
        self.batches += 1;
        let accepted = Accepted {
            hub_incarnation: HUB_LIFE,
            index: self.batches,
            accepted_at: at,
            sender: self.network.own.id.clone(),
            batch_digest: sha256(&digests),
            count: u32::try_from(headers.len()).expect("no more than a cycle holds"),
            refusals: Vec::new(),
        };
        let statement = sign(&self.network.hub, PayloadType::Accepted, accepted.to_payload())?;
        Ok(Record::Accepted { statement, headers })
    }

    fn receipt_sent(&mut self, peer: usize, at: Instant) -> Result<Record, SignError> {
        self.receipts += 1;
        let links = lines(&self.received, peer, PEER_LIFE);
        let (own, sender) = (&self.network.own, &self.network.peers[peer]);
        Ok(Record::ReceiptSent(self.receipt((own, self.life), sender, links, at)?))
    }

    fn receipt_received(&mut self, at: Instant) -> Result<Record, SignError> {
        self.receipts += 1;
        let links = lines(&self.sent, 0, self.life);
        let (own, recipient) = (&self.network.own, &self.network.peers[0]);
        Ok(Record::ReceiptReceived(self.receipt((recipient, PEER_LIFE), own, links, at)?))
    }

    fn receipt(
        &self,
        (recipient, life): (&Party, Incarnation),
        sender: &Party,
        links: Vec<LinkReceipt>,
        at: Instant,
    ) -> Result<Signed, SignError> {
        let receipt = Receipt {
            recipient: recipient.id.clone(),
            sender: sender.id.clone(),
            recipient_incarnation: life,
            number: self.receipts,
            made_at: at,
            links,
            checkpoint: Bytes::new(),
            cosigned: Bytes::new(),
            builds_on: 0,
            directory: self.network.version,
        };
        sign(&recipient.key, PayloadType::Receipt, receipt.to_payload())
    }

    fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}

fn lane(index: u64) -> Priority {
    if index.is_multiple_of(8) { Priority::Flash } else { Priority::Routine }
}

fn head(heads: &Heads, link: (usize, Priority)) -> Head {
    heads.get(&link).copied().unwrap_or(Head::EMPTY)
}

fn advance(heads: &mut Heads, link: (usize, Priority), digest: Digest) {
    let head = heads.entry(link).or_insert(Head::EMPTY);
    *head = head.followed_by(digest);
}

/// What is settled of the links with a peer.
fn lines(heads: &Heads, peer: usize, sender_incarnation: Incarnation) -> Vec<LinkReceipt> {
    let of_peer = heads.iter().filter(|((with, _), _)| *with == peer);
    let line = |((_, priority), head): (&(usize, Priority), &Head)| LinkReceipt {
        priority: *priority,
        sender_incarnation,
        contiguous: head.number,
        chain_digest: head.digest,
        delivered: Vec::new(),
        exceptions: Vec::new(),
        read: Vec::new(),
        agreed: None,
        filled: Vec::new(),
    };
    of_peer.map(line).collect()
}
