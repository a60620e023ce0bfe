//! What is wrong with a configuration file: everything, at once.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("cannot read the configuration {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Certainly not a configuration.
    #[error("{path} has {found} bytes, a configuration has at most {max}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        found: u64,
        /// The largest size.
        max: u64,
    },
    /// Not TOML.
    #[error("{path}, line {line}: this is not TOML: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// TOML, but not this program's configuration.
    #[error("the configuration {path} has {}:{}", count(.faults), list(.faults))]
    Faults {
        /// The file.
        path: PathBuf,
        /// All that is wrong, from top to bottom.
        faults: Vec<Fault>,
    },
}

fn count(faults: &[Fault]) -> String {
    match faults.len() {
        1 => "a fault".to_owned(),
        number => format!("{number} faults"),
    }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().fold(String::new(), |list, fault| list + "\n  " + &fault.to_string())
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key with its section, such as `gateway.listen`.
    pub path: String,
    /// The line, from 1; `None` for what is missing.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It must be there.
    Missing {
        /// What it should hold.
        expected: String,
    },
    /// It holds something else.
    Wrong {
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: String,
    },
    /// Nobody knows it.
    Unknown {
        /// The keys that could be meant.
        known: Vec<&'static str>,
    },
    /// A value where a section is expected.
    NotASection,
}

impl Fault {
    pub(super) fn new(section: &str, key: &str, line: Option<usize>, problem: Problem) -> Self {
        let path = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
        Self { path, line, problem }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        let path = &self.path;
        match &self.problem {
            Problem::Missing { expected } => write!(f, "{path} is missing, expected {expected}"),
            Problem::Wrong { found, expected } => write!(f, "{path} = {found}: expected {expected}"),
            Problem::Unknown { known } => write!(f, "{path} is unknown; known here: {}", known.join(", ")),
            Problem::NotASection => write!(f, "{path} is a section: expected [{path}] and its keys below"),
        }
    }
}
