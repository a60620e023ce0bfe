//! The figures of outcome messages.

use std::collections::BTreeMap;

use sealpost_domain::instant::Instant;
use sealpost_domain::stats::{Counts, Period};
use sealpost_domain::view::{Group, Statistics};
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::field::{In, instant};

/// Reads for which period figures are asked.
pub fn period(message: &pb::StatsRequest) -> Result<Period, Error> {
    let pb::StatsRequest { from_ms, until_ms } = message;
    let (from, until) = (from_ms.map(instant), until_ms.map(instant));
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        let problem = format!("is {until}, expected a moment after from_ms, {from}");
        return Err(In("StatsRequest").fault("until_ms", problem));
    }
    Ok(Period { from, until })
}

/// Asks for the figures of a period.
pub fn period_message(period: Period) -> pb::StatsRequest {
    pb::StatsRequest {
        from_ms: period.from.map(Instant::as_millis),
        until_ms: period.until.map(Instant::as_millis),
    }
}

/// Reads figures.
pub fn statistics(message: pb::StatsResponse) -> Result<Statistics, Error> {
    let at = In("StatsResponse");
    let pb::StatsResponse { total, groups, counted, amended, recalled } = message;
    let (_, total) = row(at.required("total", total)?)?;
    Ok(Statistics {
        total,
        groups: groups.into_iter().map(group).collect::<Result<_, _>>()?,
        counted,
        amended,
        recalled,
    })
}

/// Answers with figures.
pub fn statistics_message(statistics: &Statistics) -> pb::StatsResponse {
    let Statistics { total, groups, counted, amended, recalled } = statistics;
    let group = |group: &Group| pb::StatsGroup {
        dimension: group.dimension.to_string(),
        rows: group.rows.iter().map(|(value, counts)| row_message(value, counts)).collect(),
    };
    pb::StatsResponse {
        total: Some(row_message("total", total)),
        groups: groups.iter().map(group).collect(),
        counted: *counted,
        amended: *amended,
        recalled: *recalled,
    }
}

fn group(message: pb::StatsGroup) -> Result<Group, Error> {
    let pb::StatsGroup { dimension, rows } = message;
    Ok(Group {
        dimension: In("StatsGroup").parse("dimension", &dimension)?,
        rows: rows.into_iter().map(row).collect::<Result<_, _>>()?,
    })
}

fn row(message: pb::StatsRow) -> Result<(String, Counts), Error> {
    let pb::StatsRow {
        value,
        cases,
        arrests,
        youngest_age,
        oldest_age,
        grams,
        money,
        transit_cases,
        false_positives,
    } = message;
    let mut money_hundredths = BTreeMap::new();
    for pb::MoneyTotal { currency, hundredths } in money {
        money_hundredths.insert(In("MoneyTotal").parse("currency", &currency)?, hundredths);
    }
    let counts = Counts {
        cases,
        arrests,
        youngest: youngest_age,
        oldest: oldest_age,
        grams,
        money_hundredths,
        transit_cases,
        false_positives,
    };
    Ok((value, counts))
}

fn row_message(value: &str, counts: &Counts) -> pb::StatsRow {
    let Counts { cases, arrests, youngest, oldest, grams, money_hundredths, transit_cases, false_positives } =
        counts;
    let money = money_hundredths.iter().map(|(currency, hundredths)| pb::MoneyTotal {
        currency: currency.to_string(),
        hundredths: *hundredths,
    });
    pb::StatsRow {
        value: value.to_owned(),
        cases: *cases,
        arrests: *arrests,
        youngest_age: *youngest,
        oldest_age: *oldest,
        grams: *grams,
        money: money.collect(),
        transit_cases: *transit_cases,
        false_positives: *false_positives,
    }
}
