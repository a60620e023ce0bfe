//! A directory for people, as tables, and for machines, as JSON.

use comfy_table::{Table, presets};
use sealpost_crypto::digest::{Algorithm, key_id, sha256};
use sealpost_domain::directory::{AgencyRecord, Directory};
use sealpost_domain::instant::{Instant, Period};
use serde::Serialize;

use crate::ceremony::describe;

/// A directory, verified by itself, as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The network.
    pub network: String,
    /// Which version.
    pub version: u64,
    /// SHA-256 of its payload.
    pub digest: String,
    /// The digest of the version before.
    pub previous_digest: String,
    /// When it was issued.
    pub issued_at: String,
    /// After which it is stale.
    pub valid_until: String,
    /// How many authority keys must sign the next version.
    pub threshold: u32,
    /// The ids of the authority's keys.
    pub authority_keys: Vec<String>,
    /// The ids of the hub's keys.
    pub hub_keys: Vec<String>,
    /// SHA-256 of the root certificate of the hub's operator.
    pub operator_root: String,
    /// The jurisdictions.
    pub jurisdictions: Vec<Jurisdiction>,
    /// The agencies.
    pub agencies: Vec<Agency>,
    /// The agreements.
    pub agreements: Vec<Agreement>,
    /// The operations.
    pub operations: Vec<Operation>,
    /// Keys that are no longer believed.
    pub revocations: Vec<Revocation>,
    /// Digests of agreements and operations that ended and never come back.
    pub withdrawn: Vec<String>,
}

/// A jurisdiction.
#[derive(Clone, Debug, Serialize)]
pub struct Jurisdiction {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// SHA-256 of its root certificate.
    pub root: String,
}

/// An agency.
#[derive(Clone, Debug, Serialize)]
pub struct Agency {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The keys of its node and officers.
    pub signing_keys: Vec<Key>,
    /// The keys to which is sealed.
    pub sealing_keys: Vec<Key>,
}

/// A key.
#[derive(Clone, Debug, Serialize)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// `node`, `officer` or `epoch N`.
    pub usage: String,
    /// From when it is valid.
    pub from: String,
    /// Until when it is valid.
    pub until: Option<String>,
    /// Whether the directory revokes it.
    pub revoked: bool,
}

/// An agreement.
#[derive(Clone, Debug, Serialize)]
pub struct Agreement {
    /// Its name.
    pub id: String,
    /// SHA-256 of what its parties signed.
    pub digest: String,
    /// What it is called.
    pub title: String,
    /// Its parties.
    pub parties: Vec<String>,
    /// What may be shared.
    pub categories: Vec<String>,
    /// On whose initiative.
    pub modes: Vec<String>,
    /// The strictest label.
    pub strictest_tlp: String,
    /// The handling codes.
    pub handling_codes: Vec<String>,
    /// How long a message may be kept.
    pub retention_days_max: u64,
    /// From when it is in force.
    pub from: String,
    /// Until when it is in force.
    pub until: Option<String>,
}

/// An operation.
#[derive(Clone, Debug, Serialize)]
pub struct Operation {
    /// Its name.
    pub id: String,
    /// SHA-256 of what its lead signed.
    pub digest: String,
    /// Who leads it.
    pub lead: String,
    /// Who takes part.
    pub members: Vec<String>,
    /// From when.
    pub from: String,
    /// Until when.
    pub until: String,
}

/// A key that is no longer believed.
#[derive(Clone, Debug, Serialize)]
pub struct Revocation {
    /// The key's id.
    pub key: String,
    /// From when.
    pub revoked_at: String,
    /// Why: `superseded`, `compromised` or `cessation`.
    pub reason: &'static str,
    /// Whose it is, where it is listed.
    pub holder: Option<String>,
}

impl Shown {
    /// What is shown of a directory.
    pub fn of(directory: &Directory) -> Self {
        let holders = describe::holders(directory);
        Self {
            network: directory.network.to_string(),
            version: directory.version.version,
            digest: directory.version.digest.to_string(),
            previous_digest: directory.previous.to_string(),
            issued_at: directory.issued_at.to_string(),
            valid_until: directory.valid_until.to_string(),
            threshold: directory.threshold,
            authority_keys: directory
                .authority_keys
                .iter()
                .map(|key| key_id(Algorithm::Ed25519, key).to_string())
                .collect(),
            hub_keys: directory.hub.signing_keys.iter().map(|key| key.id.to_string()).collect(),
            operator_root: sha256(&directory.hub.operator_root).to_string(),
            jurisdictions: directory
                .jurisdictions
                .iter()
                .map(|(code, record)| Jurisdiction {
                    code: code.to_string(),
                    name: record.name.clone(),
                    root: sha256(&record.root).to_string(),
                })
                .collect(),
            agencies: directory
                .agencies
                .iter()
                .map(|(id, record)| Agency {
                    id: id.to_string(),
                    name: record.name.clone(),
                    signing_keys: signing_keys(directory, record),
                    sealing_keys: sealing_keys(directory, record),
                })
                .collect(),
            agreements: directory.agreements.iter().map(Agreement::of).collect(),
            operations: directory.operations.values().map(Operation::of).collect(),
            revocations: directory
                .revocations
                .iter()
                .map(|(key, revocation)| Revocation {
                    key: key.to_string(),
                    revoked_at: revocation.revoked_at.to_string(),
                    reason: describe::reason(revocation.reason),
                    holder: holders.get(key).cloned(),
                })
                .collect(),
            withdrawn: directory.withdrawn.iter().map(ToString::to_string).collect(),
        }
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let head = format!(
            "Network {}, version {} of the directory\n\
             Digest {}\n\
             Issued {}, valid until {}\n\
             Authority: {} of {} keys; revoked keys: {}; withdrawn: {}",
            self.network,
            self.version,
            self.digest,
            self.issued_at,
            self.valid_until,
            self.threshold,
            self.authority_keys.len(),
            self.revocations.len(),
            self.withdrawn.len(),
        );
        let tables = [
            self.roots(),
            self.keys(),
            self.agencies(),
            self.agreements(),
            self.operations(),
            self.revocations(),
        ];
        let tables = tables.iter().filter(|table| table.row_count() > 0).map(Table::trim_fmt);
        std::iter::once(head).chain(tables).collect::<Vec<_>>().join("\n\n") + "\n"
    }

