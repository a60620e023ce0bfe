//! Signing keys on tokens of `SoftHSM`. Run by `tests/custody/run`, which installs it and gives it a folder: the tests
//! fail where that is missing. One at a time, since a process has one list of tokens.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::context::Pkcs11;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::dsse::{PayloadType, Signer, SigningKey, sign_statement, verify_statement};
use sealpost_crypto::keyfile::Unlock;
use sealpost_crypto::secret::{Purpose, Source};
use sealpost_crypto::signing::Signing;
use sealpost_crypto::token::{Error, Place, Wanted, open};

const PIN: &str = "123456";
static ALONE: Mutex<()> = Mutex::new(());

/// All tokens and where `SoftHSM` keeps each: made before the first is opened, since it looks for new ones at no other
/// time.
static TOKENS: LazyLock<BTreeMap<&str, PathBuf>> = LazyLock::new(|| {
    let make = |label| {
        let before = tokens();
        util(&["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "654321"]);
        (label, tokens().difference(&before).next().expect("a folder for the new token").clone())
    };
    ["signs", "named", "wrong", "pin", "session", "away", "exchanged"].map(make).into()
});

/// A token of its own, and the folder of everything about it.
struct Token {
    label: String,
    /// Where `SoftHSM` keeps it.
    objects: PathBuf,
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

fn module() -> PathBuf {
    let path = std::env::var_os("SOFTHSM2_MODULE");
    path.expect("SOFTHSM2_MODULE names libsofthsm2.so: run tests/custody/run, which installs softhsm2").into()
}

fn tokens() -> BTreeSet<PathBuf> {
    let folder = std::env::var_os("SOFTHSM2_TOKENS").expect("SOFTHSM2_TOKENS is set by tests/custody/run");
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn util(arguments: &[&str]) {
    let done = Command::new("softhsm2-util")
        .args(arguments)
        .output()
        .expect("softhsm2-util: apt-get install softhsm2");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Token {
    fn make(label: &str) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = TOKENS[label].clone();
        let folder = tempfile::tempdir().unwrap();
        Self { label: label.to_owned(), objects, folder, _alone: alone }
    }

    /// Puts a key on it.
    fn import(&self, seed: u64, label: &str, id: &str) -> SigningKey {
        let key = SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let path = self.folder.path().join("import.pem");
        key.create(&path).unwrap();
        let file = path.to_str().unwrap();
        util(&["--import", file, "--token", &self.label, "--label", label, "--id", id, "--pin", PIN]);
        fs::remove_file(path).unwrap();
        key
    }

    fn place(&self, label: &str) -> Place {
        self.place_of(Wanted { label: Some(label.to_owned()), id: None }, PIN)
    }

    fn place_of(&self, key: Wanted, pin: &str) -> Place {
        let file = self.folder.path().join("pin");
        let _ = fs::remove_file(&file);
        fs::write(&file, pin).unwrap();
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let pin = Source::new(Purpose::Pin, Some(file));
        Place { module: module(), token: self.label.clone(), key, pin }
    }

    /// Takes everything off it, until it is put back.
    fn unplug(&self) -> Unplugged<'_> {
        let away = self.folder.path().join("away");
        fs::create_dir(&away).unwrap();
        move_objects(&self.objects, &away, "");
        Unplugged { token: self, away }
    }
}

struct Unplugged<'t> {
    token: &'t Token,
    away: PathBuf,
}

impl Unplugged<'_> {
    fn plug_in(self) {
        move_objects(&self.away, &self.token.objects, "back-");
        // A change that is made in its own way lets it look at its folder again.
        self.token.import(99, "news", "99");
    }
}

/// The file system may be another. What comes back needs other names: `SoftHSM` reads no file twice.
fn move_objects(from: &Path, to: &Path, prefix: &str) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() != "token.object" && path.extension().is_some_and(|end| end == "object")
        {
            let name = path.file_name().unwrap().to_str().unwrap();
            fs::copy(&path, to.join(format!("{prefix}{name}"))).unwrap();
            fs::remove_file(path).unwrap();
        }
    }
}

fn refused(place: &Place) -> Error {
    open(place).err().expect("it cannot be used")
}

fn assert_signs(signer: &dyn Signer, key: &SigningKey) {
    let signature = sign_statement(signer, PayloadType::Header, b"header").unwrap();
    assert_eq!(signature.key_id, key.key_id());
    verify_statement(key.verifying_key(), PayloadType::Header, b"header", &signature.bytes).unwrap();
}

