//! Asks the nodes' own program whether ledgers are whole.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use serde::Deserialize;
use tokio::process::Command;

/// What `sealpost-node ledger verify --output json` says; what is not needed here is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Verified {
    /// Whether everything holds.
    pub verified: bool,
    /// Records of every kind.
    pub records: u64,
    /// Headers and statements whose signatures were believed.
    pub signed: u64,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

/// The first thing that is wrong with a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// The record.
    pub index: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// What became of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The ledger holds.
    Holds(Verified),
    /// It does not, for this reason.
    Fails(String),
}

/// Verifies the ledger of the node with a configuration, also while that node runs.
pub async fn verify(node: &Path, config: &Path) -> Result<Verdict, Error> {
    let mut command = Command::new(node);
    command.arg("--config").arg(config).args(["ledger", "verify", "--output", "json"]).kill_on_drop(true);
    let output = command.output().await.map_err(|source| Error::Start { node: node.to_owned(), source })?;
    let told = serde_json::from_slice::<Verified>(&output.stdout);
    match told {
        Ok(verified) if verified.verified && output.status.success() => Ok(Verdict::Holds(verified)),
        Ok(Verified { fault: Some(fault), .. }) => {
            Ok(Verdict::Fails(format!("record {}: {}", fault.index, fault.reason)))
        }
        // A ledger that cannot even be opened is told on stderr.
        Err(_) if output.status.code() == Some(1) => Ok(Verdict::Fails(on_one_line(&output.stderr))),
        Ok(_) | Err(_) => Err(Error::Answer {
            config: config.to_owned(),
            status: output.status,
            said: on_one_line(&output.stderr),
        }),
    }
}

/// What a program says on stderr, without its name.
fn on_one_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let text = lines.join(", ");
    text.strip_prefix("sealpost-node: ").unwrap_or(&text).to_owned()
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program does not start.
    #[error("{} cannot be started", node.display())]
    Start {
        /// The program.
        node: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The program says something else.
    #[error("verifying the ledger of {} gave no verdict ({status}): {said}", config.display())]
    Answer {
        /// Whose ledger.
        config: PathBuf,
        /// How the program ended.
        status: ExitStatus,
        /// What it said.
        said: String,
    },
}
