//! Whose a key is, by what a directory or a draft of one lists.

use std::fmt;

use sealpost_crypto::dsse::VerifyingKey;
use sealpost_crypto::x509;
use sealpost_domain::agency::{AgencyId, JurisdictionCode};
use sealpost_domain::directory::KeyUse;
use sealpost_wire::directory::{Listing, SigningKeyTerms};

/// Whose a key is, as a directory or a draft of one lists it; nothing is verified here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The authority's, counted from 1.
    Authority(usize),
    /// The root of a jurisdiction.
    Root(JurisdictionCode),
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
        let holder = Self::all(listing).into_iter().find(|(_, other)| other == key);
        holder.map_or(Self::Unknown, |(holder, _)| holder)
    }

    /// All keys that sign something, and whose they are.
    pub(super) fn all(listing: &Listing) -> Vec<(Self, VerifyingKey)> {
        let raw = |holder: Self, key: &[u8; 32]| Some((holder, VerifyingKey::from_bytes(key).ok()?));
        let root = |holder: Self, der: &[u8]| Some((holder, x509::root_key(&der.into()).ok()?));
        let authority = listing.authority_keys.iter().enumerate();
        let authority = authority.filter_map(|(index, key)| raw(Self::Authority(index + 1), key));
        let hub = listing.hub_keys.iter().filter_map(|key| raw(Self::Hub, key));
        let operator = root(Self::Operator, &listing.operator_root);
        let roots = listing.jurisdictions.iter();
        let roots = roots.filter_map(|(code, record)| root(Self::Root(*code), &record.root));
        let agencies = listing.agencies.iter().flat_map(|agency| &agency.signing_keys);
        let agencies = agencies.filter_map(|signed| {
            let terms = SigningKeyTerms::from_payload(&signed.payload).ok()?;
            let holder = match terms.usage {
                KeyUse::Node => Self::Node(terms.agency),
                KeyUse::Officer => Self::Officer(terms.agency),
            };
            raw(holder, &terms.public_key)
        });
        authority.chain(hub).chain(operator).chain(roots).chain(agencies).collect()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
