//! Who signed: the agency whose node key made a signature, or the hub, by the directory in force.

use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::PayloadType;
use sealpost_crypto::signed_by::{NotSigned, signed_by};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::Signature;
use sealpost_domain::instant::Instant;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{Accepted, ControlType, Signed};
use sealpost_wire::hub::Control;
use sealpost_wire::statement::Payload;

use crate::core::{Said, Statement};

/// Why a statement is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The directory lists no key of that name, or none that is valid now.
    #[error("no key that is valid now is listed under {}", .keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    UnknownKey {
        /// The names on the signatures.
        keys: Vec<KeyId>,
    },
    /// No signature holds.
    #[error("the signature under key {key} does not hold")]
    Signature {
        /// The key.
        key: KeyId,
    },
    /// Somebody else signed.
    #[error("{claimed} is named, {signer} signed")]
    Forged {
        /// Who is named.
        claimed: AgencyId,
        /// Who signed.
        signer: AgencyId,
    },
    /// It is for somebody else.
    #[error("it is for {to}")]
    NotForUs {
        /// For whom.
        to: AgencyId,
    },
    /// It cannot be parsed.
    #[error("it cannot be parsed: {0}")]
    Malformed(String),
    /// It answers another batch.
    #[error("it is not about the batch that was submitted")]
    OtherBatch,
}

impl Fault {
    /// The rule's name, as docs/rules.md lists it.
    pub fn rule(&self) -> Rule {
        match self {
            Self::UnknownKey { .. } => Rule::KeyUnknown,
            Self::Signature { .. } => Rule::SignatureInvalid,
            Self::Forged { .. } => Rule::SenderForged,
            Self::NotForUs { .. } => Rule::StatementMisrouted,
            Self::Malformed(_) => Rule::StatementMalformed,
            Self::OtherBatch => Rule::AcceptedOtherBatch,
        }
    }
}

/// The agency of which a node signed these bytes, and the signature that holds.
pub fn signer<'d, 's>(
    kind: PayloadType,
    payload: &[u8],
    signatures: &'s [Signature],
    directory: &'d Directory,
    now: Instant,
) -> Result<(&'d AgencyId, &'s Signature), Fault> {
    let listed = |id| {
        directory.agencies.keys().find_map(|agency| {
            directory.node_key(agency, id, now).map(|record| (record.key.bytes.as_slice(), agency))
        })
    };
    Ok(signed_by(kind, payload, signatures, listed)?)
}

/// Verifies the hub's promise for a batch with these headers.
pub fn accepted(
    statement: &Signed,
    sender: &AgencyId,
    headers: &[Digest],
    directory: &Directory,
) -> Result<Accepted, Fault> {
    let listed = |id| directory.hub_key(id).map(|key| (key.bytes.as_slice(), ()));
    signed_by(PayloadType::Accepted, &statement.payload, &statement.signatures, listed)?;
    let accepted = parse::<Accepted>(&statement.payload)?;
    let digests: Vec<u8> = headers.iter().flat_map(|digest| *digest.as_bytes()).collect();
    let counted = usize::try_from(accepted.count) == Ok(headers.len());
    if accepted.sender != *sender || !counted || accepted.batch_digest != sha256(&digests) {
        return Err(Fault::OtherBatch);
    }
    Ok(accepted)
}

/// Verifies what a peer says to this node.
pub fn control(frame: &Control, me: &AgencyId, directory: &Directory, now: Instant) -> Result<Said, Fault> {
    let to_us = Between { statement: &frame.statement, me, directory, now };
    Ok(match frame.kind {
        ControlType::Receipt => Said::Receipt(to_us.verified()?),
        ControlType::Heads => Said::Heads(to_us.verified()?),
        ControlType::Void => Said::Void(to_us.verified()?),
        ControlType::Resend => Said::Resend(to_us.verified()?),
        ControlType::NeedWrap => Said::NeedWrap(to_us.verified()?),
        ControlType::Resume => Said::Resume(to_us.verified()?),
        ControlType::ProofRequest => Said::ProofRequest(to_us.verified()?),
        ControlType::Proof => Said::Proof(to_us.verified()?),
    })
}

/// A statement that a peer should have signed for this node.
struct Between<'a> {
    statement: &'a Signed,
    me: &'a AgencyId,
    directory: &'a Directory,
    now: Instant,
}

impl Between<'_> {
    fn verified<S: Statement>(&self) -> Result<S, Fault> {
        let Signed { payload, signatures } = self.statement;
        let (signer, _) = signer(S::TYPE, payload, signatures, self.directory, self.now)?;
        let statement = parse::<S>(payload)?;
        if statement.from() != signer {
            return Err(Fault::Forged { claimed: statement.from().clone(), signer: signer.clone() });
        }
        if statement.to() != self.me {
            return Err(Fault::NotForUs { to: statement.to().clone() });
        }
        Ok(statement)
    }
}

fn parse<P: Payload>(payload: &Bytes) -> Result<P, Fault> {
    P::from_payload(payload).map_err(|error| Fault::Malformed(error.to_string()))
}

impl From<NotSigned> for Fault {
    fn from(not: NotSigned) -> Self {
        match not {
            NotSigned::UnknownKey { named } => Self::UnknownKey { keys: named },
            NotSigned::Wrong { key, .. } => Self::Signature { key },
        }
    }
}
