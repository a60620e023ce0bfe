//! Agreements and joint operations: the legal basis of every delivery.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::agency::AgencyId;
use crate::digest::Digest;
use crate::handling::{Handling, HandlingCode, Tlp};
use crate::instant::{Instant, Period};
use crate::message::{Category, OperationId, SharingMode};

/// The name of an agreement: 1 to 64 of `A-Z`, `0-9` and `-`, such as `CMAA-2023`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgreementId(Box<str>);

impl AgreementId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AgreementId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(Error::Id { found: text.to_owned() })
        }
    }
}

impl fmt::Display for AgreementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A customs co-operative arrangement between two or more agencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Its name.
    pub id: AgreementId,
    /// SHA-256 of the payload that its parties signed.
    pub digest: Digest,
    /// What it is called.
    pub title: String,
    /// Between whom.
    pub parties: Parties,
    /// What may be shared.
    pub categories: BTreeSet<Category>,
    /// On whose initiative.
    pub modes: BTreeSet<SharingMode>,
    /// The strictest label that may be shared.
    pub strictest_tlp: Tlp,
    /// The handling codes that its parties undertake to obey.
    pub handling_codes: BTreeSet<HandlingCode>,
    /// How long a message may be kept, counted from its sending.
    pub retention_max: Duration,
    /// When it is in force.
    pub period: Period,
}

impl Agreement {
    /// Whether its parties undertake to handle a message like that.
    pub fn covers_handling(&self, handling: &Handling) -> bool {
        handling.tlp() >= self.strictest_tlp
            && handling.codes().iter().all(|code| self.handling_codes.contains(code))
    }
}

/// Two or more agencies, ascending and each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parties(Vec<AgencyId>);

impl Parties {
    /// Takes parties over as they are listed; refuses fewer than two, a wrong order or a repetition.
    pub fn new(agencies: Vec<AgencyId>) -> Result<Self, Error> {
        if agencies.len() < 2 {
            return Err(Error::TooFewParties { found: agencies.len() });
        }
        match agencies.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => Err(Error::PartyOrder { agency: pair[1].clone() }),
            None => Ok(Self(agencies)),
        }
    }

    /// Whether an agency is among them.
    pub fn contains(&self, agency: &AgencyId) -> bool {
        self.0.binary_search(agency).is_ok()
    }

    /// The agencies, ascending.
    pub fn as_slice(&self) -> &[AgencyId] {
        &self.0
    }
}

/// A joint operation: a named, closed group of agencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name.
    pub id: OperationId,
    /// SHA-256 of the payload that its lead signed, its sealed details among it.
    pub digest: Digest,
    /// Who leads it.
    pub lead: AgencyId,
    /// Who takes part, the lead included.
    pub members: Parties,
    /// From when.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
}

impl Operation {
    /// Whether it is running, give or take the tolerance of clocks.
    pub fn holds_at(&self, now: Instant) -> bool {
        Period { from: self.from, until: Some(self.until) }.holds_at(now)
    }
}

/// Why something is not an agreement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a name.
    #[error(
        "`{found}` is not an agreement's name: expected 1 to 64 of A-Z, 0-9 and hyphen, such as CMAA-2023"
    )]
    Id {
        /// What was given.
        found: String,
    },
    /// Nobody to agree with.
    #[error("found {found} parties, expected two or more")]
    TooFewParties {
        /// How many there are.
        found: usize,
    },
    /// Out of order, or twice.
    #[error("party {agency} is out of ascending order or listed twice")]
    PartyOrder {
        /// The agency at fault.
        agency: AgencyId,
    },
}
