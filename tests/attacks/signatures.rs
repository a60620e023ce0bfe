//! Ed25519 at its edges: what verifiers disagree about is refused by the one rule of acceptance, at the hub and at the
//! recipient alike.
//!
//! Every forgery here satisfies the verification equation of RFC 8032 in one of its readings, which is checked first with
//! arithmetic of its own: with or without the cofactor, second encodings taken for the first, scalars reduced. A verifier
//! that takes one of them would give one header two signatures, or take a signature for which no key was needed.

use bytes::Bytes;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as BASE, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity as _;
use prost::Message as _;
use sealpost_crypto::digest::{Algorithm, key_id};
use sealpost_crypto::dsse::{PayloadType, VerifyError, VerifyingKey, pae, verify_statement};
use sealpost_domain::directory::{Directory, KeyUse, PublicKey};
use sealpost_domain::envelope::{Envelope, Signature};
use sealpost_domain::rule::Rule;
use sealpost_proto::v1 as pb;
use sha2::{Digest as _, Sha512};

use crate::scene::hub::{Refused, encoded};
use crate::scene::{DE, HK, Hub, Network, Node, Said, agency, draft};

/// The order of the base point, little-endian (RFC 8032, 5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// How the equation S·B = R + k·A is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// As it stands.
    Plain,
    /// Both sides times eight.
    Cofactored,
}

/// A signature that satisfies the equation in this reading.
struct Forgery {
    what: String,
    key: [u8; 32],
    signature: [u8; 64],
    reading: Reading,
}

/// A header that is to be signed, the secret scalar of the sender's key, and a scalar for R.
struct Pen {
    message: Vec<u8>,
    secret: Scalar,
    nonce: Scalar,
}

impl Pen {
    fn hash(&self, r: &[u8; 32], key: &[u8; 32]) -> Scalar {
        let hash = Sha512::new().chain_update(r).chain_update(key).chain_update(&self.message).finalize();
        Scalar::from_bytes_mod_order_wide(&hash.into())
    }

    fn key(&self) -> EdwardsPoint {
        BASE * self.secret
    }

    /// R as it is given, and the S that belongs to it when its point is `nonce`·B but for a part of low order.
    fn sign(&self, r: [u8; 32], nonce: Scalar, key: [u8; 32], secret: Scalar) -> [u8; 64] {
        let s = nonce + self.hash(&r, &key) * secret;
        joined(r, s.to_bytes())
    }

    /// Whether a verifier that is lax in every other respect takes it.
    fn holds(&self, forgery: &Forgery) -> bool {
        let (r, s) = forgery.signature.split_first_chunk::<32>().unwrap();
        let (Some(point), Some(key)) = (decompressed(r), decompressed(&forgery.key)) else { return false };
        let s = Scalar::from_bytes_mod_order(s.try_into().unwrap());
        let rest = BASE * s - point - key * self.hash(r, &forgery.key);
        match forgery.reading {
            Reading::Plain => rest.is_identity(),
            Reading::Cofactored => rest.mul_by_cofactor().is_identity(),
        }
    }
}

fn joined(r: [u8; 32], s: [u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice(&s);
    signature
}

/// The point of any encoding, also a second one.
fn decompressed(bytes: &[u8; 32]) -> Option<EdwardsPoint> {
    CompressedEdwardsY(*bytes).decompress()
}

/// The sum of two numbers, little-endian; `None` beyond 2²⁵⁶.
fn plus(left: [u8; 32], right: [u8; 32]) -> Option<[u8; 32]> {
    let (mut sum, mut carry) = ([0; 32], 0);
    for (to, (left, right)) in sum.iter_mut().zip(left.into_iter().zip(right)) {
        let byte = u16::from(left) + u16::from(right) + carry;
        [*to, _] = byte.to_le_bytes();
        carry = byte >> 8;
    }
    (carry == 0).then_some(sum)
}

/// All encodings of points that are not canonical: y from the modulus 2²⁵⁵ − 19 on, and x = 0 with a sign.
fn second_encodings() -> Vec<[u8; 32]> {
    let mut found = Vec::new();
    for sign in [0, 0x80] {
        for beyond in 0..19 {
            let mut bytes = [0xff; 32];
            bytes[0] = 0xed + beyond;
            bytes[31] = 0x7f | sign;
            found.push(bytes);
        }
    }
    let mut one = [0; 32];
    (one[0], one[31]) = (1, 0x80);
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    found.extend([one, minus_one]);
    found.retain(|bytes| decompressed(bytes).is_some_and(|point| point.compress().to_bytes() != *bytes));
    found
}

/// Low order in every encoding: the eight points, and their second encodings.
fn low_order() -> Vec<[u8; 32]> {
    let seconds = second_encodings().into_iter();
    let seconds = seconds.filter(|bytes| decompressed(bytes).unwrap().is_small_order());
    EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).chain(seconds).collect()
}

