//! Statements that a directory lists, as files that are carried: PEM, so that they can be mailed, read out and printed.
//!
//! ```text
//! -----BEGIN SEALPOST AGREEMENT-----
//! base64 of a SignedStatement
//! -----END SEALPOST AGREEMENT-----
//! ```
//!
//! | label | payload | signed by |
//! |---|---|---|
//! | `SEALPOST SIGNING KEY` | `SigningKey` | the jurisdiction's root, the key itself, and a key that the agency has already |
//! | `SEALPOST SEALING KEY` | `SealingKey` | a signing key of the agency |
//! | `SEALPOST AGREEMENT` | `Agreement` | every party |
//! | `SEALPOST OPERATION` | `Operation` | the lead |
//!
//! Signatures are added one after the other, each where its key lies, over bytes that never change.

use std::path::Path;

use bytes::Bytes;
use pem_rfc7468::LineEnding;
use sealpost_crypto::digest::{Algorithm, key_id, sha256};
use sealpost_crypto::dsse::{PayloadType, Signer, VerifyingKey, sign_statement};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::{Agreement, Operation};
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::KeyUse;
use sealpost_domain::envelope::Signature;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{
    Listing, SealingKeyTerms, SigningKeyTerms, agreement_from_payload, operation_from_payload,
};
use sealpost_wire::envelope::{signed_from_bytes, signed_to_bytes};

use super::holder::Holder;
use super::{Error, describe};
use crate::file;

/// No statement is larger: an operation's details have 2 MiB at most.
const BYTES_MAX: usize = 3 << 20;

/// A statement, and the signatures that it has so far.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it says.
    pub content: Content,
    /// The exact bytes, and who signed them.
    pub signed: Signed,
}

/// What a statement says.
#[derive(Clone, Debug)]
pub enum Content {
    /// Whose signing key.
    SigningKey(SigningKeyTerms),
    /// Whose sealing key.
    SealingKey(SealingKeyTerms),
    /// An agreement.
    Agreement(Agreement),
    /// An operation.
    Operation(Operation),
}

/// What kind of statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// About a signing key.
    SigningKey,
    /// About a sealing key.
    SealingKey,
    /// An agreement.
    Agreement,
    /// An operation.
    Operation,
}

impl Kind {
    const ALL: [Self; 4] = [Self::SigningKey, Self::SealingKey, Self::Agreement, Self::Operation];

    fn label(self) -> &'static str {
        match self {
            Self::SigningKey => "SEALPOST SIGNING KEY",
            Self::SealingKey => "SEALPOST SEALING KEY",
            Self::Agreement => "SEALPOST AGREEMENT",
            Self::Operation => "SEALPOST OPERATION",
        }
    }

    /// Under which type it is signed.
    fn payload_type(self) -> PayloadType {
        match self {
            Self::SigningKey => PayloadType::SigningKey,
            Self::SealingKey => PayloadType::SealingKey,
            Self::Agreement => PayloadType::Agreement,
            Self::Operation => PayloadType::Operation,
        }
    }

    /// For people.
    fn name(self) -> &'static str {
        match self {
            Self::SigningKey => "a signing key",
            Self::SealingKey => "a sealing key",
            Self::Agreement => "an agreement",
            Self::Operation => "an operation",
        }
    }
}

impl Content {
    pub(super) fn parse(kind: Kind, payload: &Bytes) -> Result<Self, sealpost_wire::Error> {
        Ok(match kind {
            Kind::SigningKey => Self::SigningKey(SigningKeyTerms::from_payload(payload)?),
            Kind::SealingKey => Self::SealingKey(SealingKeyTerms::from_payload(payload)?),
            Kind::Agreement => Self::Agreement(agreement_from_payload(payload, sha256(payload))?),
            Kind::Operation => Self::Operation(operation_from_payload(payload, sha256(payload))?),
        })
    }

