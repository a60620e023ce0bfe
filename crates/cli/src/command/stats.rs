//! `sealpost stats`: the figures of the outcome messages in the node's ledger.

use comfy_table::{Cell, CellAlignment, Table};
use jiff::tz::TimeZone;
use sealpost_client::gateway::Gateway;
use sealpost_domain::identifier::Currency;
use sealpost_domain::instant::Instant;
use sealpost_domain::stats::{Counts, Period};
use sealpost_domain::time::Date;
use sealpost_domain::view::{Group, Statistics};
use serde_json::{Map, Value, json};

use crate::arguments::Stats;
use crate::failure::{Exit, Failure};
use crate::output::{self, Output};
use crate::text;

/// Shows the figures of a period.
pub(super) async fn run(gateway: &Gateway, asked: &Stats, out: &mut Output) -> Result<(), Failure> {
    let mut statistics = gateway.stats(period(asked)?).await?;
    statistics.groups.retain(|group| asked.by.is_empty() || asked.by.contains(&group.dimension));
    if out.is_json() {
        return out.json(&document(&statistics).to_string());
    }
    let mut total = table("TOTAL");
    total.add_row(row("", &statistics.total));
    out.table(&mut total)?;
    for group in &statistics.groups {
        let mut table = table(&group.dimension.to_string().to_uppercase());
        for (value, counts) in &group.rows {
            table.add_row(row(value, counts));
        }
        out.line("")?;
        out.table(&mut table)?;
    }
    let Statistics { counted, amended, recalled, .. } = statistics;
    out.line(&format!(
        "\n{counted} outcome messages counted, {amended} of them amended; {recalled} recalled and left out"
    ))
}

fn period(asked: &Stats) -> Result<Period, Failure> {
    let start = |date: Date| {
        date.civil()
            .to_zoned(TimeZone::UTC)
            .map(|start| Instant::from_millis(start.timestamp().as_millisecond()))
            .map_err(|error| Failure::new(Exit::Usage, error, "expected a day in the years 1 to 9998"))
    };
    let day = std::time::Duration::from_hours(24);
    let period = Period {
        from: asked.from.map(start).transpose()?,
        until: asked.until.map(start).transpose()?.map(|last_day| last_day.plus(day)),
    };
    match (period.from, period.until) {
        (Some(from), Some(until)) if from >= until => {
            Err(Failure::new(Exit::Usage, "--until lies before --from", "exchange the two days"))
        }
        _ => Ok(period),
    }
}

fn table(what: &str) -> Table {
    let mut table = output::table([
        what,
        "CASES",
        "ARRESTS",
        "AGES",
        "KILOGRAMS",
        "VALUE",
        "TRANSIT CASES",
        "FALSE POSITIVES",
    ]);
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

fn row(value: &str, counts: &Counts) -> Vec<Cell> {
    let ages = match (counts.youngest, counts.oldest) {
        (Some(youngest), Some(oldest)) => format!("{youngest} to {oldest}"),
        _ => String::new(),
    };
    let money: Vec<String> =
        counts.money_hundredths.iter().map(|(currency, hundredths)| money(*currency, *hundredths)).collect();
    [
        text::line(value),
        counts.cases.to_string(),
        counts.arrests.to_string(),
        ages,
        thousands(counts.grams / 1000, counts.grams % 1000, 3),
        money.join(", "),
        counts.transit_cases.to_string(),
        counts.false_positives.to_string(),
    ]
    .map(Cell::new)
    .to_vec()
}

/// An amount, with hundredths where the currency has them.
fn money(currency: Currency, hundredths: u64) -> String {
    let (whole, fraction) = (hundredths / 100, hundredths % 100);
    if currency.decimals() == 0 && fraction == 0 {
        return format!("{currency} {}", grouped(whole));
    }
    format!("{currency} {}", thousands(whole, fraction, 2))
}

/// A number with decimals and a comma between each three digits before them.
fn thousands(whole: u64, fraction: u64, decimals: usize) -> String {
    format!("{}.{fraction:0decimals$}", grouped(whole))
}

fn grouped(whole: u64) -> String {
    let digits = whole.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

fn document(statistics: &Statistics) -> Value {
    let group = |group: &Group| {
        let rows: Vec<Value> =
            group.rows.iter().map(|(value, counts)| counted(Some(value), counts)).collect();
        (group.dimension.to_string(), Value::from(rows))
    };
    json!({
        "total": counted(None, &statistics.total),
        "by": statistics.groups.iter().map(group).collect::<Map<String, Value>>(),
        "counted": statistics.counted,
        "amended": statistics.amended,
        "recalled": statistics.recalled,
    })
}

/// Money stands in hundredths of its currency, weight in grams: whole numbers that add up.
fn counted(value: Option<&str>, counts: &Counts) -> Value {
    let money: Map<String, Value> = counts
        .money_hundredths
        .iter()
        .map(|(currency, hundredths)| (currency.to_string(), (*hundredths).into()))
        .collect();
    let mut document = json!({
        "cases": counts.cases,
        "arrests": counts.arrests,
        "youngest_age": counts.youngest,
        "oldest_age": counts.oldest,
        "grams": counts.grams,
        "money_hundredths": money,
        "transit_cases": counts.transit_cases,
        "false_positives": counts.false_positives,
    });
    if let (Some(value), Value::Object(fields)) = (value, &mut document) {
        fields.insert("value".to_owned(), value.into());
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(thousands(1400, 5, 3), "1,400.005");
        assert_eq!(thousands(431_000_000, 0, 2), "431,000,000.00");
        assert_eq!(thousands(0, 7, 2), "0.07");
        assert_eq!(money("HKD".parse().unwrap(), 43_100_000_050), "HKD 431,000,000.50");
        assert_eq!(money("JPY".parse().unwrap(), 8_500_000), "JPY 85,000");
    }

    #[test]
    fn the_last_day_of_a_period_counts() {
        let asked = |from: &str, until: &str| Stats {
            from: Some(from.parse().unwrap()),
            until: Some(until.parse().unwrap()),
            by: Vec::new(),
        };
        let october_first = period(&asked("2026-10-01", "2026-10-01")).unwrap();
        assert_eq!(october_first.until.unwrap().to_string(), "2026-10-02T00:00:00Z");
        assert!(period(&asked("2026-10-02", "2026-10-01")).is_err());
    }
}
