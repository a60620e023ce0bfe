//! Revocation lists: the first one, and each that goes on with the one before. What was revoked stays so.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER_PERMISSIVE;
use sealpost_crypto::revocation::{RevocationList, Revoked, shown};
use sealpost_crypto::root::RootCertificate;
use sealpost_crypto::trust::RootHolder;
use sealpost_crypto::x509::{self, Certificate};
use sealpost_domain::instant::Period;
use serde::Serialize;

use super::{Error, OfflineRoot, root};
use crate::file;

const SECOND: Duration = Duration::from_secs(1);
/// How far the list before may be ahead of the clock.
const AHEAD_MAX: Duration = Duration::from_mins(1);

/// What is told of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Whose list.
    pub root: String,
    /// Its number.
    pub number: u64,
    /// When it was issued.
    pub issued: String,
    /// When the next one is due.
    pub next: Option<String>,
    /// The serial numbers that it revokes.
    pub revoked: Vec<String>,
    /// What to mind before it is handed out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Listed {
    fn of(holder: RootHolder, list: &RevocationList) -> Self {
        Self {
            root: holder.to_string(),
            number: list.number,
            issued: list.issued.to_string(),
            next: list.next.map(|next| next.to_string()),
            revoked: list.revoked.iter().map(Revoked::serial).collect(),
            note: None,
        }
    }

    /// The same as rows for people.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("list of", self.root.clone()),
            ("number", self.number.to_string()),
            ("issued", self.issued.clone()),
            ("ends", self.next.clone().unwrap_or_else(|| "never".to_owned())),
        ];
        rows.extend(self.revoked.iter().map(|serial| ("revoked", serial.clone())));
        rows.extend(self.note.iter().map(|note| ("note", note.clone())));
        rows
    }
}

/// What is to be revoked.
#[derive(Clone, Debug)]
pub enum Target {
    /// The certificate in this file.
    Certificate(PathBuf),
    /// The certificate of this serial number, hexadecimal with or without colons, where its file is lost.
    Serial(String),
}

/// The first list of a root, which revokes nothing. It is not made beside a later one, which it would undo.
pub fn new(root: &OfflineRoot, current: Period, out: &Path) -> Result<Listed, Error> {
    if let Some((number, path)) = newest(root, &[file::folder(out)]) {
        return Err(Error::Begun { path, number, holder: root.holder() });
    }
    let note = "this is for a root that has no list yet: where there is one, hub and nodes refuse this; go on with that one by \
                `crl renew`";
    Ok(Listed { note: Some(note.to_owned()), ..write(root, 1, current, &[], out)? })
}

/// The list that comes after `previous`: with all that it revokes, and with these.
pub fn next(
    root: &OfflineRoot,
    previous: &Path,
    targets: &[Target],
    current: Period,
    out: &Path,
) -> Result<Listed, Error> {
    let base = previous;
    let previous = parse(root, &file::read_list(base)?)?;
    if previous.issued > current.from.plus(AHEAD_MAX) {
        return Err(Error::Clock { previous: previous.issued, now: current.from });
    }
    // Later than the one before, also within the same second: of two lists the later one holds.
    let current = Period { from: current.from.max(previous.issued.plus(SECOND)), until: current.until };
    let mut revoked = previous.revoked;
    for target in targets {
        let serial = serial(root, target)?;
        if revoked.iter().any(|present| present.serial == serial) {
            return Err(Error::RevokedAlready { serial: shown(&serial), holder: root.holder() });
        }
        revoked.push(Revoked { serial, revoked_at: current.from });
    }
    let note = newer(root, previous.number, [base, out]);
    Ok(Listed { note, ..write(root, previous.number.saturating_add(1), current, &revoked, out)? })
}

/// Tells of a list of this root beside the ones at hand that is newer than what is gone on with.
fn newer(root: &OfflineRoot, number: u64, beside: [&Path; 2]) -> Option<String> {
    let (newest, path) = newest(root, &beside.map(file::folder)).filter(|(newest, _)| *newest > number)?;
    let path = path.display();
    Some(format!(
        "{path} is list {newest}, newer than list {number}, with which this one goes on: where that is in force, hub and \
         nodes refuse this one"
    ))
}

/// The list of this root with the highest number among the files `*.crl` of folders, and that number.
fn newest(root: &OfflineRoot, folders: &[&Path]) -> Option<(u64, PathBuf)> {
    let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let lists = files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == "crl"));
    let numbered = lists.filter_map(|path| {
        let list = parse(root, &file::read_list(&path).ok()?).ok()?;
        Some((list.number, path))
    });
    numbered.max()
}

