use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, PKCS_ED25519};
use rustls_pki_types::PrivatePkcs8KeyDer;
use sealpost_domain::agreement::{Agreement, Operation, Parties};
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::{JurisdictionRecord, KeyUse, Revocation, RevocationReason};
use sealpost_domain::envelope;
use sealpost_domain::handling::Tlp;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::{Instant, Period};
use sealpost_wire::directory::{
    ListedAgency, SealedDetails, SealingKeyTerms, SigningKeyTerms, agreement_to_payload,
    operation_from_payload, operation_to_payload,
};

use super::*;
use crate::dsse::{Signer as _, SigningKey, VerifyError, sign_statement};
use crate::wrap::SealingPrivateKey;

mod hostile;
mod kept;
mod keys;

const NOW: Instant = Instant::from_millis(1_768_464_000_000);
const PERIOD: Period = Period { from: NOW, until: Some(Instant::from_millis(NOW.as_millis() + 1_000_000)) };

/// Three agencies of two jurisdictions, an authority of two in three, one agreement and one operation among all.
struct Network {
    authority: Vec<SigningKey>,
    roots: BTreeMap<&'static str, SigningKey>,
    nodes: BTreeMap<&'static str, SigningKey>,
    rng: ChaCha20Rng,
}

const AGENCIES: [&str; 3] = ["DE-ZKA", "HK-CED", "HK-POL"];

impl Network {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let mut key = || SigningKey::generate(&mut rng);
        Self {
            authority: (0..3).map(|_| key()).collect(),
            roots: ["DE", "HK", "hub"].map(|holder| (holder, key())).into(),
            nodes: AGENCIES.map(|agency| (agency, key())).into(),
            rng,
        }
    }

    fn listing(&mut self) -> Listing {
        let jurisdictions = ["DE", "HK"].map(|code| {
            let record = JurisdictionRecord {
                name: format!("Jurisdiction {code}"),
                root: certificate(&self.roots[code], code, IsCa::Ca(BasicConstraints::Constrained(0))),
            };
            (code.parse().unwrap(), record)
        });
        let operator = certificate(&self.roots["hub"], "hub", IsCa::Ca(BasicConstraints::Constrained(0)));
        Listing {
            network: NetworkName::parse("test.sealpost").unwrap(),
            version: 1,
            previous: Digest::ZERO,
            issued_at: NOW,
            valid_until: NOW.plus(Duration::from_hours(24)),
            authority_keys: self.authority.iter().map(|key| *key.verifying_key().as_bytes()).collect(),
            threshold: 2,
            operator_root: operator.into(),
            hub_keys: vec![*SigningKey::generate(&mut self.rng).verifying_key().as_bytes()],
            jurisdictions: jurisdictions.into(),
            agencies: AGENCIES.map(|agency| self.agency(agency)).into(),
            agreements: vec![self.agreement("CMAA-2023", &AGENCIES)],
            operations: vec![self.operation("OP-2023", "HK-CED")],
            revocations: Vec::new(),
            withdrawn: Vec::new(),
        }
    }

    fn agency(&mut self, agency: &str) -> ListedAgency {
        let sealing = SealingPrivateKey::generate(&mut self.rng);
        let terms = SealingKeyTerms {
            agency: agency.parse().unwrap(),
            public_key: sealing.public_key().to_bytes().into(),
            epoch: 1,
            period: PERIOD,
        };
        ListedAgency {
            id: agency.parse().unwrap(),
            name: format!("Agency {agency}"),
            signing_keys: vec![self.signing_key(agency, &agency[..2], agency)],
            sealing_keys: vec![self.sealing_key(&terms, agency)],
            approval_rules: Vec::new(),
        }
    }

    /// A statement of a root about the key of a node.
    fn signing_key(&self, agency: &str, root: &str, node: &str) -> Signed {
        let terms = key_terms(agency, &self.nodes[node], KeyUse::Node);
        sign(PayloadType::SigningKey, terms.to_payload(), &[&self.roots[root]])
    }

    fn sealing_key(&self, terms: &SealingKeyTerms, signer: &str) -> Signed {
        sign(PayloadType::SealingKey, terms.to_payload(), &[&self.nodes[signer]])
    }

    fn agreement(&self, id: &str, signers: &[&str]) -> Signed {
        let agreement = Agreement {
            id: id.parse().unwrap(),
            digest: Digest::ZERO,
            title: "Invented for the tests".into(),
            parties: parties(),
            categories: BTreeSet::new(),
            modes: BTreeSet::new(),
            strictest_tlp: Tlp::Red,
            handling_codes: BTreeSet::new(),
            retention_max: Duration::from_hours(24),
            period: PERIOD,
        };
        let keys: Vec<_> = signers.iter().map(|agency| &self.nodes[agency]).collect();
        sign(PayloadType::Agreement, agreement_to_payload(&agreement), &keys)
    }

    fn operation(&self, id: &str, signer: &str) -> Signed {
        let operation = Operation {
            id: id.parse().unwrap(),
            digest: Digest::ZERO,
            lead: "HK-CED".parse().unwrap(),
            members: parties(),
            from: NOW,
            until: NOW.plus(Duration::from_hours(24)),
        };
        sign(PayloadType::Operation, operation_to_payload(&operation, None), &[&self.nodes[signer]])
    }

    fn issue(&self, listing: &Listing, signers: &[usize]) -> Signed {
        let keys: Vec<_> = signers.iter().map(|index| &self.authority[*index]).collect();
        sign(PayloadType::Directory, listing.to_payload(), &keys)
    }

    fn refused(&self, listing: &Listing) -> Error {
        verify(&self.issue(listing, &[0, 2]), None).unwrap_err()
    }
}