    /// What kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::SigningKey(_) => Kind::SigningKey,
            Self::SealingKey(_) => Kind::SealingKey,
            Self::Agreement(_) => Kind::Agreement,
            Self::Operation(_) => Kind::Operation,
        }
    }

    /// What it says, in the words in which the differences of a version tell it.
    pub fn terms(&self) -> String {
        match self {
            Self::SigningKey(terms) => describe::signing_key(terms.usage, terms.period),
            Self::SealingKey(terms) => describe::sealing_key(terms.epoch, terms.period),
            Self::Agreement(agreement) => describe::agreement(agreement),
            Self::Operation(operation) => describe::operation(operation),
        }
    }

    /// The id of the key that it is about.
    pub(super) fn key_id(&self) -> Option<KeyId> {
        match self {
            Self::SigningKey(terms) => Some(key_id(Algorithm::Ed25519, &terms.public_key)),
            Self::SealingKey(terms) => Some(key_id(Algorithm::XWing, &terms.public_key)),
            Self::Agreement(_) | Self::Operation(_) => None,
        }
    }

    /// Which one it is, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::SigningKey(terms) => {
                let usage = if terms.usage == KeyUse::Node { "its node" } else { "an officer" };
                let id = key_id(Algorithm::Ed25519, &terms.public_key);
                format!("signing key {id} of {} for {usage}", terms.agency)
            }
            Self::SealingKey(terms) => {
                let id = key_id(Algorithm::XWing, &terms.public_key);
                format!("sealing key {id} of {}, epoch {}", terms.agency, terms.epoch)
            }
            Self::Agreement(agreement) => format!("agreement {}", agreement.id),
            Self::Operation(operation) => format!("operation {}", operation.id),
        }
    }

    /// Who may sign it, for people.
    pub fn signers(&self) -> String {
        match self {
            Self::SigningKey(terms) => format!(
                "the root of {}, by itself and by a key of {}'s node",
                terms.agency.jurisdiction(),
                terms.agency
            ),
            Self::SealingKey(terms) => format!("a signing key of {}'s node", terms.agency),
            Self::Agreement(agreement) => {
                let parties: Vec<_> = agreement.parties.as_slice().iter().map(AgencyId::as_str).collect();
                format!("the nodes of {}", parties.join(", "))
            }
            Self::Operation(operation) => format!("the node of its lead {}", operation.lead),
        }
    }

    /// Whether a holder has a say in it.
    fn concerns(&self, holder: &Holder, key: KeyId) -> bool {
        match (self, holder) {
            (Self::SigningKey(terms), Holder::Root(code)) => *code == terms.agency.jurisdiction(),
            (Self::SigningKey(terms), Holder::Node(agency)) => *agency == terms.agency,
            (Self::SigningKey(terms), Holder::Unknown) => {
                key == key_id(Algorithm::Ed25519, &terms.public_key)
            }
            (Self::SealingKey(terms), Holder::Node(agency)) => *agency == terms.agency,
            (Self::Agreement(agreement), Holder::Node(agency)) => agreement.parties.contains(agency),
            (Self::Operation(operation), Holder::Node(agency)) => *agency == operation.lead,
            _ => false,
        }
    }
}

impl Statement {
    /// A statement that nobody signed yet.
    pub fn unsigned(kind: Kind, payload: Bytes) -> Result<Self, sealpost_wire::Error> {
        let content = Content::parse(kind, &payload)?;
        Ok(Self { content, signed: Signed { payload, signatures: Vec::new() } })
    }

