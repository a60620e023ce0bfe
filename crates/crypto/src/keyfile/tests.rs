use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use ed25519_dalek::pkcs8::{DecodePrivateKey as _, KeypairBytes};
use pkcs8::EncryptedPrivateKeyInfoOwned;
use pkcs8::der::Encode as _;
use pkcs8::der::asn1::OctetString;
use pkcs8::pkcs5::pbes2::{self, Kdf, Parameters, Pbkdf2Params, ScryptParams};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::secret::{Purpose, Source};

#[test]
fn signing_keys_are_read_back_and_by_other_readers_of_pkcs8() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.pem");
    let key = SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(1));
    key.create(&path).unwrap();

    assert_eq!(SigningKey::read(&path).unwrap().verifying_key(), key.verifying_key());
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    let other = KeypairBytes::from_pkcs8_pem(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(&other.secret_key, key.seed());
    assert_eq!(other.public_key, None, "version 1");
    aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(&key.to_pkcs8()).unwrap();
}

/// Appendix of draft-connolly-cfrg-xwing-kem: the key 00 01 02 … 1f.
#[test]
fn sealing_keys_equal_the_example_of_the_draft() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sealing.pem");
    let seed = Box::new(Zeroizing::new(std::array::from_fn(|index| u8::try_from(index).unwrap())));
    let key = SealingPrivateKey::from_seed(seed);
    key.create(&path).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "-----BEGIN PRIVATE KEY-----\n\
         MDQCAQAwDQYLKwYBBAGD5i2ByHoEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\n\
         GhscHR4f\n\
         -----END PRIVATE KEY-----\n"
    );
    assert_eq!(SealingPrivateKey::read(&path).unwrap().key_id(), key.key_id());
}

#[test]
fn a_key_file_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.pem");
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    SigningKey::generate(&mut rng).create(&path).unwrap();
    let before = fs::read(&path).unwrap();
    let error = SigningKey::generate(&mut rng).create(&path).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_key_that_others_may_read_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.pem");
    SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(3)).create(&path).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = SigningKey::read(&path).unwrap_err();
        assert!(matches!(error, Error::Readable { .. }), "{mode:o}: {error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn another_kind_of_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sealing.pem");
    SealingPrivateKey::generate(&mut ChaCha20Rng::seed_from_u64(4)).create(&path).unwrap();
    assert!(matches!(SigningKey::read(&path).unwrap_err(), Error::Content { .. }));
    for text in ["", "-----BEGIN PRIVATE KEY-----\n", "MDQCAQAw"] {
        fs::write(&path, text).unwrap();
        assert!(matches!(SealingPrivateKey::read(&path).unwrap_err(), Error::Content { .. }), "{text}");
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
}

fn unlock(text: &str) -> Unlock {
    Unlock::with(secret(text))
}

fn both_kinds() -> [Key; 2] {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    [
        Key::Signing(Box::new(SigningKey::generate(&mut rng))),
        Key::Sealing(SealingPrivateKey::generate(&mut rng)),
    ]
}

/// Without syncing: thousands are written.
fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    for (index, key) in both_kinds().into_iter().enumerate() {
        let path = folder.path().join(format!("{index}.pem"));
        let passphrase = secret("correct horse");
        let mut rng = ChaCha20Rng::seed_from_u64(6);
        key.create(&path, Protection::Passphrase(&passphrase), &mut rng).unwrap();

        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), "{text}");
        assert_eq!(Key::read(&path, &unlock("correct horse")).unwrap().id(), key.id());
        let outside = Outside::read(&path).unwrap();
        assert_eq!(outside.encryption.as_deref(), Some("scrypt N=16384 r=8 p=5"));
        assert_eq!(outside.noted, Some(key.id()));

        let other = Key::read(&path, &unlock("correct house")).unwrap_err();
        assert!(matches!(other, Error::Closed { .. }), "{other}");
        let none = Key::read(&path, &Unlock::nothing()).unwrap_err();
        assert!(matches!(none, Error::Encrypted { .. }), "{none}");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let readable = Key::read(&path, &unlock("correct horse")).unwrap_err();
        assert!(matches!(readable, Error::Readable { .. }), "{readable}");
    }
}