fn forgeries(pen: &Pen) -> Vec<Forgery> {
    let own = pen.key().compress().to_bytes();
    let mut forgeries = Vec::new();
    let mut add = |what: String, key, signature, reading| {
        forgeries.push(Forgery { what, key, signature, reading });
    };
    for r in low_order() {
        let signature = pen.sign(r, Scalar::ZERO, own, pen.secret);
        add(format!("R of low order {r:02x?}"), own, signature, Reading::Cofactored);
        if decompressed(&r).unwrap().is_identity() {
            add(format!("R is the identity {r:02x?}"), own, signature, Reading::Plain);
        }
    }
    for key in low_order() {
        let r = (BASE * pen.nonce).compress().to_bytes();
        let signature = pen.sign(r, pen.nonce, key, Scalar::ZERO);
        add(format!("a key of low order {key:02x?}, no secret"), key, signature, Reading::Cofactored);
        let identity = EIGHT_TORSION[0].compress().to_bytes();
        add(
            format!("both of low order, S = 0, {key:02x?}"),
            key,
            joined(identity, [0; 32]),
            Reading::Cofactored,
        );
    }
    for torsion in &EIGHT_TORSION[1..] {
        let r = (BASE * pen.nonce + torsion).compress().to_bytes();
        add(
            "R with a part of low order".into(),
            own,
            pen.sign(r, pen.nonce, own, pen.secret),
            Reading::Cofactored,
        );
        let key = (pen.key() + torsion).compress().to_bytes();
        // A nonce under which the part of low order does not vanish: otherwise the equation holds as it stands.
        let found = (1_u64..).map(|number| pen.nonce + Scalar::from(number)).find_map(|nonce| {
            let r = (BASE * nonce).compress().to_bytes();
            let k = pen.hash(&r, &key);
            (!(torsion * k).is_identity()).then(|| pen.sign(r, nonce, key, pen.secret))
        });
        add("a key with a part of low order".into(), key, found.unwrap(), Reading::Cofactored);
    }
    let r = (BASE * pen.nonce).compress().to_bytes();
    let honest = pen.sign(r, pen.nonce, own, pen.secret);
    let mut s: [u8; 32] = honest[32..].try_into().unwrap();
    for times in 1.. {
        let Some(larger) = plus(s, ORDER) else { break };
        s = larger;
        add(format!("S + {times} times the order"), own, joined(r, s), Reading::Plain);
    }
    forgeries
}

/// Who judges, and what was signed.
struct Court {
    hub: Hub,
    germany: Node,
    envelope: Envelope,
    delivered: Bytes,
    pen: Pen,
}

impl Court {
    fn new() -> Self {
        let network = Network::new();
        let [mut hong_kong, germany, _] = network.nodes();
        let envelope = hong_kong.write(draft(&[DE], "invented, with a signature at the edge"));
        let mut hub = network.hub();
        let delivered = hub.submit(&encoded(&envelope)).unwrap().deliveries.remove(0).1;
        // The last 32 bytes of PKCS#8 version 1 are the seed; the secret scalar is made of its hash.
        let der = hong_kong.signing.to_pkcs8();
        let seed: &[u8; 32] = der.last_chunk().unwrap();
        let hash: [u8; 64] = Sha512::digest(seed).into();
        let clamped = curve25519_dalek::scalar::clamp_integer(*hash.first_chunk().unwrap());
        let pen = Pen {
            message: pae(PayloadType::Header.as_str(), &envelope.header),
            secret: Scalar::from_bytes_mod_order(clamped),
            nonce: Scalar::from(0x5ea1_u64),
        };
        Self { hub, germany, envelope, delivered, pen }
    }

