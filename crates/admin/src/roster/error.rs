//! Why there is no roster, and no terms in its form: everything that is wrong with it, at once.

use std::io;
use std::path::PathBuf;

use super::Fault;

/// Why a file is not a roster, or not the part of one that it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused, or it is not text.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Certainly not a roster.
    #[error("{} is larger than {max} bytes, which no roster and no file of terms is", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
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
    /// TOML, but not a roster.
    #[error("{} has {}:{}", path.display(), count(.faults), list(.faults))]
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
    let faults: Vec<_> = faults.iter().map(Fault::to_string).collect();
    format!("\n  {}", faults.join("\n  "))
}
