//! What was measured, for people and for machines. Ratios and whether a target is met are computed here and nowhere else.
//!
//! The JSON is one list: first an object with `machine` and `run`, then a row for each figure.

pub(crate) mod table;

use std::fmt;

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use crate::machine::Machine;
use crate::run::Run;
use crate::samples::Samples;

/// A figure beside its reference.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    workload: &'static str,
    metric: String,
    value: f64,
    unit: &'static str,
    /// What it is compared with; `None` for a figure that stands alone.
    reference: Option<String>,
    reference_value: Option<f64>,
    /// Value by reference value.
    ratio: Option<f64>,
    target: Option<Target>,
    met: Option<bool>,
    /// How many rounds the value is the median of, their lowest and highest, and those of the reference.
    rounds: usize,
    spread: [f64; 2],
    reference_spread: Option<[f64; 2]>,
}

/// What a ratio should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Less than this.
    Below(f64),
}

impl Target {
    /// Whether a ratio is what it should be; one that is no number never is.
    pub(crate) fn met_by(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(limit) => ratio >= limit,
            Self::AtMost(limit) => ratio <= limit,
            Self::Below(limit) => ratio < limit,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, ">= {limit}"),
            Self::AtMost(limit) => write!(f, "<= {limit}"),
            Self::Below(limit) => write!(f, "< {limit}"),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Row {
    /// A figure that stands alone.
    pub(crate) fn new(
        workload: &'static str,
        metric: impl Into<String>,
        unit: &'static str,
        samples: &Samples,
    ) -> Self {
        Self {
            workload,
            metric: metric.into(),
            value: samples.median(),
            unit,
            reference: None,
            reference_value: None,
            ratio: None,
            target: None,
            met: None,
            rounds: samples.count(),
            spread: samples.spread(),
            reference_spread: None,
        }
    }

    /// The same, beside its reference of the same rounds.
    #[must_use]
    pub(crate) fn against(
        self,
        reference: impl Into<String>,
        samples: &Samples,
        target: Option<Target>,
    ) -> Self {
        let reference_value = samples.median();
        let ratio = self.value / reference_value;
        Self {
            reference: Some(reference.into()),
            reference_value: Some(reference_value),
            ratio: Some(ratio),
            target,
            met: target.map(|target| target.met_by(ratio)),
            reference_spread: Some(samples.spread()),
            ..self
        }
    }
}

impl Row {
    /// The same, where the reference is missing; `reference` says which, and why.
    #[must_use]
    pub(crate) fn beside_nothing(self, reference: String, target: Target) -> Self {
        Self { reference: Some(reference), target: Some(target), ..self }
    }

    /// The same, beside a bound that is a figure of its own and not measured.
    #[must_use]
    pub(crate) fn within(self, bound: f64, target: Target) -> Self {
        self.against("the bound", &[bound].into_iter().collect(), Some(target))
    }
}

/// The highest round of a reference may be so many times the lowest before the machine was too busy for the figures.
const UNSTEADY: f64 = 3.0;

/// All figures of a run, with the machine on which they were measured.
pub(crate) struct Report {
    machine: Machine,
    run: Run,
    pub(crate) rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(machine: Machine, run: Run) -> Self {
        Self { machine, run, rows: Vec::new() }
    }

    pub(crate) fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// What makes the figures worth little: references that did not stay the same from round to round.
    pub(crate) fn warning(&self) -> Option<String> {
        let spreads = self.rows.iter().filter_map(|row| row.reference_spread);
        let worst = spreads.map(|[low, high]| high / low).fold(1.0, f64::max);
        (worst > UNSTEADY).then(|| {
            format!(
                "warning: a reference changed {worst:.0}-fold between rounds: the machine does other things, and the \
                 ratios are worth little; measure again when it is quiet"
            )
        })
    }

