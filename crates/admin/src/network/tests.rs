use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::dsse::{Signer as _, SigningKey};
use sealpost_crypto::revocation::Revoked;
use sealpost_crypto::trust::{RootHolder, TrustSet, Usage};
use sealpost_crypto::wrap::SealingPrivateKey;
use sealpost_crypto::{directory, x509};
use sealpost_domain::directory::Directory;
use sealpost_domain::handling::{Handling, HandlingCode, Tlp};
use sealpost_domain::message::{Category, SharingMode};
use sealpost_domain::permission::{Question, choose_agreement};
use sealpost_wire::envelope::signed_from_bytes;

use super::*;
use crate::issuer::{Purpose, Root};

const NOW: Instant = Instant::from_millis(1_768_464_000_123);
const THREE: [&str; 3] = ["HK-CED", "DE-ZKA", "KR-KCS"];

fn roster() -> Roster {
    Roster::parse(include_str!("../../../../certs/roster.toml"), Path::new("roster.toml")).unwrap()
}

fn only(ids: &[&str]) -> Selection {
    Selection::Only(ids.iter().map(|id| id.parse().unwrap()).collect())
}

fn make(out: &Path, agencies: Selection) -> Result<Network, Error> {
    let options = Options { agencies, ..Options::new(out) };
    init(&roster(), &options, NOW, &mut ChaCha20Rng::seed_from_u64(1))
}

fn verified(network: &Network) -> Directory {
    let bytes = Bytes::from(fs::read(&network.directory).unwrap());
    directory::verify(&signed_from_bytes(&bytes, 1 << 20).unwrap(), None).unwrap()
}

fn trust(network: &Network, directory: &Directory) -> TrustSet {
    let mut trust = directory::trust_set(directory).unwrap();
    for holder in trust.holders().collect::<Vec<_>>() {
        let name = match holder {
            RootHolder::Jurisdiction(code) => code.to_string(),
            RootHolder::HubOperator => "operator".to_owned(),
        };
        trust.install_crl(holder, &fs::read(network.crls.join(format!("{name}.crl"))).unwrap()).unwrap();
    }
    trust
}

/// The files below a folder, by their path in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn everybody_is_believed_in_their_own_role_alone() {
    let folder = tempfile::tempdir().unwrap();
    let network = make(&folder.path().join("net"), only(&THREE)).unwrap();
    let directory = verified(&network);
    let trust = trust(&network, &directory);
    let judge = |path: &Path, usage| {
        let chain = x509::read_certificates(path).unwrap();
        assert_eq!(chain.len(), 2, "the holder's certificate and its root");
        trust.judge(&chain[0], usage, NOW).map(|certificate| certificate.identity.to_string())
    };

    let hub = network.hub.config.with_file_name("certificate.pem");
    assert_eq!(judge(&hub, Usage::Server).unwrap(), "spiffe://sample.sealpost/hub/main");
    assert!(judge(&hub, Usage::Client).is_err());
    let operator = &network.operators[0].certificate;
    assert_eq!(judge(operator, Usage::Client).unwrap(), "spiffe://sample.sealpost/operator/ops");
    let agency = network.agency("DE-ZKA").unwrap();
    let node = agency.config.with_file_name("certificate.pem");
    for usage in [Usage::Client, Usage::Server] {
        assert_eq!(judge(&node, usage).unwrap(), "spiffe://sample.sealpost/DE/ZKA/node/main");
    }
    let holders = [(&agency.systems, "system"), (&agency.officers, "officer"), (&agency.auditors, "auditor")];
    for (holders, role) in holders {
        for holder in holders {
            let identity = judge(&holder.certificate, Usage::Client).unwrap();
            assert_eq!(identity, format!("spiffe://sample.sealpost/DE/ZKA/{role}/{}", holder.name));
            assert!(judge(&holder.certificate, Usage::Server).is_err());
        }
    }
}

#[test]
fn the_key_files_are_those_that_the_directory_lists() {
    let folder = tempfile::tempdir().unwrap();
    let network = make(&folder.path().join("net"), only(&THREE)).unwrap();
    let directory = verified(&network);
    for agency in &network.agencies {
        let id = agency.id.parse().unwrap();
        let own = agency.config.parent().unwrap();
        let signing = SigningKey::read(&own.join("signing.pem")).unwrap();
        assert!(directory.node_key(&id, signing.key_id(), NOW).is_some());
        let sealing = SealingPrivateKey::read(&own.join("sealing-1.pem")).unwrap();
        assert_eq!(directory.sealing_key(&id, NOW).unwrap().key.id, sealing.key_id());
    }
    let hub = SigningKey::read(&network.hub.config.with_file_name("signing.pem")).unwrap();
    assert!(directory.hub_key(hub.key_id()).is_some());
    let authority: Vec<_> = network
        .authority
        .iter()
        .map(|path| *SigningKey::read(path).unwrap().verifying_key().as_bytes())
        .collect();
    assert_eq!(authority, directory.authority_keys);
}

