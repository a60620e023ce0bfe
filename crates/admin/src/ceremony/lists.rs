//! Revocation lists that are published with a version, compared with those in force.

use std::path::{Path, PathBuf};

use sealpost_crypto::directory;
use sealpost_crypto::trust::{ListFacts, RootHolder};
use sealpost_domain::directory::Directory;

use super::diff::{Change, Kind};
use super::{Error, draft};

/// No list is larger than one message of the transport.
const BYTES_MAX: usize = 4 << 20;

/// What the later lists change, each judged as hub and nodes will: signed by a root of the version, and no older.
pub fn changes(folder: &Path, later: &[PathBuf], version: &Directory) -> Result<Vec<Change>, Error> {
    let trusted = directory::trust_set(version)?;
    let mut changes = Vec::new();
    for path in later {
        let der = draft::read_file(path, BYTES_MAX)?;
        let (holder, now) = trusted.read_crl(&der)?;
        let present = folder.join(file_name(holder));
        let before = if present.exists() {
            Some(trusted.read_crl(&draft::read_file(&present, BYTES_MAX)?)?.1)
        } else {
            None
        };
        let (before, after) = (before.as_ref().map(told), told(&now));
        if before.as_ref() == Some(&after) {
            continue;
        }
        let change = if before.is_some() { Kind::Changed } else { Kind::Added };
        let name = holder.to_string();
        changes.push(Change { change, what: "revocation list", name, before, after: Some(after) });
    }
    Ok(changes)
}

fn told(facts: &ListFacts) -> String {
    let ListFacts { issued, next, revoked } = facts;
    let next = next.map_or_else(|| "no end".to_owned(), |next| format!("until {next}"));
    let serials = if revoked.is_empty() { "nothing".to_owned() } else { revoked.join(", ") };
    format!("issued {issued}, {next}, revokes {serials}")
}

fn file_name(holder: RootHolder) -> String {
    match holder {
        RootHolder::Jurisdiction(code) => format!("{code}.crl"),
        RootHolder::HubOperator => "operator.crl".to_owned(),
    }
}
