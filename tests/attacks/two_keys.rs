//! A sender who shows two recipients two texts under one signature.
//!
//! AES-GCM does not commit to its key. One ciphertext is made here that opens under two keys, each time to a content in
//! perfect form with another alert in it, and each recipient gets its own key. All that stands in the way is what the
//! signed header says: the commitment to one key, and the digest of one text.

use std::collections::HashMap;
use std::iter;

use bytes::Bytes;
use sealpost_crypto::digest::{plaintext_digest, sha256};
use sealpost_crypto::seal::ContentKey;
use sealpost_crypto::wrap::{SealingPublicKey, WrapContext, wrap};
use sealpost_domain::envelope::{Content, Envelope};
use sealpost_node::core::outbox::Prepared;
use sealpost_wire::alert::{alert_from_bytes, alert_to_bytes};
use sealpost_wire::envelope::{WrapContent, content_from_bytes, content_to_bytes, header_from_bytes};
use zeroize::Zeroizing;

use crate::gcm::{BLOCK, Gcm, agree};
use crate::scene::hub::encoded;
use crate::scene::{DE, LANE, NOW, Network, Node, Said, TH, agency, draft};

const TEXTS: [&str; 2] = ["invented: let it through", "invented: seize it at once"];
/// The class in which both contents lie, without any padding.
const CLASS: usize = 1024;

/// One ciphertext and what it opens to.
struct Pair {
    sealed: Vec<u8>,
    keys: [[u8; 32]; 2],
    contents: [Content; 2],
}

#[test]
fn two_texts_in_one_ciphertext_reach_at_most_one_recipient() {
    let pair = Pair::new();
    for (key, (content, text)) in pair.keys.iter().zip(pair.contents.iter().zip(TEXTS)) {
        // Without the header both are believed: they open, are contents, and hold alerts.
        let opened = Gcm::new(key).open(&pair.sealed).expect("the tag fits both keys");
        assert_eq!(opened[..4], u32::try_from(CLASS - 4).unwrap().to_le_bytes());
        let opened = content_from_bytes(&Bytes::copy_from_slice(&opened[4..])).unwrap();
        assert_eq!((opened.salt, &opened.body), (content.salt, &content.body));
        let alert = format!("{:?}", alert_from_bytes(&opened.body).unwrap().parts());
        assert!(alert.contains(text), "{alert}");
    }
    // Whichever key and text the sender commits to, the other is refused; a commitment to the key of one and the text
    // of the other serves nobody.
    for (key, text, expected) in [
        (0, 0, [Ok(()), Err("key.commitment")]),
        (1, 1, [Err("key.commitment"), Ok(())]),
        (0, 1, [Err("plaintext.digest"), Err("key.commitment")]),
        (1, 0, [Err("key.commitment"), Err("plaintext.digest")]),
    ] {
        assert_eq!(pair.sent(key, text), expected.map(|said| said.map_err(str::to_owned)), "{key} {text}");
    }
}

impl Pair {
    /// Two keys whose streams allow both contents to begin, and the ciphertext.
    ///
    /// A content is a protobuf message, which may begin with a field that nobody knows: what is the one text lies in such
    /// a field of the other. Only the first six bytes are read under both keys: the length of the content, then tag and
    /// length of a field to be passed over. A few hundred thousand keys are enough to find two that allow it.
    fn new() -> Self {
        let ([first, second], [short, long]) = keys();
        let contents = TEXTS.map(|text| {
            let alert = draft(&[DE, TH], text).parts().alert.clone();
            let body = alert_to_bytes(&alert).unwrap().into();
            Content { salt: *sha256(text.as_bytes()).as_bytes(), body, approvals: Vec::new() }
        });
        let [one, other] = [&contents[0], &contents[1]].map(content_to_bytes);
        let skip = |length: usize| {
            let [low, high] = [length & 0x7f, length >> 7].map(|bits| u8::try_from(bits).unwrap());
            [SKIP_TAG, 0x80 | low, high]
        };
        // Where each begins after the shared bytes, and where its content does.
        let (begin, other_begin) = (6 + usize::from(short.length), 6 + usize::from(long.length));
        let at = other_begin + 3;
        let other_at = at + one.len() + 3;
        let end = other_at + other.len() + 3;
        assert!(end + BLOCK <= CLASS, "both contents and the free block fit: {end}");

        let (mut texts, length) = ([vec![0; CLASS], vec![0; CLASS]], u32::try_from(CLASS - 4).unwrap());
        let put = |text: &mut Vec<u8>, at: usize, bytes: &[u8]| {
            text[at..at + bytes.len()].copy_from_slice(bytes);
            at..at + bytes.len()
        };
        for (text, head) in texts.iter_mut().zip([short, long]) {
            put(text, 0, &length.to_le_bytes());
            put(text, 4, &[head.tag, head.length]);
        }
        let own = [
            put(&mut texts[0], begin, &[SKIP_TAG, u8::try_from(at - begin - 2).unwrap()]),
            put(&mut texts[0], at, &one),
            put(&mut texts[0], other_at - 3, &skip(CLASS - other_at)),
        ];
        let others = [
            put(&mut texts[1], other_begin, &skip(other_at - at)),
            put(&mut texts[1], other_at, &other),
            put(&mut texts[1], end - 3, &skip(CLASS - end)),
        ];

        let ciphers = [first, second].map(|key| Gcm::new(&key));
        let streams = ciphers.each_ref().map(|cipher| cipher.keystream(CLASS));
        let mut ciphertext = vec![0; CLASS];
        for (which, ranges) in
            [(0, own.into_iter().chain(iter::once(0..6)).collect::<Vec<_>>()), (1, others.to_vec())]
        {
            for place in ranges.into_iter().flatten() {
                ciphertext[place] = texts[which][place] ^ streams[which][place];
            }
        }
        let sealed = agree(&ciphers[0], &ciphers[1], ciphertext);
        Self { sealed, keys: [first, second], contents }
    }