fn key_terms(agency: &str, key: &SigningKey, usage: KeyUse) -> SigningKeyTerms {
    let public_key = *key.verifying_key().as_bytes();
    SigningKeyTerms { agency: agency.parse().unwrap(), public_key, usage, period: PERIOD }
}

fn parties() -> Parties {
    Parties::new(AGENCIES.map(|agency| agency.parse().unwrap()).into()).unwrap()
}

fn sign(kind: PayloadType, payload: impl AsRef<[u8]>, keys: &[&SigningKey]) -> Signed {
    let payload = payload.as_ref();
    let signature = |key: &&SigningKey| {
        let signature = sign_statement(*key, kind, payload).unwrap();
        envelope::Signature { key_id: signature.key_id, bytes: signature.bytes.to_vec().into() }
    };
    Signed { payload: payload.to_vec().into(), signatures: keys.iter().map(signature).collect() }
}

fn certificate(key: &SigningKey, name: &str, is_ca: IsCa) -> Vec<u8> {
    let pkcs8 = key.to_pkcs8();
    let der = PrivatePkcs8KeyDer::from(pkcs8.as_slice());
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519).unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = is_ca;
    params.distinguished_name.push(DnType::CommonName, name);
    params.self_signed(&pair).unwrap().der().to_vec()
}

fn terms_of(signed: &Signed) -> SealingKeyTerms {
    SealingKeyTerms::from_payload(&signed.payload).unwrap()
}

#[test]
fn a_directory_that_all_signed_is_believed() {
    let mut network = Network::new();
    let listing = network.listing();
    let signed = network.issue(&listing, &[1, 2]);
    let directory = verify(&signed, None).unwrap();

    assert_eq!(directory.version.digest, sha256(&signed.payload));
    assert_eq!(directory.agencies.len(), 3);
    let agency = "HK-POL".parse().unwrap();
    let node = network.nodes["HK-POL"].verifying_key().key_id();
    assert!(directory.node_key(&agency, node, NOW).is_some());
    assert_eq!(directory.sealing_key(&agency, NOW).unwrap().epoch, 1);
    assert_eq!(directory.agreements[0].digest, sha256(&listing.agreements[0].payload));
    assert_eq!(directory.operations.len(), 1);
    assert_eq!(trust_set(&directory).unwrap().holders().count(), 3);
}

