//! Faults of what was handed in, each with the place where it stands; all of them are collected, not only the first.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use crate::{agency, digest, identifier, message, names, time};

/// How many faults are kept; whoever hands in more has to begin somewhere anyway.
pub const FAULTS_MAX: usize = 100;
/// How much of a wrong value is repeated in a fault, in characters.
const QUOTE_MAX: usize = 64;

/// One thing that is wrong: where, what was found, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    path: String,
    found: String,
    expected: String,
}

impl Fault {
    /// A fault at a path such as `content.transit_case.window.closes`; an empty path means the whole.
    pub fn new(path: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { path: path.into(), found: found.into(), expected: expected.into() }
    }

    /// Where: names of fields joined by dots, with `[0]` after a list.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What stands there.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What should stand there.
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, found, expected } = self;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        write!(f, "found {found}, expected {expected}")
    }
}

/// All faults that were found, never none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults, in the order in which they were found.
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

/// Collects faults while something is being read, so that its author learns of all of them at once.
#[derive(Debug, Default)]
pub struct Collector(RefCell<Vec<Fault>>);

impl Collector {
    /// The place where reading begins.
    pub fn root(&self) -> Place<'_> {
        Place { path: String::new(), collector: self }
    }

    /// The value, unless faults were found on the way to it.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Faults> {
        match (value, self.into_faults()) {
            (Some(value), None) => Ok(value),
            (_, Some(faults)) => Err(faults),
            (None, None) => Err(Fault::new("", "a value that cannot be read", "the documented form").into()),
        }
    }

    /// The faults, if any were found.
    pub fn into_faults(self) -> Option<Faults> {
        let faults = self.0.into_inner();
        (!faults.is_empty()).then_some(Faults(faults))
    }

    fn push(&self, fault: Fault) {
        let mut faults = self.0.borrow_mut();
        if faults.len() < FAULTS_MAX {
            faults.push(fault);
        }
    }
}

/// Where reading stands: a path, and where to report faults.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    path: String,
    collector: &'a Collector,
}

impl Place<'_> {
    /// A field of what is read here.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, collector: self.collector }
    }

    /// An entry, counted from 0, of the list that is read here.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), collector: self.collector }
    }

    /// Reports a fault here.
    pub fn fault(&self, found: impl Into<String>, expected: impl Into<String>) {
        self.collector.push(Fault::new(self.path.clone(), found, expected));
    }

    /// Reports a value that should be there and is not.
    pub fn missing<T>(&self, expected: &str) -> Option<T> {
        self.fault("nothing", expected);
        None
    }

    /// Takes a result over, reporting its error here.
    pub fn take<T, E: Explain>(&self, text: &str, result: Result<T, E>) -> Option<T> {
        result
            .map_err(|error| {
                let (found, expected) = error.explain(text);
                self.fault(found, expected);
            })
            .ok()
    }

    /// Reads a text, reporting here what is wrong with it.
    pub fn parse<T>(&self, text: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: Explain,
    {
        self.take(text, text.parse())
    }

    /// Reads a text that may be absent; `None` only when it is there and wrong.
    pub fn parse_optional<T>(&self, text: Option<&str>) -> Option<Option<T>>
    where
        T: FromStr,
        T::Err: Explain,
    {
        text.map_or(Some(None), |text| self.parse(text).map(Some))
    }
}

/// A text as a fault repeats it: in backticks, without control characters, and not too much of it.
pub fn quote(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTE_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTE_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// An error that can say what it found in a text and what it expected.
pub trait Explain {
    /// What was found, and what was expected.
    fn explain(&self, text: &str) -> (String, String);
}

impl Explain for identifier::Error {
    fn explain(&self, text: &str) -> (String, String) {
        let line = self.line().map(|line| format!("in line {line} ")).unwrap_or_default();
        let found = format!("{} {line}in {}", self.fault().found(), quote(text));
        (found, format!("{} ({})", self.fault().expected(), self.subject()))
    }
}

impl Explain for time::Error {
    fn explain(&self, text: &str) -> (String, String) {
        (quote(text), self.expected().to_owned())
    }
}

impl Explain for names::UnknownName {
    fn explain(&self, text: &str) -> (String, String) {
        (quote(text), format!("one of {}", self.expected.join(", ")))
    }
}

impl Explain for agency::Error {
    fn explain(&self, text: &str) -> (String, String) {
        let expected = match self {
            Self::Jurisdiction { .. } => "two capital letters (ISO 3166-1), such as HK",
            Self::Agency { .. } => {
                "two capital letters, a hyphen and 2 to 8 capitals or digits, such as HK-CED"
            }
        };
        (quote(text), expected.to_owned())
    }
}

impl Explain for message::Error {
    fn explain(&self, text: &str) -> (String, String) {
        let expected = match self {
            Self::MessageId { .. } => "the id of a message, a UUID of version 7",
            Self::Operation { .. } => "1 to 64 of A-Z, 0-9 and hyphen, such as OP-MARKER-2023",
        };
        (quote(text), expected.to_owned())
    }
}

impl Explain for digest::Error {
    fn explain(&self, text: &str) -> (String, String) {
        (quote(text), "32 bytes as 64 hexadecimal digits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::ContainerNumber;
    use crate::message::Priority;

    #[test]
    fn every_fault_is_collected_with_its_path() {
        let collector = Collector::default();
        let root = collector.root();
        let priority = root.field("priority").parse::<Priority>("flash");
        let list = root.field("identifiers");
        let container = list.item(1).field("value").parse::<ContainerNumber>("CSQU3054384");
        assert!(priority.is_none() && container.is_none());
        let faults = collector.finish(Some(())).unwrap_err();
        let shown: Vec<String> = faults.as_slice().iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "priority: found `flash`, expected one of FLASH, URGENT, ROUTINE",
                "identifiers[1].value: found check digit `4` at position 11 in `CSQU3054384`, expected `3` for the \
                 first ten characters as given; one of them is wrong, compare with the document (container number)",
            ]
        );
    }

    #[test]
    fn a_wrong_value_is_quoted_shortly_and_harmlessly() {
        let quoted = quote(&format!("\u{1b}[31m{}", "x".repeat(1000)));
        assert!(quoted.starts_with("`\\u{1b}[31m"), "{quoted}");
        assert!(quoted.chars().count() < 90 && quoted.ends_with("…`"), "{quoted}");
    }

    #[test]
    fn the_number_of_faults_is_bounded() {
        let collector = Collector::default();
        (0..10 * FAULTS_MAX).for_each(|index| collector.root().item(index).fault("x", "y"));
        assert_eq!(collector.finish(Some(())).unwrap_err().as_slice().len(), FAULTS_MAX);
    }
}
