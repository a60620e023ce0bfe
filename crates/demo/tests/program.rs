//! The program as people run it, on a small network of the real programs: a good run, every fault on purpose, and the
//! end of everything that it started.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not find fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

const AGENCIES: &str = "HK-CED,TH-TCD,AU-ABF,VN-GDVC";

/// The program, as it runs without cargo: it builds nothing and takes the programs beside it.
fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost-demo"));
    command.args(arguments).env_remove("CARGO").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> (Output, String) {
    let output = demo(arguments).output().unwrap();
    let told =
        format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, told)
}

/// Runs with a fault on purpose, and gives the names of the differences that the checks tell.
fn differences(sabotage: &str) -> BTreeSet<String> {
    let (output, told) = run(&["--agencies", AGENCIES, "--sabotage", sabotage]);
    assert_eq!(output.status.code(), Some(1), "{told}");
    if let Some(kept) = told.lines().find_map(|line| line.strip_prefix("the network's folder is kept: ")) {
        let folder = PathBuf::from(kept.split(',').next().unwrap());
        fs::remove_dir_all(folder).unwrap();
    }
    let stdout = String::from_utf8(output.stdout).unwrap();
    stdout.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name.to_owned()).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_run_survives_a_killed_hub_and_tells_its_sums() {
    let (output, told) = run(&["--agencies", AGENCIES, "--hub-restart"]);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    for part in ["4 verified", "hub         killed after", "All checks passed"] {
        assert!(stdout.contains(part), "{part} in {told}");
    }
}

#[test]
fn a_message_that_does_not_go_to_an_addressee_is_missing_there() {
    let told = differences("drop");
    assert!(told.is_superset(&names(&["missing", "no-receipt"])), "{told:?}");
    assert!(told.is_subset(&names(&["missing", "no-receipt", "figures"])), "{told:?}");
}

#[test]
fn a_message_that_goes_out_twice_is_repeated() {
    let told = differences("double");
    assert!(told.contains("repeated") && told.is_subset(&names(&["repeated", "figures"])), "{told:?}");
}

#[test]
fn a_message_that_goes_to_a_stranger_was_not_addressed_to_it() {
    let told = differences("misroute");
    assert!(
        told.contains("not-addressed") && told.is_subset(&names(&["not-addressed", "figures"])),
        "{told:?}"
    );
}

#[test]
fn a_ledger_with_a_flipped_byte_does_not_verify() {
    let told = differences("flip");
    assert!(told.contains("ledger") && told.is_subset(&names(&["ledger", "figures"])), "{told:?}");
}

#[test]
fn a_network_that_is_kept_tells_commands_and_ends_with_the_program() {
    let mut demo = demo(&["--agencies", AGENCIES, "--keep"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let told: Vec<String> =
        lines.map_while(Result::ok).take_while(|line| !line.starts_with("Ctrl-C here")).collect();
    let folder = told.iter().find_map(|line| line.strip_prefix("The network is running in "));
    let folder = PathBuf::from(folder.unwrap().split(". ").next().unwrap());
    for role in ["officer", "agency system", "auditor", "operator"] {
        assert!(told.iter().any(|line| line.starts_with(role)), "{role} in {told:?}");
    }
    let children = children(&demo);
    assert_eq!(children.len(), 5, "a hub and four nodes");
    let kill = Command::new("kill").arg("-TERM").arg(demo.id().to_string()).status().unwrap();
    assert!(kill.success() && demo.wait().unwrap().success());
    for child in children {
        let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z"), "{state}");
    }
    fs::remove_dir_all(folder).unwrap();
}

fn children(parent: &Child) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{}/task", parent.id())).unwrap();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<_>>()).collect()
}

#[test]
fn the_generator_writes_the_shipped_file() {
    let (output, told) = run(&["generate"]);
    assert!(output.status.success(), "{told}");
    assert!(output.stdout == include_bytes!("../../../sample/operation.jsonl"));
}

#[test]
fn wrong_arguments_are_told_and_nothing_is_started() {
    let (output, told) = run(&["--sabotage", "everything"]);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("drop, double, misroute, flip"), "{told}");
}