#[test]
fn a_version_needs_the_threshold_of_distinct_authority_keys() {
    let mut network = Network::new();
    let listing = network.listing();
    for signers in [&[][..], &[1], &[1, 1]] {
        let error = verify(&network.issue(&listing, signers), None).unwrap_err();
        assert!(matches!(error, Error::Authority { threshold: 2, .. }), "{error}");
    }
    let stranger = Network { rng: network.rng.clone(), ..Network::new() };
    let mut signed = network.issue(&listing, &[0]);
    let other = sign(PayloadType::Directory, &signed.payload, &[&stranger.nodes["HK-CED"]]);
    signed.signatures.extend(other.signatures);
    assert_eq!(verify(&signed, None).unwrap_err().rule(), "directory.authority");
}

#[test]
fn a_threshold_of_nobody_or_of_more_than_there_are_is_refused() {
    let mut network = Network::new();
    for threshold in [0, 4] {
        let listing = Listing { threshold, ..network.listing() };
        assert!(matches!(network.refused(&listing), Error::Threshold { .. }));
    }
}

#[test]
fn the_next_version_needs_the_authority_of_the_one_before_and_its_own() {
    let mut network = Network::new();
    let listing = network.listing();
    let first = verify(&network.issue(&listing, &[0, 1]), None).unwrap();
    let old = std::mem::replace(
        &mut network.authority,
        (0..2).map(|_| SigningKey::generate(&mut network.rng)).collect(),
    );
    let authority_keys = network.authority.iter().map(|key| *key.verifying_key().as_bytes()).collect();
    let listing = Listing { version: 2, previous: first.version.digest, authority_keys, ..listing };
    let new: Vec<_> = network.authority.iter().collect();
    let both: Vec<_> = network.authority.iter().chain(&old[..2]).collect();
    let issue = |keys: &[&SigningKey]| sign(PayloadType::Directory, listing.to_payload(), keys);

    assert!(matches!(verify(&issue(&new), Some(&first)), Err(Error::Authority { version: 1, found: 0, .. })));
    assert!(matches!(
        verify(&issue(&[&old[0], &old[1]]), Some(&first)),
        Err(Error::Authority { version: 2, found: 0, .. })
    ));
    verify(&issue(&both), Some(&first)).unwrap();
}

#[test]
fn rollback_gap_fork_and_another_network_are_refused() {
    let mut network = Network::new();
    let first_listing = network.listing();
    let first = verify(&network.issue(&first_listing, &[0, 1]), None).unwrap();
    let next = Listing { version: 2, previous: first.version.digest, ..first_listing };
    let judge = |listing: &Listing| verify(&network.issue(listing, &[0, 1]), Some(&first));
    judge(&next).unwrap();

    let version = |version| Listing { version, ..next.clone() };
    assert!(matches!(judge(&version(1)), Err(Error::Version { found: 1, expected: 2 })));
    assert!(matches!(judge(&version(3)), Err(Error::Version { found: 3, expected: 2 })));
    let fork = Listing { previous: sha256(b"another"), ..next.clone() };
    assert!(matches!(judge(&fork), Err(Error::Previous { version: 2, .. })));
    let name = NetworkName::parse("other.sealpost").unwrap();
    assert!(matches!(judge(&Listing { network: name, ..next.clone() }), Err(Error::Network { .. })));
    let earlier = Listing { issued_at: NOW.minus(Duration::from_secs(1)), ..next.clone() };
    assert!(matches!(judge(&earlier), Err(Error::Issued { .. })));
    let mut exchanged = next;
    exchanged.jurisdictions[1].1.root =
        certificate(&network.authority[0], "HK", IsCa::Ca(BasicConstraints::Constrained(0)));
    assert!(matches!(judge(&exchanged), Err(Error::RootChanged { .. })));
}

#[test]
fn a_first_version_follows_nothing() {
    let mut network = Network::new();
    let listing = Listing { previous: sha256(b"something"), ..network.listing() };
    assert!(matches!(network.refused(&listing), Error::Previous { version: 1, .. }));
    let listing = Listing { version: 0, ..network.listing() };
    assert!(matches!(network.refused(&listing), Error::Version { found: 0, expected: 1 }));
}