    /// Reads a statement's file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let fault = |fault: String| Error::NoStatement { path: path.to_owned(), fault };
        let bytes = file::read(path, 2 * BYTES_MAX)?;
        let (label, der) = pem_rfc7468::decode_vec(&bytes)
            .map_err(|_| fault("it is not PEM, -----BEGIN SEALPOST … -----".to_owned()))?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.label() == label);
        let kind = kind.ok_or_else(|| {
            let known = Kind::ALL.map(Kind::label);
            fault(format!("its label is {label}, expected one of {}", known.join(", ")))
        })?;
        let signed = signed_from_bytes(&der.into(), BYTES_MAX).map_err(|error| fault(error.to_string()))?;
        let content = Content::parse(kind, &signed.payload).map_err(|error| fault(error.to_string()))?;
        Ok(Self { content, signed })
    }

    /// As it stands in a file.
    pub fn to_text(&self) -> String {
        let label = self.content.kind().label();
        pem_rfc7468::encode_string(label, LineEnding::LF, &signed_to_bytes(&self.signed))
            .expect("the label is valid and the buffer is as long as the library says")
    }

    /// Writes a new file.
    pub fn create(&self, path: &Path) -> Result<(), Error> {
        Ok(file::create(path, self.to_text().as_bytes())?)
    }

    /// Writes it over the file from which it was read.
    pub fn replace(&self, path: &Path) -> Result<(), Error> {
        Ok(file::replace(path, self.to_text().as_bytes())?)
    }

    /// SHA-256 of what is signed.
    pub fn digest(&self) -> Digest {
        sha256(&self.signed.payload)
    }

    /// Refuses another statement than the one that was told.
    pub fn expect(&self, expected: Digest) -> Result<(), Error> {
        let found = self.digest();
        if found == expected {
            return Ok(());
        }
        Err(Error::OtherDigest { what: "statement", found, expected })
    }

    /// How many signatures hold, of those who have a say in it by a directory or a draft of one; a new key's own is among
    /// them.
    pub fn asked_for(&self, listing: &Listing) -> usize {
        let kind = self.content.kind().payload_type();
        let mut keys = Holder::all(listing);
        if let Content::SigningKey(terms) = &self.content
            && let Ok(own) = VerifyingKey::from_bytes(&terms.public_key)
            && !keys.iter().any(|(_, key)| *key == own)
        {
            keys.push((Holder::Unknown, own));
        }
        let counts = |(holder, key): &&(Holder, VerifyingKey)| {
            self.content.concerns(holder, key.key_id()) && key.has_signed(&self.signed, kind)
        };
        keys.iter().filter(counts).count()
    }

    /// Adds a signature of whoever has a say in it, by a directory or a draft of one.
    pub fn endorse(&mut self, key: &dyn Signer, listing: &Listing) -> Result<(), Error> {
        let holder = Holder::of(key.verifying_key(), listing);
        let id = key.key_id();
        if !self.content.concerns(&holder, id) && !self.is_first_root(key, &holder, listing) {
            return Err(Error::WrongSigner {
                key: id,
                whose: holder.to_string(),
                statement: self.content.describe(),
                expected: self.content.signers(),
            });
        }
        self.sign(key)
    }

    /// The root of a jurisdiction that is not listed yet, which no directory can tell.
    fn is_first_root(&self, key: &dyn Signer, holder: &Holder, listing: &Listing) -> bool {
        let Content::SigningKey(terms) = &self.content else { return false };
        let code = terms.agency.jurisdiction();
        *holder == Holder::Unknown
            && key.key_id() != key_id(Algorithm::Ed25519, &terms.public_key)
            && !listing.jurisdictions.iter().any(|(listed, _)| *listed == code)
    }

    /// Adds a signature, whoever's it is.
    pub fn sign(&mut self, key: &dyn Signer) -> Result<(), Error> {
        let id = key.key_id();
        if self.signed.signatures.iter().any(|signature| signature.key_id == id) {
            return Err(Error::SignedAlready { key: id });
        }
        let signature = sign_statement(key, self.content.kind().payload_type(), &self.signed.payload)?;
        let bytes = Bytes::copy_from_slice(&signature.bytes);
        self.signed.signatures.push(Signature { key_id: id, bytes });
        Ok(())
    }
}

/// Whether a file reads as a statement, and not as a directory or draft.
pub fn is_statement(path: &Path) -> Result<bool, Error> {
    let bytes = file::read(path, 2 * BYTES_MAX)?;
    Ok(bytes.starts_with(b"-----BEGIN SEALPOST"))
}

/// Reads a statement of one kind.
pub fn of_kind(path: &Path, kind: Kind) -> Result<Statement, Error> {
    let statement = Statement::read(path)?;
    if statement.content.kind() == kind {
        return Ok(statement);
    }
    let (found, expected) = (statement.content.kind().name(), kind.name());
    Err(Error::OtherStatement { path: path.to_owned(), found, expected })
}

/// The text of a file of details.
pub fn read_details(path: &Path) -> Result<Vec<u8>, Error> {
    Ok(file::read(path, BYTES_MAX)?)
}
