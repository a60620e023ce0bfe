//! Rows for people: the spread of the rounds behind each median.

use comfy_table::{CellAlignment, Table, presets};

use super::Row;

/// A table of rows, without a line break at its end.
pub(crate) fn of(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).force_no_tty();
    table.set_header(["metric", "value", "unit", "reference", "its value", "ratio", "target", "met"]);
    for column in [1, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for row in rows {
        let reference_value = row.reference_value.zip(row.reference_spread);
        table.add_row([
            row.metric.clone(),
            with_spread(row.value, row.spread),
            row.unit.to_owned(),
            row.reference.clone().unwrap_or_default(),
            reference_value.map(|(value, spread)| with_spread(value, spread)).unwrap_or_default(),
            row.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            row.target.map(|target| target.to_string()).unwrap_or_default(),
            row.met.map_or("", |met| if met { "yes" } else { "NO" }).to_owned(),
        ]);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn with_spread(value: f64, [low, high]: [f64; 2]) -> String {
    format!("{} ({}–{})", figure(value), figure(low), figure(high))
}

/// Three or four digits that matter, thousands apart.
pub(crate) fn figure(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_matter() {
        for (value, shown) in [(0.987, "0.99"), (99.5, "99.50"), (123.4, "123"), (1_234_567.0, "1,234,567")] {
            assert_eq!(figure(value), shown);
        }
    }
}
