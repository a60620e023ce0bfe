//! The authority, the agreements and the operations of a roster; agreements and operations also in files of their own.

use std::collections::BTreeSet;
use std::path::Path;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::{Agreement, AgreementId, Operation, Parties};
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::ApprovalRule;
use sealpost_domain::handling::{HandlingCode, Tlp};
use sealpost_domain::instant::{Instant, Period};
use sealpost_domain::message::{Category, OperationId, SharingMode};

use super::reader::{Placed, Source, Table};
use super::{
    Arrangement, Authority, Campaign, DAY, Error, MOMENT, approval, from_str, members, moment, named, one_of,
    parse, text_of, title,
};

/// A key for every holder on earth would be too many to call together.
const AUTHORITY_KEYS_MAX: u32 = 32;

impl Arrangement {
    /// Reads the file of one agreement: the keys of `[[agreements]]` in a roster, for agencies that are known.
    pub fn read(path: &Path, known: &BTreeSet<AgencyId>) -> Result<Self, Error> {
        let read = |source: &Source<'_>, table: Table<'_>| arrangement(source, table, known);
        Ok(parse(&text_of(path)?, path, read)?.value)
    }

    /// The agreement between these parties; nobody signed it yet.
    pub fn between(&self, parties: Parties) -> Agreement {
        Agreement {
            id: self.id.clone(),
            digest: Digest::ZERO,
            title: self.title.clone(),
            parties,
            categories: self.categories.clone(),
            modes: self.modes.clone(),
            strictest_tlp: self.strictest_tlp,
            handling_codes: self.handling_codes.clone(),
            retention_max: self.retention_max,
            period: self.period,
        }
    }
}

impl Campaign {
    /// Reads the file of one operation: the keys of `[[operations]]` in a roster, for agencies that are known.
    pub fn read(path: &Path, known: &BTreeSet<AgencyId>) -> Result<Self, Error> {
        let read = |source: &Source<'_>, table: Table<'_>| campaign(source, table, known);
        Ok(parse(&text_of(path)?, path, read)?.value)
    }

    /// The operation with these members; its lead did not sign it yet.
    pub fn with(&self, members: Parties) -> Operation {
        let Self { id, lead, from, until, .. } = self.clone();
        Operation { id, digest: Digest::ZERO, lead, members, from, until }
    }
}

/// Reads which messages of an agency need officers' approvals: the `[[approvals]]` of a file of its own.
pub fn read_approvals(path: &Path) -> Result<Vec<ApprovalRule>, Error> {
    parse(&text_of(path)?, path, |source, mut top| {
        let rules = top.tables("approvals");
        let rules = rules.into_iter().map(|table| approval(source, table, usize::MAX)).collect();
        top.end();
        rules
    })
}

/// Left out, it means two of three.
pub(super) fn authority(source: &Source<'_>, top: &mut Table<'_>) -> Option<Authority> {
    let Some(mut table) = top.optional_table("authority") else {
        return Some(Authority { keys: 3, threshold: 2 });
    };
    let keys = table.number("keys", 3, 1..=AUTHORITY_KEYS_MAX);
    let (path, offset) = table.place("threshold");
    let threshold = table.number("threshold", 2, 1..=AUTHORITY_KEYS_MAX);
    table.end();
    let authority = Authority { keys: keys?, threshold: threshold? };
    if authority.threshold > authority.keys {
        let problem = format!("is {}, and there are {} keys", authority.threshold, authority.keys);
        source.fault(path, offset, problem);
    }
    Some(authority)
}

pub(super) fn arrangement(
    source: &Source<'_>,
    mut table: Table<'_>,
    known: &BTreeSet<AgencyId>,
) -> Option<Placed<Arrangement>> {
    let id = table.text("id", "1 to 64 of A-Z, 0-9 and hyphen", from_str::<AgreementId>);
    let title = title(&mut table, "title");
    let parties = members(source, &mut table, "parties", known);
    let categories = named(&mut table, "categories", Category::ALL);
    let modes = named(&mut table, "modes", SharingMode::ALL);
    let handling_codes = named(&mut table, "handling_codes", HandlingCode::ALL);
    let strictest_tlp = table.optional("strictest_tlp", &one_of(Tlp::ALL), from_str::<Tlp>);
    let days = table.number("retention_days", 3650, 1..=36_500);
    let from = table.text("from", MOMENT, moment);
    let until = table.optional("until", MOMENT, moment);
    table.end();

    let strictest_tlp = strictest_tlp.ok()?.map_or(Tlp::Red, |tlp| tlp.value);
    let (from, until) = (from?.value, until.ok()?);
    ends_later(source, from, until.as_ref());
    let Placed { value: id, path, offset } = id?;
    let arrangement = Arrangement {
        id,
        title: title?,
        parties,
        categories,
        modes,
        strictest_tlp,
        handling_codes,
        retention_max: DAY * days?,
        period: Period { from, until: until.map(|until| until.value) },
    };
    Some(Placed { value: arrangement, path, offset })
}

pub(super) fn campaign(
    source: &Source<'_>,
    mut table: Table<'_>,
    known: &BTreeSet<AgencyId>,
) -> Option<Placed<Campaign>> {
    let id = table.text("id", "1 to 64 of A-Z, 0-9 and hyphen", from_str::<OperationId>);
    let lead = table.text("lead", "an agency id such as HK-CED", from_str::<AgencyId>);
    let members = members(source, &mut table, "members", known);
    let from = table.text("from", MOMENT, moment);
    let until = table.text("until", MOMENT, moment);
    table.end();

    let (lead, from) = (lead?, from?.value);
    if members.among(known).binary_search(&lead.value).is_err() {
        source.fault(lead.path, lead.offset, format!("is {}, who is not a member", lead.value));
    }
    ends_later(source, from, until.as_ref());
    let Placed { value: id, path, offset } = id?;
    let campaign = Campaign { id, lead: lead.value, members, from, until: until?.value };
    Some(Placed { value: campaign, path, offset })
}

fn ends_later(source: &Source<'_>, from: Instant, until: Option<&Placed<Instant>>) {
    if let Some(until) = until.filter(|until| until.value <= from) {
        source.fault(until.path.clone(), until.offset, format!("is not after from = {from}"));
    }
}
