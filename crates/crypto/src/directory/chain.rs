//! A version as the successor of the one before it: what must follow, and what nobody may drop, weaken or bring back.

use std::collections::{BTreeMap, BTreeSet};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::{AgencyRecord, Directory, Revocation, RevocationReason, SealingKeyRecord};
use sealpost_wire::directory::Listing;

use super::Error;
use super::subject::Withdrawable;

/// What can be told before a version is worked through: number, times, roots, revocations and withdrawals.
pub(super) fn follows(listing: &Listing, previous: Option<&Directory>) -> Result<(), Error> {
    if listing.valid_until <= listing.issued_at {
        return Err(Error::Validity { issued_at: listing.issued_at, valid_until: listing.valid_until });
    }
    let Some(previous) = previous else {
        return match (listing.version, listing.previous) {
            (0, _) => Err(Error::Version { found: 0, expected: 1 }),
            (1, digest) if digest != Digest::ZERO => {
                Err(Error::Previous { version: 1, found: digest, expected: Digest::ZERO })
            }
            _ => Ok(()),
        };
    };
    number(listing, previous)?;
    roots(listing, previous)?;
    revocations(listing, previous)?;
    match previous.withdrawn.iter().find(|digest| listing.withdrawn.binary_search(digest).is_err()) {
        Some(digest) => Err(Error::WithdrawalDropped { digest: *digest }),
        None => Ok(()),
    }
}

fn number(listing: &Listing, previous: &Directory) -> Result<(), Error> {
    if Some(listing.version) != previous.version.version.checked_add(1) {
        return Err(Error::Version {
            found: listing.version,
            expected: previous.version.version.saturating_add(1),
        });
    }
    if listing.previous != previous.version.digest {
        return Err(Error::Previous {
            version: listing.version,
            found: listing.previous,
            expected: previous.version.digest,
        });
    }
    if listing.network != previous.network {
        return Err(Error::Network { found: listing.network.clone(), expected: previous.network.clone() });
    }
    if listing.issued_at < previous.issued_at {
        return Err(Error::Issued { found: listing.issued_at, previous: previous.issued_at });
    }
    Ok(())
}

fn roots(listing: &Listing, previous: &Directory) -> Result<(), Error> {
    if listing.operator_root != previous.hub.operator_root {
        return Err(Error::OperatorRootChanged);
    }
    // Also not by leaving it out for one version.
    for (code, before) in &previous.jurisdictions {
        match listing.jurisdictions.iter().find(|(listed, _)| listed == code) {
            None => return Err(Error::JurisdictionDropped { jurisdiction: *code }),
            Some((_, record)) if record.root != before.root => {
                return Err(Error::RootChanged { jurisdiction: *code });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// A revocation stays, and says at least as much: otherwise the key's thief would be believed again for a time.
fn revocations(listing: &Listing, previous: &Directory) -> Result<(), Error> {
    // Two for one key are refused later; here neither may be the weaker one.
    for (key, before) in &previous.revocations {
        let mut now = listing.revocations.iter().filter(|(other, _)| other == key).peekable();
        if now.peek().is_none() {
            return Err(Error::RevocationDropped { key: *key });
        }
        if now.any(|(_, now)| is_weaker(now, before)) {
            return Err(Error::RevocationWeakened { key: *key });
        }
    }
    Ok(())
}

fn is_weaker(now: &Revocation, before: &Revocation) -> bool {
    let reason_holds = now.reason == before.reason || now.reason == RevocationReason::Compromised;
    !reason_holds || now.revoked_at > before.revoked_at
}

/// What can be told once it is known what a version lists: no key leaves without a revocation, no statement without a
/// withdrawal, and no sealing epoch is given out twice.
pub(super) fn keeps(directory: &Directory, previous: Option<&Directory>) -> Result<(), Error> {
    let statements = statements(directory);
    if let Some((digest, statement)) =
        statements.iter().find(|(digest, _)| directory.withdrawn.contains(digest))
    {
        return Err(Error::ListedAgain { statement: statement.clone(), digest: *digest });
    }
    let Some(previous) = previous else { return Ok(()) };
    for (agency, before) in &previous.agencies {
        let now = directory.agencies.get(agency);
        signing_keys(agency, before, now, directory)?;
        if let Some(now) = now {
            epochs(agency, &before.sealing_keys, &now.sealing_keys)?;
        }
    }
    let is_gone = |digest: &Digest| !statements.contains_key(digest) && !directory.withdrawn.contains(digest);
    match self::statements(previous).into_iter().find(|(digest, _)| is_gone(digest)) {
        Some((digest, statement)) => Err(Error::NotWithdrawn { statement, digest }),
        None => Ok(()),
    }
}

/// Otherwise an agency without the key, for one version, would be one to which its root alone gives another.
fn signing_keys(
    agency: &AgencyId,
    before: &AgencyRecord,
    now: Option<&AgencyRecord>,
    directory: &Directory,
) -> Result<(), Error> {
    let listed: BTreeSet<KeyId> =
        now.iter().flat_map(|now| &now.signing_keys).map(|key| key.key.id).collect();
    let ids = before.signing_keys.iter().map(|key| key.key.id);
    match ids.into_iter().find(|id| !listed.contains(id) && !directory.revocations.contains_key(id)) {
        Some(key) => Err(Error::KeyDropped { key, agency: agency.clone() }),
        None => Ok(()),
    }
}

/// Senders take the highest epoch, so a lower one or a second key of one epoch would lead mail back to an older key.
fn epochs(agency: &AgencyId, before: &[SealingKeyRecord], now: &[SealingKeyRecord]) -> Result<(), Error> {
    let highest = |keys: &[SealingKeyRecord]| keys.iter().map(|key| key.epoch).max().unwrap_or(0);
    let last = highest(before);
    for key in now {
        match before.iter().find(|other| other.key.id == key.key.id) {
            Some(other) if other.epoch == key.epoch => {}
            Some(other) => {
                let (found, listed) = (key.epoch, other.epoch);
                return Err(Error::EpochChanged { agency: agency.clone(), found, listed });
            }
            None if key.epoch > last => {}
            None => return Err(Error::EpochUsed { agency: agency.clone(), found: key.epoch, last }),
        }
    }
    if highest(now) < last {
        return Err(Error::EpochFell { agency: agency.clone(), found: highest(now), last });
    }
    Ok(())
}

/// What a version lists that can be withdrawn.
fn statements(directory: &Directory) -> BTreeMap<Digest, Withdrawable> {
    let agreements = directory.agreements.iter();
    let agreements =
        agreements.map(|agreement| (agreement.digest, Withdrawable::Agreement(agreement.id.clone())));
    let operations = directory.operations.values();
    let operations =
        operations.map(|operation| (operation.digest, Withdrawable::Operation(operation.id.clone())));
    agreements.chain(operations).collect()
}
