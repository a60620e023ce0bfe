//! Who a certificate speaks for: SPIFFE identities of nodes, systems, people and the hub.

use std::fmt;
use std::str::FromStr;

use crate::agency::{AgencyId, JurisdictionCode};
use crate::names::named;

named! {
    /// What the holder of an agency's certificate may be.
    pub enum Role: "role" {
        /// The agency's node.
        Node = "node",
        /// One of the agency's own systems.
        System = "system",
        /// A liaison officer.
        Officer = "officer",
        /// An auditor of the agency's ledger.
        Auditor = "auditor",
    }
}

/// Who a certificate speaks for, as a SPIFFE id in its only URI name.
///
/// `spiffe://<network>/<jurisdiction>/<agency>/<role>/<name>`, `spiffe://<network>/hub/<name>` or
/// `spiffe://<network>/operator/<name>`, where `<agency>` is the part of the agency id after the hyphen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    network: NetworkName,
    subject: Subject,
}

/// Whom an identity names within its network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Someone or something of an agency.
    Agency {
        /// The agency.
        agency: AgencyId,
        /// What the holder may be.
        role: Role,
        /// Which one of that role.
        name: Name,
    },
    /// The hub.
    Hub(Name),
    /// A person who operates the hub.
    Operator(Name),
}

impl Identity {
    /// Joins a network and a subject.
    pub fn new(network: NetworkName, subject: Subject) -> Self {
        Self { network, subject }
    }

    /// The network.
    pub fn network(&self) -> &NetworkName {
        &self.network
    }

    /// Who it is within the network.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The agency, unless this is the hub or its operator.
    pub fn agency(&self) -> Option<&AgencyId> {
        match &self.subject {
            Subject::Agency { agency, .. } => Some(agency),
            Subject::Hub(_) | Subject::Operator(_) => None,
        }
    }

    /// The agency's role, unless this is the hub or its operator.
    pub fn role(&self) -> Option<Role> {
        match &self.subject {
            Subject::Agency { role, .. } => Some(*role),
            Subject::Hub(_) | Subject::Operator(_) => None,
        }
    }

    /// Whose root certificate must have signed it: a jurisdiction's, or (`None`) the hub operator's.
    pub fn root(&self) -> Option<JurisdictionCode> {
        self.agency().map(AgencyId::jurisdiction)
    }
}

impl FromStr for Identity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error { found: text.to_owned() };
        let path = text.strip_prefix("spiffe://").ok_or_else(refuse)?;
        let mut parts = path.split('/');
        let network = parts.next().and_then(NetworkName::parse).ok_or_else(refuse)?;
        let parts: Vec<&str> = parts.collect();
        let name = |text: &str| Name::parse(text).ok_or_else(refuse);
        let subject = match parts.as_slice() {
            ["hub", hub] => Subject::Hub(name(hub)?),
            ["operator", operator] => Subject::Operator(name(operator)?),
            [jurisdiction, agency, role, holder] => Subject::Agency {
                agency: format!("{jurisdiction}-{agency}").parse().map_err(|_| refuse())?,
                role: role.parse().map_err(|_| refuse())?,
                name: name(holder)?,
            },
            _ => return Err(refuse()),
        };
        Ok(Self { network, subject })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}", self.network)?;
        match &self.subject {
            Subject::Agency { agency, role, name } => {
                write!(f, "/{}/{}/{role}/{name}", agency.jurisdiction(), agency.short_name())
            }
            Subject::Hub(name) => write!(f, "/hub/{name}"),
            Subject::Operator(name) => write!(f, "/operator/{name}"),
        }
    }
}

macro_rules! label {
    ($(#[$doc:meta])* $type:ident, $dot:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Box<str>);

        impl $type {
            /// Reads a name; `None` when it is not one.
            pub fn parse(text: &str) -> Option<Self> {
                let allowed = |byte: u8| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || ($dot && byte == b'.')
                };
                let well_formed = (1..=63).contains(&text.len())
                    && text.bytes().all(allowed)
                    && !text.starts_with(['-', '.'])
                    && !text.ends_with(['-', '.'])
                    && !text.contains("..");
                well_formed.then(|| Self(text.into()))
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

label!(
    /// The name of a network (a SPIFFE trust domain): 1 to 63 of `a-z`, `0-9`, `-` and `.`.
    NetworkName,
    true
);
label!(
    /// The last part of an identity: 1 to 63 of `a-z`, `0-9` and `-`.
    Name,
    false
);

/// A text that is not an identity of this network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is not an identity: expected spiffe://<network>/<jurisdiction>/<agency>/<node|system|officer|auditor>/<name>, \
     spiffe://<network>/hub/<name> or spiffe://<network>/operator/<name>"
)]
pub struct Error {
    found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_read_back() {
        for text in [
            "spiffe://sample.sealpost/HK/CED/node/main",
            "spiffe://sample.sealpost/DE/ZKA/officer/desk-1",
            "spiffe://sample.sealpost/hub/main",
            "spiffe://sample.sealpost/operator/ops",
        ] {
            assert_eq!(text.parse::<Identity>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn look_alikes_are_refused() {
        for text in [
            "https://sample.sealpost/HK/CED/node/main",
            "spiffe://sample.sealpost/HK/CED/node/main/",
            "spiffe://sample.sealpost/HK/CED/admin/main",
            "spiffe://sample.sealpost/hk/CED/node/main",
            "spiffe://sample.sealpost/HK/CED/node/../main",
            "spiffe://sample.sealpost//CED/node/main",
            "spiffe://Sample/HK/CED/node/main",
            "spiffe://sample.sealpost/hub",
        ] {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
    }
}
