//! `ledger directory`: which versions of the directory were installed, and the file of each.

use std::path::Path;

use sealpost_node::check::{Books, InstalledVersion};
use sealpost_server::program::say;

use super::progress::Progress;
use super::{Failure, Output, json, tell, write_new};

/// Lists the versions, or one.
pub(super) fn list(books: &Books, version: Option<u64>, output: Output) -> Result<(), Failure> {
    let installed = installed(books, version)?;
    match output {
        Output::Json => say(&json(&installed))?,
        Output::Text => installed.iter().try_for_each(|version| say(&line(version)))?,
    }
    Ok(())
}

/// Writes the file of a version, or of the latest.
pub(super) fn write(books: &Books, version: Option<u64>, out: &Path) -> Result<(), Failure> {
    if out.exists() {
        return Err(Failure::Exists { path: out.to_owned() });
    }
    let installed = installed(books, version)?;
    let Some(version) = installed.last() else { return Ok(()) };
    write_new(out, &books.directory_file(version)?)?;
    tell(&format!("{}: {}", out.display(), line(version)));
    Ok(())
}

fn line(installed: &InstalledVersion) -> String {
    let InstalledVersion { version, digest, issued_at: _, valid_until, index, recorded_at } = installed;
    format!(
        "version {version}, valid until {valid_until}, SHA-256 {digest}, installed {recorded_at} (record {index})"
    )
}

/// At least one.
fn installed(books: &Books, version: Option<u64>) -> Result<Vec<InstalledVersion>, Failure> {
    let mut progress = Progress::of(books.records());
    let installed = books.directories(version, |done| progress.tell(done))?;
    progress.end();
    Ok(installed)
}
