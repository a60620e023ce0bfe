//! Keys that end while something is on its way: a message or statement is verified under one directory and recorded under
//! the next, so that a key is asked for once more in the round in which it counts. The ledger then holds nothing that a
//! reader, who judges each record by the directory before it, would not believe.

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

impl Core {
    /// Whether the directory in force believes a key of our own: under another nothing is signed, and so nothing recorded.
    pub fn speaks_with(&self, key: KeyId, now: Instant) -> bool {
        self.directory().is_none_or(|directory| directory.node_key(&self.me, key, now).is_some())
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
