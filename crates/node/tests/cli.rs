//! What an operator sees of `sealpost-node`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Output};

use sealpost_node::config::NodeConfig;
use sealpost_server::config;

fn node(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost-node"));
    command.args(arguments).current_dir(folder).env_remove("COLUMNS").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_version_is_the_packages() {
    let output = node(&["--version"], Path::new("."));
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), concat!("sealpost-node ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn help_names_the_commands() {
    let output = node(&["--help"], Path::new("."));
    assert!(output.status.success());
    insta::assert_snapshot!(text(&output.stdout), @r"
    An agency's node of a Sealpost network: ledger, outbox, inbox, and the gateway for its own

    Usage: sealpost-node [OPTIONS] <COMMAND>

    Commands:
      run           Run until SIGTERM or SIGINT; a second one ends at once
      ledger        Look at the node's ledger, also while the node runs
      check-config  Read the configuration and tell all its faults, then every file that it names up to
                    the first fault; change nothing
      help          Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>  The configuration file [default: node.toml]
      -h, --help           Print help
      -V, --version        Print version
    ");
}

#[test]
fn all_faults_of_a_configuration_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = "[node]\nagency = 'hk'\n[hub]\naddresses = []\n[gateway]\nlisten = 'nowhere'\n[keys]\nsealing = 'one'\n\
                  [outbox]\nresend_after = '0s'\ncolour = 'red'\n[extra]\n";
    std::fs::write(folder.path().join("node.toml"), faulty).unwrap();
    let output = node(&["--config", "node.toml", "check-config"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    insta::assert_snapshot!(text(&output.stderr), @r#"
    sealpost-node: the configuration node.toml has 13 faults:
      node.data is missing, expected a path
      tls.certificate is missing, expected a path
      tls.key is missing, expected a path
      keys.signing is missing, expected a path, or { module = PATH, token = LABEL, key = LABEL, pin_file = PATH } for a key on a PKCS#11 token (docs/keys.md)
      directory.genesis is missing, expected a path
      directory.crls is missing, expected a path
      line 2: node.agency = "hk": expected an agency such as "HK-CED"
      line 4: hub.addresses = []: expected a list of 1 to 16, each a host and port such as "hub.example:7443"
      line 6: gateway.listen = "nowhere": expected an address and port such as "127.0.0.1:7443" or "[::]:7443"
      line 8: keys.sealing = "one": expected a list of 1 to 16, each a path
      line 10: outbox.resend_after = "0s": expected a duration such as "250ms", "5s", "2m", "1h" or "30d", from "1s" to "1d"
      line 11: outbox.colour is unknown; known here: resend_after, resend_after_max, batch_bytes, quiet, heads_every
      line 12: extra is unknown; known here: node, hub, gateway, tls, keys, directory, outbox, witness, limits, log, shutdown
    "#);
}

#[test]
fn a_missing_configuration_or_command_is_a_fault_of_usage() {
    let folder = tempfile::tempdir().unwrap();
    let output = node(&["--config", "absent.toml", "run"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("absent.toml"), "{}", text(&output.stderr));
    assert_eq!(node(&["dance"], folder.path()).status.code(), Some(2));
}

#[test]
fn a_file_that_is_not_there_is_told_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("node.toml"), SAMPLE).unwrap();
    let output = node(&["--config", "node.toml", "run"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("sealpost-node: [keys] signing: "), "{}", text(&output.stderr));
}

const SAMPLE: &str = include_str!("../../../deploy/node.toml");

fn is_key(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[test]
fn the_sample_configuration_is_sound_and_names_every_key() {
    let config: NodeConfig = config::parse(SAMPLE, Path::new("/etc/sealpost/node.toml")).unwrap();
    assert_eq!((config.agency.as_str(), config.outbox.batch_bytes), ("HK-CED", 64 << 10));
    let uncommented: String = SAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            // What is indented is an example, and the rest is prose.
            Some(key) if key.split_once(" = ").is_some_and(|(name, _)| is_key(name)) => key,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let with_defaults: NodeConfig =
        config::parse(&uncommented, Path::new("/etc/sealpost/node.toml")).unwrap();
    assert_eq!(format!("{config:?}"), format!("{with_defaults:?}"), "the defaults that it shows");
    let keys = config::reference::<NodeConfig>();
    let named = keys.lines().filter_map(|line| line.trim_start_matches("# ").split_once(" = "));
    for (key, _) in named.filter(|(key, _)| is_key(key)) {
        assert!(SAMPLE.contains(&format!("{key} = ")), "{key} is not in deploy/node.toml");
    }
}

#[test]
fn a_ledger_that_is_not_there_is_not_verified() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("node.toml"), SAMPLE).unwrap();
    let output = node(&["--config", "node.toml", "ledger", "verify", "--output", "json"], folder.path());
    assert_eq!(output.status.code(), Some(2), "the provisioned directory comes first");
    assert!(text(&output.stderr).contains("/etc/sealpost/directory.bin"), "{}", text(&output.stderr));
}

/// What `ledger hold` ends with.
fn hold(folder: &Path, more: &[&str]) -> Output {
    std::fs::write(folder.join("node.toml"), SAMPLE).unwrap();
    node(&[&["--config", "node.toml", "ledger", "hold", "4711"], more].concat(), folder)
}

#[test]
fn an_order_names_its_message_and_gives_one_reason_that_need_not_stand_in_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let message = ["--message", "018f7b1c-0000-7000-8000-000000000001"];
    let faulty = |more: &[&str], told: &str| {
        let output = hold(folder.path(), more);
        assert_eq!(output.status.code(), Some(2), "{more:?}");
        assert!(text(&output.stderr).contains(told), "{more:?}: {}", text(&output.stderr));
    };
    faulty(&["--reason", "Court order 12"], "--message");
    faulty(&message, "--reason-file");
    faulty(&[&message[..], &["--reason", "one", "--reason-file", "another"]].concat(), "cannot be used with");
    faulty(&[&message[..], &["--reason-file", "absent.txt"]].concat(), "absent.txt");
    std::fs::write(folder.path().join("empty.txt"), "\n").unwrap();
    faulty(&[&message[..], &["--reason-file", "empty.txt"]].concat(), "1 to 1000 bytes, found 0");
    std::fs::write(folder.path().join("reason.txt"), "Court order 12\n").unwrap();
    let output = hold(folder.path(), &[&message[..], &["--reason-file", "reason.txt"]].concat());
    assert_eq!(output.status.code(), Some(1), "only the ledger is missing: {}", text(&output.stderr));
}
