//! Where files are written: on the disk that is measured.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

/// A folder of this run, and the ledgers that are kept from run to run beside it.
pub(crate) struct Place {
    root: PathBuf,
    scratch: TempDir,
}

impl Place {
    /// In `dir`, or in `bench` of the target directory, or in the folder for temporary files.
    pub(crate) fn new(dir: Option<&Path>) -> anyhow::Result<Self> {
        let root = dir.map(Path::to_owned).or_else(target).unwrap_or_else(temporary);
        let made = || {
            fs::create_dir_all(&root)?;
            tempfile::Builder::new().prefix("run-").tempdir_in(&root)
        };
        let scratch = made().with_context(|| format!("cannot write to {}", root.display()))?;
        let root = root.canonicalize().with_context(|| format!("{} is not there", root.display()))?;
        Ok(Self { root, scratch })
    }

    /// Where everything lies.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Ledgers that are made once.
    pub(crate) fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// A new folder, gone when it is dropped.
    pub(crate) fn folder(&self) -> anyhow::Result<TempDir> {
        let made = tempfile::tempdir_in(self.scratch.path());
        made.with_context(|| format!("cannot make a folder in {}", self.scratch.path().display()))
    }
}

/// `target/release/sealpost-bench` writes to `target/bench`.
fn target() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let profile = program.ancestors().skip(1).find(|dir| {
        let name = dir.file_name().and_then(|name| name.to_str());
        matches!(name, Some("release" | "debug"))
    })?;
    let root = profile.parent()?.join("bench");
    fs::create_dir_all(&root).ok().map(|()| root)
}

fn temporary() -> PathBuf {
    std::env::temp_dir().join("sealpost-bench")
}
