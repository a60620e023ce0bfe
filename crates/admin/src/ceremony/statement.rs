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

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use bytes::Bytes;
use pem_rfc7468::LineEnding;
use sealpost_crypto::digest::{Algorithm, key_id, sha256};
use sealpost_crypto::dsse::{PayloadType, Signer, VerifyingKey, sign_statement, verify_statement};
use sealpost_crypto::x509;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::{Agreement, Operation};
use sealpost_domain::digest::KeyId;
use sealpost_domain::directory::KeyUse;
use sealpost_domain::envelope::Signature;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{
    Listing, SealingKeyTerms, SigningKeyTerms, agreement_from_payload, operation_from_payload,
};
use sealpost_wire::envelope::{signed_from_bytes, signed_to_bytes};

use super::Error;

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

impl Content {
    fn parse(kind: PayloadType, payload: &Bytes) -> Result<Self, sealpost_wire::Error> {
        Ok(match kind {
            PayloadType::SigningKey => Self::SigningKey(SigningKeyTerms::from_payload(payload)?),
            PayloadType::SealingKey => Self::SealingKey(SealingKeyTerms::from_payload(payload)?),
            PayloadType::Agreement => Self::Agreement(agreement_from_payload(payload, sha256(payload))?),
            _ => Self::Operation(operation_from_payload(payload, sha256(payload))?),
        })
    }

    /// Under which type it is signed.
    pub fn kind(&self) -> PayloadType {
        match self {
            Self::SigningKey(_) => PayloadType::SigningKey,
            Self::SealingKey(_) => PayloadType::SealingKey,
            Self::Agreement(_) => PayloadType::Agreement,
            Self::Operation(_) => PayloadType::Operation,
        }
    }

    /// For people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SigningKey(_) => "a signing key",
            Self::SealingKey(_) => "a sealing key",
            Self::Agreement(_) => "an agreement",
            Self::Operation(_) => "an operation",
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
            (Self::SigningKey(terms), Holder::Root(code)) => *code == terms.agency.jurisdiction().as_str(),
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

const LABELS: [(&str, PayloadType); 4] = [
    ("SEALPOST SIGNING KEY", PayloadType::SigningKey),
    ("SEALPOST SEALING KEY", PayloadType::SealingKey),
    ("SEALPOST AGREEMENT", PayloadType::Agreement),
    ("SEALPOST OPERATION", PayloadType::Operation),
];

impl Statement {
    /// A statement that nobody signed yet.
    pub fn unsigned(kind: PayloadType, payload: Bytes) -> Result<Self, sealpost_wire::Error> {
        let content = Content::parse(kind, &payload)?;
        Ok(Self { content, signed: Signed { payload, signatures: Vec::new() } })
    }

    /// Reads a statement's file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let fault = |fault: String| Error::NoStatement { path: path.to_owned(), fault };
        let bytes = super::draft::read_file(path, 2 * BYTES_MAX)?;
        let (label, der) = pem_rfc7468::decode_vec(&bytes)
            .map_err(|_| fault("it is not PEM, -----BEGIN SEALPOST … -----".to_owned()))?;
        let kind = LABELS.iter().find(|(known, _)| *known == label).map(|(_, kind)| *kind);
        let kind = kind.ok_or_else(|| {
            let known: Vec<_> = LABELS.iter().map(|(label, _)| *label).collect();
            fault(format!("its label is {label}, expected one of {}", known.join(", ")))
        })?;
        let signed = signed_from_bytes(&der.into(), BYTES_MAX).map_err(|error| fault(error.to_string()))?;
        let content = Content::parse(kind, &signed.payload).map_err(|error| fault(error.to_string()))?;
        Ok(Self { content, signed })
    }

    /// As it stands in a file.
    pub fn to_text(&self) -> String {
        let kind = self.content.kind();
        let label = LABELS.iter().find(|(_, known)| *known == kind).map_or("SEALPOST", |(label, _)| *label);
        pem_rfc7468::encode_string(label, LineEnding::LF, &signed_to_bytes(&self.signed))
            .expect("the label is valid and the buffer is as long as the library says")
    }