#[test]
fn nobody_else_may_read_a_private_key() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net");
    make(&out, only(&THREE)).unwrap();
    let files = files(&out);
    let keys: Vec<_> = files
        .iter()
        .filter(|(_, bytes)| bytes.windows(11).any(|text| text == b"PRIVATE KEY"))
        .map(|(path, _)| path)
        .collect();
    // Authority 3, roots 4, hub 2, operator 1; then for each agency its node 3, systems 2, officers 2 and auditor 1.
    assert_eq!(keys.len(), 3 + 4 + 2 + 1 + 3 * (3 + 2 + 2 + 1), "{keys:?}");
    assert_eq!(fs::metadata(&out).unwrap().mode() & 0o777, 0o700);
    for key in keys {
        assert_eq!(fs::metadata(out.join(key)).unwrap().mode() & 0o777, 0o600, "{}", key.display());
    }
}

#[test]
fn the_agreement_permits_everything_between_all() {
    let folder = tempfile::tempdir().unwrap();
    let directory = verified(&make(&folder.path().join("net"), Selection::All).unwrap());
    assert_eq!(directory.agencies.len(), 17);
    assert_eq!(directory.operations.len(), 1);
    let handling = Handling::new(Tlp::Red, HandlingCode::ALL.iter().copied());
    let operation = "OP-MARKER-2023".parse().unwrap();
    let sender = "HK-CED".parse().unwrap();
    for category in Category::ALL {
        for mode in SharingMode::ALL {
            let question = Question {
                sender: &sender,
                category: *category,
                mode: *mode,
                handling: &handling,
                operation: Some(&operation),
                retention: Some(3650 * DAY),
                now: NOW,
            };
            for recipient in directory.agencies.keys().filter(|agency| **agency != sender) {
                choose_agreement(&question, recipient, &directory).unwrap();
            }
        }
    }
}

#[test]
fn the_summary_is_read_back_and_all_its_files_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net");
    let network = make(&out, only(&THREE)).unwrap();
    assert_eq!(Network::read(&out).unwrap(), network);
    let gateways: Vec<_> = network.agencies.iter().map(|agency| agency.gateway.to_string()).collect();
    assert_eq!(network.hub.address.to_string(), "127.0.0.1:7400");
    // The order is the roster's, not the one in which they were chosen.
    assert_eq!(gateways, ["127.0.0.1:7401", "127.0.0.1:7402", "127.0.0.1:7403"]);
    assert_eq!(network.agencies[0].id, "HK-CED");
    for agency in &network.agencies {
        let configs = [Some(&agency.config), agency.profile.as_ref()];
        for config in configs.into_iter().flatten() {
            let text = fs::read_to_string(config).unwrap();
            let table: toml::Table = text.parse().unwrap();
            for path in paths(&table) {
                assert!(config.parent().unwrap().join(&path).exists(), "{}: {path}", config.display());
            }
        }
    }
}

/// The values that name files and folders which exist before a program starts.
fn paths(table: &toml::Table) -> Vec<String> {
    let keys = ["certificate", "key", "signing", "sealing", "genesis", "crls", "roots"];
    let mut paths = Vec::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => paths.extend(self::paths(inner)),
            toml::Value::String(path) if keys.contains(&key.as_str()) => paths.push(path.clone()),
            toml::Value::Array(items) if keys.contains(&key.as_str()) => {
                paths.extend(items.iter().map(|path| path.as_str().unwrap().to_owned()));
            }
            _ => {}
        }
    }
    paths
}

#[test]
fn a_folder_that_exists_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net");
    make(&out, only(&THREE)).unwrap();
    let before = files(folder.path());
    assert!(matches!(make(&out, Selection::All), Err(Error::Exists { .. })));
    assert_eq!(files(folder.path()), before);
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(matches!(make(&empty, Selection::All), Err(Error::Exists { .. })));
}