    /// One line at the end.
    pub(crate) fn summary(&self) -> String {
        let targets = self.rows.iter().filter_map(|row| row.met);
        let (met, missed): (Vec<_>, Vec<_>) = targets.partition(|met| *met);
        format!("{} targets met, {} missed", met.len(), missed.len())
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Heading<'a> {
            machine: &'a Machine,
            run: Dated<'a>,
        }
        #[derive(Serialize)]
        struct Dated<'a> {
            #[serde(flatten)]
            run: &'a Run,
            warning: Option<String>,
        }
        let mut list = serializer.serialize_seq(Some(self.rows.len() + 1))?;
        list.serialize_element(&Heading {
            machine: &self.machine,
            run: Dated { run: &self.run, warning: self.warning() },
        })?;
        for row in &self.rows {
            list.serialize_element(row)?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn row(value: f64, reference: f64, target: Target) -> Row {
        let one = |value| [value].into_iter().collect::<Samples>();
        Row::new("append", "256 in flight", "records/s", &one(value)).against(
            "raw",
            &one(reference),
            Some(target),
        )
    }

    #[test]
    fn a_target_is_met_by_the_ratio_alone() {
        for (value, reference, target, met) in [
            (90.0, 100.0, Target::AtLeast(0.9), true),
            (89.9, 100.0, Target::AtLeast(0.9), false),
            (130.0, 100.0, Target::AtMost(1.3), true),
            (130.1, 100.0, Target::AtMost(1.3), false),
            (150.0, 100.0, Target::Below(1.5), false),
            (149.9, 100.0, Target::Below(1.5), true),
            (f64::NAN, 100.0, Target::AtMost(1.3), false),
            (0.0, 0.0, Target::AtLeast(0.9), false),
        ] {
            let row = row(value, reference, target);
            assert_eq!(row.met, Some(met), "{value} by {reference}, {target}");
        }
    }

    #[test]
    fn the_ratio_is_that_of_the_medians() {
        let samples = |values: [f64; 3]| values.into_iter().collect::<Samples>();
        let row = Row::new("open", "clean", "ms", &samples([10.0, 30.0, 20.0])).against(
            "reading",
            &samples([5.0, 400.0, 40.0]),
            None,
        );
        assert_eq!((row.ratio, row.met, row.rounds), (Some(0.5), None, 3));
    }

    #[test]
    fn a_reference_that_changes_between_rounds_is_told() {
        let mut report = Report::new(Machine::invented(), Run::invented());
        for (highest, told) in [(2.9, false), (3.1, true)] {
            let reference = [1.0, 1.2, highest].into_iter().collect();
            report
                .rows
                .push(Row::new("open", "clean", "ms", &reference).against("reading", &reference, None));
            assert_eq!(report.warning().is_some(), told, "{highest}");
        }
    }

    #[test]
    fn the_json_is_a_list_of_the_machine_and_the_rows() {
        let mut report = Report::new(Machine::invented(), Run::invented());
        report.rows.push(row(90.0, 100.0, Target::AtLeast(0.9)));
        let memory = [12.0].into_iter().collect();
        report.rows.push(Row::new("open", "memory", "KiB", &memory));
        let Value::Array(list) = serde_json::from_str(&report.to_json().unwrap()).unwrap() else {
            panic!("no list")
        };
        let machine = list[0]["machine"].as_object().unwrap();
        let names: Vec<_> = machine.keys().map(String::as_str).collect();
        let expected = [
            "cores",
            "ed25519_verifications_per_second",
            "fdatasync_p50_us",
            "fdatasync_p99_us",
            "file_system",
            "kernel",
            "sha256_bytes_per_second",
        ];
        assert_eq!(names, expected);
        let run = json!({
            "date": "2026-01-15T08:00:00Z", "commit": "0123456789ab", "command": "sealpost-bench all", "load": 0.5,
            "warning": null,
        });
        assert_eq!(list[0]["run"], run);
        let expected = json!({
            "workload": "append", "metric": "256 in flight", "value": 90.0, "unit": "records/s",
            "reference": "raw", "reference_value": 100.0, "ratio": 0.9, "target": ">= 0.9", "met": true,
            "rounds": 1, "spread": [90.0, 90.0], "reference_spread": [100.0, 100.0],
        });
        assert_eq!(list[1], expected);
        for name in ["reference", "reference_value", "ratio", "target", "met"] {
            assert_eq!(list[2].get(name), Some(&Value::Null), "{name}");
        }
        assert_eq!(report.summary(), "1 targets met, 0 missed");
    }
}
