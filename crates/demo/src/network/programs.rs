//! The programs themselves: where they are, and how they are built first under cargo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;

/// The programs of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// `sealpost-hub`.
    pub hub: PathBuf,
    /// `sealpost-node`.
    pub node: PathBuf,
    /// `sealpost`, which is shown to people and not started here.
    pub officer: PathBuf,
}

impl Programs {
    /// The programs in a folder.
    pub fn within(folder: &Path) -> Result<Self, Error> {
        let program = |name: &str| {
            let path = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
            if path.is_file() { Ok(path) } else { Err(Error::NoProgram { path }) }
        };
        Ok(Self {
            hub: program("sealpost-hub")?,
            node: program("sealpost-node")?,
            officer: program("sealpost")?,
        })
    }

    /// The programs beside the one that runs; test programs lie one folder deeper.
    pub fn beside_this_one() -> Result<Self, Error> {
        let this = env::current_exe().map_err(Error::Myself)?;
        let folder = this.parent().unwrap_or(Path::new("."));
        let deps = folder.ends_with("deps");
        Self::within(if deps { folder.parent().unwrap_or(folder) } else { folder })
    }
}

/// Under cargo: builds all programs into the folder of the one that runs, because cargo has built only that one. Cargo
/// shows its progress on stderr. Says whether it did.
pub fn build() -> Result<bool, Error> {
    let (Some(cargo), Some(manifest)) = (env::var_os("CARGO"), env::var_os("CARGO_MANIFEST_DIR")) else {
        return Ok(false);
    };
    let this = env::current_exe().map_err(Error::Myself)?;
    let mut command = Command::new(cargo);
    // Where cargo was called, so that it finds the same settings and target folder.
    command.args(["build", "--workspace", "--locked", "--bins", "--manifest-path"]);
    command.arg(Path::new(&manifest).join("Cargo.toml"));
    if this.parent().is_some_and(|folder| folder.ends_with("release")) {
        command.arg("--release");
    }
    let status = command.status().map_err(Error::Cargo)?;
    if status.success() { Ok(true) } else { Err(Error::Build { status }) }
}
