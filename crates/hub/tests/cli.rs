//! What an operator sees of `sealpost-hub`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Output};

use sealpost_hub::config::{HubConfig, Journal};
use sealpost_server::config;

fn hub(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost-hub"));
    command.args(arguments).current_dir(folder).env_remove("COLUMNS").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_version_is_the_packages() {
    let output = hub(&["--version"], Path::new("."));
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), concat!("sealpost-hub ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn help_names_the_commands() {
    let output = hub(&["--help"], Path::new("."));
    assert!(output.status.success());
    insta::assert_snapshot!(text(&output.stdout), @r"
    The hub of a Sealpost network: it routes what it cannot read

    Usage: sealpost-hub [OPTIONS] <COMMAND>

    Commands:
      run           Run until SIGTERM or SIGINT; a second one ends at once
      check-config  Read the configuration and tell all its faults, then every file that it names up to
                    the first fault; change nothing
      check         Look at the servers that keep the journal, where it is kept on NATS JetStream:
                    whether they are as the hub needs them; change nothing
      help          Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>  The configuration file [default: hub.toml]
      -h, --help           Print help
      -V, --version        Print version
    ");
}

#[test]
fn all_faults_of_a_configuration_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let faulty =
        "[hub]\nname = 7\nlisten = 'nowhere'\ncolour = 'red'\n[limits]\nbatch_bytes = '1GiB'\n[extra]\n";
    std::fs::write(folder.path().join("hub.toml"), faulty).unwrap();
    let output = hub(&["--config", "hub.toml", "check-config"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    insta::assert_snapshot!(text(&output.stderr), @r#"
    sealpost-hub: the configuration hub.toml has 11 faults:
      hub.data is missing, expected a path
      tls.certificate is missing, expected a path
      tls.key is missing, expected a path
      keys.signing is missing, expected a path, or { module = PATH, token = LABEL, key = LABEL, pin_file = PATH } for a key on a PKCS#11 token (docs/keys.md)
      directory.genesis is missing, expected a path
      directory.crls is missing, expected a path
      line 2: hub.name = 7: expected a text
      line 3: hub.listen = "nowhere": expected an address and port such as "127.0.0.1:7443" or "[::]:7443"
      line 4: hub.colour is unknown; known here: name, listen, data
      line 6: limits.batch_bytes = "1GiB": expected a size such as "512B", "64KiB", "1MiB" or "2GiB", from "1KiB" to "64KiB"
      line 7: extra is unknown; known here: hub, tls, keys, directory, journal, limits, log, shutdown
    "#);
}

#[test]
fn a_missing_configuration_or_command_is_a_fault_of_usage() {
    let folder = tempfile::tempdir().unwrap();
    let output = hub(&["--config", "absent.toml", "run"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("absent.toml"), "{}", text(&output.stderr));
    assert_eq!(hub(&["dance"], folder.path()).status.code(), Some(2));
}

#[test]
fn a_file_that_is_not_there_is_told_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hub.toml"), SAMPLE).unwrap();
    let output = hub(&["--config", "hub.toml", "run"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("sealpost-hub: [keys] signing: "), "{}", text(&output.stderr));
}

const SAMPLE: &str = include_str!("../../../deploy/hub.toml");
const OF_SEVERAL: &str = include_str!("../../../deploy/jetstream/hub.toml");

#[test]
fn the_configuration_of_several_hubs_is_sound_and_names_their_servers() {
    let config: HubConfig = config::parse(OF_SEVERAL, Path::new("/etc/sealpost/hub.toml")).unwrap();
    let Journal::JetStream(settings) = config.journal else { panic!("kept on servers") };
    assert_eq!((settings.servers.len(), settings.replicas), (3, 3));
    assert!(settings.servers.iter().all(|server| server.starts_with("tls://")));
}

#[test]
fn faults_of_the_journal_are_told_with_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = OF_SEVERAL
        .replace("tls://nats-1.example:4222", "tls://hub:secret@nats-1.example:4222")
        .replace("name = \"sealpost\"", "name = \"seal post\"")
        .replace("replicas = 3", "replicas = 9");
    std::fs::write(folder.path().join("hub.toml"), faulty).unwrap();
    let output = hub(&["--config", "hub.toml", "check-config"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    for part in
        ["has 3 faults", "journal.servers", "a user does not belong in it", "journal.name", "from 1 to 5"]
    {
        assert!(told.contains(part), "{part} in {told}");
    }
    let without = OF_SEVERAL.replace("servers = ", "# servers = ");
    std::fs::write(folder.path().join("hub.toml"), without).unwrap();
    let output = hub(&["--config", "hub.toml", "check"], folder.path());
    assert!(text(&output.stderr).contains("journal.servers is missing"), "{}", text(&output.stderr));
}

#[test]
fn check_of_a_journal_on_this_machine_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hub.toml"), SAMPLE).unwrap();
    let output = hub(&["--config", "hub.toml", "check"], folder.path());
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("on the disk of this machine"), "{}", text(&output.stdout));
}

fn is_key(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[test]
fn the_sample_configuration_is_sound_and_names_every_key() {
    let config: HubConfig = config::parse(SAMPLE, Path::new("/etc/sealpost/hub.toml")).unwrap();
    assert_eq!((&*config.name, config.limits.batch_bytes), ("main", 64 << 10));
    let uncommented: String = SAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            // What is indented is an example, and the rest is prose.
            Some(key) if key.split_once(" = ").is_some_and(|(name, _)| is_key(name)) => key,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let with_defaults: HubConfig = config::parse(&uncommented, Path::new("/etc/sealpost/hub.toml")).unwrap();
    assert_eq!(format!("{config:?}"), format!("{with_defaults:?}"), "the defaults that it shows");
    let keys = config::reference::<HubConfig>();
    let named = keys.lines().filter_map(|line| line.trim_start_matches("# ").split_once(" = "));
    for (key, _) in named.filter(|(key, _)| is_key(key)) {
        assert!(SAMPLE.contains(&format!("{key} = ")), "{key} is not in deploy/hub.toml");
    }
}
