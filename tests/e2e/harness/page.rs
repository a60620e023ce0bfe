//! The commands of a page of the documentation, run to the letter in a folder of their own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::network::Network;
use super::program::program_folder;

/// The folder in which a ceremony takes place, with the network in `net`.
pub(crate) fn table(network: &Network) -> PathBuf {
    let table = network.logs().with_file_name("table");
    fs::create_dir(&table).unwrap();
    symlink(network.folder(), table.join("net")).unwrap();
    table
}

/// Runs a script in a folder, with our programs at hand.
pub(crate) fn run(folder: &Path, script: &str) -> Output {
    let path = format!("{}:{}", program_folder().display(), std::env::var("PATH").unwrap_or_default());
    Command::new("sh").args(["-euc", script]).current_dir(folder).env("PATH", path).output().unwrap()
}

/// Runs a script that has to succeed, with the hub's address for that of the page; what it printed.
pub(crate) fn done(network: &Network, table: &Path, script: &str) -> String {
    succeeded(script, run(table, &of(network, script)))
}

/// What a script printed that had to succeed.
pub(crate) fn succeeded(script: &str, output: Output) -> String {
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{script}\n{told}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a script that has to be refused; what it told.
pub(crate) fn refused(network: &Network, table: &Path, script: &str) -> String {
    let output = run(table, &of(network, script));
    assert_eq!(output.status.code(), Some(1), "{script}\n{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// A script of a page as it runs on this network.
fn of(network: &Network, script: &str) -> String {
    script.replace("127.0.0.1:7400", &network.hub_address()).replace("sample.sealpost", "stories.sealpost")
}

/// The scripts of a page, by the heading above each.
pub(crate) fn scripts(page: &str) -> Vec<(&str, &str)> {
    let mut scripts = Vec::new();
    let sections = page.split("\n## ").skip(1).flat_map(|section| section.split("\n### "));
    for section in sections {
        let heading = section.lines().next().unwrap_or_default();
        let blocks = section.split("```sh\n").skip(1);
        scripts.extend(blocks.map(|block| (heading, block.split("\n```").next().unwrap_or_default())));
    }
    scripts
}
