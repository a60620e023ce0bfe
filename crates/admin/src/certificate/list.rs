//! Revocation lists: the first one, and each that goes on with the one before. What was revoked stays so.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER_PERMISSIVE;
use rcgen::SerialNumber;
use sealpost_crypto::revocation::RevocationList;
use sealpost_crypto::trust::RootHolder;
use sealpost_crypto::x509::{self, Certificate};
use sealpost_domain::instant::{Instant, Period};
use serde::Serialize;

use super::{Error, OfflineRoot, create, root};
use crate::issuer::Revoked;

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
}

impl Listed {
    fn of(holder: RootHolder, list: &RevocationList) -> Self {
        Self {
            root: holder.to_string(),
            number: list.number,
            issued: list.issued.to_string(),
            next: list.next.map(|next| next.to_string()),
            revoked: list.revoked.iter().map(|revoked| shown(&revoked.serial)).collect(),
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

/// The first list of a root, which revokes nothing.
pub fn new(root: &OfflineRoot, current: Period, out: &Path) -> Result<Listed, Error> {
    write(root, 1, current, &[], out)
}

/// The list that comes after `previous`: with all that it revokes, and with these.
pub fn next(
    root: &OfflineRoot,
    previous: &Path,
    targets: &[Target],
    current: Period,
    out: &Path,
) -> Result<Listed, Error> {
    let der = fs::read(previous).map_err(|source| Error::Io {
        action: "read",
        path: previous.to_owned(),
        source,
    })?;
    let previous = parse(root, &der)?;
    if previous.issued > current.from.plus(AHEAD_MAX) {
        return Err(Error::Clock { previous: previous.issued, now: current.from });
    }
    // Later than the one before, also within the same second: of two lists the later one holds.
    let current = Period { from: current.from.max(previous.issued.plus(SECOND)), until: current.until };
    let mut revoked: Vec<(Vec<u8>, Instant)> =
        previous.revoked.into_iter().map(|revoked| (revoked.serial, revoked.revoked_at)).collect();
    for target in targets {
        let serial = serial(root, target)?;
        if revoked.iter().any(|(present, _)| *present == serial) {
            return Err(Error::RevokedAlready { serial: shown(&serial), holder: root.holder() });
        }
        revoked.push((serial, current.from));
    }
    let revoked: Vec<Revoked> = revoked
        .into_iter()
        .map(|(serial, revoked_at)| Revoked { serial: SerialNumber::from(serial), revoked_at })
        .collect();
    write(root, previous.number.saturating_add(1), current, &revoked, out)
}

/// What a list says, when this root signed it.
pub fn show(root: &Path, path: &Path) -> Result<Listed, Error> {
    let (holder, network, certificate) = root::read(root)?;
    Ok(Listed::of(holder, &RevocationList::parse(&network, holder, &certificate, &read(path)?)?))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Io { action: "read", path: path.to_owned(), source })
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
    create(out, &der)?;
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

fn shown(serial: &[u8]) -> String {
    serial.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;
    use sealpost_crypto::dsse::SigningKey;
    use sealpost_crypto::keyfile::Unlock;
    use sealpost_crypto::signing::Signing;
    use sealpost_domain::identity::NetworkName;

    use super::*;

    const NOW: Instant = Instant::from_millis(1_768_464_000_000);
    const DAY: Duration = Duration::from_hours(24);

    fn days(from: Instant) -> Period {
        Period { from, until: Some(from.plus(DAY * 30)) }
    }

    #[test]
    fn the_next_list_is_later_than_the_one_before_and_a_clock_that_went_back_makes_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let rng = &mut ChaCha20Rng::seed_from_u64(7);
        SigningKey::generate(rng).create(&file("key")).unwrap();
        let (holder, network) = (RootHolder::HubOperator, NetworkName::parse("test.sealpost").unwrap());
        let unlock = Unlock::nothing();
        let key = Signing::File(file("key"));
        root::new(holder, &network, days(NOW), key.open(&unlock).unwrap(), &file("root"), rng).unwrap();
        let root = OfflineRoot::open(&file("root"), &key, &unlock, NOW).unwrap();
        new(&root, days(NOW), &file("1")).unwrap();
        let second = next(&root, &file("1"), &[], days(NOW), &file("2")).unwrap();
        assert_eq!((second.number, second.issued), (2, NOW.plus(SECOND).to_string()));
        let early = next(&root, &file("2"), &[], days(NOW.minus(DAY)), &file("3"));
        assert!(matches!(early, Err(Error::Clock { .. })), "{early:?}");
        assert!(!file("3").exists());
    }
}
