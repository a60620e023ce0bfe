//! Keys in the ceremony: who vouches for a new one, how the authority changes its own, passphrases and tokens.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use rustix::pty::{self, OpenptFlags};

use crate::desk::{Desk, PROGRAM, nobody};

#[test]
fn a_jurisdiction_signs_for_its_own_agencies_and_for_none_behind_their_back() {
    let desk = Desk::with_network();
    desk.done("directory propose signing-key --agency HK-CED --new new.pem --plain --days 30 --out key.pem");
    let told = desk.refused("directory rotate-key signing key.pem --base v1 --draft next");
    assert!(told.contains("not signed by the root of HK") && told.contains("HK.key.pem"), "{told}");
    let told = desk.refused("directory endorse key.pem --key net/roots/DE.key.pem --directory v1");
    assert!(told.contains("is the root of DE") && told.contains("signed by the root of HK"), "{told}");
    desk.done("directory endorse key.pem --key net/roots/HK.key.pem --directory v1");
    let told = desk.refused("directory rotate-key signing key.pem --base v1 --draft next");
    assert!(told.contains("not signed by a key of HK-CED's node that is in use"), "{told}");
    assert!(told.contains("at HK-CED") && told.contains("directory revoke --key"), "{told}");

    // Vouched for by the present key; or, where that is lost, in a version that revokes it.
    let old = desk.key("net/nodes/HK-CED/signing.pem").0;
    desk.done(&format!("directory revoke --key {old} --reason compromised --base v1 --draft lost"));
    desk.done("directory rotate-key signing key.pem --base v1 --draft lost");
    desk.done("directory endorse key.pem --key net/nodes/HK-CED/signing.pem --directory v1");
    desk.done("directory rotate-key signing key.pem --base v1 --draft next");
    let text = desk.done("directory diff lost --base v1");
    assert!(text.contains(&format!("+ revocation {old}: compromised")), "{text}");
}

#[test]
fn three_of_five_replace_two_and_the_next_version_asks_the_old_and_the_new() {
    let desk = Desk::with_network();
    for key in [6, 7] {
        desk.done(&format!("directory new-key net/authority/key-{key}.pem --plain"));
    }
    let lost = desk.key("net/authority/key-5.pem").0;
    let [(six_id, six), (seven_id, seven)] =
        [6, 7].map(|key| desk.key(&format!("net/authority/key-{key}.pem")));
    desk.done(&format!("directory revoke --key {lost} --reason compromised --base v1 --draft v2"));
    desk.done(&format!(
        "directory rotate-key authority --add {six} --id {six_id} --add {seven} --id {seven_id} --threshold 4 --base v1 --draft v2"
    ));
    desk.sign("v2", "v1", &[1, 2, 6, 7]);
    let told = desk.json("directory show v2 --base v1");
    assert_eq!(told["complete"], false, "two of the old authority are not enough");
    desk.sign("v2", "v1", &[3]);
    let told = desk.json("directory show v2 --base v1");
    assert_eq!(told["complete"], true);
    let signed = |place: usize| told["signatures"][place]["signed"].as_array().unwrap().len();
    assert_eq!((signed(0), signed(1)), (3, 5));

    // Nobody listens there.
    let port = nobody();
    let output = desk.run(&format!(
        "directory publish v2 --base v1 --hub 127.0.0.1:{port} --crls net/crls \
         --certificate net/operators/ops/certificate.pem --key net/operators/ops/key.pem"
    ));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(
        told.contains("the hub did not take what was to be published") && told.contains("what to do:"),
        "{told}"
    );
}

#[test]
fn keys_that_are_made_along_the_way_are_encrypted_and_sign_with_their_passphrase_alone() {
    let desk = Desk::with_network();
    desk.passphrase("phrase", "correct horse");
    desk.passphrase("other", "battery staple");
    let encrypted = |file: &str| {
        let text = fs::read_to_string(desk.path().join(file)).unwrap();
        assert!(text.contains("BEGIN ENCRYPTED PRIVATE KEY"), "{file}");
    };
    let signing = "directory propose signing-key --agency HK-POL --new pol.pem --days 30 --out pol-1";
    let sealing = "directory propose sealing-key --agency HK-POL --new seal.pem --epoch 1 --days 30 --key pol.pem --out pol-2";
    // Nobody gives a passphrase: no key is made, and none is left plain by accident.
    for command in [signing, "directory new-key key-6.pem"] {
        assert!(desk.ended(2, command).contains("no passphrase is given"), "{command}");
    }
    assert!(!desk.path().join("pol.pem").exists() && !desk.path().join("key-6.pem").exists());

    desk.done(&format!("{signing} --passphrase-file phrase"));
    encrypted("pol.pem");
    // The passphrase opens the key that signs, or no key is made either.
    assert!(desk.ended(2, &format!("{sealing} --passphrase-file other")).contains("does not open"));
    assert!(!desk.path().join("seal.pem").exists());
    desk.done(&format!("{sealing} --passphrase-file phrase"));
    encrypted("seal.pem");
    assert_eq!(
        desk.json("key show seal.pem --passphrase-file phrase")["algorithm"],
        "X-Wing",
        "it is the key that was proposed"
    );
    let again = sealing.replace("pol-2", "pol-3");
    desk.done(&format!("{again} --passphrase-file phrase"));
    assert!(desk.ended(2, &format!("{again} --plain")).contains("no passphrase is given"), "it is read");
    desk.done("directory endorse pol-1 --key net/roots/HK.key.pem --directory v1");
    desk.done("directory add-agency HK-POL --name Police --base v1 --draft v2 --key pol-1 --key pol-2");

    desk.done("directory new-key key-6.pem --passphrase-file phrase");
    encrypted("key-6.pem");
    assert!(desk.ended(2, "directory whose --key key-6.pem").contains("no passphrase is given"));
    let told = desk.json("directory whose --key key-6.pem --passphrase-file phrase");
    let [six, id] = ["public", "id"].map(|which| told[which].as_str().unwrap());
    desk.done(&format!("directory rotate-key authority --add {six} --id {id} --base v1 --draft v2"));
    let sign = "directory sign v2 --base v1 --key key-6.pem";
    assert!(desk.ended(2, &format!("{sign} --passphrase-file other")).contains("does not open"));
    desk.done(&format!("{sign} --passphrase-file phrase"));
    desk.sign("v2", "v1", &[1, 2, 3]);

    // The operator's key opens before anybody is called.
    desk.done("key encrypt net/operators/ops/key.pem --passphrase-file phrase");
    let publish = format!(
        "directory publish v2 --base v1 --hub 127.0.0.1:{} --crls net/crls \
         --certificate net/operators/ops/certificate.pem --key net/operators/ops/key.pem",
        nobody()
    );
    assert!(desk.ended(2, &publish).contains("no passphrase is given"));
    assert!(desk.ended(2, &format!("{publish} --passphrase-file other")).contains("does not open"));
    let told = desk.ended(3, &format!("{publish} --passphrase-file phrase"));
    assert!(told.contains("the hub did not take what was to be published"), "{told}");
}

