//! Directories that a hub shows to one node: each that is not the next honest one is recorded in the node's ledger with its
//! bytes, and is not installed.

use sealpost_admin::ceremony::statement::{Kind, Statement};
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::{PayloadType, SigningKey, sign_statement};
use sealpost_domain::directory::{KeyUse, Revocation, RevocationReason};
use sealpost_domain::envelope::{DirectoryVersion, Signature};
use sealpost_domain::instant::Period;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{Listing, SigningKeyTerms};
use sealpost_wire::envelope::{signed_from_bytes, signed_to_bytes};

use crate::scene::{DE, HK, NOW, Network, Node, agency};

/// What the authority signed first.
fn genesis(network: &Network) -> Listing {
    Listing::from_payload(&network.genesis.payload).unwrap()
}

/// The version after one, otherwise the same.
pub(crate) fn after(version: &Signed) -> Listing {
    let listing = Listing::from_payload(&version.payload).unwrap();
    Listing { version: listing.version + 1, previous: sha256(&version.payload), ..listing }
}

/// Signs with these keys of the authority, counted from 1.
pub(crate) fn signed(network: &Network, listing: &Listing, keys: &[usize]) -> Signed {
    let payload = listing.to_payload();
    let signature = |number: &usize| {
        let made = sign_statement(&network.authority_key(*number), PayloadType::Directory, &payload).unwrap();
        Signature { key_id: made.key_id, bytes: made.bytes.to_vec().into() }
    };
    let signatures = keys.iter().map(signature).collect();
    Signed { payload, signatures }
}

/// A node is shown a version that it must not take; what it recorded.
fn refused(node: &mut Node, shown: &Signed, rule: &str) {
    let (version, before) = (node.version(), node.security().len());
    node.shown(shown).unwrap_err();
    assert_eq!(node.version(), version, "nothing is installed");
    let events = node.security();
    assert_eq!(events.len(), before + 1, "one event: {rule}");
    let (found, evidence) = events.last().unwrap();
    assert_eq!(found, rule, "{}", evidence.detail);
    let exhibit = signed_from_bytes(&evidence.exhibits[0], 4 << 20).unwrap();
    assert_eq!(&exhibit, shown, "the bytes are the evidence");
    // Shown again it is not recorded again.
    node.shown(shown).unwrap_err();
    assert_eq!(node.security().len(), before + 1);
}

pub(crate) fn statement_of(agency_id: &str, key: &SigningKey, signers: &[&SigningKey]) -> Signed {
    let period = Period { from: NOW, until: Some(NOW.plus(std::time::Duration::from_hours(24))) };
    let public_key = *key.verifying_key().as_bytes();
    let terms = SigningKeyTerms { agency: agency(agency_id), public_key, usage: KeyUse::Node, period };
    let mut statement = Statement::unsigned(Kind::SigningKey, terms.to_payload()).unwrap();
    for signer in signers {
        statement.sign(*signer).unwrap();
    }
    statement.signed
}

#[test]
fn two_thieves_of_five_keys_install_nothing_and_three_holders_do() {
    let network = Network::new();
    let [mut node, ..] = network.nodes();
    let next = after(&network.genesis);
    refused(&mut node, &signed(&network, &next, &[4, 5]), "directory.authority");
    node.shown(&signed(&network, &next, &[1, 2, 3])).unwrap();
    assert_eq!(node.version(), 2);
}

