//! Real envelopes, prepared before anything is timed: sealed, chained, signed, with one X-Wing wrap for each recipient.

use std::num::NonZero;
use std::thread;

use anyhow::Context as _;
use bytes::Bytes;
use prost::Message as _;
use rand::{CryptoRng, Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::digest::{link_commitment, plaintext_digest, sha256};
use sealpost_crypto::dsse::{PayloadType, SigningKey};
use sealpost_crypto::seal::seal_content;
use sealpost_crypto::wrap::{SealingPublicKey, WrapContext, wrap};
use sealpost_demo::network::now;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::Agreement;
use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::{Content, Envelope, Header, OpenedCommitment, Recipient, Recipients, Wrap};
use sealpost_domain::handling::{Handling, Tlp};
use sealpost_domain::link::{Head, Incarnation, Position};
use sealpost_domain::message::{Category, Kind, MessageId, Priority, SharingMode};
use sealpost_proto::v1 as pb;
use sealpost_testkit::network::sign;
use sealpost_wire::envelope::{WrapContent, content_to_bytes, envelope_message, header_to_bytes};
use zeroize::Zeroizing;

use super::Net;
use crate::screen::Bar;

/// With salt and length it fills the smallest size class, 1 KiB, which is what an envelope carries.
const BODY_BYTES: usize = 960;
const LIFE: Incarnation = Incarnation([3; 16]);

/// An envelope that is ready to be submitted.
#[derive(Clone)]
pub(crate) struct Prepared {
    pub(crate) message: pb::Envelope,
    /// On the wire, with all wraps.
    pub(crate) bytes: usize,
    /// What one recipient gets of it.
    pub(crate) delivered_bytes: usize,
}

/// Who sends what to whom.
pub(crate) struct Mail<'n> {
    pub(crate) net: &'n Net,
    /// The sender's place in the roster.
    pub(crate) sender: usize,
    /// Places in the roster.
    pub(crate) recipients: std::ops::RangeInclusive<usize>,
    pub(crate) priority: Priority,
}

/// A message whose place on its links is decided.
struct Letter {
    header: Bytes,
    id: MessageId,
    sealed: Bytes,
    key: Zeroizing<[u8; 32]>,
    commitments: Vec<OpenedCommitment>,
}

/// Whom one seals to.
struct Addressee {
    agency: AgencyId,
    key: SealingPublicKey,
    agreement: Digest,
}

