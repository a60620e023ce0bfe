//! TOML tables that are read key by key, so that every fault of a roster is found in one go.

use std::cell::RefCell;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong with a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, such as `agencies[2].officers`; entries of lists are counted from 0.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// What was found, and what was expected.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, problem } = self;
        write!(f, "line {line}: {path} {problem}")
    }
}

/// The text that is read, and what was found wrong with it so far.
pub(super) struct Source<'t> {
    text: &'t str,
    faults: RefCell<Vec<Fault>>,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, faults: RefCell::new(Vec::new()) }
    }

    pub(super) fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        before.matches('\n').count() + 1
    }

    pub(super) fn fault(&self, path: String, offset: usize, problem: impl Into<String>) {
        let fault = Fault { path, line: self.line(offset), problem: problem.into() };
        self.faults.borrow_mut().push(fault);
    }

    /// All faults, from top to bottom.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.line);
        faults
    }
}

/// A table that is being read. Keys that nobody asked for are refused by [`Table::end`].
pub(super) struct Table<'a> {
    source: &'a Source<'a>,
    path: String,
    offset: usize,
    entries: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

/// A value together with its place, for faults that show later.
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) path: String,
    pub(super) offset: usize,
}

impl<'a> Table<'a> {
    pub(super) fn top(source: &'a Source<'a>, entries: &'a DeTable<'a>) -> Self {
        Self { source, path: String::new(), offset: 0, entries, known: Vec::new() }
    }

    /// A text that must be there.
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Placed<T>> {
        let Some(value) = self.find(key) else {
            self.missing(key, expected);
            return None;
        };
        self.read(self.join(key), value, expected, parse)
    }

    /// A text that may be left out. The outer option is `None` after a fault.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<Placed<T>>, Noted> {
        match self.find(key) {
            None => Ok(None),
            Some(value) => self.read(self.join(key), value, expected, parse).map(Some).ok_or(Noted),
        }
    }

    /// A whole number within bounds, or the default.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        default: u32,
        bounds: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        let Some(found) = self.find(key) else { return Some(default) };
        let number = match found.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            let problem = format!("is not a whole number from {} to {}", bounds.start(), bounds.end());
            self.source.fault(self.join(key), found.span().start, problem);
        }
        number
    }

    /// A list of texts; `None` where the key is left out or is no list.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<Placed<T>>> {
        let found = self.find(key)?;
        let path = self.join(key);
        let Some(items) = found.get_ref().as_array() else {
            self.source.fault(path, found.span().start, format!("is not a list, each entry {expected}"));
            return None;
        };
        let read = |(index, item)| self.read(format!("{path}[{index}]"), item, expected, &parse);
        Some(items.iter().enumerate().filter_map(read).collect())
    }

    /// A table that must be there.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Table<'a>> {
        let Some(found) = self.find(key) else {
            self.missing(key, "a table");
            return None;
        };
        self.inner(self.join(key), found)
    }

    /// A table that may be left out.
    pub(super) fn optional_table(&mut self, key: &'static str) -> Option<Table<'a>> {
        let found = self.find(key)?;
        self.inner(self.join(key), found)
    }

    /// An array of tables; empty when it is left out.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Table<'a>> {
        let Some(found) = self.find(key) else { return Vec::new() };
        let path = self.join(key);
        let Some(items) = found.get_ref().as_array() else {
            self.source.fault(path, found.span().start, format!("is not a list of tables: write [[{key}]]"));
            return Vec::new();
        };
        let read = |(index, item)| self.inner(format!("{path}[{index}]"), item);
        items.iter().enumerate().filter_map(read).collect()
    }

    /// Where a key is, or would be, for faults that show later.
    pub(super) fn place(&self, key: &str) -> (String, usize) {
        (self.join(key), self.entries.get(key).map_or(self.offset, |found| found.span().start))
    }

    /// Refuses the keys that nobody asked for.
    pub(super) fn end(self) {
        for key in self.entries.keys().filter(|key| !self.known.contains(&key.get_ref().as_ref())) {
            let problem = format!("is unknown, expected one of {}", self.known.join(", "));
            self.source.fault(self.join(key.get_ref()), key.span().start, problem);
        }
    }

    fn find(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.entries.get(key)
    }

    fn missing(&self, key: &str, expected: &str) {
        self.source.fault(self.join(key), self.offset, format!("is missing, expected {expected}"));
    }

    fn read<T>(
        &self,
        path: String,
        value: &Spanned<DeValue<'_>>,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Placed<T>> {
        let offset = value.span().start;
        let found = match value.get_ref() {
            DeValue::String(text) => match parse(text) {
                Some(value) => return Some(Placed { value, path, offset }),
                None => format!("{text:?}"),
            },
            DeValue::Datetime(moment) => match parse(&moment.to_string()) {
                Some(value) => return Some(Placed { value, path, offset }),
                None => moment.to_string(),
            },
            other => format!("a value of type {}", other.type_str()),
        };
        self.source.fault(path, offset, format!("is {found}, expected {expected}"));
        None
    }

    fn inner(&self, path: String, value: &'a Spanned<DeValue<'a>>) -> Option<Table<'a>> {
        let offset = value.span().start;
        let Some(entries) = value.get_ref().as_table() else {
            self.source.fault(path, offset, "is not a table");
            return None;
        };
        Some(Self { source: self.source, path, offset, entries, known: Vec::new() })
    }

    fn join(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// A fault was found and noted.
pub(super) struct Noted;