    /// What Germany, which gets the first key, and Thailand, which gets the second, make of it, when the header commits
    /// to this key and this text.
    fn sent(&self, key: usize, text: usize) -> [Result<(), String>; 2] {
        let network = Network::new();
        let [mut hong_kong, mut germany, mut thailand] = network.nodes();
        let mut prepared = hong_kong.prepare(draft(&[DE, TH], TEXTS[text]));
        self.forge(&mut prepared, key, text);
        let mut envelope = hong_kong.send(&prepared);
        for (recipient, key) in [DE, TH].into_iter().zip(&self.keys) {
            rewrap(&mut hong_kong, &mut envelope, recipient, key);
        }
        // One header, one signature, one ciphertext: the hub has nothing to object to.
        let passed = network.hub().submit(&encoded(&envelope)).unwrap();
        assert_eq!(passed.deliveries.len(), 2);
        let said = [&mut germany, &mut thailand].map(|node| {
            let (_, bytes) = passed.deliveries.iter().find(|(id, _)| *id == node.id()).unwrap();
            node.receive(bytes, LANE)
        });
        germany.assert_ledger_sound();
        thailand.assert_ledger_sound();
        said.map(|said| match said {
            Said::Shown(shown) => {
                let content = content_from_bytes(&shown.plaintext.into()).unwrap();
                assert_eq!(content.body, self.contents[text].body, "the text that the sender committed to");
                Ok(())
            }
            Said::Excepted(rule) => Err(rule),
            said => panic!("{said:?}"),
        })
    }

    fn forge(&self, prepared: &mut Prepared, key: usize, text: usize) {
        let Content { salt, body, .. } = &self.contents[text];
        prepared.content_key = ContentKey::from_bytes(&self.keys[key]).unwrap();
        prepared.key_commitment = prepared.content_key.commitment();
        prepared.plaintext_digest = plaintext_digest(salt, body);
        prepared.sealed = self.sealed.clone().into();
        prepared.sealed_digest = sha256(&self.sealed);
    }
}

/// A tag of a field of `SealedContent` that nobody knows, with a length.
const SKIP_TAG: u8 = 4 << 3 | 2;

/// How a content begins: a field to be passed over.
#[derive(Clone, Copy)]
struct Head {
    tag: u8,
    length: u8,
}

/// Two keys, and the heads that become the same bytes under them; the second is the longer one.
fn keys() -> ([[u8; 32]; 2], [Head; 2]) {
    let mut seen = HashMap::<[u8; 4], Vec<([u8; 32], [u8; 2])>>::new();
    for number in 0_u32..1 << 22 {
        let key = *sha256(&number.to_be_bytes()).as_bytes();
        let stream: [u8; 6] = Gcm::new(&key).keystream(6).try_into().unwrap();
        let ([a, b, c, d], [tag, length]) =
            ([stream[0], stream[1], stream[2], stream[3]], [stream[4], stream[5]]);
        let alike = seen.entry([a, b, c, d]).or_default();
        for (other, [other_tag, other_length]) in alike.iter() {
            if let Some(heads) = heads(tag ^ other_tag, length ^ other_length) {
                return ([*other, key], heads);
            }
        }
        alike.push((key, [tag, length]));
    }
    panic!("none among four million keys: chance would have it that this does not happen");
}

/// Heads that differ by exactly these bits.
fn heads(tag: u8, length: u8) -> Option<[Head; 2]> {
    let tags = (4..16).map(|field| field << 3 | 2);
    let unknown = |other: u8| tags.clone().any(|tag| tag == other);
    let first = tags.clone().find(|first| unknown(first ^ tag))?;
    // Room for a head of its own between the two.
    let short = (0..128).find(|short: &u8| short ^ length < 128 && short ^ length > short + 2)?;
    Some([Head { tag: first, length: short }, Head { tag: first ^ tag, length: short ^ length }])
}

/// Gives a recipient another content key than the one that lies in Hong Kong's ledger.
fn rewrap(hong_kong: &mut Node, envelope: &mut Envelope, recipient: &str, key: &[u8; 32]) {
    let (header, recipient) = (header_from_bytes(&envelope.header).unwrap(), agency(recipient));
    let place = header.recipients.agencies().position(|agency| *agency == recipient).unwrap();
    let commitment = hong_kong.last_sent().commitments[place];
    let content = WrapContent { content_key: Zeroizing::new(*key), commitment };
    let digest = sha256(&envelope.header);
    let context = WrapContext {
        message_id: header.id.as_bytes(),
        sender: &header.sender,
        recipient: &recipient,
        header_digest: &digest,
    };
    let record = hong_kong.directory.sealing_key(&recipient, NOW).unwrap();
    let public = SealingPublicKey::from_bytes(&record.key.bytes).unwrap();
    let wrapped = wrap(&mut hong_kong.rng, &public, &context, &content.to_bytes()).unwrap();
    let own = envelope.wraps.iter_mut().find(|wrap| wrap.recipient == recipient).unwrap();
    own.encapsulated_key = wrapped.encapsulated.into();
    own.ciphertext = wrapped.ciphertext.into();
}
