//! A desk with the program and a folder, and a network in it where one is wanted: what the tests of commands share.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_sealpost-admin");

/// Two agencies, and an authority of three of five.
pub(crate) const ROSTER: &str = r#"
network = "ceremony.sealpost"
[hub]
name = "main"
operators = ["ops"]
[authority]
keys = 5
threshold = 3
[[jurisdictions]]
code = "HK"
name = "Hong Kong"
[[jurisdictions]]
code = "DE"
name = "Germany"
[[agencies]]
id = "HK-CED"
name = "Hong Kong Customs and Excise Department"
officers = ["desk-1"]
[[agencies]]
id = "DE-ZKA"
name = "Zollkriminalamt"
"#;

const AGREEMENT: &str = r#"
id = "HK-DE-2026"
title = "Invented"
parties = ["HK-CED", "DE-ZKA"]
from = 2026-01-01T00:00:00Z
"#;

/// A folder where commands are given.
pub(crate) struct Desk(TempDir);

impl Desk {
    /// With nothing in it.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a network in `net`, and the version in force in `v1`.
    pub(crate) fn with_network() -> Self {
        let desk = Self::empty();
        fs::write(desk.path().join("roster.toml"), ROSTER).unwrap();
        fs::write(desk.path().join("terms.toml"), AGREEMENT).unwrap();
        desk.done("network init --roster roster.toml --out net");
        fs::copy(desk.path().join("net/directory.bin"), desk.path().join("v1")).unwrap();
        desk
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// What a command, its words parted by spaces, ends with. Nobody is asked for anything.
    pub(crate) fn run(&self, arguments: &str) -> Output {
        let arguments = arguments.split_whitespace();
        Command::new(PROGRAM)
            .args(arguments)
            .current_dir(self.path())
            .env_remove("COLUMNS")
            .env_remove("SEALPOST_PASSPHRASE")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Something that has to succeed; what it tells.
    pub(crate) fn done(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, as it is told to machines.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.done(&format!("{arguments} --output json"))).unwrap()
    }

    /// Something that has to be refused; what it tells.
    pub(crate) fn refused(&self, arguments: &str) -> String {
        self.ended(1, arguments)
    }

    /// Something that ends with this code; what it tells.
    pub(crate) fn ended(&self, code: i32, arguments: &str) -> String {
        let output = self.run(arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments}\n{told}");
        assert!(output.stdout.is_empty(), "{arguments}");
        told
    }

    /// A file of mode 0600 with a passphrase.
    pub(crate) fn passphrase(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The id of a key, and its public half.
    pub(crate) fn key(&self, file: &str) -> (String, String) {
        let told = self.json(&format!("directory whose --key {file}"));
        (told["id"].as_str().unwrap().to_owned(), told["public"].as_str().unwrap().to_owned())
    }

    /// Signs a draft with these keys of the authority.
    pub(crate) fn sign(&self, draft: &str, base: &str, keys: &[u32]) {
        for key in keys {
            self.done(&format!("directory sign {draft} --base {base} --key net/authority/key-{key}.pem"));
        }
    }
}

/// Where nobody listens.
pub(crate) fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