#[test]
fn what_cannot_be_made_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net");
    assert!(matches!(make(&out, only(&["HK-CED", "FR-DG"])), Err(Error::UnknownAgency { .. })));
    assert!(matches!(make(&out, only(&["HK-CED"])), Err(Error::TooFewAgencies { found: 1 })));
    assert!(matches!(make(&out.join("deeper"), only(&THREE)), Err(Error::Write { .. })));
    // An agency whose officer's folder is taken: the draft fails midway.
    let mut broken = roster();
    broken.agencies[0].officers = vec![broken.agencies[0].officers[0].clone(); 2];
    let error = init(&broken, &Options::new(&out), NOW, &mut ChaCha20Rng::seed_from_u64(1)).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn ports_are_given_or_counted_and_must_suffice() {
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, ports| {
        let options = Options { agencies: only(&THREE), ports, ..Options::new(folder.path().join(name)) };
        init(&roster(), &options, NOW, &mut ChaCha20Rng::seed_from_u64(1))
    };
    let network = with("net", Ports::Listed { hub: 9, gateways: vec![5, 7, 6] }).unwrap();
    let ports: Vec<_> = network.agencies.iter().map(|agency| agency.gateway.port()).collect();
    assert_eq!((network.hub.address.port(), ports), (9, vec![5, 7, 6]));
    let error = with("few", Ports::Listed { hub: 9, gateways: vec![5] }).unwrap_err();
    assert!(matches!(error, Error::Ports { found: 1, needed: 3 }), "{error}");
    let error = with("high", Ports::From(65_533)).unwrap_err();
    assert_eq!(error.to_string(), "base port 65533 leaves no room for 4 ports: choose one from 1 to 65532");
    with("highest", Ports::From(65_532)).unwrap();
}

#[test]
fn agreements_and_operations_of_those_who_stay_away_are_left_out_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let network = make(&folder.path().join("net"), only(&["DE-ZKA", "KR-KCS"])).unwrap();
    assert_eq!(network.agreements, ["SAMPLE-CMAA-2023"]);
    assert_eq!(network.left_out, ["operation OP-MARKER-2023: its lead HK-CED does not take part"]);
    assert_eq!(verified(&network).jurisdictions.len(), 2);
}

#[test]
fn the_same_seed_and_time_make_the_same_network() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    make(&one, only(&THREE)).unwrap();
    make(&other, only(&THREE)).unwrap();
    assert_eq!(files(&one), files(&other));
}

/// What an operator does later: reads a root back, issues a certificate, revokes it.
#[test]
fn a_root_that_is_read_back_issues_and_revokes() {
    let folder = tempfile::tempdir().unwrap();
    let network = make(&folder.path().join("net"), only(&THREE)).unwrap();
    let directory = verified(&network);
    let mut trust = trust(&network, &directory);
    let holder = RootHolder::Jurisdiction("HK".parse().unwrap());
    let files = ["HK.pem", "HK.key.pem"].map(|name| network.roots.join(name));
    let root = Root::read(holder, &files[0], &files[1]).unwrap();
    let period = Period { from: NOW, until: Some(NOW.plus(DAY)) };
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut issue =
        |identity: &str| root.issue(identity.parse().unwrap(), Purpose::Client, period, &mut rng).unwrap();
    let officer = issue("spiffe://sample.sealpost/HK/CED/officer/desk-3");
    trust.judge(&officer.certificate, Usage::Client, NOW).unwrap();
    let intruder = issue("spiffe://sample.sealpost/DE/ZKA/officer/desk-3");
    trust.judge(&intruder.certificate, Usage::Client, NOW).unwrap_err();

    let revoked = [Revoked { serial: officer.serial.to_bytes(), revoked_at: NOW }];
    trust.install_crl(holder, &root.crl(2, period, &revoked).unwrap()).unwrap();
    let refusal = trust.judge(&officer.certificate, Usage::Client, NOW).unwrap_err();
    assert!(refusal.to_string().contains("revoked"), "{refusal}");
}

#[test]
fn officers_whose_approval_is_demanded_get_a_key_that_the_directory_lists() {
    let folder = tempfile::tempdir().unwrap();
    let mut roster = roster();
    let rule = sealpost_domain::directory::ApprovalRule { kinds: vec![], tlp: vec![Tlp::Red], approvals: 2 };
    roster.agencies.iter_mut().find(|agency| agency.id.as_str() == "HK-CED").unwrap().approvals = vec![rule];
    let options = Options { agencies: only(&THREE), ..Options::new(folder.path().join("net")) };
    let network = init(&roster, &options, NOW, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
    let directory = verified(&network);
    let id = "HK-CED".parse().unwrap();
    assert_eq!(directory.agencies[&id].approval_rules[0].approvals, 2);
    let officers = &network.agency("HK-CED").unwrap().officers;
    for officer in officers {
        let key = SigningKey::read(&officer.key.with_file_name("approval.pem")).unwrap();
        assert!(directory.officer_key(&id, key.key_id(), NOW).is_some(), "{}", officer.name);
        assert!(directory.node_key(&id, key.key_id(), NOW).is_none(), "it approves, and signs nothing else");
    }
    assert!(!network.agency("DE-ZKA").unwrap().officers[0].key.with_file_name("approval.pem").exists());
}
