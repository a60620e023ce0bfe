//! Configuration: TOML in, a typed value or the list of all faults out.
//!
//! A program declares its keys once, in [`Config::read`]; the same declaration checks files and prints the
//! [`reference()`]. Unknown keys are refused, every fault is reported at once with its line, and nothing is repaired:
//! no rounding, no clamping, no guess. Relative paths are taken from the folder of the file.
//!
//! ```
//! use std::time::Duration;
//! use sealpost_server::config::{self, Config, Field, Reader};
//!
//! struct Hub { name: String, grace: Duration }
//!
//! impl Config for Hub {
//!     fn read(reader: &mut Reader<'_>) -> Field<Self> {
//!         let name = reader.top().required("name", "The hub's name.");
//!         let mut shutdown = reader.section("shutdown", "How the hub ends.");
//!         let second = Duration::from_secs(1);
//!         let grace = shutdown.within("grace", "Time for streams to end.", 20 * second, second..=120 * second);
//!         Field::build(|| Some(Self { name: name.take()?, grace: grace.take()? }))
//!     }
//! }
//!
//! let text = "name = 'a'\n[shutdown]\ngrace = '5s'";
//! let hub: Hub = config::parse(text, "/etc/hub.toml".as_ref()).unwrap();
//! assert_eq!(hub.grace, Duration::from_secs(5));
//! ```

mod error;
mod reference;
mod signing;
mod value;

use std::ops::RangeInclusive;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use error::{Error, Fault, Problem};
pub use value::{ByteSize, Few, HostPort, Raw, Value};

/// No configuration file is larger.
const FILE_SIZE_MAX: u64 = 1 << 20;

/// A configuration, or a part of one, that knows its keys.
pub trait Config: Sized {
    /// Asks for every key. A [`Field`] cannot be opened before all were asked for, so no fault hides another.
    fn read(reader: &mut Reader<'_>) -> Field<Self>;
}

/// Reads a configuration file.
pub fn load<C: Config>(path: &Path) -> Result<C, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_SIZE_MAX {
        return Err(Error::TooLarge { path: path.to_owned(), found: size, max: FILE_SIZE_MAX });
    }
    parse(&std::fs::read_to_string(path).map_err(unreadable)?, path)
}

/// Reads the text of a configuration file.
pub fn parse<C: Config>(text: &str, path: &Path) -> Result<C, Error> {
    let mut reader = Reader::new(text, path)?;
    let config = C::read(&mut reader);
    reader.refuse_unknown();
    match config.0 {
        Some(config) if reader.faults.is_empty() => Ok(config),
        _ => Err(Error::Faults { path: path.to_owned(), faults: reader.faults }),
    }
}

/// Every key of a configuration with its documentation, default and bounds, as a commented TOML file.
pub fn reference<C: Config>() -> String {
    let mut reader = Reader::empty();
    // Nothing can be read from an empty file; asking is what declares the keys.
    let _ = C::read(&mut reader);
    reference::render(&reader.declared)
}

/// What was read for a key: a value, or a fault that is already noted.
#[must_use]
#[derive(Debug)]
pub struct Field<T>(Option<T>);

impl<T> Field<T> {
    /// Puts fields together. Called when all keys were asked for; `None` when one of them is faulty.
    pub fn build(build: impl FnOnce() -> Option<T>) -> Self {
        Self(build())
    }

    /// The value, inside [`Field::build`].
    pub fn take(self) -> Option<T> {
        self.0
    }
}

/// A configuration file that is being read.
#[derive(Debug)]
pub struct Reader<'a> {
    folder: &'a Path,
    text: &'a str,
    table: DeTable<'a>,
    declared: Vec<Declared>,
    faults: Vec<Fault>,
}

/// A section, or a key in one.
#[derive(Debug)]
struct Declared {
    section: &'static str,
    /// Empty: this is the section itself.
    key: &'static str,
    doc: &'static str,
    expected: String,
    /// As TOML; `None`: required, or left out when it is not needed.
    default: Option<String>,
    presence: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, path: &'a Path) -> Result<Self, Error> {
        let table = DeTable::parse(text).map_err(|error| Error::Syntax {
            path: path.to_owned(),
            line: line(text, error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Self { folder, text, table: table.into_inner(), declared: Vec::new(), faults: Vec::new() })
    }

    fn empty() -> Self {
        let (folder, text) = (Path::new(""), "");
        Self { folder, text, table: DeTable::new(), declared: Vec::new(), faults: Vec::new() }
    }

    /// The keys before the first section.
    pub fn top(&mut self) -> Section<'_, 'a> {
        Section { reader: self, name: "" }
    }

    /// The keys of a section. Several parts of a program may read the same one.
    pub fn section(&mut self, name: &'static str, doc: &'static str) -> Section<'_, 'a> {
        if !self.knows(name, "") {
            let (expected, default) = (String::new(), None);
            self.declared.push(Declared {
                section: name,
                key: "",
                doc,
                expected,
                default,
                presence: Presence::Optional,
            });
        }
        Section { reader: self, name }
    }

    fn knows(&self, section: &str, key: &str) -> bool {
        self.declared.iter().any(|declared| declared.section == section && declared.key == key)
    }

    fn find(&self, section: &str, key: &str) -> Option<&Spanned<DeValue<'a>>> {
        let table = match section {
            "" => &self.table,
            section => self.table.get(section)?.get_ref().as_table()?,
        };
        table.get(key)
    }

