//! The program as people and scripts meet it: arguments, what it prints, exit codes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::desk::PROGRAM;

const ROSTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../certs/roster.toml");

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).env_remove("COLUMNS").stdin(Stdio::null()).output().unwrap()
}

fn init(out: &Path, more: &[&str]) -> Output {
    let out = out.to_str().unwrap();
    run(&[&["network", "init", "--roster", ROSTER, "--out", out], more].concat())
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What stands on stderr of a program that ended with that code and printed nothing else.
fn refused(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(output.stdout.is_empty());
    text
}

#[test]
fn it_tells_its_version_and_its_arguments() {
    let version = format!("sealpost-admin {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(stdout(&run(&["--version"])), version);
    insta::assert_snapshot!(stdout(&run(&["--help"])), @r"
    Makes Sealpost networks and certificates, and carries their directories from version to version.

    Exit codes: 0 success, 1 refused or not found, 2 usage, roster or files, 3 the hub is not reached, 4
    not allowed there.

    Usage: sealpost-admin <COMMAND>

    Commands:
      network    Networks: keys, certificates, directory and configurations
      directory  Signed directories: shown, compared, changed, signed and published
      key        Key files: made, encrypted, decrypted, shown
      root       Root certificates, on a machine without network
      csr        Requests for certificates: made, shown, judged and signed
      crl        Revocation lists: begun, continued, shown
      config     Configurations
      help       Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version
    ");
    insta::assert_snapshot!(stdout(&run(&["network", "init", "-h"])), @r"
    Makes a network for development in a new folder, where all keys of all parties lie side by side

    Usage: sealpost-admin network init [OPTIONS] --roster <FILE> --out <DIR>

    Options:
          --roster <FILE>        Who takes part: a roster such as certs/roster.toml
          --out <DIR>            The folder to make. It must not exist: nothing is ever overwritten
          --agencies <AGENCIES>  Only these agencies of the roster, separated by commas, such as
                                 HK-CED,DE-ZKA
          --base-port <PORT>     The hub's port; the gateways take those that follow, in the order of
                                 the roster [default: 7400]
          --host <ADDRESS>       The address on which hub and gateways listen [default: 127.0.0.1]
          --output <OUTPUT>      How the result is told [default: table] [possible values: table, json]
      -h, --help                 Print help (see more with '--help')
    ");
}

#[test]
fn a_network_of_three_is_made_shown_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net");
    let three = ["--agencies", "HK-CED,DE-ZKA,KR-KCS", "--base-port", "9000"];

    let text = stdout(&init(&out, &three)).replace(out.to_str().unwrap(), "DIR");
    let (text, ends) = text.split_once("Ends, for a calendar that somebody reads:\n").unwrap();
    let ends: Vec<_> = ends.lines().map(|line| line.trim().split_once("  ").unwrap()).collect();
    assert!(ends[0].1.starts_with("revocation lists") && ends.is_sorted_by_key(|end| end.0), "{ends:?}");
    assert_eq!(ends.len(), 6, "{ends:?}");
    insta::assert_snapshot!(text, @r"
    Network sample.sealpost is in DIR, with all its keys.
             Listens on      Configuration
     hub     127.0.0.1:9000  DIR/hub/hub.toml
     HK-CED  127.0.0.1:9001  DIR/nodes/HK-CED/node.toml
     DE-ZKA  127.0.0.1:9002  DIR/nodes/DE-ZKA/node.toml
     KR-KCS  127.0.0.1:9003  DIR/nodes/KR-KCS/node.toml
    ");
    let directory = out.join("directory.bin");
    let shown = stdout(&run(&["directory", "show", directory.to_str().unwrap()]));
    for expected in ["Network sample.sealpost, version 1", "HK-CED", "SAMPLE-CMAA-2023", "OP-MARKER-2023"] {
        assert!(shown.contains(expected), "{shown}");
    }
    let json = stdout(&run(&["directory", "show", directory.to_str().unwrap(), "--output", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["agencies"].as_array().unwrap().len(), 3);

    let before = fs::read(&directory).unwrap();
    let text = refused(&init(&out, &three), 1);
    assert!(text.contains("exists already and is never overwritten"), "{text}");
    assert_eq!(fs::read(&directory).unwrap(), before);
}

#[test]
fn a_faulty_roster_is_answered_with_all_its_faults() {
    let folder = tempfile::tempdir().unwrap();
    let roster = folder.path().join("roster.toml");
    let text = fs::read_to_string(ROSTER).unwrap();
    let text = text
        .replace("network = \"sample.sealpost\"", "network = \"Sample\"\ncolour = \"red\"")
        .replace("id = \"HK-CED\"", "id = \"HKCED\"");
    fs::write(&roster, text).unwrap();
    let out = folder.path().join("net");
    let arguments = ["--roster", roster.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let text = refused(&run(&[&["network", "init"][..], &arguments].concat()), 2);
    insta::assert_snapshot!(text.replace(folder.path().to_str().unwrap(), "DIR"), @r#"
    error: DIR/roster.toml has 4 faults:
      line 10: network is "Sample", expected 1 to 63 of a-z, 0-9, hyphen and dot, such as sample.sealpost
      line 11: colour is unknown, expected one of network, hub, authority, jurisdictions, agencies, agreements, operations
      line 51: operations[0].lead is HK-CED, who is not a member
      line 127: agencies[0].id is "HKCED", expected an agency id such as HK-CED
    "#);
    assert!(!out.exists());
}

#[test]
fn wrong_arguments_end_with_code_two_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net");
    let text = refused(&init(&out, &["--agencies", "HK-CED,FR-DG"]), 2);
    assert!(text.contains("FR-DG is not in the roster, which has HK-CED, CN-GACC"), "{text}");
    let text = refused(&init(&out, &["--agencies", "hongkong"]), 2);
    assert!(text.contains("expected two capital letters, a hyphen"), "{text}");
    refused(&init(&out, &["--base-port", "65535"]), 2);
    refused(&run(&["network", "start"]), 2);
    assert!(!out.exists());
}

#[test]
fn a_file_that_is_no_directory_is_refused_with_the_reason() {
    let text = refused(&run(&["directory", "show", ROSTER]), 1);
    assert!(text.contains("does not hold a signed directory\n  because: "), "{text}");
    let text = refused(&run(&["directory", "show", "/nowhere/directory.bin"]), 2);
    assert!(text.contains("cannot read /nowhere/directory.bin\n  because: No such file"), "{text}");
}

#[test]
fn a_changed_directory_is_refused_with_the_rule() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net");
    stdout(&init(&out, &["--agencies", "HK-CED,DE-ZKA"]));
    let path = out.join("directory.bin");
    let mut bytes = fs::read(&path).unwrap();
    let name = bytes.windows(15).position(|text| text == b"Zollkriminalamt").unwrap();
    bytes[name] = b'X';
    fs::write(&path, bytes).unwrap();
    let text = refused(&run(&["directory", "show", path.to_str().unwrap()]), 1);
    assert!(text.contains("by rule directory.authority"), "{text}");
}

#[test]
fn samples_are_printed_and_a_closed_pipe_is_success() {
    assert!(stdout(&run(&["config", "sample", "hub"])).contains("[hub]"));
    let mut child = Command::new(PROGRAM)
        .args(["config", "sample", "node"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
}

#[test]
fn a_key_is_made_encrypted_shown_changed_and_decrypted_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, phrase, other) = (path("signing.pem"), path("phrase"), path("other"));
    for (file, text) in [(&phrase, "correct horse\n"), (&other, "battery staple\n")] {
        fs::write(file, text).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let shown = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&stdout(&run(&[&["key"], arguments, &["--output", "json"]].concat()))).unwrap()
    };
    let made = shown(&["new", &key, "--plain"]);
    assert_eq!((&made["algorithm"], &made["encryption"]), (&"Ed25519".into(), &serde_json::Value::Null));
    let again = refused(&run(&["key", "new", &key, "--plain"]), 2);
    assert!(again.contains("is never overwritten"), "{again}");

    let encrypted = shown(&["encrypt", &key, "--passphrase-file", &phrase]);
    assert_eq!(encrypted["public_key"], made["public_key"]);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(
        refused(&run(&["key", "encrypt", &key, "--passphrase-file", &phrase]), 2)
            .contains("encrypted already")
    );
    let closed = shown(&["show", &key]);
    assert_eq!((&closed["key_id"], &closed["public_key"]), (&made["key_id"], &serde_json::Value::Null));
    assert_eq!(shown(&["show", &key, "--passphrase-file", &phrase])["public_key"], made["public_key"]);

    let wrong = refused(&run(&["key", "show", &key, "--passphrase-file", &other]), 2);
    assert!(wrong.contains("does not open: the passphrase is another one's"), "{wrong}");
    let id = made["key_id"].as_str().unwrap();
    assert!(wrong.contains(&format!("says to hold key {id}")) && !wrong.contains("key show`"), "{wrong}");
    let closed = stdout(&run(&["key", "show", &key]));
    assert!(closed.contains("algorithm   told when the file is opened: --passphrase-file"), "{closed}");
    assert!(!wrong.contains("battery"), "{wrong}");
    let wrong = refused(&run(&["key", "change", &key, "--passphrase-file", &other]), 2);
    assert!(wrong.contains("does not open"), "{wrong}");
    shown(&["change", &key, "--passphrase-file", &phrase, "--new-passphrase-file", &other]);
    refused(&run(&["key", "show", &key, "--passphrase-file", &phrase]), 2);
    // Nothing names a passphrase, and no terminal is there to ask at.
    let plain = path("plain.pem");
    let none = refused(&run(&["key", "decrypt", &key, "--out", &plain]), 2);
    assert!(none.contains("no passphrase is given"), "{none}");
    let decrypted = shown(&["decrypt", &key, "--out", &plain, "--passphrase-file", &other]);
    assert_eq!(
        (&decrypted["public_key"], &decrypted["encryption"]),
        (&made["public_key"], &serde_json::Value::Null)
    );
    fs::set_permissions(&other, fs::Permissions::from_mode(0o644)).unwrap();
    let readable = refused(&run(&["key", "show", &key, "--passphrase-file", &other]), 2);
    assert!(readable.contains("chmod 600"), "{readable}");
    for command in [
        &["show", "/nowhere/key.pem"][..],
        &["encrypt", "/nowhere/key.pem"],
        &["change", "/nowhere/key.pem"],
        &["decrypt", "/nowhere/key.pem", "--out", &plain],
    ] {
        let absent = refused(&run(&[&["key"], command].concat()), 2);
        assert!(absent.contains("cannot open key file /nowhere/key.pem"), "{absent}");
    }
    let none = refused(&run(&["key", "new", &path("other.pem")]), 2);
    assert!(
        none.contains("other.pem is to be encrypted") && none.contains("no passphrase is given"),
        "{none}"
    );
    let none = refused(&run(&["key", "new", &path("other.pem"), "--passphrase-file", "/nowhere/phrase"]), 2);
    assert!(none.contains("cannot read the passphrase file /nowhere/phrase"), "{none}");
}

#[test]
fn a_version_in_force_that_cannot_be_read_is_a_wrong_argument() {
    let arguments = ["directory", "diff", ROSTER, "--base", "/nowhere/directory.bin"];
    let text = refused(&run(&arguments), 2);
    assert!(text.contains("cannot read /nowhere/directory.bin"), "{text}");
}
