//! What of a version an error is about.

use std::fmt;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::AgreementId;
use sealpost_domain::message::OperationId;

use super::Error;

/// One of an agency's statements about its keys, for errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    agency: AgencyId,
    term: Term,
    position: usize,
}

/// What a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// A signing key.
    SigningKey,
    /// A sealing key.
    SealingKey,
}

/// A statement that ends by being withdrawn, for errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withdrawable {
    /// An agreement.
    Agreement(AgreementId),
    /// An operation.
    Operation(OperationId),
}

impl fmt::Display for Withdrawable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agreement(id) => write!(f, "agreement {id}"),
            Self::Operation(id) => write!(f, "operation {id}"),
        }
    }
}

/// What a version says of a signing key that the one before did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// That there is one.
    Key,
    /// Another use or period.
    Terms,
}

impl Novelty {
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Key => "is new",
            Self::Terms => "has another use or period than in the version before",
        }
    }
}

impl Statement {
    pub(super) fn new(agency: &AgencyId, term: Term, index: usize) -> Self {
        Self { agency: agency.clone(), term, position: index + 1 }
    }

    pub(super) fn term(&self) -> Term {
        self.term
    }

    pub(super) fn terms(&self, source: sealpost_wire::Error) -> Error {
        Error::Terms { statement: self.clone(), source }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let term = match self.term {
            Term::SigningKey => "signing",
            Term::SealingKey => "sealing",
        };
        write!(f, "{term} key {} of {}", self.position, self.agency)
    }
}