#[test]
fn a_thief_of_one_key_and_careless_holders_add_no_agency_no_key_and_no_agreement() {
    let network = Network::new();
    let [mut node, ..] = network.nodes();
    let thief = network.authority_key(1);
    let all = [1, 2, 3, 4, 5];
    let mut key = after(&network.genesis);
    key.agencies[0].signing_keys.push(statement_of(DE, &thief, &[&thief]));
    refused(&mut node, &signed(&network, &key, &[1]), "directory.authority");
    // The thief's key is listed already: another one of his.
    let other = SigningKey::generate(&mut node.rng);
    let mut key = after(&network.genesis);
    key.agencies[0].signing_keys.push(statement_of(DE, &other, &[&other, &thief]));
    refused(&mut node, &signed(&network, &key, &all), "directory.signing_key");

    let mut agreement = after(&network.genesis);
    let mut forged = agreement.agreements[0].clone();
    forged.payload = [&forged.payload[..], b"\x12\x05other"].concat().into();
    agreement.agreements[0] = forged;
    refused(&mut node, &signed(&network, &agreement, &all), "directory.agreement");

    let mut invented = after(&network.genesis);
    let mut agency = invented.agencies[0].clone();
    agency.id = "DE-XXX".parse().unwrap();
    agency.signing_keys = vec![statement_of("DE-XXX", &other, &[&other, &thief])];
    agency.sealing_keys.clear();
    invented.agencies.insert(0, agency);
    refused(&mut node, &signed(&network, &invented, &all), "directory.signing_key");
}

#[test]
fn a_jurisdiction_that_signs_for_anothers_agency_or_behind_its_own_is_refused() {
    let network = Network::new();
    let [mut node, ..] = network.nodes();
    let new = SigningKey::generate(&mut node.rng);
    let roots = [HK, DE].map(|id| network.root_key(&id[..2]));
    for root in &roots {
        let mut next = after(&network.genesis);
        let germany = next.agencies.iter_mut().find(|listed| listed.id == agency(DE)).unwrap();
        germany.signing_keys.push(statement_of(DE, &new, &[&new, root]));
        refused(&mut node, &signed(&network, &next, &[1, 2, 3]), "directory.signing_key");
    }
}

/// All holders of the authority's keys together, with a jurisdiction's root where it says so.
#[test]
fn an_authority_that_conspires_with_a_root_exchanges_drops_weakens_and_brings_back_nothing() {
    let network = Network::new();
    let [mut node, ..] = network.nodes();
    let all = [1, 2, 3, 4, 5];
    let place =
        |listing: &Listing| listing.agencies.iter().position(|listed| listed.id == agency(DE)).unwrap();
    let key = network.directory.agencies[&agency(DE)].signing_keys[0].key.id;

    // The root of the hub's operator becomes a jurisdiction's.
    let mut operator = after(&network.genesis);
    operator.operator_root = operator.jurisdictions[0].1.root.clone().into();
    refused(&mut node, &signed(&network, &operator, &all), "directory.chain");
    // Germany's node goes without its keys for a version, to come back with one of its root's.
    let mut keyless = after(&network.genesis);
    let germany = place(&keyless);
    keyless.agencies[germany].signing_keys.clear();
    keyless.agencies[germany].sealing_keys.clear();
    let ended = keyless.agreements.drain(..).chain(keyless.operations.drain(..));
    keyless.withdrawn = ended.map(|statement| sha256(&statement.payload)).collect();
    keyless.withdrawn.sort_unstable();
    refused(&mut node, &signed(&network, &keyless, &all), "directory.signing_key");
    // An officer of the root's own.
    let mut officer = after(&network.genesis);
    let made = SigningKey::generate(&mut node.rng);
    let terms = SigningKeyTerms {
        agency: agency(DE),
        public_key: *made.verifying_key().as_bytes(),
        usage: KeyUse::Officer,
        period: Period { from: NOW, until: Some(NOW.plus(std::time::Duration::from_hours(24))) },
    };
    let mut statement = Statement::unsigned(Kind::SigningKey, terms.to_payload()).unwrap();
    statement.sign(&network.root_key("DE")).unwrap();
    statement.sign(&made).unwrap();
    officer.agencies[germany].signing_keys.push(statement.signed);
    refused(&mut node, &signed(&network, &officer, &all), "directory.signing_key");

    // An agreement ends, and a key is stolen.
    let mut second = after(&network.genesis);
    let denounced = second.agreements.remove(0);
    second.withdrawn = vec![sha256(&denounced.payload)];
    second.revocations.push((key, Revocation { revoked_at: NOW, reason: RevocationReason::Compromised }));
    let second = signed(&network, &second, &all);
    node.shown(&second).unwrap();
    let mut weaker = after(&second);
    weaker.revocations[0].1.reason = RevocationReason::Superseded;
    refused(&mut node, &signed(&network, &weaker, &all), "directory.revocation");
    let mut again = after(&second);
    again.agreements.insert(0, denounced);
    refused(&mut node, &signed(&network, &again, &all), "directory.agreement");
    again.withdrawn.clear();
    refused(&mut node, &signed(&network, &again, &all), "directory.revocation");
    node.shown(&signed(&network, &after(&second), &all)).unwrap();
}