impl Mail<'_> {
    /// Makes so many, on all cores. The chain is made first, since each header commits to the one before.
    pub(crate) fn prepare(&self, count: usize) -> anyhow::Result<Vec<Prepared>> {
        let key = SigningKey::read(&self.net.node_folder(self.sender)?.join("signing.pem"))?;
        let (sender, addressees) = (self.net.agency(self.sender)?, self.addressees()?);
        let mut rng = ChaCha20Rng::seed_from_u64(u64::try_from(self.sender)?);
        let mut head = Head::EMPTY;
        let mut letters = Vec::with_capacity(count);
        for _ in 0..count {
            let letter = self.letter(&sender, &addressees, head, &mut rng)?;
            head = head.followed_by(sha256(&letter.header));
            letters.push(letter);
        }
        let bar = Bar::new(u64::try_from(count)?, "envelopes are wrapped and signed");
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let work = |letters: &[Letter], mut rng: ChaCha20Rng| {
            let mut packed = Vec::with_capacity(letters.len());
            for letter in letters {
                packed.push(pack(letter, &sender, &addressees, &key, &mut rng)?);
                bar.advance();
            }
            anyhow::Ok(packed)
        };
        let work = &work;
        thread::scope(|scope| {
            let shares = letters.chunks(count.div_ceil(threads).max(1));
            let workers: Vec<_> = shares
                .map(|share| {
                    let rng = ChaCha20Rng::from_rng(&mut rng);
                    scope.spawn(move || work(share, rng))
                })
                .collect();
            let mut prepared = Vec::with_capacity(count);
            for worker in workers {
                prepared.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok(prepared)
        })
    }

    fn addressees(&self) -> anyhow::Result<Vec<Addressee>> {
        let (Net { directory, .. }, sender) = (self.net, self.net.agency(self.sender)?);
        let addressee = |place| {
            let agency = self.net.agency(place)?;
            let record = directory.sealing_key(&agency, now());
            let record = record.with_context(|| format!("{agency} has no sealing key"))?;
            let key = SealingPublicKey::from_bytes(&record.key.bytes)?;
            let of_both = |agreement: &&Agreement| {
                agreement.parties.contains(&sender) && agreement.parties.contains(&agency)
            };
            let agreement = directory.agreements.iter().find(of_both);
            let agreement =
                agreement.with_context(|| format!("no agreement of {sender} and {agency}"))?.digest;
            Ok(Addressee { agency, key, agreement })
        };
        self.recipients.clone().map(addressee).collect()
    }

    fn letter(
        &self,
        sender: &AgencyId,
        addressees: &[Addressee],
        head: Head,
        rng: &mut ChaCha20Rng,
    ) -> anyhow::Result<Letter> {
        let (now, mut body) = (now(), vec![0; BODY_BYTES]);
        rng.fill_bytes(&mut body);
        let content = Content { salt: random(rng), body: body.into(), approvals: Vec::new() };
        let sealed = seal_content(rng, &content_to_bytes(&content))?;
        let position = Position { incarnation: LIFE, number: head.number + 1 };
        let commitments: Vec<_> = addressees
            .iter()
            .map(|_| OpenedCommitment { position, previous: head.digest, salt: random(rng) })
            .collect();
        let recipient = |(addressee, opened): (&Addressee, &OpenedCommitment)| Recipient {
            agency: addressee.agency.clone(),
            agreement: addressee.agreement,
            link_commitment: link_commitment(&opened.salt, &LIFE.0, position.number, &opened.previous),
        };
        let id = MessageId::new(now.as_millis().unsigned_abs(), random(rng));
        let header = Header {
            id,
            sender: sender.clone(),
            sent_at: now,
            kind: Kind::SuspectShipment,
            priority: self.priority,
            act_before: None,
            category: Category::Narcotics,
            mode: SharingMode::Spontaneous,
            handling: Handling::new(Tlp::Amber, []),
            operation: None,
            in_reply_to: None,
            directory: self.net.directory.version,
            recipients: Recipients::new(addressees.iter().zip(&commitments).map(recipient).collect())?,
            sealed_digest: sealed.digest,
            key_commitment: sealed.key_commitment,
            plaintext_digest: plaintext_digest(&content.salt, &content.body),
            approval_digest: None,
        };
        let key = Zeroizing::new(*sealed.key.as_bytes());
        Ok(Letter { header: header_to_bytes(&header), id, sealed: sealed.bytes.into(), key, commitments })
    }
}

/// Signs a letter and wraps its key for everybody.
fn pack(
    letter: &Letter,
    sender: &AgencyId,
    addressees: &[Addressee],
    key: &SigningKey,
    rng: &mut dyn CryptoRng,
) -> anyhow::Result<Prepared> {
    let digest = sha256(&letter.header);
    let mut wraps = Vec::with_capacity(addressees.len());
    for (addressee, commitment) in addressees.iter().zip(&letter.commitments) {
        let context = WrapContext {
            message_id: letter.id.as_bytes(),
            sender,
            recipient: &addressee.agency,
            header_digest: &digest,
        };
        let content = WrapContent { content_key: letter.key.clone(), commitment: *commitment };
        let wrapped = wrap(rng, &addressee.key, &context, &content.to_bytes())?;
        wraps.push(Wrap {
            recipient: addressee.agency.clone(),
            key_id: addressee.key.key_id(),
            encapsulated_key: wrapped.encapsulated.into(),
            ciphertext: wrapped.ciphertext.into(),
        });
    }
    let signatures = sign(key, PayloadType::Header, letter.header.clone())?.signatures;
    let sealed = letter.sealed.clone();
    let message = envelope_message(&Envelope { header: letter.header.clone(), signatures, sealed, wraps });
    let bytes = message.encoded_len();
    let one_wrap = message.wraps.iter().take(1).cloned().collect();
    let delivered_bytes = pb::Envelope { wraps: one_wrap, ..message.clone() }.encoded_len();
    Ok(Prepared { message, bytes, delivered_bytes })
}

fn random<const N: usize>(rng: &mut ChaCha20Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}