    /// Writes a new file.
    pub fn create(&self, path: &Path) -> Result<(), Error> {
        let written = OpenOptions::new().write(true).create_new(true).open(path).and_then(|mut file| {
            file.write_all(self.to_text().as_bytes())?;
            file.sync_all()
        });
        written.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
            _ => Error::Io { action: "write", path: path.to_owned(), source },
        })
    }

    /// Writes it over the file from which it was read.
    pub fn replace(&self, path: &Path) -> Result<(), Error> {
        super::draft::replace_file(path, self.to_text().as_bytes())
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
        let signature = sign_statement(key, self.content.kind(), &self.signed.payload)?;
        let bytes = Bytes::copy_from_slice(&signature.bytes);
        self.signed.signatures.push(Signature { key_id: id, bytes });
        Ok(())
    }
}

/// Whose a key is, as a directory or a draft of one lists it; nothing is verified here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The authority's, counted from 1.
    Authority(usize),
    /// The root of a jurisdiction.
    Root(String),
    /// The root of the hub's operator.
    Operator,
    /// The hub's.
    Hub,
    /// An agency's node's.
    Node(AgencyId),
    /// An agency's officer's.
    Officer(AgencyId),
    /// Nobody's.
    Unknown,
}

impl Holder {
    /// Whose a key is.
    pub fn of(key: &VerifyingKey, listing: &Listing) -> Self {
        let bytes = key.as_bytes();
        if let Some(index) = listing.authority_keys.iter().position(|other| other == bytes) {
            return Self::Authority(index + 1);
        }
        if listing.hub_keys.contains(bytes) {
            return Self::Hub;
        }
        let is_root = |der: &[u8]| x509::root_key(&der.into()).is_ok_and(|root| root == *key);
        if is_root(&listing.operator_root) {
            return Self::Operator;
        }
        if let Some((code, _)) = listing.jurisdictions.iter().find(|(_, record)| is_root(&record.root)) {
            return Self::Root(code.to_string());
        }
        let keys = listing.agencies.iter().flat_map(|agency| &agency.signing_keys);
        let terms = keys.filter_map(|signed| SigningKeyTerms::from_payload(&signed.payload).ok());
        match terms.into_iter().find(|terms| terms.public_key == *bytes) {
            Some(terms) if terms.usage == KeyUse::Node => Self::Node(terms.agency),
            Some(terms) => Self::Officer(terms.agency),
            None => Self::Unknown,
        }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Authority(position) => write!(f, "the authority's key {position}"),
            Self::Root(code) => write!(f, "the root of {code}"),
            Self::Operator => f.write_str("the root of the hub's operator"),
            Self::Hub => f.write_str("a key of the hub"),
            Self::Node(agency) => write!(f, "a key of {agency}'s node"),
            Self::Officer(agency) => write!(f, "a key of an officer of {agency}"),
            Self::Unknown => f.write_str("nobody's in this directory"),
        }
    }
}

/// Whether a signature holds under a key, of whatever listed holder; used to tell a changed file from a missing signature.
pub(super) fn holds(key: &[u8; 32], kind: PayloadType, signed: &Signed, signature: &Signature) -> bool {
    VerifyingKey::from_bytes(key)
        .is_ok_and(|key| verify_statement(&key, kind, &signed.payload, &signature.bytes).is_ok())
}

/// Whether a file reads as a statement, and not as a directory or draft.
pub fn is_statement(path: &Path) -> Result<bool, Error> {
    let bytes = super::draft::read_file(path, 2 * BYTES_MAX)?;
    Ok(bytes.starts_with(b"-----BEGIN SEALPOST"))
}

/// Reads a statement of one kind.
pub fn of_kind(path: &Path, kind: PayloadType) -> Result<Statement, Error> {
    let statement = Statement::read(path)?;
    if statement.content.kind() == kind {
        return Ok(statement);
    }
    let expected = if kind == PayloadType::SigningKey { "a signing key" } else { "a sealing key" };
    Err(Error::OtherStatement { path: path.to_owned(), found: statement.content.name(), expected })
}

/// The text of a file of details.
pub fn read_details(path: &Path) -> Result<Vec<u8>, Error> {
    super::draft::read_file(path, BYTES_MAX)
}
