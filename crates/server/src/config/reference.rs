//! The documented list of all keys, as a TOML file that could be copied.

use std::fmt::Write as _;

use super::{Declared, Presence};

/// Keys that must be set stand bare and empty, all others as comments with their default.
pub(super) fn render(declared: &[Declared]) -> String {
    let mut text = String::new();
    let is_key = |declared: &&Declared| !declared.key.is_empty();
    for key in declared.iter().filter(is_key).filter(|key| key.section.is_empty()) {
        render_key(&mut text, key);
    }
    for section in declared.iter().filter(|declared| declared.key.is_empty()) {
        let _ = write!(text, "# {}\n[{}]\n", section.doc, section.section);
        for key in declared.iter().filter(is_key).filter(|key| key.section == section.section) {
            render_key(&mut text, key);
        }
    }
    text
}

fn render_key(text: &mut String, key: &Declared) {
    let Declared { key, doc, expected, default, presence, .. } = key;
    let _ = match (default, presence) {
        (Some(default), _) => writeln!(text, "# {doc}\n# Expected: {expected}.\n# {key} = {default}\n"),
        (None, Presence::Required) => writeln!(text, "# {doc}\n# Required: {expected}.\n{key} =\n"),
        (None, Presence::Optional) => {
            writeln!(text, "# {doc}\n# Expected: {expected}. Not set by default.\n# {key} =\n")
        }
    };
}
