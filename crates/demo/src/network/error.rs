//! Why a network does not run.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use sealpost_client::gateway;
use sealpost_domain::agency::AgencyId;

/// Why a network does not run, or does not end in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not where it should be.
    #[error(
        "{} is missing: build all programs first, with `cargo build --workspace --bins` for a program \
         and `cargo test --workspace` for the tests",
        path.display()
    )]
    NoProgram {
        /// Where it should be.
        path: PathBuf,
    },
    /// The system does not tell where this program is.
    #[error("the place of this program cannot be found")]
    Myself(#[source] io::Error),
    /// Cargo does not start.
    #[error("cargo cannot be started")]
    Cargo(#[source] io::Error),
    /// Cargo says what is wrong.
    #[error("cargo could not build the programs ({status}); its messages stand above")]
    Build {
        /// How it ended.
        status: ExitStatus,
    },
    /// Too many listeners.
    #[error("no {wanted} free ports on the loopback from {first} to {end}")]
    NoPorts {
        /// How many are needed.
        wanted: usize,
        /// The first that was tried.
        first: u16,
        /// The end of those that were tried.
        end: u16,
    },
    /// A folder or file of the network.
    #[error("{} cannot be used", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The network could not be made.
    #[error("the network could not be made")]
    Init(#[source] Box<sealpost_admin::network::Error>),
    /// A program does not start.
    #[error("{name} ({}) cannot be started", program.display())]
    Start {
        /// Which one.
        name: String,
        /// Its file.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A program ended by itself, or not in order.
    #[error("{name} ended ({status}); the end of {}:{tail}", log.display())]
    Ended {
        /// Which one.
        name: String,
        /// How.
        status: ExitStatus,
        /// What it said, all of it.
        log: PathBuf,
        /// The last lines of that.
        tail: String,
    },
    /// The system does not tell how a program is.
    #[error("the process of {name} is lost")]
    Lost {
        /// Which one.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A program did not end when asked.
    #[error("{name} did not end within {grace:?} and was killed")]
    TooSlow {
        /// Which one.
        name: String,
        /// How long was waited.
        grace: Duration,
    },
    /// A program did not become ready.
    #[error("{name} was not ready within {patience:?}")]
    NotReady {
        /// Which one.
        name: String,
        /// How long was waited.
        patience: Duration,
        /// What it said last.
        source: Box<gateway::Error>,
    },
    /// A node does not find its hub.
    #[error("the node of {agency} was not connected to the hub within {patience:?}; it says: {detail}")]
    NotConnected {
        /// Whose.
        agency: AgencyId,
        /// How long was waited.
        patience: Duration,
        /// What the node says about it.
        detail: String,
    },
    /// A node's gateway refuses.
    #[error("the gateway of {agency} cannot be used")]
    Gateway {
        /// Whose.
        agency: AgencyId,
        /// Why not.
        source: Box<gateway::Error>,
    },
    /// An agency that does not take part, or has no such person or system.
    #[error("the network has no {what} of {agency}")]
    NotThere {
        /// What is wanted.
        what: &'static str,
        /// Of which agency.
        agency: String,
    },
}