#[test]
fn a_revocation_stops_the_key_leaves_its_agreements_and_is_never_taken_back() {
    let mut network = Network::new();
    let listing = network.listing();
    let first = verify(&network.issue(&listing, &[0, 1]), None).unwrap();
    let node = network.nodes["DE-ZKA"].verifying_key().key_id();
    let revocation = Revocation { revoked_at: NOW, reason: RevocationReason::Compromised };
    let second = Listing {
        version: 2,
        previous: first.version.digest,
        revocations: vec![(node, revocation)],
        ..listing.clone()
    };
    let second = verify(&network.issue(&second, &[0, 1]), Some(&first)).unwrap();
    assert!(second.node_key(&"DE-ZKA".parse().unwrap(), node, NOW).is_none());
    assert_eq!(second.agreements, first.agreements);

    let third = Listing { version: 3, previous: second.version.digest, ..listing };
    let error = verify(&network.issue(&third, &[0, 1]), Some(&second)).unwrap_err();
    assert!(matches!(error, Error::RevocationDropped { key } if key == node), "{error}");
}

#[test]
fn a_jurisdiction_signs_for_its_own_agencies_only() {
    let mut network = Network::new();
    let mut listing = network.listing();
    listing.agencies[1].signing_keys = vec![network.signing_key("HK-CED", "DE", "HK-CED")];
    assert_eq!(
        network.refused(&listing).to_string(),
        "signing key 1 of HK-CED is not signed by the root of HK"
    );
    // The right root, but for another agency of the jurisdiction.
    listing.agencies[1].signing_keys = vec![network.signing_key("HK-POL", "HK", "HK-CED")];
    assert_eq!(network.refused(&listing).to_string(), "signing key 1 of HK-CED was made for HK-POL");
    listing.jurisdictions.remove(0);
    assert!(matches!(network.refused(&listing), Error::NoJurisdiction { .. }));
}

#[test]
fn a_sealing_key_needs_its_own_agency_the_right_length_and_a_higher_epoch() {
    let mut network = Network::new();
    let good = network.listing();
    let terms = terms_of(&good.agencies[1].sealing_keys[0]);
    let with = |keys: Vec<Signed>| {
        let mut listing = good.clone();
        listing.agencies[1].sealing_keys = keys;
        network.refused(&listing)
    };
    let by_neighbour = with(vec![network.sealing_key(&terms, "HK-POL")]);
    assert_eq!(
        by_neighbour.to_string(),
        "sealing key 1 of HK-CED is not signed by a node's signing key of HK-CED"
    );
    let short = SealingKeyTerms { public_key: terms.public_key.slice(1..), ..terms.clone() };
    let short = with(vec![network.sealing_key(&short, "HK-CED")]);
    assert!(matches!(short, Error::SealingKeyLength { found: 1215, .. }), "{short}");
    let zero = SealingKeyTerms { epoch: 0, ..terms };
    let zero = with(vec![network.sealing_key(&zero, "HK-CED")]);
    assert!(matches!(zero, Error::Epoch { found: 0, .. }), "{zero}");
}

#[test]
fn an_agreement_needs_every_party_and_an_operation_its_lead() {
    let mut network = Network::new();
    let good = network.listing();
    let agreements = vec![network.agreement("CMAA-2023", &["DE-ZKA", "HK-CED"])];
    let error = network.refused(&Listing { agreements, ..good.clone() });
    assert_eq!(
        error.to_string(),
        "agreement CMAA-2023 is not signed by a node's signing key of its party HK-POL"
    );
    let twice = vec![network.agreement("CMAA-2023", &AGENCIES), network.agreement("CMAA-2023", &AGENCIES)];
    let error = network.refused(&Listing { agreements: twice, ..good.clone() });
    assert!(matches!(error, Error::AgreementTwice { .. }), "{error}");

    let operations = vec![network.operation("OP-2023", "DE-ZKA")];
    let error = network.refused(&Listing { operations, ..good });
    assert_eq!(
        error.to_string(),
        "operation OP-2023 is not signed by a node's signing key of its lead HK-CED"
    );
}
