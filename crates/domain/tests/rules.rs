//! docs/rules.md explains every rule that the code knows, and none besides.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sealpost_domain::rule::Rule;

const PAGE: &str = include_str!("../../../docs/rules.md");

/// The names in the first column of the page's tables.
fn explained() -> BTreeSet<&'static str> {
    let cells = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    cells.flat_map(|cell| cell.split(", ")).map(|name| name.trim_matches('`')).collect()
}

#[test]
fn the_page_explains_every_rule_and_no_other() {
    let known: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
    let explained = explained();
    let unexplained: Vec<_> = known.difference(&explained).collect();
    let unknown: Vec<_> = explained.difference(&known).collect();
    assert!(unexplained.is_empty() && unknown.is_empty(), "missing {unexplained:?}, too many {unknown:?}");
}

/// The program texts of all crates, but for the list itself and for tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // The parts of a module of tests.
            if !path.ends_with("tests") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !["rule.rs", "tests.rs", "fixture.rs"].iter().any(|name| path.ends_with(name))
        {
            found.push(path);
        }
    }
}

#[test]
fn every_rule_decides_somewhere_and_nobody_writes_its_name_out() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for member in fs::read_dir(crates).unwrap() {
        let src = member.unwrap().path().join("src");
        if src.is_dir() {
            sources(&src, &mut files);
        }
    }
    let mut unused: BTreeSet<_> = Rule::ALL.iter().copied().collect();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let program = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        unused.retain(|rule| {
            let variant = format!("{rule:?}");
            !program.split(|other: char| !other.is_alphanumeric()).any(|word| word == variant)
        });
        for rule in Rule::ALL {
            let literal = format!("\"{rule}\"");
            assert!(!program.contains(&literal), "{} writes {literal} out", file.display());
        }
    }
    assert!(unused.is_empty(), "no code decides by {unused:?}");
}