/// Until it signs again, which it does not at once.
fn eventually_signs(signer: &dyn Signer, key: &SigningKey) {
    let begun = Instant::now();
    while let Err(error) = signer.sign(b"header") {
        assert!(begun.elapsed() < Duration::from_secs(20), "{error:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_signs(signer, key);
}

#[test]
fn a_key_on_a_token_signs_what_its_public_key_verifies() {
    let token = Token::make("signs");
    let key = token.import(1, "signing", "a1b2");
    let other = token.import(2, "other", "a1b3");
    assert_signs(open(&token.place("signing")).unwrap().as_ref(), &key);
    let by_id = Wanted { label: None, id: Some(vec![0xa1, 0xb3]) };
    assert_signs(open(&token.place_of(by_id, PIN)).unwrap().as_ref(), &other);
}

#[test]
fn a_uri_names_the_key_and_where_its_pin_is() {
    let token = Token::make("named");
    let key = token.import(1, "a key; of mine", "a1b2");
    let other = token.import(2, "other", "a1b3");
    let pin = token.folder.path().join("pin");
    token.place("other");
    let opened = |key: &str| {
        let (module, pin) = (module(), pin.display().to_string());
        let uri = format!("pkcs11:token=named;{key}?module-path={}&pin-source=file:{pin}", module.display());
        uri.parse::<Signing>().unwrap().open(&Unlock::nothing()).unwrap()
    };
    assert_signs(&opened("object=a%20key%3B%20of%20mine"), &key);
    assert_signs(&opened("id=%a1%b3;type=private"), &other);
    assert_signs(&opened("object=other;id=%A1%B3"), &other);
}

#[test]
fn what_is_wrong_with_a_token_is_told_by_name() {
    let token = Token::make("wrong");
    token.import(1, "signing", "01");
    token.import(2, "twice", "02");
    token.import(3, "twice", "03");
    let told = |place: &Place| refused(place).to_string();
    let none = told(&token.place("absent"));
    assert_eq!(
        none,
        "token \"wrong\" has 0 private keys with label \"absent\", expected exactly one, of type Ed25519"
    );
    assert!(told(&token.place("twice")).contains("has 2 private keys with label \"twice\""));
    let elsewhere = Place { token: "elsewhere".to_owned(), ..token.place("signing") };
    let error = told(&elsewhere);
    assert!(
        error.starts_with("there is no token \"elsewhere\": the module shows") && error.contains("\"wrong\""),
        "{error}"
    );
    let no_module = Place { module: "/nowhere/libp11.so".into(), ..token.place("signing") };
    assert!(matches!(refused(&no_module), Error::Module { .. }));
    let no_pin =
        Place { pin: Source::new(Purpose::Pin, Some("/nowhere/pin".into())), ..token.place("signing") };
    assert!(matches!(refused(&no_pin), Error::Pin(_)));
}

#[test]
fn a_wrong_pin_is_refused_and_not_shown() {
    let token = Token::make("pin");
    token.import(1, "signing", "01");
    let wanted = Wanted { label: Some("signing".to_owned()), id: None };
    let error = refused(&token.place_of(wanted, "918273"));
    assert!(matches!(error, Error::RefusedPin { .. }), "{error}");
    assert!(!format!("{error:?} {error}").contains("918273"), "{error:?}");
    open(&token.place("signing")).unwrap();
}

#[test]
fn a_session_that_ended_is_opened_again_unnoticed() {
    let token = Token::make("session");
    let key = token.import(1, "signing", "01");
    let signer = open(&token.place("signing")).unwrap();
    // Whoever logs out of a token does so for every session of the process.
    let module = Pkcs11::new(module()).unwrap();
    let mut slots = module.get_slots_with_token().unwrap().into_iter();
    let slot = slots.find(|slot| module.get_token_info(*slot).unwrap().label().trim_end() == "session");
    let session = module.open_ro_session(slot.unwrap()).unwrap();
    for _ in 0..3 {
        session.logout().unwrap();
        assert_signs(signer.as_ref(), &key);
    }
    // Now it is logged in again, as this says.
    let again = session.login(UserType::User, Some(&AuthPin::new(PIN.into())));
    assert!(again.unwrap_err().to_string().contains("already"));
}

#[test]
fn a_token_that_goes_away_is_named_and_taken_up_when_it_is_back() {
    let token = Token::make("away");
    let key = token.import(1, "signing", "01");
    let signer = open(&token.place("signing")).unwrap();
    let unplugged = token.unplug();
    let error = signer.sign(b"header").unwrap_err();
    assert_eq!(error.key, key.key_id());
    let told = error.source.unwrap().to_string();
    assert!(told.contains("token \"away\""), "{told}");
    let soon = signer.sign(b"header").unwrap_err().source.unwrap();
    assert!(matches!(*soon, Error::Away { .. }), "it is not asked again at once: {soon}");
    unplugged.plug_in();
    eventually_signs(signer.as_ref(), &key);
}

#[test]
fn another_key_under_the_same_label_is_not_taken_for_the_old_one() {
    let token = Token::make("exchanged");
    let key = token.import(1, "signing", "01");
    let signer: Arc<dyn Signer> = open(&token.place("signing")).unwrap();
    let _unplugged = token.unplug();
    let other = token.import(2, "signing", "01");
    let error = signer.sign(b"header").unwrap_err().source.unwrap();
    match *error {
        Error::OtherKey { found, expected, .. } => {
            assert_eq!((found, expected), (other.key_id(), key.key_id()));
        }
        other => panic!("{other}"),
    }
}
