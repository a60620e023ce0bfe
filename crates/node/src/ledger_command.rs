//! `sealpost-node ledger …`: looks at a ledger and tells the result; data on stdout, talk on stderr.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use sealpost_ledger::verify::Counts;
use sealpost_node::check::{Books, Error, Verified};
use sealpost_node::config::NodeConfig;
use sealpost_server::program::say;
use serde::Serialize;

use crate::PROGRAM;

/// What takes longer shows its progress.
const PATIENCE: Duration = Duration::from_secs(1);

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
        #[arg(long, conflicts_with = "output")]
        verifier_key: bool,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
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

pub(crate) fn run(config: &NodeConfig, command: LedgerCommand) -> ExitCode {
    let books = match Books::open(config) {
        Ok(books) => books,
        Err(error) => return refuse(error),
    };
    let done = match command {
        LedgerCommand::Verify { since, output } => return verify(&books, since.as_deref(), output),
        LedgerCommand::Checkpoint { since: None, verifier_key: true, .. } => print_key(&books),
        LedgerCommand::Checkpoint { since, output, .. } => checkpoint(&books, since.as_deref(), output),
        LedgerCommand::Prove { index, out, leaf } => return prove(&books, index, &out, leaf.as_deref()),
        LedgerCommand::Export { dir } => export(&books, &dir),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(error),
    }
}

fn refuse(error: Error) -> ExitCode {
    match error {
        Error::Directory(error) => PROGRAM.conclude(Err(error)),
        error => PROGRAM.fail(&error),
    }
}

fn verify(books: &Books, since: Option<&Path>, output: Output) -> ExitCode {
    let mut progress = Progress::of(books.records());
    let verified = match books.verify(since, |done| progress.tell(done)) {
        Ok(verified) => verified,
        Err(error) => return refuse(error),
    };
    progress.end();
    match output {
        Output::Text => say(&text(&verified)),
        Output::Json => say(&json(&verified)),
    }
    if verified.verified { ExitCode::SUCCESS } else { PROGRAM.disappoint() }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Since>,
}

#[derive(Serialize)]
struct Since {
    size: u64,
    /// The consistency proof of RFC 6962, each hash in base64.
    proof: Vec<String>,
}

fn checkpoint(books: &Books, since: Option<&Path>, output: Output) -> Result<(), Error> {
    let signed = books.checkpoint()?;
    let proved = since.map(|path| books.since(path)).transpose()?;
    let note = signed.note.to_string();
    match output {
        Output::Text => {
            // The note ends with its own newline.
            drop(write!(io::stdout(), "{note}"));
            if let (Some((size, _)), Some(path)) = (&proved, since) {
                tell(&format!("it continues {}, which covers {size} records", path.display()));
            }
        }
        Output::Json => say(&json(&Shown {
            checkpoint: note,
            size: signed.checkpoint.size(),
            root: signed.checkpoint.root().to_string(),
            verifier_key: books.verifier_key(&signed),
            since: proved
                .map(|(size, proof)| Since { size, proof: proof.iter().map(ToString::to_string).collect() }),
        })),
    }
    Ok(())
}

fn print_key(books: &Books) -> Result<(), Error> {
    let signed = books.checkpoint()?;
    let key = books.verifier_key(&signed).ok_or(Error::UnlistedKey)?;
    say(&key);
    Ok(())
}

fn prove(books: &Books, index: u64, out: &Path, leaf_file: Option<&Path>) -> ExitCode {
    let (leaf, proof) = match books.prove(index) {
        Ok(proved) => proved,
        Err(error) => return refuse(error),
    };
    let written = match leaf_file {
        Some(path) => write_new(path, &leaf),
        None => Ok(()),
    };
    let written = written.and_then(|()| {
        if out == Path::new("-") {
            drop(io::stdout().write_all(proof.as_bytes()));
            return Ok(());
        }
        write_new(out, proof.as_bytes())
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => PROGRAM.fail(&error),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write {}; an existing file is never overwritten", path.display())]
struct Unwritten {
    path: PathBuf,
    source: io::Error,
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Unwritten> {
    let written = std::fs::File::create_new(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|source| Unwritten { path: path.to_owned(), source })
}

fn export(books: &Books, dir: &Path) -> Result<(), Error> {
    let mut progress = Progress::of(books.records());
    let records = books.export(dir, |done| progress.tell(done))?;
    progress.end();
    tell(&format!("{records} records are in {}", dir.display()));
    Ok(())
}

/// A bar on stderr, where that is a terminal, once something takes long.
struct Progress {
    total: u64,
    begun: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    fn of(total: u64) -> Self {
        Self { total, begun: Instant::now(), bar: None }
    }

    fn tell(&mut self, done: u64) {
        if done.is_multiple_of(256) && self.begun.elapsed() > PATIENCE {
            self.bar.get_or_insert_with(|| bar(self.total)).set_position(done);
        }
    }

    fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} records, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn text(verified: &Verified) -> String {
    let Verified { verified: _, counts, fault } = verified;
    let Counts { records, sent, received, accepted, receipts, voids, directories, .. } = counts;
    let Counts { signed, chains, checkpoints, tiles, tiles_missing, .. } = counts;
    let counts = format!(
        "{records} records: {sent} sent, {received} received, {accepted} accepted batches, {receipts} receipts, \
         {voids} voids, {directories} directories\n{signed} signatures, {chains} chains, {checkpoints} checkpoints, \
         {tiles} full tiles"
    );
    let missing = match tiles_missing {
        0 => String::new(),
        missing => format!("\n{missing} full tiles are not stored; the node makes them anew when it starts"),
    };
    match fault {
        None => format!("{counts}{missing}\nthe ledger holds"),
        Some(fault) => format!("{counts}{missing}\nrecord {} is wrong: {}", fault.index, fault.reason),
    }
}

fn json(shown: &impl Serialize) -> String {
    serde_json::to_string_pretty(shown).unwrap_or_default()
}

/// Talk; with stderr closed there is nobody to tell.
fn tell(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}
