//! What a joint operation is about: sealed by its lead, opened by its members alone.
//!
//! The text is sealed as a message's content is. The wraps are bound to the operation's own terms in the place of a
//! header, so that none opens in another operation, nor in this one under other terms; the signed payload commits to
//! the content key, so that no two members can be told two texts.

use rand::CryptoRng;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::Operation;
use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::Wrap;
use sealpost_wire::directory::{SealedDetails, operation_to_payload};
use zeroize::Zeroizing;

use crate::digest::sha256;
use crate::seal::{self, ContentKey, open_content, seal_content};
use crate::wrap::{self, SealingPrivateKey, SealingPublicKey, WrapContext, unwrap};

/// Why details cannot be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The content.
    #[error(transparent)]
    Seal(#[from] seal::Error),
    /// A wrap.
    #[error(transparent)]
    Wrap(#[from] wrap::Error),
    /// Not for them.
    #[error(
        "the details are sealed to no such key: {member} is no member, or they were sealed to another key of it"
    )]
    NotForMember {
        /// Who asked.
        member: AgencyId,
    },
}

/// Seals a text to the members, each with its sealing key.
pub fn seal(
    rng: &mut dyn CryptoRng,
    operation: &Operation,
    text: &[u8],
    members: &[(AgencyId, SealingPublicKey)],
) -> Result<SealedDetails, Error> {
    let sealed = seal_content(rng, text)?;
    let terms = terms_of(operation);
    let mut wraps = Vec::with_capacity(members.len());
    for (member, key) in members {
        let context = context(operation, member, &terms);
        let wrapped = wrap::wrap(rng, key, &context, sealed.key.as_bytes())?;
        wraps.push(Wrap {
            recipient: member.clone(),
            key_id: key.key_id(),
            encapsulated_key: wrapped.encapsulated.into(),
            ciphertext: wrapped.ciphertext.into(),
        });
    }
    Ok(SealedDetails { sealed: sealed.bytes.into(), wraps, key_commitment: sealed.key_commitment })
}

/// Opens the text for a member.
pub fn open(
    operation: &Operation,
    details: &SealedDetails,
    member: &AgencyId,
    key: &SealingPrivateKey,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let own = details.wraps.iter().find(|wrap| wrap.recipient == *member && wrap.key_id == key.key_id());
    let own = own.ok_or_else(|| Error::NotForMember { member: member.clone() })?;
    let terms = terms_of(operation);
    let opened = unwrap(key, &context(operation, member, &terms), &own.encapsulated_key, &own.ciphertext)?;
    let content = ContentKey::from_bytes(&opened)?;
    Ok(open_content(&content, &details.sealed, &details.key_commitment)?)
}

/// What stands in the place of a message's id and header.
struct Terms {
    id: [u8; 16],
    digest: Digest,
}

fn terms_of(operation: &Operation) -> Terms {
    let digest = sha256(&operation_to_payload(operation, None));
    let mut id = [0; 16];
    id.copy_from_slice(&digest.as_bytes()[..16]);
    Terms { id, digest }
}

fn context<'a>(operation: &'a Operation, member: &'a AgencyId, terms: &'a Terms) -> WrapContext<'a> {
    WrapContext {
        message_id: &terms.id,
        sender: &operation.lead,
        recipient: member,
        header_digest: &terms.digest,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;
    use sealpost_domain::agreement::Parties;
    use sealpost_domain::instant::Instant;

    use super::*;

    const MEMBERS: [&str; 2] = ["DE-ZKA", "HK-CED"];

    fn operation(id: &str) -> Operation {
        Operation {
            id: id.parse().unwrap(),
            digest: Digest::ZERO,
            lead: "HK-CED".parse().unwrap(),
            members: Parties::new(MEMBERS.map(|id| id.parse().unwrap()).into()).unwrap(),
            from: Instant::from_millis(1),
            until: Instant::from_millis(2),
        }
    }

    #[test]
    fn details_are_opened_by_members_alone_and_in_their_own_operation_alone() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let keys = MEMBERS.map(|_| SealingPrivateKey::generate(&mut rng));
        let members: Vec<(AgencyId, _)> = MEMBERS
            .iter()
            .zip(&keys)
            .map(|(member, key)| (member.parse().unwrap(), key.public_key().clone()))
            .collect();
        let of_ours = operation("OP-1");
        let mut details = seal(&mut rng, &of_ours, b"Invented: watch the tiles", &members).unwrap();
        for ((member, _), key) in members.iter().zip(&keys) {
            assert_eq!(&**open(&of_ours, &details, member, key).unwrap(), b"Invented: watch the tiles");
        }
        let (germany, stranger) = (&members[0].0, SealingPrivateKey::generate(&mut rng));
        assert!(matches!(open(&of_ours, &details, germany, &stranger), Err(Error::NotForMember { .. })));
        let thailand = "TH-TCD".parse().unwrap();
        assert!(matches!(open(&of_ours, &details, &thailand, &keys[0]), Err(Error::NotForMember { .. })));
        assert!(matches!(open(&operation("OP-2"), &details, germany, &keys[0]), Err(Error::Wrap(_))));
        let other = seal(&mut rng, &of_ours, b"Another text", &members).unwrap();
        details.sealed = other.sealed;
        assert!(open(&of_ours, &details, germany, &keys[0]).is_err(), "another text under the same key");
        details.key_commitment = other.key_commitment;
        assert_eq!(
            open(&of_ours, &details, germany, &keys[0]).unwrap_err(),
            Error::Seal(seal::Error::Commitment)
        );
    }
}
