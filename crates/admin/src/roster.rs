//! The roster: who is to take part in a new network, as a TOML file that people write.
//!
//! It names agencies, their systems and people, agreements and operations; keys and certificates are made from it.
//! Unknown keys are refused, and a faulty roster is answered with all its faults at once. Nothing is repaired.

mod error;
mod reader;
mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sealpost_domain::agency::{AgencyId, JurisdictionCode};
use sealpost_domain::agreement::AgreementId;
use sealpost_domain::directory::ApprovalRule;
use sealpost_domain::handling::{HandlingCode, Tlp};
use sealpost_domain::identity::{Name, NetworkName};
use sealpost_domain::instant::{Instant, Period};
use sealpost_domain::message::{Category, Kind, OperationId, SharingMode};
use toml::de::DeTable;

pub use error::Error;
pub use reader::Fault;
use reader::{Placed, Source, Table};
pub use terms::read_approvals;
use terms::{arrangement, campaign};

/// No roster is larger.
const FILE_SIZE_MAX: u64 = 1 << 20;
const DAY: Duration = Duration::from_hours(24);

/// Who takes part in a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// The network's name.
    pub network: NetworkName,
    /// The hub.
    pub hub: Hub,
    /// Those who order, list and revoke.
    pub authority: Authority,
    /// The jurisdictions, with their English short names.
    pub jurisdictions: BTreeMap<JurisdictionCode, String>,
    /// The agencies, in the order of the file; no two have the same id.
    pub agencies: Vec<Agency>,
    /// The agreements among them.
    pub agreements: Vec<Arrangement>,
    /// Their joint operations.
    pub operations: Vec<Campaign>,
}

/// The authority of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority {
    /// How many keys there are, each with a holder of its own.
    pub keys: u32,
    /// How many of them must sign a version.
    pub threshold: u32,
}

/// The hub and the people who operate it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    /// Its name within the network.
    pub name: Name,
    /// Its operators.
    pub operators: Vec<Name>,
}

/// An agency, and whom of it the gateway of its node lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agency {
    /// Its id.
    pub id: AgencyId,
    /// As officers know it.
    pub name: String,
    /// Its own systems.
    pub systems: Vec<Name>,
    /// Its liaison officers.
    pub officers: Vec<Name>,
    /// The auditors of its ledger.
    pub auditors: Vec<Name>,
    /// Which of its messages need officers' approvals.
    pub approvals: Vec<ApprovalRule>,
}

/// An agreement that its parties are to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrangement {
    /// Its name.
    pub id: AgreementId,
    /// What it is called.
    pub title: String,
    /// Between whom.
    pub parties: Members,
    /// What may be shared.
    pub categories: BTreeSet<Category>,
    /// On whose initiative.
    pub modes: BTreeSet<SharingMode>,
    /// The strictest label.
    pub strictest_tlp: Tlp,
    /// The handling codes that its parties obey.
    pub handling_codes: BTreeSet<HandlingCode>,
    /// How long a message may be kept.
    pub retention_max: Duration,
    /// When it is in force.
    pub period: Period,
}

/// A joint operation that its lead is to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// Its name.
    pub id: OperationId,
    /// Who leads it.
    pub lead: AgencyId,
    /// Who takes part.
    pub members: Members,
    /// From when.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
}

/// Who is bound by an agreement or takes part in an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    /// Every agency of the network.
    All,
    /// These.
    Only(BTreeSet<AgencyId>),
}

impl Members {
    /// The members among some agencies, ascending.
    pub fn among<'a>(&self, agencies: impl IntoIterator<Item = &'a AgencyId>) -> Vec<AgencyId> {
        let chosen: BTreeSet<_> = agencies
            .into_iter()
            .filter(|agency| match self {
                Self::All => true,
                Self::Only(members) => members.contains(agency),
            })
            .collect();
        chosen.into_iter().cloned().collect()
    }
}

impl Roster {
    /// Reads a roster file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(&text_of(path)?, path)
    }

    /// Reads the text of a roster; `path` is where it came from, for errors.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        parse(text, path, read)
    }
}

