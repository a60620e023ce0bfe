use std::os::unix::fs::PermissionsExt as _;

use data_encoding::BASE64;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use sealpost_crypto::chains::{Issued, NETWORK, NOW, Root};
use sealpost_crypto::keyfile::{Key, Protection, Unlock};
use sealpost_crypto::peer::Admitted;
use sealpost_crypto::secret::Secret;
use sealpost_crypto::trust::TrustSet;
use sealpost_domain::identity::NetworkName;
use tempfile::TempDir;

use super::*;
use crate::clock::Clock;
use crate::config::{self, Config, Field, Reader};
use crate::telemetry::logged;

const NODE: &str = "spiffe://test.sealpost/HK/CED/node/main";
const DAY: Duration = Duration::from_hours(24);

/// The part of a configuration that is watched.
struct Watched(Tls, Passphrase);

impl Config for Watched {
    fn read(reader: &mut Reader<'_>) -> Field<Self> {
        let tls = Tls::read(reader);
        let passphrase = Passphrase::read(&mut reader.section("keys", "Private keys."));
        Field::build(|| Some(Self(tls.take()?, passphrase.take()?)))
    }
}

/// A program with its files in a folder.
struct Stage {
    folder: TempDir,
    root: Root,
    door: Endpoint,
    dialling: Endpoint,
    renewal: Renewal,
    now: Instant,
}

impl Stage {
    fn new() -> Self {
        let (folder, root) = (tempfile::tempdir().unwrap(), Root::new("HK"));
        let first = root.issue(NODE);
        write(folder.path(), &first.certificate, &first);
        fs::create_dir(folder.path().join("crls")).unwrap();
        fs::write(folder.path().join("crls/HK.crl"), root.crl(&[])).unwrap();
        let mut set = TrustSet::new(NetworkName::parse(NETWORK).unwrap());
        set.add_root(root.holder, &root.certificate).unwrap();
        let crls = folder.path().join("crls");
        let roots = Arc::new(
            Roots::open(set, &[root.holder], &crls, &folder.path().join("kept"), Clock::new(|| NOW)).unwrap(),
        );
        let end = || first.endpoint(roots.trust(), [Admitted::Hub]);
        let (door, dialling) = (end(), end());
        let text =
            "[tls]\ncertificate = 'certificate.pem'\nkey = 'key.pem'\n[keys]\npassphrase_file = 'passphrase'";
        let Watched(tls, passphrase) = config::parse(text, &folder.path().join("node.toml")).unwrap();
        let ends = vec![(door.clone(), Usage::Server), (dialling.clone(), Usage::Client)];
        let renewal = Renewal::new(tls, passphrase, crls, ends, roots);
        let mut stage = Self { folder, root, door, dialling, renewal, now: Instant::now() };
        stage.look_twice();
        assert!(stage.shows(&first), "the first look changes nothing");
        stage
    }

    fn look_twice(&mut self) {
        self.renewal.look(self.now);
        self.renewal.look(self.now);
    }

    fn shows(&self, issued: &Issued) -> bool {
        [&self.door, &self.dialling]
            .iter()
            .all(|end| &end.credentials().certificate().public_key == issued.key.verifying_key())
    }

    /// What the present certificate and a refused one have to say after two looks.
    fn refuses(&mut self, certificate: &[u8], key: &Issued) -> String {
        let before = self.door.credentials();
        self.renewal.refused_at = None;
        write(self.folder.path(), certificate, key);
        self.look_twice();
        for end in [&self.door, &self.dialling] {
            assert!(end.credentials().is_same(&before), "the present certificate stays");
        }
        assert!(self.renewal.refused_at.is_some(), "it is tried again");
        with_causes(&self.renewal.renew().unwrap_err())
    }

