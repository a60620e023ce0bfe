//! Is an envelope what it claims to be? Decided before it comes into the journal, one by one: a bad envelope is refused
//! by itself, and the rest of its batch goes on.
//!
//! Runs on the worker pool. Whether it may go to its recipients is not decided here but in [`crate::core`].

use sealpost_domain::rule::Rule;
use std::collections::BTreeSet;
use std::slice;

use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::{PayloadType, VerifyError, VerifyingKey};
use sealpost_crypto::signed_by::{NotSigned, signed_by};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::KeyId;
use sealpost_domain::directory::{Directory, SigningKeyRecord};
use sealpost_domain::envelope::{Envelope, Recipients, Signature, Wrap};
use sealpost_domain::instant::Instant;
use sealpost_domain::message::Priority;
use sealpost_wire::envelope::header_from_bytes;
use sealpost_wire::hub::Payload;

/// An envelope that is what it claims to be. It keeps nothing of the message in which it came, however large that was: it
/// may wait for the disk, and stay in memory when it is written.
pub struct Sound {
    /// The exact bytes that were signed.
    pub header: Bytes,
    /// Those that hold, by keys that are valid now.
    pub signatures: Vec<Signature>,
    /// What goes into the body log.
    pub payload: Bytes,
    /// The same, in parts, to be delivered from memory.
    pub content: Payload,
    /// Bit n is set where there is a wrap for recipient n.
    pub wrapped: u64,
    /// All recipients, in the order of the header.
    pub recipients: Vec<AgencyId>,
    /// How urgent it is.
    pub priority: Priority,
}

/// An agency that submits, with the keys of its node that are valid now: read once for all envelopes of a batch, since that
/// takes a part of what verifying takes.
pub struct Sender<'a> {
    agency: &'a AgencyId,
    /// `None` for an agency that the directory does not list.
    keys: Option<Vec<(KeyId, Result<VerifyingKey, VerifyError>)>>,
}

impl<'a> Sender<'a> {
    /// Reads the keys from the directory in force.
    pub fn new(agency: &'a AgencyId, directory: &Directory, now: Instant) -> Self {
        let ready = |record: &SigningKeyRecord| (record.key.id, VerifyingKey::from_bytes(&record.key.bytes));
        let listed = directory.agencies.contains_key(agency);
        let keys = listed.then(|| directory.node_keys(agency, now).map(ready).collect());
        Self { agency, keys }
    }
}

/// Verifies an envelope of a sender; otherwise names the rule that it breaks.
pub fn verify(envelope: Envelope, sender: &Sender<'_>) -> Result<Sound, Rule> {
    let Envelope { header: bytes, signatures, sealed, wraps } = envelope;
    // The certificate says whose signature to look for: nothing is parsed before it holds.
    let signatures = holding(signatures, &bytes, sender)?;
    let header = header_from_bytes(&bytes).map_err(|_| Rule::HeaderMalformed)?;
    if header.sender != *sender.agency {
        return Err(Rule::SenderForged);
    }
    if sha256(&sealed) != header.sealed_digest {
        return Err(Rule::SealedDigest);
    }
    let wrapped = wrapped(&wraps, &header.recipients)?;
    let recipients = header.recipients.agencies().cloned().collect();
    let payload = Payload { sealed, wraps }.to_bytes();
    // Its parts, and no second copy of them.
    let content = Payload::from_bytes(&payload).map_err(|_| Rule::HeaderMalformed)?;
    let priority = header.priority;
    let signatures = signatures.iter().map(signature_apart).collect();
    Ok(Sound { header: apart(&bytes), signatures, payload, content, wrapped, recipients, priority })
}