#[test]
fn a_key_on_a_token_that_cannot_be_had_is_a_wrong_argument() {
    let desk = Desk::with_network();
    desk.passphrase("pin", "314159");
    desk.done("directory renew --valid-for 30 --base v1 --draft v2");
    let token = "pkcs11:token=authority;object=key-1?module-path=/nowhere/libp11.so&pin-source=pin";
    for command in [
        format!("directory sign v2 --base v1 --key {token}"),
        format!("directory whose --key {token}"),
        format!("directory propose signing-key --agency HK-CED --new {token} --days 30 --out key.pem"),
        format!("csr new --key {token} --identity spiffe://ceremony.sealpost/operator/ops --out ops.csr"),
        format!("crl new --root net/roots/HK.pem --root-key {token} --days 30 --out HK.crl"),
        format!("root new HK.pem --key {token} --network ceremony.sealpost --jurisdiction HK"),
    ] {
        let told = desk.ended(2, &command);
        assert!(told.contains("the PKCS#11 module /nowhere/libp11.so cannot be used"), "{told}");
    }
    let told = desk.ended(2, "directory sign v2 --base v1 --key pkcs11:object=key-1;pin-value=271828");
    assert!(told.contains("expected pkcs11:token=LABEL"), "{told}");
}

#[test]
fn what_is_no_key_that_signs_is_told_by_what_it_holds() {
    let desk = Desk::with_network();
    let told = desk.ended(2, "directory whose --key net/operators/ops/certificate.pem");
    assert!(told.contains("holds a certificate, which is public, expected an Ed25519"), "{told}");
    assert!(!told.contains("chmod"), "a certificate may be read by all: {told}");
    desk.done("directory propose agreement terms.toml --directory v1 --out agreement.pem");
    let told =
        desk.ended(2, "directory endorse agreement.pem --key net/nodes/HK-CED/sealing-1.pem --directory v1");
    assert!(told.contains("holds a sealing key (X-Wing)"), "{told}");
    let told = desk.ended(2, "directory whose --key terms.toml");
    assert!(told.contains("terms.toml"), "{told}");
    // A key whose mode is wrong is still told as one.
    let key = desk.path().join("net/nodes/HK-CED/signing.pem");
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
    let told = desk.ended(2, "directory whose --key net/nodes/HK-CED/signing.pem");
    assert!(told.contains("mode 0644") && told.contains("chmod 600"), "{told}");
}

/// Reads what a terminal shows until a text comes.
fn shows(terminal: &mut File, text: &str) -> String {
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains(text) {
        let mut bytes = [0; 256];
        let count = terminal.read(&mut bytes).unwrap_or_default();
        assert!(count > 0, "the program ended: {}", String::from_utf8_lossy(&shown));
        shown.extend(&bytes[..count]);
    }
    String::from_utf8(shown).unwrap()
}

#[test]
fn what_was_typed_before_the_prompt_is_no_passphrase_and_what_is_typed_stays_in_the_memory() {
    let desk = Desk::empty();
    let terminal = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    pty::grantpt(&terminal).unwrap();
    pty::unlockpt(&terminal).unwrap();
    let end = File::from(pty::ioctl_tiocgptpeer(&terminal, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
    let mut terminal = File::from(terminal);
    terminal.write_all(b"meant for the shell\n").unwrap();
    let mut child = Command::new("setsid")
        .args(["--ctty", "--wait", PROGRAM, "key", "new", "key.pem"])
        .current_dir(desk.path())
        .env_remove("SEALPOST_PASSPHRASE")
        .stdin(end.try_clone().unwrap())
        .stdout(Stdio::null())
        .stderr(end)
        .spawn()
        .unwrap();
    shows(&mut terminal, "passphrase for key file key.pem: ");
    // While it waits, keys may be in its memory, of which no core dump is written.
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert!(core.split_whitespace().skip(4).take(2).eq(["0", "0"]), "{core}");
    terminal.write_all(b"correct horse\n").unwrap();
    let shown = shows(&mut terminal, "the same again: ");
    assert!(!shown.contains("correct"), "{shown}");
    terminal.write_all(b"correct horse\n").unwrap();
    assert!(child.wait().unwrap().success());
    desk.passphrase("phrase", "correct horse");
    assert_eq!(desk.json("key show key.pem --passphrase-file phrase")["algorithm"], "Ed25519");
}