    fn write_passphrase(&self) {
        let file = self.folder.path().join("passphrase");
        fs::write(&file, format!("{PASSPHRASE}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn is_revoked(&self, issued: &Issued) -> bool {
        self.dialling.judge_renewal(&issued.credentials(), Usage::Client).is_err()
    }
}

fn write(folder: &Path, certificate: &[u8], key: &Issued) {
    let text =
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64.encode(certificate));
    fs::write(folder.join("certificate.pem"), text).unwrap();
    let path = folder.join("key.pem");
    let _absent = fs::remove_file(&path);
    key.key.create(&path).unwrap();
}

const PASSPHRASE: &str = "open sesame";

fn encrypt(issued: &Issued, path: &Path) {
    let secret = Secret::new(PASSPHRASE.as_bytes().to_vec().into()).unwrap();
    let key = Key::read(path, &Unlock::nothing()).unwrap();
    assert_eq!(key.id(), issued.key.verifying_key().key_id());
    key.replace(path, Protection::Passphrase(&secret), &mut UnwrapErr(SysRng)).unwrap();
}

#[test]
fn a_renewed_certificate_and_key_are_shown_by_all_ends_once_the_files_are_still() {
    let mut stage = Stage::new();
    let next = stage.root.issue(NODE);
    write(stage.folder.path(), &next.certificate, &next);
    stage.renewal.look(stage.now);
    assert!(!stage.shows(&next), "it may still be written to");
    stage.renewal.look(stage.now);
    assert!(stage.shows(&next));
}

#[test]
fn what_does_not_fit_is_refused_by_name_and_the_present_certificate_stays() {
    let mut stage = Stage::new();
    let other = stage.root.issue("spiffe://test.sealpost/HK/CED/node/other");
    let told = stage.refuses(&other.certificate, &other);
    assert!(
        told.contains("HK/CED/node/other, and this is spiffe://test.sealpost/HK/CED/node/main"),
        "{told}"
    );
    let (one, two) = (stage.root.issue(NODE), stage.root.issue(NODE));
    let told = stage.refuses(&one.certificate, &two);
    assert!(told.contains("is for another key than the one in the key file"), "{told}");
    let ended = stage.root.issue_between(NODE, NOW.minus(DAY * 2), NOW.minus(DAY));
    let told = stage.refuses(&ended.certificate, &ended);
    assert!(told.contains("peers would refuse it") && told.contains("expired at"), "{told}");
    let foreign = Root::new("HK").issue(NODE);
    let told = stage.refuses(&foreign.certificate, &foreign);
    assert!(told.contains("peers would refuse it"), "{told}");
    // Good for the connecting end alone, and a node has both.
    let half = stage.root.issue_for(NODE, Usage::Client);
    let told = stage.refuses(&half.certificate, &half);
    assert!(told.contains("listening end"), "{told}");
    let told = stage.refuses(b"nonsense", &one);
    assert!(told.contains("no X.509 certificate"), "{told}");
    fs::remove_file(stage.folder.path().join("certificate.pem")).unwrap();
    stage.look_twice();
    assert!(with_causes(&stage.renewal.renew().unwrap_err()).contains("cannot read"));

    let next = stage.root.issue(NODE);
    write(stage.folder.path(), &next.certificate, &next);
    stage.look_twice();
    assert!(stage.shows(&next), "a refusal is no end");
    assert!(stage.renewal.refused_at.is_none());
}

#[test]
fn a_key_that_others_may_read_is_refused_and_tried_again_a_minute_later() {
    let mut stage = Stage::new();
    let next = stage.root.issue(NODE);
    write(stage.folder.path(), &next.certificate, &next);
    let key = stage.folder.path().join("key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    stage.look_twice();
    assert!(!stage.shows(&next));
    // Nothing is noticed of the files: the time alone brings another try.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    stage.renewal.pair.handled = stage.renewal.tls.files().map(Stamp::of).into();
    stage.renewal.look(stage.now + TRY_EVERY / 2);
    assert!(!stage.shows(&next));
    stage.renewal.look(stage.now + TRY_EVERY);
    assert!(stage.shows(&next));
}

#[test]
fn an_encrypted_key_that_stays_needs_no_passphrase_and_another_one_does() {
    let mut stage = Stage::new();
    let path = stage.folder.path().join("key.pem");
    let first = stage.root.issue(NODE);
    write(stage.folder.path(), &first.certificate, &first);
    stage.look_twice();
    encrypt(&first, &path);
    stage.look_twice();
    assert!(stage.renewal.refused_at.is_none(), "it is the present key");

    let next = stage.root.issue(NODE);
    write(stage.folder.path(), &next.certificate, &next);
    encrypt(&next, &path);
    stage.look_twice();
    assert!(stage.shows(&first), "there is no passphrase");
    stage.write_passphrase();
    stage.renewal.look(stage.now + TRY_EVERY);
    assert!(stage.shows(&next));
}

/// The line that names the key is nobody's word: where the file can be opened, it is.
#[test]
fn an_encrypted_key_that_is_another_than_it_says_is_refused() {
    let mut stage = Stage::new();
    let (first, next) = (stage.root.issue(NODE), stage.root.issue(NODE));
    let path = stage.folder.path().join("key.pem");
    write(stage.folder.path(), &first.certificate, &first);
    stage.look_twice();
    assert!(stage.shows(&first));
    let text = |issued: &Issued| {
        write(stage.folder.path(), &first.certificate, issued);
        encrypt(issued, &path);
        fs::read_to_string(&path).unwrap()
    };
    let (own, others) = (text(&first), text(&next));
    let line = own.find('\n').unwrap();
    fs::write(&path, format!("{}{}", &own[..line], &others[others.find('\n').unwrap()..])).unwrap();
    stage.write_passphrase();
    stage.look_twice();
    assert!(stage.shows(&first));
    assert!(stage.renewal.refused_at.is_some());
    let told = with_causes(&stage.renewal.renew().unwrap_err());
    assert!(told.contains("holds another one"), "{told}");
}

#[test]
fn a_new_list_in_the_folder_holds_and_a_broken_one_changes_nothing() {
    let mut stage = Stage::new();
    let stolen = stage.root.issue(NODE);
    let list = stage.folder.path().join("crls/HK.crl");
    fs::write(&list, b"half of a li").unwrap();
    stage.look_twice();
    assert!(!stage.is_revoked(&stolen), "the list before holds");
    let later = NOW.plus(Duration::from_mins(1));
    fs::write(&list, stage.root.crl_between(&[&stolen], later, later.plus(DAY))).unwrap();
    stage.look_twice();
    assert!(stage.is_revoked(&stolen));
    // An older list does not bring anybody back, nor does a folder that is gone.
    fs::write(&list, stage.root.crl(&[])).unwrap();
    stage.look_twice();
    fs::remove_dir_all(stage.folder.path().join("crls")).unwrap();
    stage.look_twice();
    assert!(stage.is_revoked(&stolen));
}

#[test]
fn a_list_that_lies_there_before_its_root_is_listed_is_taken_when_that_comes() {
    let mut stage = Stage::new();
    let th = Root::new("TH");
    fs::write(stage.folder.path().join("crls/TH.crl"), th.crl(&[])).unwrap();
    stage.look_twice();
    assert_eq!(stage.renewal.roots.lists().len(), 1);
    let mut set = TrustSet::new(NetworkName::parse(NETWORK).unwrap());
    for root in [&stage.root, &th] {
        set.add_root(root.holder, &root.certificate).unwrap();
    }
    stage.renewal.roots.follow(set);
    stage.renewal.look(stage.now);
    assert_eq!(stage.renewal.roots.lists().len(), 2);
}

#[test]
fn a_list_that_the_disk_does_not_take_is_kept_a_minute_later() {
    let mut stage = Stage::new();
    let (kept, stolen) = (stage.folder.path().join("kept/HK.crl"), stage.root.issue(NODE));
    // A folder in the place of the file keeps it from being written.
    let in_the_way = stage.folder.path().join("kept/HK.crl.new");
    fs::create_dir(&in_the_way).unwrap();
    let later = NOW.plus(Duration::from_mins(1));
    let list = stage.root.crl_between(&[&stolen], later, later.plus(DAY));
    fs::write(stage.folder.path().join("crls/HK.crl"), &list).unwrap();
    stage.look_twice();
    assert!(stage.is_revoked(&stolen), "it holds");
    assert_ne!(fs::read(&kept).unwrap(), list);
    fs::remove_dir(&in_the_way).unwrap();
    stage.renewal.look(stage.now + TRY_EVERY);
    assert_eq!(fs::read(&kept).unwrap(), list);
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_passed_over_and_not_waited_for() {
    let mut stage = Stage::new();
    let stolen = stage.root.issue(NODE);
    for name in ["crls/A.crl", "key.pem"] {
        let path = stage.folder.path().join(name);
        let _absent = fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    }
    let later = NOW.plus(Duration::from_mins(1));
    let list = stage.root.crl_between(&[&stolen], later, later.plus(DAY));
    fs::write(stage.folder.path().join("crls/HK.crl"), list).unwrap();
    stage.look_twice();
    assert!(stage.is_revoked(&stolen));
    assert!(with_causes(&stage.renewal.renew().unwrap_err()).contains("it is no regular file"));
}

#[test]
fn a_list_that_is_no_newer_is_told_with_what_to_do_but_not_at_a_start() {
    let mut stage = Stage::new();
    let list = stage.folder.path().join("crls/HK.crl");
    fs::write(&list, stage.root.crl_numbered(1, &[])).unwrap();
    let log = logged(|| stage.look_twice());
    assert!(log.contains("WARN") && log.contains("revocation list 1 of HK is not taken"), "{log}");
    assert!(log.contains("sealpost-admin crl renew"), "{log}");
    assert_eq!(logged(|| stage.renewal.look(stage.now + TRY_EVERY)), "", "once");

    // The same at a start: the usual case, in which a newer one came by way of the hub.
    let (tls, passphrase) = (stage.renewal.tls.clone(), stage.renewal.passphrase.clone());
    let (crls, roots) = (stage.renewal.crls.clone(), Arc::clone(&stage.renewal.roots));
    stage.renewal = Renewal::new(tls, passphrase, crls, stage.renewal.ends.clone(), roots);
    assert_eq!(logged(|| stage.look_twice()), "");
}