/// The same bytes in memory of their own: parts of a message share the buffer in which it came.
pub fn apart(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// A signature whose bytes are in memory of their own.
pub fn signature_apart(signature: &Signature) -> Signature {
    Signature { key_id: signature.key_id, bytes: apart(&signature.bytes) }
}

/// The signatures that hold, by node keys of the sender that are valid now. Others, such as an older key's beside
/// that of its successor, are not passed on, and neither are repeats.
fn holding(signatures: Vec<Signature>, header: &[u8], sender: &Sender<'_>) -> Result<Vec<Signature>, Rule> {
    let keys = sender.keys.as_deref().ok_or(Rule::AgencyUnknown)?;
    let mut refusal = Rule::KeyUnknown;
    let listed = |id| keys.iter().find(|(key, _)| *key == id).map(|(_, key)| (key, ()));
    let mut holds = |signature: &Signature| match signed_by(
        PayloadType::Header,
        header,
        slice::from_ref(signature),
        listed,
    ) {
        Ok(_) => true,
        Err(NotSigned::UnknownKey { .. }) => false,
        Err(NotSigned::Wrong { .. }) => {
            refusal = Rule::SignatureInvalid;
            false
        }
    };
    let mut holding: Vec<_> = signatures.into_iter().filter(|signature| holds(signature)).collect();
    let mut seen = BTreeSet::new();
    holding.retain(|signature| seen.insert(signature.key_id));
    if holding.is_empty() { Err(refusal) } else { Ok(holding) }
}

/// Which recipients there are wraps for, each at most one, and none for anybody else.
fn wrapped(wraps: &[Wrap], recipients: &Recipients) -> Result<u64, Rule> {
    let mut mask = 0_u64;
    for wrap in wraps {
        let position = recipients
            .as_slice()
            .iter()
            .position(|recipient| recipient.agency == wrap.recipient)
            .and_then(|position| u32::try_from(position).ok())
            .ok_or(Rule::WrapRecipient)?;
        let bit = 1_u64.checked_shl(position).ok_or(Rule::WrapRecipient)?;
        if mask & bit != 0 {
            return Err(Rule::WrapRecipient);
        }
        mask |= bit;
    }
    Ok(mask)
}

#[cfg(test)]
mod tests {
    use sealpost_crypto::chains::NOW;

    use super::*;
    use crate::fixture::{Network, agency, wrap};

    fn judge(network: &Network, envelope: Envelope) -> Result<Sound, Rule> {
        let directory = sealpost_crypto::directory::verify(&network.genesis(), None).unwrap();
        let agency = agency("HK-CED");
        verify(envelope, &Sender::new(&agency, &directory, NOW))
    }

    fn refused(network: &Network, envelope: Envelope) -> Rule {
        judge(network, envelope).map(|_| ()).unwrap_err()
    }

    #[test]
    fn a_signature_that_is_repeated_is_kept_once() {
        let network = Network::new();
        let mut envelope = network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, 1);
        envelope.signatures.extend(envelope.signatures.clone());
        assert_eq!(judge(&network, envelope).ok().unwrap().signatures.len(), 1);
    }

    #[test]
    fn a_sound_envelope_keeps_its_bytes_and_says_who_has_a_wrap() {
        let network = Network::new();
        let mut envelope = network.envelope("HK-CED", &["DE-ZKA", "TH-TCD"], Priority::Flash, 1);
        envelope.wraps.remove(0);
        let sound = judge(&network, envelope.clone()).ok().unwrap();
        assert_eq!((sound.header, sound.wrapped), (envelope.header, 0b10));
        let stored = Payload::from_bytes(&sound.payload).unwrap();
        assert!(stored.sealed == envelope.sealed && stored.wraps == envelope.wraps);
    }

    #[test]
    fn a_sound_envelope_keeps_nothing_of_the_message_in_which_it_came() {
        let network = Network::new();
        let envelope = network.envelope("HK-CED", &["DE-ZKA"], Priority::Flash, 1);
        let message = sealpost_wire::envelope::envelope_message(&envelope);
        let mut padded = prost::Message::encode_to_vec(&message);
        padded.resize(4 << 20, 0);
        let came = Bytes::from(padded);
        let within = |bytes: &Bytes| came.as_ptr_range().contains(&bytes.as_ptr());
        let length = prost::Message::encoded_len(&message);
        let message = prost::Message::decode(came.slice(..length)).unwrap();
        let envelope = sealpost_wire::envelope::envelope(message).unwrap();
        assert!(within(&envelope.header) && within(&envelope.sealed), "parts share the buffer");
        let sound = judge(&network, envelope).ok().unwrap();
        let mut parts = vec![&sound.header, &sound.payload, &sound.content.sealed];
        parts.extend(sound.signatures.iter().map(|signature| &signature.bytes));
        parts.extend(sound.content.wraps.iter().flat_map(|wrap| [&wrap.encapsulated_key, &wrap.ciphertext]));
        assert!(!parts.into_iter().any(within));
    }

    #[test]
    fn every_flipped_bit_of_header_signature_and_body_is_refused() {
        let network = Network::new();
        let envelope = network.envelope("HK-CED", &["DE-ZKA"], Priority::Flash, 1);
        let flip = |bytes: &Bytes, at: usize| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1 << (at % 8);
            Bytes::from(bytes)
        };
        for at in 0..envelope.header.len() {
            let header = flip(&envelope.header, at);
            assert_eq!(refused(&network, Envelope { header, ..envelope.clone() }), "signature.invalid");
        }
        for at in 0..64 {
            let mut flipped = envelope.clone();
            flipped.signatures[0].bytes = flip(&envelope.signatures[0].bytes, at);
            assert_eq!(refused(&network, flipped), "signature.invalid");
        }
        for at in 0..envelope.sealed.len() {
            let sealed = flip(&envelope.sealed, at);
            assert_eq!(refused(&network, Envelope { sealed, ..envelope.clone() }), "sealed.digest");
        }
    }

    #[test]
    fn somebody_elses_envelope_or_key_is_refused() {
        let network = Network::new();
        let theirs = network.envelope("DE-ZKA", &["HK-CED"], Priority::Flash, 1);
        assert_eq!(refused(&network, theirs.clone()), "key.unknown");
        let mut signed_by_another = network.envelope("HK-CED", &["DE-ZKA"], Priority::Flash, 1);
        signed_by_another.signatures = theirs.signatures;
        assert_eq!(refused(&network, signed_by_another), "key.unknown");
    }

    #[test]
    fn wraps_for_strangers_and_second_wraps_are_refused() {
        let network = Network::new();
        let mut stranger = network.envelope("HK-CED", &["DE-ZKA"], Priority::Flash, 1);
        stranger.wraps.push(wrap("TH-TCD", 1));
        assert_eq!(refused(&network, stranger), "wrap.recipient");
        let mut twice = network.envelope("HK-CED", &["DE-ZKA"], Priority::Flash, 1);
        twice.wraps.push(wrap("DE-ZKA", 2));
        assert_eq!(refused(&network, twice), "wrap.recipient");
    }
}
