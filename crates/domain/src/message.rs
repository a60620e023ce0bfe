//! What stands in the open on every message: its id, kind, priority, category and mode of sharing.

use std::fmt;
use std::str::FromStr;

use crate::names::named;

/// The id of a message: a UUID of version 7 (RFC 9562), made by the sender's node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(uuid::Uuid);

impl MessageId {
    /// Makes an id from the time of sending and ten random bytes.
    pub fn new(sent_at_ms: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(sent_at_ms, &random).into_uuid())
    }

    /// The sixteen bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl TryFrom<&[u8]> for MessageId {
    type Error = Error;

    fn try_from(bytes: &[u8]) -> Result<Self, Error> {
        match uuid::Uuid::from_slice(bytes) {
            Ok(id) if id.get_version_num() == 7 => Ok(Self(id)),
            _ => Err(Error::MessageId { found: format!("{} bytes", bytes.len()) }),
        }
    }
}

impl FromStr for MessageId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match uuid::Uuid::try_parse(text) {
            Ok(id) if id.get_version_num() == 7 => Ok(Self(id)),
            _ => Err(Error::MessageId { found: format!("`{text}`") }),
        }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

named! {
    /// What a message says; the content itself is sealed.
    pub enum Kind: "message kind" {
        /// A consignment that should be examined.
        SuspectShipment = "suspect_shipment",
        /// A person arriving, leaving or in transit.
        SuspectTraveller = "suspect_traveller",
        /// Goods or a person passing through a third jurisdiction.
        TransitCase = "transit_case",
        /// Replaces an earlier message of the same sender.
        Amendment = "amendment",
        /// Withdraws an earlier message of the same sender.
        Recall = "recall",
        /// A question to named agencies.
        Request = "request",
        /// An answer to a request.
        Reply = "reply",
        /// A grant for onward sharing.
        Permission = "permission",
        /// An answer to a recall or an amendment.
        Compliance = "compliance",
        /// An earlier message, enclosed with its header and signatures.
        Forward = "forward",
        /// 'We saw it.'
        Sighting = "sighting",
        /// The result of acting.
        Outcome = "outcome",
    }
}

named! {
    /// How urgent a message is; each priority is a lane of its own from end to end.
    pub enum Priority: "priority" {
        /// Overtakes everything, on a connection of its own.
        Flash = "FLASH",
        /// Served before routine mail.
        Urgent = "URGENT",
        /// Everything else.
        Routine = "ROUTINE",
    }
}

named! {
    /// What a message is about, as agreements list it.
    pub enum Category: "category" {
        /// Drugs.
        Narcotics = "narcotics",
        /// Chemicals from which drugs are made.
        Precursors = "precursors",
        /// Tobacco.
        Tobacco = "tobacco",
        /// Smuggling and parallel trading.
        Smuggling = "smuggling",
        /// Counterfeit and pirated goods.
        IntellectualProperty = "intellectual_property",
        /// Money laundering.
        MoneyLaundering = "money_laundering",
        /// Weapons.
        Weapons = "weapons",
        /// Protected species.
        Wildlife = "wildlife",
        /// Cash and bearer instruments.
        Currency = "currency",
        /// Evasion of duties and taxes.
        Revenue = "revenue",
        /// Anything else.
        Other = "other",
    }
}

named! {
    /// On whose initiative a message is shared, as agreements list it.
    pub enum SharingMode: "sharing mode" {
        /// On the sender's own initiative.
        Spontaneous = "spontaneous",
        /// By a standing arrangement, without a decision on each message.
        Automatic = "automatic",
        /// In answer to a request.
        OnRequest = "on_request",
    }
}

/// The name of a joint operation: 1 to 64 of `A-Z`, `0-9` and `-`, such as `OP-MARKER-2023`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(Box<str>);

impl OperationId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OperationId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(Error::Operation { found: text.to_owned() })
        }
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text or bytes are not what stands on a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a UUID of version 7.
    #[error(
        "{found} is not a message id: expected a UUID of version 7, such as 018f2b6e-7c2a-7b3e-9d52-0a1b2c3d4e5f"
    )]
    MessageId {
        /// What was given.
        found: String,
    },
    /// Not an operation's name.
    #[error("`{found}` is not an operation: expected 1 to 64 of A-Z, 0-9 and hyphen, such as OP-MARKER-2023")]
    Operation {
        /// What was given.
        found: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_of_version_seven() {
        let id = MessageId::new(1_700_000_000_000, [7; 10]);
        assert_eq!(id.to_string().parse::<MessageId>().unwrap(), id);
        assert_eq!(MessageId::try_from(id.as_bytes().as_slice()).unwrap(), id);
        assert!("8c2f6f3e-4a1b-4c2d-8e9f-0a1b2c3d4e5f".parse::<MessageId>().is_err(), "version 4");
    }

    #[test]
    fn every_name_is_read_back() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse::<Kind>().unwrap(), *kind);
        }
        let error = "flash".parse::<Priority>().unwrap_err();
        assert_eq!(error.to_string(), "`flash` is not a priority: expected one of FLASH, URGENT, ROUTINE");
    }
}
