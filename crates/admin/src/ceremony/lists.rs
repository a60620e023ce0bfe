//! Revocation lists that are published with a version, compared with those in force.

use std::path::{Path, PathBuf};

use sealpost_crypto::directory;
use sealpost_crypto::revocation::{RevocationList, Revoked};
use sealpost_crypto::trust;
use sealpost_domain::directory::Directory;

use super::Error;
use super::diff::{Change, Kind, What};
use crate::file;

/// What the later lists change, each judged as hub and nodes will: signed by a root of the version, and going on with
/// the present one.
pub fn changes(folder: &Path, later: &[PathBuf], version: &Directory) -> Result<Vec<Change>, Error> {
    let trusted = directory::trust_set(version)?;
    let read = |path: &Path| {
        let der = file::read_list(path)?;
        trusted.read_crl(&der).map_err(|source| unusable(path, source))
    };
    let mut changes = Vec::new();
    for path in later {
        let (holder, now) = read(path)?;
        let present = folder.join(holder.crl_file_name());
        let before = if present.exists() { Some(read(&present)?.1) } else { None };
        if let Some(before) = before.as_ref().filter(|before| **before != now) {
            now.goes_on_with(holder, before).map_err(|source| unusable(path, source))?;
        }
        let (before, after) = (before.as_ref().map(told), told(&now));
        if before.as_ref() == Some(&after) {
            continue;
        }
        let change = if before.is_some() { Kind::Changed } else { Kind::Added };
        let name = holder.to_string();
        changes.push(Change { change, what: What::RevocationList, name, before, after: Some(after) });
    }
    Ok(changes)
}

fn unusable(path: &Path, source: trust::Error) -> Error {
    Error::List { path: path.to_owned(), source }
}

fn told(list: &RevocationList) -> String {
    let RevocationList { number, issued, next, revoked } = list;
    let next = next.map_or_else(|| "no end".to_owned(), |next| format!("until {next}"));
    let serials: Vec<String> = revoked.iter().map(Revoked::serial).collect();
    let serials = if serials.is_empty() { "nothing".to_owned() } else { serials.join(", ") };
    format!("number {number}, issued {issued}, {next}, revokes {serials}")
}
