//! What one version of a directory changes in another, one line for each fact: what the holders of the authority's keys
//! compare before they sign.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use sealpost_crypto::digest::{Algorithm, key_id, sha256};
use sealpost_domain::directory::{AgencyRecord, ApprovalRule, Directory, KeyUse, RevocationReason};
use sealpost_domain::instant::Period;
use serde::Serialize;

/// One thing that is other than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What became of it.
    pub change: Kind,
    /// What kind of thing.
    pub what: &'static str,
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

/// All that changes from one version to another, in the order of `ORDER`.
pub fn changes(before: &Directory, after: &Directory) -> Vec<Change> {
    let (mut before, after) = (facts(before), facts(after));
    let mut changes: Vec<_> = after
        .into_iter()
        .filter_map(|((what, name), now)| {
            let (change, before) = match before.remove(&(what, name.clone())) {
                Some(before) if before == now => return None,
                Some(before) => (Kind::Changed, Some(before)),
                None => (Kind::Added, None),
            };
            Some((what, Change { change, what: ORDER[what], name, before, after: Some(now) }))
        })
        .collect();
    changes.extend(before.into_iter().map(|((what, name), before)| {
        (what, Change { change: Kind::Removed, what: ORDER[what], name, before: Some(before), after: None })
    }));
    changes.sort_by(|(one, first), (other, second)| (one, &first.name).cmp(&(other, &second.name)));
    changes.into_iter().map(|(_, change)| change).collect()
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

/// What is told of a directory, in this order.
const ORDER: [&str; 13] = [
    "version",
    "validity",
    "authority threshold",
    "authority key",
    "hub operator root",
    "hub key",
    "jurisdiction",
    "agency",
    "signing key",
    "sealing key",
    "agreement",
    "operation",
    "revocation",
];

/// Everything that a directory says, each by its place in [`ORDER`] and its name.
fn facts(directory: &Directory) -> BTreeMap<(usize, String), String> {
    let mut facts = BTreeMap::new();
    let mut fact = |what: &str, name: &dyn Display, detail: String| {
        let place = ORDER.iter().position(|known| *known == what).unwrap_or(ORDER.len() - 1);
        facts.insert((place, name.to_string()), detail);
    };
    fact("version", &"", format!("{}, digest {}", directory.version.version, directory.version.digest));
    fact("validity", &"", format!("issued {}, until {}", directory.issued_at, directory.valid_until));
    let (threshold, keys) = (directory.threshold, directory.authority_keys.len());
    fact("authority threshold", &"", format!("{threshold} of {keys}"));
    for key in &directory.authority_keys {
        fact("authority key", &key_id(Algorithm::Ed25519, key), "may sign versions".to_owned());
    }
    let fingerprint = |der: &[u8]| format!("certificate SHA-256 {}", sha256(der));
    fact("hub operator root", &"", fingerprint(&directory.hub.operator_root));
    for key in &directory.hub.signing_keys {
        fact("hub key", &key.id, "signs acceptances".to_owned());
    }
    for (code, record) in &directory.jurisdictions {
        fact("jurisdiction", code, format!("{}, {}", record.name, fingerprint(&record.root)));
    }
    for (agency, record) in &directory.agencies {
        fact("agency", agency, described(record));
        for key in &record.signing_keys {
            let usage = if key.usage == KeyUse::Node { "node" } else { "officer" };
            let name = format!("{} of {agency}", key.key.id);
            fact("signing key", &name, format!("for {usage}, {}", during(key.period)));
        }
        for key in &record.sealing_keys {
            let name = format!("{} of {agency}", key.key.id);
            fact("sealing key", &name, format!("epoch {}, {}", key.epoch, during(key.period)));
        }
    }
    for agreement in &directory.agreements {
        let parties = joined(agreement.parties.as_slice());
        let days = agreement.retention_max.as_secs() / 86_400;
        let detail = format!(
            "\"{}\" between {parties}; {}; {}; up to {}, {}; kept {days} days; {}; digest {}",
            agreement.title,
            joined(&agreement.categories),
            joined(&agreement.modes),
            agreement.strictest_tlp,
            joined(&agreement.handling_codes),
            during(agreement.period),
            agreement.digest
        );
        fact("agreement", &agreement.id, detail);
    }
    for operation in directory.operations.values() {
        let (from, until) = (operation.from, operation.until);
        let detail = format!(
            "led by {}, with {}; from {from} until {until}",
            operation.lead,
            joined(operation.members.as_slice())
        );
        fact("operation", &operation.id, detail);
    }
    for (key, revocation) in &directory.revocations {
        fact("revocation", key, format!("{}, since {}", reason(revocation.reason), revocation.revoked_at));
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

/// Why a key is no longer believed, in one word.
pub fn reason(reason: RevocationReason) -> &'static str {
    match reason {
        RevocationReason::Superseded => "superseded",
        RevocationReason::Compromised => "compromised",
        RevocationReason::Cessation => "cessation",
    }
}

fn during(period: Period) -> String {
    match period.until {
        Some(until) => format!("from {} until {until}", period.from),
        None => format!("from {}", period.from),
    }
}

fn joined<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}