#[test]
fn another_kind_of_key_is_refused_by_name_also_when_it_is_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let [_, sealing] = both_kinds();
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let text = sealing.text(&path, Protection::Passphrase(&secret("x")), Cost::LEAST, &mut rng).unwrap();
    write(&path, &*text);
    let error = SigningKey::read_with(&path, &unlock("x")).unwrap_err();
    assert!(
        error.to_string().ends_with("does not hold an Ed25519 private key (PKCS#8 version 1, PEM)"),
        "{error}"
    );
    SealingPrivateKey::read_with(&path, &unlock("x")).unwrap();
}

/// CBC would let a flipped bit of the second block pass as another key.
#[test]
fn an_encrypted_key_with_a_flipped_bit_never_opens_as_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    for key in both_kinds() {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let text = key.text(&path, Protection::Passphrase(&secret("x")), Cost::LEAST, &mut rng).unwrap();
        write(&path, &*text);
        assert_eq!(Key::read(&path, &unlock("x")).unwrap().id(), key.id());
        let body = text.find("KEY-----\n").unwrap() + 9..text.find("-----END").unwrap();
        // One bit of each byte, another one each time.
        for bit in (0..text.len()).map(|byte| byte * 8 + byte % 8) {
            let mut changed = text.as_bytes().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            write(&path, &changed);
            match Key::read(&path, &unlock("x")) {
                Ok(opened) => {
                    assert_eq!(opened.id(), key.id(), "bit {bit}");
                    assert!(!body.contains(&(bit / 8)), "bit {bit} of what is encrypted");
                }
                Err(error) => assert!(!matches!(error, Error::Io { .. }), "bit {bit}: {error}"),
            }
        }
    }
}

/// The key 11 11 … 11, encrypted by OpenSSL 3.0.19 under "correct horse".
#[test]
fn keys_that_openssl_encrypted_open() {
    const PBKDF2: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
        MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgmxPjeR4RcUQICCAAw\n\
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEIb9rcKlnONo7ogvYQTmE44EQAZd\n\
        Rb8a/oO32MYheccU6kSE6aGGYx7v6bWYoNpOrTwH9F4ZFZSLko8JkrEds3hZZFVa\n\
        qWTuiFyRPih7tZcf+Bc=\n\
        -----END ENCRYPTED PRIVATE KEY-----\n";
    const SCRYPT: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
        MIGTME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAjvT30o8/8o2AICQAAC\n\
        AQgCAQEwHQYJYIZIAWUDBAEqBBDlaWEp4zlXydxo5AzsdVfsBECL0souECyc3Uvj\n\
        z3WaE1V1ct1j+Jco0I8YPgPDl9abVqYWRGZZLUSmeNY2oWsONcT5ssDam+I0cZut\n\
        etsCRb8h\n\
        -----END ENCRYPTED PRIVATE KEY-----\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let expected = SigningKey::from_seed(Box::new(Zeroizing::new([0x11; 32])));
    for (text, encryption) in [(PBKDF2, "PBKDF2 2048 iterations"), (SCRYPT, "scrypt N=16384 r=8 p=1")] {
        write(&path, text);
        let found = SigningKey::read_with(&path, &unlock("correct horse")).unwrap();
        assert_eq!(found.verifying_key(), expected.verifying_key());
        let outside = Outside::read(&path).unwrap();
        assert_eq!(outside, Outside { encryption: Some(encryption.to_owned()), noted: None });
    }
}