#[test]
fn a_step_back_a_fork_and_a_gap_are_recorded_and_a_repeat_is_not() {
    let network = Network::new();
    let [mut node, ..] = network.nodes();
    let second = signed(&network, &after(&network.genesis), &[1, 2, 3]);
    let mut third = after(&second);
    let stolen = network.directory.agencies[&agency(DE)].signing_keys[0].key.id;
    let revocation = Revocation { revoked_at: NOW, reason: RevocationReason::Compromised };
    third.revocations.push((stolen, revocation));
    let third = signed(&network, &third, &[1, 2, 3]);
    node.shown(&second).unwrap();
    node.shown(&third).unwrap();
    node.shown(&third).unwrap();
    assert_eq!((node.version(), node.security().len()), (3, 0));

    // An older version as if it were new, which would believe the stolen key again.
    refused(&mut node, &second, "directory.rollback");
    // Another third version, and a fourth that follows it.
    let renewed = Listing { valid_until: NOW.plus(std::time::Duration::from_hours(1)), ..after(&second) };
    let fork = signed(&network, &Listing { issued_at: NOW, ..renewed }, &[3, 4, 5]);
    refused(&mut node, &fork, "directory.fork");
    refused(&mut node, &signed(&network, &after(&fork), &[3, 4, 5]), "directory.fork");
    let gap = Listing { version: 5, ..after(&third) };
    refused(&mut node, &signed(&network, &gap, &[1, 2, 3]), "directory.chain");
    // A revocation that is left out.
    let dropped = Listing { revocations: Vec::new(), ..after(&third) };
    refused(&mut node, &signed(&network, &dropped, &[1, 2, 3]), "directory.revocation");
    // And after all that the honest one is taken.
    node.shown(&signed(&network, &after(&third), &[1, 3, 5])).unwrap();
    assert_eq!(node.version(), 4);
    assert_eq!(node.installed(), [1, 2, 3, 4], "every change is a record");
}

#[test]
fn a_hub_that_was_set_back_is_recorded_by_who_has_the_later_version() {
    let network = Network::new();
    let [mut node, ..] = network.nodes();
    node.shown(&signed(&network, &after(&network.genesis), &[1, 2, 3])).unwrap();
    node.hears_of_hub(DirectoryVersion { version: 2, digest: node.digest() });
    assert_eq!(node.security().len(), 0);
    node.hears_of_hub(DirectoryVersion { version: 1, digest: sha256(&network.genesis.payload) });
    let events = node.security();
    assert_eq!((events.len(), events[0].0.as_str()), (1, "directory.rollback"));
    assert!(events[0].1.detail.contains("version 1, of record"), "{}", events[0].1.detail);
}

#[test]
fn a_changed_byte_anywhere_is_not_installed() {
    let network = Network::new();
    let [mut node, ..] = network.nodes();
    let next = signed(&network, &after(&network.genesis), &[1, 2, 3]);
    assert_eq!(genesis(&network).threshold, 3);
    let bytes = signed_to_bytes(&next);
    for place in (0..bytes.len()).step_by(61) {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        let Ok(changed) = signed_from_bytes(&bytes.into(), 4 << 20) else { continue };
        node.shown(&changed).unwrap_err();
    }
    assert_eq!(node.version(), 1);
    node.shown(&next).unwrap();
}
