//! Keys that end while something is on its way: a message or statement is verified under one directory and recorded under
//! the next, so that a key is asked for once more in the round in which it counts. The ledger then holds nothing that a
//! reader, who judges each record by the directory before it, would not believe.

use std::fmt;

use sealpost_crypto::digest::sha256;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::KeyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::Signature;
use sealpost_domain::instant::Instant;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::Signed;

use super::past::exhibits;
use super::{Alarm, Core, Env, Round};

/// The directory in force does not believe the key with which this node signs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the agency's signing key {key} {fault} directory version {version}: nothing is sent or recorded until the node runs with \
     the next key ([keys] signing); install it, see docs/directory.md (Keys of an agency)"
)]
pub struct Silenced {
    /// The key.
    pub key: KeyId,
    /// The version in force.
    pub version: u64,
    /// Why it is not believed.
    pub fault: KeyFault,
}

/// Why a key of a node's is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// It is revoked.
    Revoked,
    /// It is listed for another period, or not at all.
    NotValid,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Revoked => "is revoked in",
            Self::NotValid => "is not valid now by",
        })
    }
}

impl Core {
    /// Whether, and why, the directory in force does not believe a key of our own: under such a one nothing is signed, and so
    /// nothing recorded.
    pub fn silenced(&self, key: KeyId, now: Instant) -> Option<Silenced> {
        let directory = self.directory().filter(|known| known.node_key(&self.me, key, now).is_none())?;
        let is_revoked = directory.revocations.contains_key(&key);
        let fault = if is_revoked { KeyFault::Revoked } else { KeyFault::NotValid };
        Some(Silenced { key, version: directory.version.version, fault })
    }

    /// Whether the directory in force believes one of the keys that an agency's node signed with.
    pub(super) fn believes(&self, agency: &AgencyId, signatures: &[Signature], now: Instant) -> bool {
        let Some(directory) = self.directory() else { return false };
        signatures.iter().any(|signature| directory.node_key(agency, signature.key_id, now).is_some())
    }

    /// Whether the directory in force believes the key with which the hub signed.
    pub(crate) fn believes_hub(&self, statement: &Signed) -> bool {
        let Some(directory) = self.directory() else { return false };
        statement.signatures.iter().any(|signature| directory.hub_key(signature.key_id).is_some())
    }

    /// Whether a key of our own was revoked since an earlier directory.
    pub(super) fn has_lost_a_key_since(&self, before: &Directory) -> bool {
        let (Some(now), Some(listed)) = (self.directory(), before.agencies.get(&self.me)) else {
            return false;
        };
        let revoked = |key| now.revocations.contains_key(key) && !before.revocations.contains_key(key);
        listed.signing_keys.iter().any(|record| revoked(&record.key.id))
    }

    /// What a peer said is signed by a key that the directory in force does not believe any more.
    pub(super) fn no_longer_believed(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        from: &AgencyId,
        statement: &Signed,
    ) {
        let detail = format!("a statement in the name of {from} is signed by a key that is believed no more");
        let (rule, header) = (Rule::KeyUnknown, Some(sha256(&statement.payload)));
        self.alarm(env, round, Alarm { rule, peer: None, header, detail, exhibits: exhibits(statement) });
    }
}