/// What a list says, when this root signed it.
pub fn show(root: &Path, path: &Path) -> Result<Listed, Error> {
    let (RootCertificate { holder, network, .. }, certificate) = root::read(root)?;
    Ok(Listed::of(holder, &RevocationList::parse(&network, holder, &certificate, &file::read_list(path)?)?))
}

fn write(
    root: &OfflineRoot,
    number: u64,
    current: Period,
    revoked: &[Revoked],
    out: &Path,
) -> Result<Listed, Error> {
    let der = root.root.crl(number, current, revoked)?;
    let listed = Listed::of(root.holder(), &parse(root, &der)?);
    file::create(out, &der)?;
    Ok(listed)
}

fn parse(root: &OfflineRoot, der: &[u8]) -> Result<RevocationList, Error> {
    Ok(RevocationList::parse(&root.network, root.holder(), root.root.certificate(), der)?)
}

fn serial(root: &OfflineRoot, target: &Target) -> Result<Vec<u8>, Error> {
    let text = match target {
        Target::Certificate(path) => {
            let der = x509::read_certificates(path)?.swap_remove(0);
            let certificate = Certificate::parse(&der)?;
            let (holder, wanted) = (root.holder(), RootHolder::of(&certificate.identity));
            if holder != wanted || certificate.identity.network() != &root.network {
                return Err(Error::OtherRoot { identity: certificate.identity, wanted, holder });
            }
            if !x509::is_signed_by(&der, root.root.key().verifying_key()) {
                return Err(Error::Foreign { path: path.clone(), holder });
            }
            certificate.serial
        }
        Target::Serial(serial) => serial.clone(),
    };
    let digits = text.replace(':', "");
    match HEXLOWER_PERMISSIVE.decode(digits.as_bytes()) {
        Ok(serial) if (1..=20).contains(&serial.len()) => Ok(serial),
        _ => Err(Error::Serial { found: text }),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;
    use sealpost_crypto::dsse::SigningKey;
    use sealpost_crypto::keyfile::Unlock;
    use sealpost_crypto::signing::Signing;
    use sealpost_domain::identity::NetworkName;
    use sealpost_domain::instant::Instant;

    use super::*;

    const NOW: Instant = Instant::from_millis(1_768_464_000_000);
    const DAY: Duration = Duration::from_hours(24);

    fn days(from: Instant) -> Period {
        Period { from, until: Some(from.plus(DAY * 30)) }
    }

    #[test]
    fn the_next_list_is_later_than_the_one_before_and_a_clock_that_went_back_makes_none() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let root = offline_root(folder.path());
        new(&root, days(NOW), &at("1")).unwrap();
        let second = next(&root, &at("1"), &[], days(NOW), &at("2")).unwrap();
        assert_eq!((second.number, second.issued), (2, NOW.plus(SECOND).to_string()));
        let early = next(&root, &at("2"), &[], days(NOW.minus(DAY)), &at("3"));
        assert!(matches!(early, Err(Error::Clock { .. })), "{early:?}");
        assert!(!at("3").exists());
    }

    #[test]
    fn a_list_that_does_not_go_on_with_the_newest_one_at_hand_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let root = offline_root(folder.path());
        let first = new(&root, days(NOW), &at("1.crl")).unwrap();
        assert!(first.note.unwrap().contains("`crl renew`"), "who has a list already is told");
        assert_eq!(next(&root, &at("1.crl"), &[], days(NOW), &at("2.crl")).unwrap().note, None);
        fs::write(at("3.crl"), "no list").unwrap();
        let stale = next(&root, &at("1.crl"), &[], days(NOW), &at("other.crl")).unwrap();
        assert!(stale.note.unwrap().contains("2.crl is list 2, newer than list 1"));
    }

    fn offline_root(folder: &Path) -> OfflineRoot {
        let at = |name: &str| folder.join(name);
        let rng = &mut ChaCha20Rng::seed_from_u64(7);
        SigningKey::generate(rng).create(&at("key")).unwrap();
        let (holder, network) = (RootHolder::HubOperator, NetworkName::parse("test.sealpost").unwrap());
        let unlock = Unlock::nothing();
        let key = Signing::File(at("key"));
        root::new(holder, &network, days(NOW), key.open(&unlock).unwrap(), &at("root"), rng).unwrap();
        OfflineRoot::open(&at("root"), &key, &unlock, NOW).unwrap()
    }
}