    fn refuse_unknown(&mut self) {
        let mut faults = Vec::new();
        let mut refuse = |key: &Spanned<_>, section: &str, name: &str, problem| {
            faults.push(Fault::new(section, name, Some(line(self.text, key.span().start)), problem));
        };
        for (name, value) in &self.table {
            let section: &str = name.get_ref();
            match value.get_ref().as_table() {
                Some(table) if self.knows(section, "") => {
                    for key in table.keys().filter(|key| !self.knows(section, key.get_ref())) {
                        refuse(key, section, key.get_ref(), Problem::Unknown { known: self.keys(section) });
                    }
                }
                None if self.knows(section, "") => {
                    refuse(name, "", section, Problem::NotASection);
                }
                _ if !self.knows("", section) || section.is_empty() => {
                    refuse(name, "", section, Problem::Unknown { known: self.keys("") });
                }
                _ => {}
            }
        }
        self.faults.extend(faults);
        self.faults.sort_by_key(|fault| fault.line);
    }

    /// What a section may hold; for the top also the sections.
    fn keys(&self, section: &str) -> Vec<&'static str> {
        let here =
            self.declared.iter().filter(|declared| declared.section == section && !declared.key.is_empty());
        let sections = self.declared.iter().filter(|declared| section.is_empty() && declared.key.is_empty());
        here.map(|declared| declared.key).chain(sections.map(|declared| declared.section)).collect()
    }
}

/// A section of a configuration file that is being read.
#[derive(Debug)]
pub struct Section<'r, 'a> {
    reader: &'r mut Reader<'a>,
    name: &'static str,
}

impl Section<'_, '_> {
    /// A key that must be there.
    pub fn required<T: Value>(&mut self, key: &'static str, doc: &'static str) -> Field<T> {
        self.declare(key, doc, T::expected(), None, Presence::Required);
        match self.read(key, &T::expected(), |_| true) {
            Field(Some(None)) => {
                let expected = T::expected();
                self.reader.faults.push(Fault::new(self.name, key, None, Problem::Missing { expected }));
                Field(None)
            }
            field => Field(field.0.flatten()),
        }
    }

    /// A key that may be left out, and then means nothing.
    pub fn optional<T: Value>(&mut self, key: &'static str, doc: &'static str) -> Field<Option<T>> {
        self.declare(key, doc, T::expected(), None, Presence::Optional);
        self.read(key, &T::expected(), |_| true)
    }

    /// A key with a default.
    pub fn or<T: Value>(&mut self, key: &'static str, doc: &'static str, default: T) -> Field<T> {
        self.declare(key, doc, T::expected(), Some(default.show()), Presence::Optional);
        Field(self.read(key, &T::expected(), |_| true).0.map(|read| read.unwrap_or(default)))
    }

    /// A key with a default and bounds, both included.
    pub fn within<T: Value + Ord>(
        &mut self,
        key: &'static str,
        doc: &'static str,
        default: T,
        bounds: RangeInclusive<T>,
    ) -> Field<T> {
        let expected =
            format!("{}, from {} to {}", T::expected(), bounds.start().show(), bounds.end().show());
        self.declare(key, doc, expected.clone(), Some(default.show()), Presence::Optional);
        let read = self.read(key, &expected, |value| bounds.contains(value));
        Field(read.0.map(|read| read.unwrap_or(default)))
    }

    /// A key with a few named values; the first is the default.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        doc: &'static str,
        options: [(&'static str, T); 2],
    ) -> Field<T> {
        let names = options.map(|(name, _)| name.to_owned().show());
        let expected = format!("one of {}", names.join(", "));
        self.declare(key, doc, expected.clone(), Some(options[0].0.to_owned().show()), Presence::Optional);
        let chosen =
            |name: &String| options.iter().find(|(option, _)| option == name).map(|(_, value)| *value);
        let read: Field<Option<String>> = self.read(key, &expected, |name| chosen(name).is_some());
        Field(read.0.and_then(|name| name.as_ref().map_or(Some(options[0].1), chosen)))
    }

    fn declare(
        &mut self,
        key: &'static str,
        doc: &'static str,
        expected: String,
        default: Option<String>,
        presence: Presence,
    ) {
        let section = self.name;
        self.reader.declared.push(Declared { section, key, doc, expected, default, presence });
    }

    /// The value if the key is there; a fault is noted and nothing returned when it is not what was expected.
    fn read<T: Value>(&mut self, key: &str, expected: &str, accept: impl Fn(&T) -> bool) -> Field<Option<T>> {
        let Some(found) = self.reader.find(self.name, key) else {
            return Field(Some(None));
        };
        let raw = Raw::new(found.get_ref(), self.reader.folder);
        let problem = match T::read(raw) {
            Some(value) if accept(&value) => return Field(Some(Some(value))),
            _ => Problem::Wrong { found: raw.show(), expected: expected.to_owned() },
        };
        let line = line(self.reader.text, found.span().start);
        self.reader.faults.push(Fault::new(self.name, key, Some(line), problem));
        Field(None)
    }
}

fn line(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or_default().matches('\n').count() + 1
}

#[cfg(test)]
mod tests;