    /// What all else is believed by: to be compared over another channel.
    fn roots(&self) -> Table {
        let mut table = table(["Root", "Name", "SHA-256 of the certificate"]);
        for Jurisdiction { code, name, root } in &self.jurisdictions {
            table.add_row([code, name, root]);
        }
        table.add_row(["hub", "the hub's operator", &self.operator_root]);
        table
    }

    fn keys(&self) -> Table {
        let mut table = table(["Key of", "Number", "Id"]);
        for (holder, keys) in [("authority", &self.authority_keys), ("hub", &self.hub_keys)] {
            for (index, key) in keys.iter().enumerate() {
                table.add_row([holder, &(index + 1).to_string(), key]);
            }
        }
        table
    }

    fn agencies(&self) -> Table {
        let mut table = table(["Agency", "Name", "Signing keys", "Sealing keys", "Sealed until"]);
        for agency in &self.agencies {
            let usable = agency.sealing_keys.iter().rev().find(|key| !key.revoked);
            let until = usable.and_then(|key| key.until.as_deref()).unwrap_or_default();
            let (signing, sealing) = (counted(&agency.signing_keys), counted(&agency.sealing_keys));
            table.add_row([&agency.id, &agency.name, &signing, &sealing, until]);
        }
        table
    }

    fn agreements(&self) -> Table {
        let mut table = table(["Agreement", "Title", "Parties", "From", "Until"]);
        for agreement in &self.agreements {
            let until = agreement.until.as_deref().unwrap_or("no end");
            let parties = agreement.parties.len().to_string();
            table.add_row([&agreement.id, &agreement.title, &parties, &agreement.from, until]);
        }
        table
    }

    fn operations(&self) -> Table {
        let mut table = table(["Operation", "Lead", "Members", "From", "Until"]);
        for operation in &self.operations {
            let members = operation.members.len().to_string();
            table.add_row([&operation.id, &operation.lead, &members, &operation.from, &operation.until]);
        }
        table
    }

    fn revocations(&self) -> Table {
        let mut table = table(["Revoked key", "Why", "Since", "Whose"]);
        for Revocation { key, revoked_at, reason, holder } in &self.revocations {
            table.add_row([key, *reason, revoked_at, holder.as_deref().unwrap_or_default()]);
        }
        table
    }
}

/// How many keys are believed, and how many are not any more.
fn counted(keys: &[Key]) -> String {
    let revoked = keys.iter().filter(|key| key.revoked).count();
    match (keys.len() - revoked, revoked) {
        (left, 0) => left.to_string(),
        (left, revoked) => format!("{left} ({revoked} revoked)"),
    }
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    table
}

fn signing_keys(directory: &Directory, record: &AgencyRecord) -> Vec<Key> {
    let key = |key: &sealpost_domain::directory::SigningKeyRecord| {
        let revoked = directory.revocations.contains_key(&key.key.id);
        Key::of(key.key.id.to_string(), describe::usage(key.usage).to_owned(), key.period, revoked)
    };
    record.signing_keys.iter().map(key).collect()
}

fn sealing_keys(directory: &Directory, record: &AgencyRecord) -> Vec<Key> {
    let key = |key: &sealpost_domain::directory::SealingKeyRecord| {
        let revoked = directory.revocations.contains_key(&key.key.id);
        Key::of(key.key.id.to_string(), format!("epoch {}", key.epoch), key.period, revoked)
    };
    record.sealing_keys.iter().map(key).collect()
}

impl Key {
    fn of(id: String, usage: String, period: Period, revoked: bool) -> Self {
        let until = period.until.map(|until| until.to_string());
        Self { id, usage, from: period.from.to_string(), until, revoked }
    }
}

impl Agreement {
    fn of(agreement: &sealpost_domain::agreement::Agreement) -> Self {
        Self {
            id: agreement.id.to_string(),
            digest: agreement.digest.to_string(),
            title: agreement.title.clone(),
            parties: texts(agreement.parties.as_slice()),
            categories: texts(&agreement.categories),
            modes: texts(&agreement.modes),
            strictest_tlp: agreement.strictest_tlp.to_string(),
            handling_codes: texts(&agreement.handling_codes),
            retention_days_max: agreement.retention_max.as_secs() / 86_400,
            from: agreement.period.from.to_string(),
            until: agreement.period.until.as_ref().map(Instant::to_string),
        }
    }
}

impl Operation {
    fn of(operation: &sealpost_domain::agreement::Operation) -> Self {
        Self {
            id: operation.id.to_string(),
            digest: operation.digest.to_string(),
            lead: operation.lead.to_string(),
            members: texts(operation.members.as_slice()),
            from: operation.from.to_string(),
            until: operation.until.to_string(),
        }
    }
}

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}