#[test]
fn a_file_that_would_cost_too_much_is_refused_before_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let kdf = |kdf: Kdf| {
        let encryption = pbes2::EncryptionScheme::Aes256Cbc { iv: [0; 16] };
        let info = EncryptedPrivateKeyInfoOwned {
            encryption_algorithm: Parameters { kdf, encryption }.into(),
            encrypted_data: OctetString::new([0; 64]).unwrap(),
        };
        write(
            &path,
            pem_rfc7468::encode_string(encrypted::LABEL, LineEnding::LF, &info.to_der().unwrap()).unwrap(),
        );
        Key::read(&path, &unlock("x")).unwrap_err()
    };
    let scrypt = |cost_parameter, block_size, parallelization| {
        let salt = [0; 16].as_slice().try_into().unwrap();
        Kdf::Scrypt(ScryptParams { salt, cost_parameter, block_size, parallelization, key_length: None })
    };
    for (n, r, p) in [
        (1 << 40, 8, 1),
        (1 << 20, 8, 1),
        (2, u16::MAX, u16::MAX),
        (1 << 14, 8, 1000),
        (1 << 63, 1, 1),
        (2, 50, u16::MAX),
    ] {
        let error = kdf(scrypt(n, r, p));
        assert!(matches!(error, Error::Cost { .. }), "{n} {r} {p}: {error}");
    }
    for (n, r, p) in [(0, 8, 1), (1, 8, 1), (3, 8, 1), (u64::MAX, 8, 1), (1 << 14, 0, 1), (1 << 14, 8, 0)] {
        let error = kdf(scrypt(n, r, p));
        assert!(matches!(error, Error::Scheme { .. }), "{n} {r} {p}: {error}");
    }
    let pbkdf2 = |iterations| Kdf::Pbkdf2(Pbkdf2Params::hmac_sha256(iterations, &[0; 16]).unwrap());
    assert!(matches!(kdf(pbkdf2(100_000_000)), Error::Cost { .. }));
    assert!(matches!(kdf(pbkdf2(0)), Error::Scheme { .. }));
    assert!(matches!(kdf(pbkdf2(2)), Error::Closed { .. }), "what is affordable is tried");
}

#[test]
fn a_key_is_replaced_in_one_step_and_nothing_stays_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    let [key, _] = both_kinds();
    key.create(&path, Protection::Plain, &mut rng).unwrap();
    let passphrase = secret("correct horse");
    key.replace(&path, Protection::Passphrase(&passphrase), &mut rng).unwrap();
    assert_eq!(Key::read(&path, &unlock("correct horse")).unwrap().id(), key.id());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    // What lies in the way may be the rest of an earlier attempt, or somebody's only copy.
    let before = fs::read(&path).unwrap();
    fs::write(folder.path().join("key.pem.new"), "a copy").unwrap();
    let error = key.replace(&path, Protection::Plain, &mut rng).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_key_file_of_other_names_is_not_replaced_for_the_key_would_stay_there() {
    let folder = tempfile::tempdir().unwrap();
    let [path, link, name] = ["key.pem", "link.pem", "name.pem"].map(|name| folder.path().join(name));
    let mut rng = ChaCha20Rng::seed_from_u64(10);
    let [key, _] = both_kinds();
    key.create(&path, Protection::Plain, &mut rng).unwrap();
    let before = fs::read(&path).unwrap();
    let passphrase = secret("correct horse");
    let mut refused =
        |path: &Path| key.replace(path, Protection::Passphrase(&passphrase), &mut rng).unwrap_err();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let error = refused(&link);
    assert!(matches!(error, Error::Link { .. }), "{error}");
    fs::hard_link(&path, &name).unwrap();
    for path in [&path, &name] {
        let error = refused(path);
        assert!(matches!(error, Error::Names { names: 2, .. }), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing stays behind");
}

/// Every write to this device finds it full.
#[test]
fn a_key_file_that_could_not_be_written_does_not_bar_the_next_attempt() {
    let mut file = OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert!(file.write_all(b"x").is_err(), "the device is what this test needs");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    fs::write(&path, "").unwrap();
    let error = fill(&path, &mut file, b"the text").unwrap_err();
    assert!(matches!(error, Error::Io { action: "write", .. }), "{error}");
    both_kinds()[0].create(&path, Protection::Plain, &mut ChaCha20Rng::seed_from_u64(11)).unwrap();
}

#[test]
fn one_passphrase_is_asked_for_once_for_all_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let paths = ["a.pem", "b.pem"].map(|name| folder.path().join(name));
    for (path, key) in paths.iter().zip(both_kinds()) {
        write(path, &*key.text(path, Protection::Passphrase(&secret("x")), Cost::LEAST, &mut rng).unwrap());
    }
    let file = folder.path().join("passphrase");
    write(&file, "x\n");
    let unlock = Unlock::from(Source::new(Purpose::Passphrase, Some(file.clone())));
    Key::read(&paths[0], &unlock).unwrap();
    fs::remove_file(&file).unwrap();
    Key::read(&paths[1], &unlock).unwrap();

    let gone = Unlock::from(Source::new(Purpose::Passphrase, Some(file)));
    let error = Key::read(&paths[0], &gone).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
}
