//! Where the peer's program is.

use std::env;
use std::path::PathBuf;

/// Names the program, where it is not in PATH.
const VARIABLE: &str = "NATS_SERVER";
const PROGRAM: &str = "nats-server";

/// The program, or why there is none.
#[derive(Clone)]
pub(crate) enum Found {
    Program(PathBuf),
    Nothing(String),
}

/// In the variable, or in PATH.
pub(crate) fn find() -> Found {
    if let Some(path) = env::var_os(VARIABLE).map(PathBuf::from) {
        let missing = || Found::Nothing(format!("{VARIABLE} names {}, which is no file", path.display()));
        return if path.is_file() { Found::Program(path) } else { missing() };
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let candidates = env::split_paths(&folders).map(|folder| folder.join(PROGRAM));
    candidates.into_iter().find(|path| path.is_file()).map_or_else(
        || Found::Nothing(format!("{PROGRAM} is not in PATH, see crates/bench/peer/fetch")),
        Found::Program,
    )
}
