//! What the officer sees before any node is asked.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn sealpost(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
    command.args(arguments).env_clear().env("HOME", "/nowhere");
    command
}

fn run(arguments: &[&str]) -> Output {
    sealpost(arguments).output().unwrap()
}

fn run_with(arguments: &[&str], stdin: &str) -> Output {
    let mut child = sealpost(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn example(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample/examples").join(kind).with_extension("json")
}

/// An example on one line.
fn one_line(kind: &str) -> String {
    let document: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(example(kind)).unwrap()).unwrap();
    document.to_string()
}

#[test]
fn the_version_is_told() {
    let output = run(&["--version"]);
    assert_eq!(text(&output.stdout), concat!("sealpost ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn the_help_is_as_documented() {
    insta::assert_snapshot!("help", text(&run(&["--help"]).stdout));
    for command in ["send", "watch", "inbox", "show", "track", "ack", "stats", "status", "schema", "example"]
    {
        let output = run(&[command, "--help"]);
        insta::assert_snapshot!(format!("help-{command}"), text(&output.stdout));
    }
}

#[test]
fn a_missing_profile_is_told_with_where_it_was_looked_for_and_what_to_do() {
    let output = run(&["status"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let told = text(&output.stderr);
    assert!(
        told.starts_with("error: there is no profile at /nowhere/.config/sealpost/sealpost.toml\n"),
        "{told}"
    );
    assert!(told.contains("what to do: name it with --profile FILE or in SEALPOST_PROFILE"), "{told}");
}

#[test]
fn a_wrong_profile_is_told_with_all_its_faults() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("sealpost.toml");
    std::fs::write(&profile, "agency = \"Hong Kong\"\ngatway = \"localhost:1\"\n").unwrap();
    let output = run(&["status", "--profile", profile.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    for expected in ["gatway: is not known here", "gateway: is missing", "`Hong Kong` is not an agency id"] {
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_line_that_is_wrong_is_told_with_line_path_and_expectation_and_the_others_are_looked_at() {
    let good = one_line("sighting");
    let wrong = good.replace("\"priority\":\"", "\"priority\":\"VERY-");
    let output = run_with(&["send", "-", "--check"], &format!("{good}\n{wrong}\noops\n{good}\n"));
    assert_eq!(output.status.code(), Some(1));
    let told: Vec<&str> = text(&output.stderr).lines().collect();
    assert!(told[0].starts_with("line 2: priority: found `VERY-"), "{told:?}");
    assert!(told[0].contains("expected one of FLASH, URGENT, ROUTINE"), "{told:?}");
    assert!(told[1].starts_with("line 3: found expected value at line 1 column 1"), "{told:?}");
    assert_eq!(told.last(), Some(&"4 messages: 2 well-formed, 2 refused"));
}

#[test]
fn faults_are_data_for_programs() {
    let output = run_with(&["send", "-", "--check", "--output", "json"], "{\"recipients\": 7}\n");
    assert_eq!(output.status.code(), Some(1));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["line"], &answer["result"]), (&1.into(), &"refused".into()));
    let paths: Vec<&str> =
        answer["faults"].as_array().unwrap().iter().map(|fault| fault["path"].as_str().unwrap()).collect();
    assert!(paths.contains(&"recipients") && paths.contains(&"priority"), "{answer}");
}

#[test]
fn a_document_over_many_lines_is_read_from_a_file() {
    let path = example("suspect_shipment");
    let output = run(&["send", path.to_str().unwrap(), "--check"]);
    assert_eq!(text(&output.stderr), "1 message: 1 well-formed, 0 refused\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_file_that_is_not_there_and_one_that_is_empty_are_told_apart() {
    let output = run(&["send", "/nowhere/alert.json", "--check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("error: /nowhere/alert.json cannot be read: No such file"));
    let output = run_with(&["send", "-", "--check"], "\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("error: there is no message in stdin"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child =
        sealpost(&["schema", "draft"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[test]
fn a_refusal_counts_even_when_nobody_reads_the_answers() {
    let mut child = sealpost(&["send", "-", "--check", "--output", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let good = one_line("sighting");
    let lines = format!("{good}\noops\n{good}\n");
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "3 messages: 2 well-formed, 1 refused\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_example_of_each_kind_can_be_sent_as_it_is_printed() {
    let kinds = run(&["example"]);
    for kind in text(&kinds.stdout).lines() {
        let example = run(&["example", kind]);
        let output = run_with(&["send", "-", "--check"], text(&example.stdout));
        assert_eq!(output.status.code(), Some(0), "{kind}: {}", text(&output.stderr));
    }
}

#[test]
fn the_schema_is_json() {
    for document in ["draft", "message"] {
        let output = run(&["schema", document]);
        let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(schema["title"].as_str().unwrap().starts_with("Sealpost"), "{document}");
    }
}

#[test]
fn no_core_dump_of_the_program_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("sealpost.toml");
    assert!(Command::new("mkfifo").arg(&profile).status().unwrap().success());
    // Held open, so that the program waits for what never comes.
    let _held = File::options().read(true).write(true).open(&profile).unwrap();
    let mut child = sealpost(&["status", "--profile", profile.to_str().unwrap()]).spawn().unwrap();
    let limits = format!("/proc/{}/limits", child.id());
    let is_forbidden = || {
        let limits = std::fs::read_to_string(&limits).unwrap_or_default();
        let core = limits.lines().find(|line| line.starts_with("Max core file size"));
        core.is_some_and(|core| core.split_whitespace().skip(4).take(2).eq(["0", "0"]))
    };
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_forbidden() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        assert!(Instant::now() < deadline, "{:?}", std::fs::read_to_string(&limits));
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
