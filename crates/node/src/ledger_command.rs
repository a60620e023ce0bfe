//! `sealpost-node ledger …`: looks at a ledger and tells the result; data on stdout, talk on stderr.

mod repair;
mod witness;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use sealpost_domain::agency::AgencyId;
use sealpost_ledger::verify::{Counts, Excused};
use sealpost_node::check::{Books, Error, Fault, Subject, Verified};
use sealpost_node::config::NodeConfig;
use sealpost_node::run::begin_anew;
use sealpost_server::program::{self, Unsaid, say};
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
    Unsaid(#[from] Unsaid),
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
        LedgerCommand::Prove { index, out, leaf } => prove(&books()?, index, &out, leaf.as_deref())?,
        LedgerCommand::Repair { entry, accept_loss, output } => {
            return repair(config, &entry, &accept_loss, output);
        }
        LedgerCommand::Export { dir } => export(&books()?, &dir)?,
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
        Output::Text => text(&verified, since),
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

/// A bar on stderr, where that is a terminal, once something takes long.
struct Progress {
    /// `None` where nobody knows.
    total: Option<u64>,
    begun: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    fn of(total: u64) -> Self {
        Self { total: Some(total), begun: Instant::now(), bar: None }
    }

    fn of_unknown() -> Self {
        Self { total: None, begun: Instant::now(), bar: None }
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

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, shape) = match total {
        Some(total) => (ProgressBar::new(total), "{bar:40} {pos}/{len} records, {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {pos} records"),
    };
    if let Ok(style) = ProgressStyle::with_template(shape) {
        bar.set_style(style);
    }
    bar
}

fn text(verified: &Verified, since: Option<&Path>) -> String {
    let Verified { verified: is_sound, counts, anchored, checkpoint_stored, fault, wrong_tile, .. } =
        verified;
    let Counts { records, sent, received, accepted, receipts, voids, directories, .. } = counts;
    let Counts { witnessed, cosigned, .. } = counts;
    let Counts { signed, chains, checkpoints, tiles, tiles_missing, tiles_wrong, .. } = counts;
    let mut lines = vec![
        format!(
            "{records} records: {sent} sent, {received} received, {accepted} accepted batches, {receipts} receipts, \
             {voids} voids, {directories} directories"
        ),
        format!("{signed} signatures, {chains} chains, {checkpoints} checkpoints, {tiles} full tiles"),
        format!("{witnessed} checkpoints of peers kept, {cosigned} of this ledger cosigned by peers"),
    ];
    if fault.is_none() && !verified.is_covered() {
        let unknown = "there is no checkpoint, neither stored nor given with --since: the tree was compared with nothing, and \
                       nothing shows whether records were changed or are missing";
        lines.push(unknown.to_owned());
    } else if fault.is_none() && !checkpoint_stored {
        let unseen = "there is no stored checkpoint: records that are missing at the end would not be seen";
        lines.push(unseen.to_owned());
    }
    if let (Some(path), None) = (since, fault) {
        lines.push(format!("it continues {}", path.display()));
    }
    if *tiles_missing > 0 {
        lines.push(format!(
            "{tiles_missing} full tiles are not stored: restart the node, which makes them anew"
        ));
    }
    lines.extend(losses(verified));
    if let Some(tile) = wrong_tile {
        // Where no checkpoint says which of both is wrong, the tiles may be all that tells of a change.
        let remedy = if verified.is_covered() {
            "delete the folder tree/tile and restart the node, which makes them anew"
        } else {
            "keep both as evidence"
        };
        lines.push(format!(
            "{tiles_wrong} stored tiles, the first {tile}, are not those of the records: {remedy}"
        ));
    }
    if !anchored && fault.is_none() {
        let unknown =
            "the provisioned directory is none of those in the ledger: its first one was believed as it is";
        lines.push(unknown.to_owned());
    }
    lines.push(match fault {
        None if *is_sound && verified.is_covered() => "the ledger holds".to_owned(),
        None if *is_sound => "the ledger is new: nothing contradicts itself".to_owned(),
        None if wrong_tile.is_some() && !verified.is_covered() => {
            "the records and the stored tree contradict each other".to_owned()
        }
        None if wrong_tile.is_some() => "the records hold, the stored tree does not".to_owned(),
        None if !anchored => "nothing contradicts itself, but nobody vouches for the keys".to_owned(),
        None => "nothing contradicts itself, but no checkpoint vouches for the records".to_owned(),
        Some(Fault { index, subject: Subject::Record, reason }) => {
            format!("record {index} is wrong: {reason}")
        }
        Some(Fault { subject: Subject::Checkpoint, reason, .. }) => {
            format!("a checkpoint does not hold: {reason}")
        }
    });
    lines.join("\n")
}

/// What was damaged and is listed, so that it is no fault.
fn losses(verified: &Verified) -> Vec<String> {
    let Counts { bodies_lost, bodies_restored, .. } = verified.counts;
    let named = |records: &[u64]| records.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    if bodies_lost > 0 {
        lines.push(format!("{bodies_lost} bodies were damaged and are listed; {bodies_restored} came again"));
    }
    if !verified.lost_bodies.is_empty() {
        lines.push(format!("without body, all else holds: records {}", named(&verified.lost_bodies)));
    }
    if !verified.lost_leaves.is_empty() {
        let records = named(&verified.lost_leaves);
        lines.push(format!("lost but for their hashes in the tree: records {records}"));
    }
    for Excused { index, peer, kept, size } in &verified.excused_checkpoints {
        lines.push(format!(
            "record {index}: nothing proves that the checkpoint of {peer} over {size} records continues the one over {kept}; \
             put down to a lost leaf"
        ));
    }
    lines
}

fn json(shown: &impl Serialize) -> String {
    serde_json::to_string_pretty(shown).expect("numbers, texts and lists of them have a JSON form")
}

/// Talk; with stderr closed there is nobody to tell.
fn tell(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}