    /// A directory, already believed, in which Hong Kong's node has this key.
    fn list(directory: &mut Directory, key: &[u8; 32]) {
        let record = &mut directory.agencies.get_mut(&agency(HK)).unwrap().signing_keys;
        let node = record.iter_mut().find(|record| record.usage == KeyUse::Node);
        node.unwrap().key = PublicKey { id: key_id(Algorithm::Ed25519, key), bytes: key.to_vec() };
    }

    /// What the rule, the hub and Germany say to the header under such a signature.
    fn judge(&mut self, forgery: &Forgery) -> [Result<(), String>; 3] {
        let Forgery { key, signature, .. } = forgery;
        let header = &self.envelope.header;
        let by_rule = VerifyingKey::from_bytes(key)
            .and_then(|key| verify_statement(&key, PayloadType::Header, header, signature))
            .map_err(|error| error.to_string());

        let key_id = key_id(Algorithm::Ed25519, key);
        let signatures = vec![Signature { key_id, bytes: Bytes::copy_from_slice(signature) }];
        Self::list(&mut self.hub.directory, key);
        let envelope = Envelope { signatures, ..self.envelope.clone() };
        let by_hub = self.hub.submit(&encoded(&envelope)).map(|_| ()).map_err(|refused| match refused {
            Refused::By(rule) => rule,
            Refused::Unreadable => "no envelope".to_owned(),
        });

        Self::list(&mut self.germany.directory, key);
        let delivered = pb::Delivery::decode(self.delivered.clone()).unwrap();
        let delivered = pb::Delivery {
            signatures: vec![pb::Signature {
                key_id: Bytes::copy_from_slice(key_id.as_bytes()),
                signature: Bytes::copy_from_slice(signature),
            }],
            ..delivered
        };
        let mut rng = self.germany.rng.clone();
        let by_recipient = match self.germany.judge(&delivered.encode_to_vec().into(), &mut rng) {
            Said::Shown(_) => Ok(()),
            Said::Unproven(rule) => Err(rule),
            said => panic!("{said:?}"),
        };
        [by_rule, by_hub, by_recipient]
    }
}

#[test]
fn whatever_verifiers_disagree_about_is_refused_by_rule_hub_and_recipient() {
    let mut court = Court::new();
    let forgeries = forgeries(&court.pen);
    assert!(forgeries.len() > 60, "{}", forgeries.len());
    for forgery in &forgeries {
        assert!(court.pen.holds(forgery), "a lax verifier takes it: {}", forgery.what);
        let [by_rule, by_hub, by_recipient] = court.judge(forgery);
        assert!(by_rule.is_err(), "{}", forgery.what);
        assert_eq!(by_hub, Err(Rule::SignatureInvalid.to_string()), "{}", forgery.what);
        assert_eq!(by_recipient, Err(Rule::SignatureInvalid.to_string()), "{}", forgery.what);
    }
}

/// The same arithmetic, honestly used: so the refusals above are due to the edges alone.
#[test]
fn an_honest_signature_of_the_same_making_is_taken_by_all() {
    let mut court = Court::new();
    let key = court.pen.key().compress().to_bytes();
    let r = (BASE * court.pen.nonce).compress().to_bytes();
    let signature = court.pen.sign(r, court.pen.nonce, key, court.pen.secret);
    let honest = Forgery { what: "none".into(), key, signature, reading: Reading::Plain };
    assert!(court.pen.holds(&honest));
    assert_eq!(court.judge(&honest), [Ok(()), Ok(()), Ok(())]);
}

#[test]
fn keys_of_low_order_and_second_encodings_of_any_key_are_no_keys() {
    let seconds = second_encodings();
    assert!(
        seconds.iter().any(|bytes| !decompressed(bytes).unwrap().is_small_order()),
        "some are of full order"
    );
    for bytes in seconds {
        assert_eq!(VerifyingKey::from_bytes(&bytes), Err(VerifyError::KeyEncoding), "{bytes:02x?}");
    }
    for point in &EIGHT_TORSION {
        let bytes = point.compress().to_bytes();
        assert_eq!(VerifyingKey::from_bytes(&bytes), Err(VerifyError::KeyOrder), "{bytes:02x?}");
    }
    let off_the_curve = (2_u8..).map(|y| {
        let mut bytes = [0; 32];
        bytes[0] = y;
        bytes
    });
    for bytes in off_the_curve.filter(|bytes| decompressed(bytes).is_none()).take(8) {
        assert_eq!(VerifyingKey::from_bytes(&bytes), Err(VerifyError::KeyPoint), "{bytes:02x?}");
    }
}
