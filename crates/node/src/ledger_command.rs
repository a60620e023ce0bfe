//! `sealpost-node ledger …`: looks at a ledger and tells the result; data on stdout, talk on stderr.

mod directories;
mod events;
mod orders;
mod progress;
mod repair;
mod verified;
mod witness;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use sealpost_domain::agency::AgencyId;
use sealpost_node::check::{Books, Error};
use sealpost_node::config::NodeConfig;
use sealpost_node::orders::Order;
use sealpost_node::run::begin_anew;
use sealpost_server::program::{self, Unsaid, say};
use serde::Serialize;

use crate::PROGRAM;
use progress::Progress;

#[derive(Subcommand)]
pub(crate) enum LedgerCommand {
    /// Check checksums, indices, bodies, signatures, link chains, the tree and its checkpoint, on all cores; name the
    /// first thing that is wrong.
    Verify {
        /// A checkpoint that was kept: the ledger must still hold what that one covers.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Print the latest checkpoint, to be kept elsewhere; with --since, prove from the stored tree alone that it
    /// continues an older one.
    Checkpoint {
        /// A checkpoint that was kept.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// Print the public key that signed it, as C2SP signed-note writes it, and nothing else.
        #[arg(long, conflicts_with_all = ["since", "output", "cosigned"])]
        verifier_key: bool,
        /// Print instead the largest checkpoint that a peer has cosigned, with the cosignatures on it. Reads every record.
        #[arg(long, conflicts_with = "since")]
        cosigned: bool,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Tell which checkpoints of peers' ledgers are kept here, and up to where peers have cosigned this ledger. Reads every
    /// record.
    Witness {
        /// Print the note that is kept of this agency's ledger, and nothing else: for that agency's auditor, who checks the
        /// ledger there against it (`ledger verify --since`).
        #[arg(long, value_name = "AGENCY", conflicts_with = "output")]
        note: Option<AgencyId>,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// List the versions of the directory that the ledger installed, with digest and end, or write the file of one, byte by
    /// byte as it was installed: to compare it with another agency's, or to begin the next version from it. Reads every
    /// record.
    Directory {
        /// This version alone; without it --out writes the latest.
        #[arg(long, value_name = "N")]
        version: Option<u64>,
        /// Where the file of the version goes; an existing file is never overwritten.
        #[arg(long, value_name = "FILE", conflicts_with = "output")]
        out: Option<PathBuf>,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// List what was recorded as a security matter, one line each: record, time, rule, against whom it is proven, and what
    /// happened. Reads every record.
    Events(events::Arguments),
    /// Write a C2SP tlog-proof that the latest checkpoint covers a record; with the record's leaf and the verifier
    /// key it can be checked anywhere, without this node.
    Prove {
        /// The record, counted from 0.
        index: u64,
        /// Where the proof goes; - is stdout.
        #[arg(long, value_name = "FILE", default_value = "-")]
        out: PathBuf,
        /// Where the exact bytes of the record's leaf go.
        #[arg(long, value_name = "FILE")]
        leaf: Option<PathBuf>,
    },
    /// Let the next start begin a new life of the ledger, in which no number of the present one is given out again.
    /// Needed where a ledger was set back in a way that the node cannot see, and where a peer that is away must not
    /// hold up what is sent to it. The ledger stays as it is.
    Anew,
    /// Take a damaged ledger apart, while its node does not run: list what of it is lost, so that the node starts on the
    /// rest. Changes nothing in a sound ledger, and never what lies in the records.
    Repair {
        /// A file with the exact bytes of a leaf that does not hold any more, as prove --leaf gives them, or an entry
        /// bundle of an export (tile/entries/…); taken where it has the hash in the tree. Can be repeated.
        #[arg(long, value_name = "FILE")]
        entry: Vec<PathBuf>,
        /// A record whose leaf is given up, since nobody has it any more. The next start tells it in the ledger, and
        /// begins a new life of it. Can be repeated.
        #[arg(long, value_name = "INDEX")]
        accept_loss: Vec<u64>,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Put a legal hold on the body of a message, while its node does not run: it outlives its retention. The hold and its
    /// reason become a record of the ledger.
    Hold(orders::Arguments),
    /// End a legal hold, while the node does not run. A body whose retention is over ends then.
    Release(orders::Arguments),
    /// Erase the body of one message before its time, while the node does not run: its key is destroyed, and the others of
    /// its bucket go on. Who sent it and when stays provable. The order and its reason become a record of the ledger.
    Erase(orders::Arguments),
    /// List the bodies on which a legal hold is, with who ordered it and why. Reads every record.
    Held {
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// List every order to hold, release or erase a body, with who gave it and why. Reads every record.
    Orders {
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Write checkpoint, tiles and leaves into a new folder, as C2SP tlog-tiles lays them out; never a body.
    Export {
        /// A folder that is not there yet, or empty.
        dir: PathBuf,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Why a command did not do what was asked for.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Books(#[from] Error),
    #[error(transparent)]
    Repair(#[from] sealpost_node::repair::Error),
    #[error(transparent)]
    Order(#[from] sealpost_node::orders::Error),
    #[error(transparent)]
    Unsaid(#[from] Unsaid),
    #[error("cannot read {}", path.display())]
    Unread { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Unwritten { path: PathBuf, source: io::Error },
    #[error("no checkpoint of {agency} is kept: none was heard of yet")]
    NothingKept { agency: AgencyId },
    #[error("{} exists; an existing file is never overwritten", path.display())]
    Exists { path: PathBuf },
}

impl program::Fault for Failure {
    fn is_configuration(&self) -> bool {
        match self {
            Self::Books(Error::Directory(error)) => error.is_configuration(),
            Self::Books(error) => error.is_of_an_argument(),
            Self::Repair(error) => error.is_of_an_argument(),
            Self::Order(error) => error.is_of_an_argument(),
            Self::Unread { .. } => true,
            Self::Unsaid(_) | Self::Unwritten { .. } | Self::Exists { .. } | Self::NothingKept { .. } => {
                false
            }
        }
    }
}

pub(crate) fn run(config: &NodeConfig, command: LedgerCommand) -> ExitCode {
    match obey(config, command) {
        Ok(code) => code,
        Err(failure) => PROGRAM.conclude(Err(failure)),
    }
}

fn obey(config: &NodeConfig, command: LedgerCommand) -> Result<ExitCode, Failure> {
    let books = || Books::open(config);
    match command {
        LedgerCommand::Verify { since, output } => return verify(&books()?, since.as_deref(), output),
        LedgerCommand::Checkpoint { verifier_key: true, .. } => print_key(&books()?)?,
        LedgerCommand::Checkpoint { cosigned: true, output, .. } => witness::cosigned(&books()?, output)?,
        LedgerCommand::Witness { note: Some(agency), .. } => witness::note(&books()?, &agency)?,
        LedgerCommand::Witness { note: None, output } => witness::tell_all(&books()?, output)?,
        LedgerCommand::Checkpoint { since, output, .. } => checkpoint(&books()?, since.as_deref(), output)?,
        LedgerCommand::Directory { version, out: Some(out), .. } => {
            directories::write(&books()?, version, &out)?;
        }
        LedgerCommand::Directory { version, out: None, output } => {
            directories::list(&books()?, version, output)?;
        }
        LedgerCommand::Events(arguments) => events::list(&books()?, arguments)?,
        LedgerCommand::Prove { index, out, leaf } => prove(&books()?, index, &out, leaf.as_deref())?,
        LedgerCommand::Repair { entry, accept_loss, output } => {
            return repair(config, &entry, &accept_loss, output);
        }
        LedgerCommand::Export { dir } => export(&books()?, &dir)?,
        LedgerCommand::Hold(arguments) => orders::obey(config, Order::Hold, &arguments)?,
        LedgerCommand::Release(arguments) => orders::obey(config, Order::Release, &arguments)?,
        LedgerCommand::Erase(arguments) => orders::obey(config, Order::Erase, &arguments)?,
        LedgerCommand::Held { output } => orders::held(config, output)?,
        LedgerCommand::Orders { output } => orders::all(config, output)?,
        LedgerCommand::Anew => {
            let asked = begin_anew(config).map_err(|(path, source)| Failure::Unwritten { path, source })?;
            say(&format!("the next start begins a new life of the ledger ({})", asked.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(books: &Books, since: Option<&Path>, output: Output) -> Result<ExitCode, Failure> {
    let mut progress = Progress::of(books.records());
    let verified = books.verify(since, |done| progress.tell(done))?;
    progress.end();
    say(&match output {
        Output::Text => verified::text(&verified, since),
        Output::Json => json(&verified),
    })?;
    Ok(if verified.verified { ExitCode::SUCCESS } else { PROGRAM.end_with_finding() })
}

fn repair(
    config: &NodeConfig,
    entries: &[PathBuf],
    accepted: &[u64],
    output: Output,
) -> Result<ExitCode, Failure> {
    let mut progress = Progress::of_unknown();
    let repaired = sealpost_node::repair::repair(config, entries, accepted, |done| progress.tell(done))?;
    progress.end();
    say(&match output {
        Output::Text => repair::text(&repaired),
        Output::Json => json(&repaired),
    })?;
    Ok(if repaired.decided { ExitCode::SUCCESS } else { PROGRAM.end_with_finding() })
}

/// What `checkpoint --output json` says.
#[derive(Serialize)]
struct Shown {
    /// The signed note.
    checkpoint: String,
    size: u64,
    root: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    verifier_key: Option<String>,
    /// The same key, as the directory names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Since>,
}

#[derive(Serialize)]
struct Since {
    size: u64,
    /// The consistency proof of RFC 6962, each hash in base64.
    proof: Vec<String>,
}

fn checkpoint(books: &Books, since: Option<&Path>, output: Output) -> Result<(), Failure> {
    let signed = books.checkpoint()?;
    let proved = since.map(|path| books.since(path)).transpose()?;
    let note = signed.note.to_string();
    match output {
        Output::Text => {
            say(note.trim_end_matches('\n'))?;
            if let (Some((size, _)), Some(path)) = (&proved, since) {
                tell(&format!("it continues {}, which covers {size} records", path.display()));
            }
        }
        Output::Json => say(&json(&Shown {
            checkpoint: note,
            size: signed.checkpoint.size(),
            root: signed.checkpoint.root().to_string(),
            verifier_key: books.verifier_key(&signed).map(|(key, _)| key.to_string()),
            key_id: books.verifier_key(&signed).map(|(_, id)| id.to_string()),
            since: proved
                .map(|(size, proof)| Since { size, proof: proof.iter().map(ToString::to_string).collect() }),
        }))?,
    }
    Ok(())
}

fn print_key(books: &Books) -> Result<(), Failure> {
    let (key, id) = books.verifier_key(&books.checkpoint()?).ok_or(Error::UnlistedKey)?;
    tell(&format!("in the directory this is key {id}"));
    Ok(say(&key.to_string())?)
}

fn prove(books: &Books, index: u64, out: &Path, leaf_file: Option<&Path>) -> Result<(), Failure> {
    let (leaf, proof) = books.prove(index)?;
    let to_file = out != Path::new("-");
    // Both or none: a command that is given again finds what the first one left.
    for path in [to_file.then_some(out), leaf_file].into_iter().flatten() {
        if path.exists() {
            return Err(Failure::Exists { path: path.to_owned() });
        }
    }
    if let Some(path) = leaf_file {
        write_new(path, &leaf)?;
    }
    if to_file {
        write_new(out, proof.as_bytes())?;
    } else {
        say(proof.trim_end_matches('\n'))?;
    }
    tell_unlisted(books)
}

/// What is signed by a key that others cannot look up is of no use to them.
fn tell_unlisted(books: &Books) -> Result<(), Failure> {
    if books.verifier_key(&books.checkpoint()?).is_none() {
        tell(&format!("note: {}", Error::UnlistedKey));
    }
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |source| Failure::Unwritten { path: path.to_owned(), source };
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    file.write_all(bytes).map_err(|source| {
        // Half of a proof is none; what cannot be removed either is told as not written all the same.
        drop(std::fs::remove_file(path));
        failed(source)
    })
}

fn export(books: &Books, dir: &Path) -> Result<(), Failure> {
    let mut progress = Progress::of(books.records());
    let records = books.export(dir, |done| progress.tell(done))?;
    progress.end();
    tell(&format!("{records} records are in {}", dir.display()));
    tell_unlisted(books)
}

fn json(shown: &impl Serialize) -> String {
    serde_json::to_string_pretty(shown).expect("numbers, texts and lists of them have a JSON form")
}

/// Talk; with stderr closed there is nobody to tell.
fn tell(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}
