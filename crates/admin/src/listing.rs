//! A directory for people, as tables, and for machines, as JSON.

use comfy_table::{Table, presets};
use sealpost_domain::directory::{AgencyRecord, Directory, KeyUse};
use sealpost_domain::instant::{Instant, Period};
use serde::Serialize;

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
    /// How many authority keys there are.
    pub authority_keys: usize,
    /// The ids of the hub's keys.
    pub hub_keys: Vec<String>,
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
}

/// A jurisdiction.
#[derive(Clone, Debug, Serialize)]
pub struct Jurisdiction {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
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
}

impl Shown {
    /// What is shown of a directory.
    pub fn of(directory: &Directory) -> Self {
        Self {
            network: directory.network.to_string(),
            version: directory.version.version,
            digest: directory.version.digest.to_string(),
            previous_digest: directory.previous.to_string(),
            issued_at: directory.issued_at.to_string(),
            valid_until: directory.valid_until.to_string(),
            threshold: directory.threshold,
            authority_keys: directory.authority_keys.len(),
            hub_keys: directory.hub.signing_keys.iter().map(|key| key.id.to_string()).collect(),
            jurisdictions: directory
                .jurisdictions
                .iter()
                .map(|(code, record)| Jurisdiction { code: code.to_string(), name: record.name.clone() })
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
                })
                .collect(),
        }
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut agencies = table(["Agency", "Name", "Signing keys", "Sealing keys", "Sealed until"]);
        for agency in &self.agencies {
            let until = agency.sealing_keys.last().and_then(|key| key.until.clone()).unwrap_or_default();
            let (signing, sealing) = (agency.signing_keys.len(), agency.sealing_keys.len());
            agencies.add_row([&agency.id, &agency.name, &signing.to_string(), &sealing.to_string(), &until]);
        }
        let mut agreements = table(["Agreement", "Title", "Parties", "From", "Until"]);
        for agreement in &self.agreements {
            let until = agreement.until.as_deref().unwrap_or("no end");
            let parties = agreement.parties.len().to_string();
            agreements.add_row([&agreement.id, &agreement.title, &parties, &agreement.from, until]);
        }
        let mut operations = table(["Operation", "Lead", "Members", "From", "Until"]);
        for operation in &self.operations {
            let members = operation.members.len().to_string();
            operations.add_row([&operation.id, &operation.lead, &members, &operation.from, &operation.until]);
        }
        format!(
            "Network {}, version {} of the directory\n\
             Digest {}\n\
             Issued {}, valid until {}\n\
             Authority: {} of {} keys; revoked keys: {}\n\n{}\n\n{}\n\n{}\n",
            self.network,
            self.version,
            self.digest,
            self.issued_at,
            self.valid_until,
            self.threshold,
            self.authority_keys,
            self.revocations.len(),
            agencies.trim_fmt(),
            agreements.trim_fmt(),
            operations.trim_fmt(),
        )
    }
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    table
}

fn signing_keys(directory: &Directory, record: &AgencyRecord) -> Vec<Key> {
    let key = |key: &sealpost_domain::directory::SigningKeyRecord| {
        let usage = match key.usage {
            KeyUse::Node => "node",
            KeyUse::Officer => "officer",
        };
        let revoked = directory.revocations.contains_key(&key.key.id);
        Key::of(key.key.id.to_string(), usage.to_owned(), key.period, revoked)
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