/// The text of a file, up to a limit.
fn text_of(path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(FILE_SIZE_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_SIZE_MAX {
        return Err(Error::TooLarge { path: path.to_owned(), max: FILE_SIZE_MAX });
    }
    Ok(text)
}

/// Reads a document, or tells all that is wrong with it.
fn parse<T>(
    text: &str,
    path: &Path,
    read: impl FnOnce(&Source<'_>, Table<'_>) -> Option<T>,
) -> Result<T, Error> {
    let source = Source::new(text);
    let document = DeTable::parse(text).map_err(|error| Error::Syntax {
        path: path.to_owned(),
        line: source.line(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    let found = read(&source, Table::top(&source, document.get_ref()));
    let faults = source.into_faults();
    match found {
        Some(found) if faults.is_empty() => Ok(found),
        _ => Err(Error::Faults { path: path.to_owned(), faults }),
    }
}

/// Reads all there is before it gives up, so that no fault hides another.
fn read(source: &Source<'_>, mut top: Table<'_>) -> Option<Roster> {
    let network = top.text(
        "network",
        "1 to 63 of a-z, 0-9, hyphen and dot, such as sample.sealpost",
        NetworkName::parse,
    );
    let hub = top.table("hub").and_then(|table| hub(source, table));

    let authority = terms::authority(source, &mut top);

    let mut jurisdictions = BTreeMap::new();
    for mut table in top.tables("jurisdictions") {
        let code = table.text("code", "two capital letters, such as HK", from_str::<JurisdictionCode>);
        // A code without a name is a fault that is noted; its agencies are none.
        let name = title(&mut table, "name").unwrap_or_default();
        table.end();
        if let Some(Placed { value: code, path, offset }) = code
            && jurisdictions.insert(code, name).is_some()
        {
            source.fault(path, offset, format!("repeats {code}"));
        }
    }

    let listed = top.tables("agencies");
    if listed.len() < 2 {
        source.fault("agencies".to_owned(), 0, format!("are {}, expected two or more", listed.len()));
    }
    let (mut agencies, mut known) = (Vec::with_capacity(listed.len()), BTreeSet::new());
    for mut table in listed {
        let id = table.text("id", "an agency id such as HK-CED", from_str::<AgencyId>);
        if let Some(Placed { value: id, path, offset }) = &id {
            let jurisdiction = id.jurisdiction();
            if !known.insert(id.clone()) {
                source.fault(path.clone(), *offset, format!("repeats {id}"));
            } else if !jurisdictions.contains_key(&jurisdiction) {
                let problem = format!("is {id}, and no [[jurisdictions]] has the code {jurisdiction}");
                source.fault(path.clone(), *offset, problem);
            }
        }
        agencies.extend(agency(source, table, id.map(|id| id.value)));
    }

    let agreements =
        top.tables("agreements").into_iter().filter_map(|table| arrangement(source, table, &known));
    let agreements: Vec<_> = unique(source, agreements, |agreement| &agreement.id);
    let operations = top.tables("operations").into_iter().filter_map(|table| campaign(source, table, &known));
    let operations: Vec<_> = unique(source, operations, |operation| &operation.id);
    top.end();
    let (network, hub, authority) = (network?.value, hub?, authority?);
    Some(Roster { network, hub, authority, jurisdictions, agencies, agreements, operations })
}

fn hub(source: &Source<'_>, mut table: Table<'_>) -> Option<Hub> {
    let name = table.text("name", NAME, Name::parse);
    let operators = names(source, &mut table, "operators");
    table.end();
    Some(Hub { name: name?.value, operators })
}

fn agency(source: &Source<'_>, mut table: Table<'_>, id: Option<AgencyId>) -> Option<Agency> {
    let name = title(&mut table, "name");
    let [systems, officers, auditors] =
        ["systems", "officers", "auditors"].map(|role| names(source, &mut table, role));
    let rules = table.tables("approvals");
    let approvals = rules.into_iter().filter_map(|table| approval(source, table, officers.len())).collect();
    table.end();
    Some(Agency { id: id?, name: name?, systems, officers, auditors, approvals })
}

/// What is left out means every kind, every label, one officer.
fn approval(source: &Source<'_>, mut table: Table<'_>, listed: usize) -> Option<ApprovalRule> {
    let kinds = table.list("kinds", &one_of(Kind::ALL), from_str::<Kind>).unwrap_or_default();
    let tlp = table.list("tlp", &one_of(Tlp::ALL), from_str::<Tlp>).unwrap_or_default();
    let (path, offset) = table.place("officers");
    let officers = table.number("officers", 1, 1..=16);
    table.end();
    let approvals = officers?;
    if usize::try_from(approvals).is_ok_and(|approvals| approvals > listed) {
        source.fault(path, offset, format!("is {approvals}, and the agency has {listed} officers"));
    }
    Some(ApprovalRule {
        kinds: kinds.into_iter().map(|kind| kind.value).collect(),
        tlp: tlp.into_iter().map(|label| label.value).collect(),
        approvals,
    })
}

fn names(source: &Source<'_>, table: &mut Table<'_>, role: &'static str) -> Vec<Name> {
    let mut names = Vec::new();
    for name in table.list(role, NAME, Name::parse).unwrap_or_default() {
        if names.contains(&name.value) {
            source.fault(name.path, name.offset, format!("repeats {}", name.value));
        } else {
            names.push(name.value);
        }
    }
    names
}

/// Left out, it means all agencies.
fn members(
    source: &Source<'_>,
    table: &mut Table<'_>,
    key: &'static str,
    known: &BTreeSet<AgencyId>,
) -> Members {
    let Some(listed) = table.list(key, "an agency id such as HK-CED", from_str::<AgencyId>) else {
        return Members::All;
    };
    let mut members = BTreeSet::new();
    for member in listed {
        if known.contains(&member.value) {
            members.insert(member.value);
        } else {
            let problem = format!("is {}, who is not among the agencies", member.value);
            source.fault(member.path, member.offset, problem);
        }
    }
    Members::Only(members)
}

/// Left out, it means all names of the list.
fn named<T: Copy + Ord + FromStr + Display>(
    table: &mut Table<'_>,
    key: &'static str,
    all: &[T],
) -> BTreeSet<T> {
    match table.list(key, &one_of(all), from_str::<T>) {
        None => all.iter().copied().collect(),
        Some(listed) => listed.into_iter().map(|name| name.value).collect(),
    }
}

fn one_of<T: Display>(all: &[T]) -> String {
    let names: Vec<_> = all.iter().map(T::to_string).collect();
    format!("one of {}", names.join(", "))
}

fn unique<T, K: PartialEq + Display>(
    source: &Source<'_>,
    items: impl Iterator<Item = Placed<T>>,
    key: impl Fn(&T) -> &K,
) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for item in items {
        if kept.iter().any(|other| key(other) == key(&item.value)) {
            source.fault(item.path, item.offset, format!("repeats {}", key(&item.value)));
        }
        kept.push(item.value);
    }
    kept
}

fn title(table: &mut Table<'_>, key: &'static str) -> Option<String> {
    let accept = |text: &str| {
        let well_formed = (1..=128).contains(&text.chars().count())
            && !text.chars().any(char::is_control)
            && text.trim() == text;
        well_formed.then(|| text.to_owned())
    };
    table.text(key, "1 to 128 letters on one line", accept).map(|text| text.value)
}

fn from_str<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn moment(text: &str) -> Option<Instant> {
    text.parse::<jiff::Timestamp>().ok().map(|moment| Instant::from_millis(moment.as_millisecond()))
}

const NAME: &str = "1 to 63 of a-z, 0-9 and hyphen, such as desk-1";
const MOMENT: &str = "a time with an offset, such as 2023-10-01T00:00:00Z";

#[cfg(test)]
mod tests;
