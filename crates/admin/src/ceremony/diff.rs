//! What one version of a directory changes in another, one line for each fact: what the holders of the authority's keys
//! compare before they sign.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};

use sealpost_crypto::digest::{Algorithm, key_id, sha256};
use sealpost_domain::digest::KeyId;
use sealpost_domain::directory::{AgencyRecord, ApprovalRule, Directory};
use serde::{Serialize, Serializer};

use super::describe::{self, joined};

/// One thing that is other than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What became of it.
    pub change: Kind,
    /// What kind of thing.
    pub what: What,
    /// Which one.
    pub name: String,
    /// As it was; absent where it is new.
    pub before: Option<String>,
    /// As it will be; absent where it goes.
    pub after: Option<String>,
}

/// What became of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It is new.
    Added,
    /// It goes.
    Removed,
    /// It stays, with another content.
    Changed,
}

/// What kind of thing changes, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Number and digest.
    Version,
    /// From when until when.
    Validity,
    /// How many of the authority's keys must sign.
    AuthorityThreshold,
    /// One of the authority's keys.
    AuthorityKey,
    /// The root of the hub's operator.
    OperatorRoot,
    /// A key of the hub.
    HubKey,
    /// A jurisdiction with its root.
    Jurisdiction,
    /// An agency.
    Agency,
    /// A key with which its node or an officer signs.
    SigningKey,
    /// A key to which is sealed.
    SealingKey,
    /// An agreement.
    Agreement,
    /// An operation.
    Operation,
    /// A key that is no longer believed.
    Revocation,
    /// An agreement or operation that ended.
    Withdrawal,
    /// A list that goes with a version.
    RevocationList,
}

impl Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Version => "version",
            Self::Validity => "validity",
            Self::AuthorityThreshold => "authority threshold",
            Self::AuthorityKey => "authority key",
            Self::OperatorRoot => "hub operator root",
            Self::HubKey => "hub key",
            Self::Jurisdiction => "jurisdiction",
            Self::Agency => "agency",
            Self::SigningKey => "signing key",
            Self::SealingKey => "sealing key",
            Self::Agreement => "agreement",
            Self::Operation => "operation",
            Self::Revocation => "revocation",
            Self::Withdrawal => "withdrawal",
            Self::RevocationList => "revocation list",
        })
    }
}

impl Serialize for What {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// All that changes from one version to another, in the order of [`What`].
pub fn changes(before: &Directory, after: &Directory) -> Vec<Change> {
    let mut holders = describe::holders(before);
    holders.extend(describe::holders(after));
    let (mut before, after) = (facts(before, &holders), facts(after, &holders));
    let mut changes: Vec<_> = after
        .into_iter()
        .filter_map(|((what, name), now)| {
            let (change, before) = match before.remove(&(what, name.clone())) {
                Some(before) if before == now => return None,
                Some(before) => (Kind::Changed, Some(before)),
                None => (Kind::Added, None),
            };
            Some(Change { change, what, name, before, after: Some(now) })
        })
        .collect();
    changes.extend(before.into_iter().map(|((what, name), before)| Change {
        change: Kind::Removed,
        what,
        name,
        before: Some(before),
        after: None,
    }));
    changes.sort_by(|one, other| (one.what, &one.name).cmp(&(other.what, &other.name)));
    changes
}

/// For people.
pub fn to_text(changes: &[Change]) -> String {
    let mut text = String::new();
    for Change { change, what, name, before, after } in changes {
        let sign = match change {
            Kind::Added => '+',
            Kind::Removed => '-',
            Kind::Changed => '~',
        };
        let _ = write!(text, "{sign} {what}");
        if !name.is_empty() {
            let _ = write!(text, " {name}");
        }
        let _ = match (before, after) {
            (Some(before), Some(after)) => writeln!(text, "\n    was {before}\n    now {after}"),
            (None, Some(detail)) | (Some(detail), None) => writeln!(text, ": {detail}"),
            (None, None) => writeln!(text),
        };
    }
    text
}

/// Everything that a directory says, each by its kind and its name; `holders` names the keys of both versions, since one that
/// is revoked need not be listed any more.
fn facts(directory: &Directory, holders: &BTreeMap<KeyId, String>) -> BTreeMap<(What, String), String> {
    let mut facts = BTreeMap::new();
    let mut fact = |what: What, name: &dyn Display, detail: String| {
        facts.insert((what, name.to_string()), detail);
    };
    fact(What::Version, &"", format!("{}, digest {}", directory.version.version, directory.version.digest));
    fact(What::Validity, &"", format!("issued {}, until {}", directory.issued_at, directory.valid_until));
    let (threshold, keys) = (directory.threshold, directory.authority_keys.len());
    fact(What::AuthorityThreshold, &"", format!("{threshold} of {keys}"));
    for key in &directory.authority_keys {
        fact(What::AuthorityKey, &key_id(Algorithm::Ed25519, key), "may sign versions".to_owned());
    }
    let fingerprint = |der: &[u8]| format!("certificate SHA-256 {}", sha256(der));
    fact(What::OperatorRoot, &"", fingerprint(&directory.hub.operator_root));
    for key in &directory.hub.signing_keys {
        fact(What::HubKey, &key.id, "signs acceptances".to_owned());
    }
    for (code, record) in &directory.jurisdictions {
        fact(What::Jurisdiction, code, format!("{}, {}", record.name, fingerprint(&record.root)));
    }
    for (agency, record) in &directory.agencies {
        fact(What::Agency, agency, described(record));
        for key in &record.signing_keys {
            let name = format!("{} of {agency}", key.key.id);
            fact(What::SigningKey, &name, describe::signing_key(key.usage, key.period));
        }
        for key in &record.sealing_keys {
            let name = format!("{} of {agency}", key.key.id);
            fact(What::SealingKey, &name, describe::sealing_key(key.epoch, key.period));
        }
    }
    for agreement in &directory.agreements {
        fact(What::Agreement, &agreement.id, describe::agreement(agreement));
    }
    for operation in directory.operations.values() {
        fact(What::Operation, &operation.id, describe::operation(operation));
    }
    for (key, revocation) in &directory.revocations {
        let holder = holders.get(key).map_or("of nobody who is listed", String::as_str);
        let detail =
            format!("{}, since {}; {holder}", describe::reason(revocation.reason), revocation.revoked_at);
        fact(What::Revocation, key, detail);
    }
    for digest in &directory.withdrawn {
        fact(What::Withdrawal, digest, "never comes back".to_owned());
    }
    facts
}

fn described(record: &AgencyRecord) -> String {
    let rule = |rule: &ApprovalRule| {
        let or_all = |names: String| if names.is_empty() { "all".to_owned() } else { names };
        let (kinds, labels) = (or_all(joined(&rule.kinds)), or_all(joined(&rule.tlp)));
        format!("{} to approve {kinds} under {labels}", rule.approvals)
    };
    let rules: Vec<_> = record.approval_rules.iter().map(rule).collect();
    if rules.is_empty() { record.name.clone() } else { format!("{}; {}", record.name, rules.join("; ")) }
}
