//! An invented network: one agency whose ledger is written, its peers, the hub, and the directory that lists them all.

use bytes::Bytes;
use rand::{CryptoRng, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use sealpost_admin::issuer::{self, Root};
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::{PayloadType, SignError, Signer as _, SigningKey, sign_statement};
use sealpost_crypto::trust::RootHolder;
use sealpost_domain::agency::{AgencyId, JurisdictionCode};
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::{JurisdictionRecord, KeyUse};
use sealpost_domain::envelope::{DirectoryVersion, Signature};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::{Instant, Period};
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{ListedAgency, Listing, SigningKeyTerms};

/// When everything begins: 2026-01-15T08:00:00Z.
pub const NOW: Instant = Instant::from_millis(1_768_464_000_000);
/// The agency whose ledger is written, then its peers.
const AGENCIES: [&str; 3] = ["HK-CED", "DE-ZKA", "TH-TCD"];
const YEARS_10: std::time::Duration = std::time::Duration::from_hours(24 * 3650);
/// Certificates state an end; keys need none.
const ROOT_PERIOD: Period =
    Period { from: NOW, until: Some(Instant::from_millis(NOW.as_millis() + 315_360_000_000)) };
const KEY_PERIOD: Period = Period { from: NOW, until: None };

/// An agency with the key of its node.
pub struct Party {
    /// Which agency.
    pub id: AgencyId,
    /// Signs its headers and receipts.
    pub key: SigningKey,
}

/// All parties with their private keys, and the directory.
pub struct Network {
    /// The agency whose ledger is written.
    pub own: Party,
    /// Whom it exchanges messages with.
    pub peers: [Party; 2],
    /// Signs what the hub accepts.
    pub hub: SigningKey,
    /// The first version of the directory, signed.
    pub directory: Signed,
    /// Its number and digest.
    pub version: DirectoryVersion,
}

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A root was not made.
    #[error("cannot make a root certificate")]
    Root(#[from] issuer::Error),
    /// A key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl Network {
    /// The network of a seed.
    pub fn new(seed: u64) -> Result<Self, Error> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let [own, first, second] =
            AGENCIES.map(|id| Party { id: agency(id), key: SigningKey::generate(&mut rng) });
        let (hub, authority) = (SigningKey::generate(&mut rng), SigningKey::generate(&mut rng));
        let peers = [first, second];
        let name = NetworkName::parse("test.sealpost").expect("a name of a network");
        let operator = Root::generate(RootHolder::HubOperator, &name, ROOT_PERIOD, &mut rng)?;
        let mut listing = Listing {
            network: name,
            version: 1,
            previous: Digest::ZERO,
            issued_at: NOW,
            valid_until: NOW.plus(YEARS_10),
            authority_keys: vec![*authority.verifying_key().as_bytes()],
            threshold: 1,
            operator_root: Bytes::copy_from_slice(operator.certificate()),
            hub_keys: vec![*hub.verifying_key().as_bytes()],
            jurisdictions: Vec::new(),
            agencies: Vec::new(),
            agreements: Vec::new(),
            operations: Vec::new(),
            revocations: Vec::new(),
            withdrawn: Vec::new(),
        };
        // In the order of their names, as a directory lists them.
        for party in [&peers[0], &own, &peers[1]] {
            let (jurisdiction, agency) = listed(party, &listing.network, &mut rng)?;
            listing.jurisdictions.push(jurisdiction);
            listing.agencies.push(agency);
        }
        let directory = sign(&authority, PayloadType::Directory, listing.to_payload())?;
        let version = DirectoryVersion { version: 1, digest: sha256(&directory.payload) };
        Ok(Self { own, peers, hub, directory, version })
    }
}

/// The agency whose ledger is written: the same in every network.
pub fn own() -> AgencyId {
    agency(AGENCIES[0])
}

fn agency(id: &str) -> AgencyId {
    id.parse().expect("the names above are agencies")
}

/// Signs a payload under its type.
pub fn sign(key: &SigningKey, kind: PayloadType, payload: Bytes) -> Result<Signed, SignError> {
    let bytes = Bytes::copy_from_slice(&sign_statement(key, kind, &payload)?.bytes);
    Ok(Signed { payload, signatures: vec![Signature { key_id: key.key_id(), bytes }] })
}

/// An agency as the directory lists it, with its jurisdiction: each agency here has one of its own.
fn listed(
    party: &Party,
    network: &NetworkName,
    rng: &mut dyn CryptoRng,
) -> Result<((JurisdictionCode, JurisdictionRecord), ListedAgency), Error> {
    let code = party.id.jurisdiction();
    let root = Root::generate(RootHolder::Jurisdiction(code), network, ROOT_PERIOD, rng)?;
    let terms = SigningKeyTerms {
        agency: party.id.clone(),
        public_key: *party.key.verifying_key().as_bytes(),
        usage: KeyUse::Node,
        period: KEY_PERIOD,
    };
    let agency = ListedAgency {
        id: party.id.clone(),
        name: format!("Invented agency {}", party.id),
        signing_keys: vec![sign(root.key(), PayloadType::SigningKey, terms.to_payload())?],
        sealing_keys: Vec::new(),
        approval_rules: Vec::new(),
    };
    let name = format!("Invented jurisdiction {code}");
    Ok(((code, JurisdictionRecord { name, root: root.certificate().to_vec() }), agency))
}
