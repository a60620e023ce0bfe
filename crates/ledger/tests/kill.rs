//! kill -9 under load, again and again, at random moments: whatever was acknowledged is there afterwards, once and in
//! order, nothing else is, and every checkpoint that was told still holds.
//!
//! The test starts itself as the process that writes. That one tells each acknowledgement and each checkpoint on its
//! stdout, and is killed after a random number of them. `KILL_CYCLES` and `KILL_SEED` take other values than 200 and
//! a new seed; `KILL_WRITE` and `KILL_CYCLE` make it the writer, with a folder and a name.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "two processes talk over it, and one tells what it did")]

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::dsse::{Signer, SigningKey};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::Record;
use sealpost_ledger::tree::{Files, Keeper};
use sealpost_ledger::{Draft, History, Ledger, Options};
use sealpost_merkle::Tree;
use sealpost_merkle::hash::leaf_hash;
use sealpost_seglog::disk::{Disk, Real};

const NOW: Instant = Instant::from_millis(1_768_464_000_000);
const WRITERS: u64 = 4;
/// Small, so that segments change while it runs.
const SEGMENT_BYTES_MAX: u64 = 1 << 20;

fn main() {
    if let Some(folder) = env::var_os("KILL_WRITE") {
        return write(Path::new(&folder), &env::var("KILL_CYCLE").unwrap());
    }
    // As a test of this name would: named by a filter, or none given.
    let mut filters = env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    let wanted = filters.peek().is_none() || filters.any(|filter| "kill_again_and_again".contains(&filter));
    if wanted && !env::args().any(|argument| argument == "--list") {
        kill_again_and_again();
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().map_or(otherwise, |value| value.parse().unwrap())
}

/// What lies in the ledger, as far as the test has seen it.
#[derive(Default)]
struct Seen {
    /// What each record says, by its index.
    names: Vec<String>,
    tree: Tree,
    /// The roots that were told, by size.
    roots: BTreeMap<u64, String>,
}

fn kill_again_and_again() {
    let cycles = number("KILL_CYCLES", 200);
    let seed = number("KILL_SEED", rand::random());
    println!("kill -9: {cycles} cycles, KILL_SEED={seed}");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (mut seen, mut torn, mut acknowledged, mut checkpoints) = (Seen::default(), 0, 0, 0);
    for cycle in 0..cycles {
        let told = run_and_kill(folder.path(), &format!("c{cycle}"), &mut rng);
        let disk: Arc<dyn Disk> = Arc::new(Real);
        let opened = History::open(&disk, &folder.path().join("ledger"), 0);
        let (history, recovery) = match opened {
            Ok(opened) => opened,
            // It was killed before there was anything.
            Err(_) if told.is_empty() && seen.names.is_empty() => continue,
            Err(error) => panic!("cycle {cycle}: {error}"),
        };
        torn += u64::from(recovery.torn.is_some());
        seen.check(&history, cycle % 20 == 19 || cycle + 1 == cycles);
        for line in &told {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["ack", first, name] => {
                    let first: usize = first.parse().unwrap();
                    assert_eq!(
                        seen.names.get(first).map(String::as_str),
                        Some(name),
                        "cycle {cycle}: {line}"
                    );
                    acknowledged += 1;
                }
                ["checkpoint", size, root] => {
                    let known = seen.roots.get(&size.parse().unwrap());
                    assert_eq!(known.map(String::as_str), Some(root), "cycle {cycle}: {line}");
                    checkpoints += 1;
                }
                _ => panic!("cycle {cycle}: {line}"),
            }
        }
    }
    let records = seen.names.len();
    assert!(acknowledged > cycles && checkpoints > 0, "there was no load");
    println!(
        "kill -9: {records} records, {acknowledged} acknowledged appends and {checkpoints} checkpoints were all \
         there; {torn} of {cycles} cycles tore a tail"
    );
}

/// What the process told before it was killed.
fn run_and_kill(folder: &Path, name: &str, rng: &mut ChaCha20Rng) -> Vec<String> {
    let mut child = Command::new(env::current_exe().unwrap())
        .env("KILL_WRITE", folder)
        .env("KILL_CYCLE", name)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told: Vec<String> = lines.by_ref().take(rng.random_range(0..40)).map(Result::unwrap).collect();
    kill(&mut child);
    // What was in the pipe was told as well.
    told.extend(lines.map_while(Result::ok).filter(|line| line.split(' ').count() == 3));
    told
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

impl Seen {
    /// Reads what is new, or everything once more. Indices are contiguous, and no record is there twice.
    fn check(&mut self, history: &History, everything: bool) {
        let mut before = self.names.len();
        if everything {
            *self = Self { names: Vec::new(), tree: Tree::new(), roots: std::mem::take(&mut self.roots) };
            before = 0;
        }
        for (index, entry) in (before as u64..).zip(history.scan(before as u64)) {
            let entry = entry.unwrap();
            assert_eq!(entry.index, index);
            let name = match &entry.leaf.record {
                Record::Security { rule, .. } => rule.clone(),
                other => format!("{other:?}"),
            };
            if let Record::Security { rule, .. } = &entry.leaf.record {
                assert!(entry.body == body(rule), "the body of {rule}");
                self.follows(rule);
            }
            self.names.push(name);
            drop(self.tree.append(leaf_hash(&entry.leaf_bytes)));
            let root = self.tree.root().to_string();
            let known = self.roots.entry(index + 1).or_insert_with(|| root.clone());
            assert_eq!(*known, root, "the root over {} records", index + 1);
        }
    }

    /// The appends of one writer in one cycle lie in their order, each once: `cycle.writer.sequence`.
    fn follows(&self, name: &str) {
        let (writer, sequence) = name.rsplit_once('.').unwrap();
        let before =
            self.names.iter().rev().take(4096).find_map(|name| name.strip_prefix(&format!("{writer}.")));
        let expected = before.map_or(0, |before| before.parse::<u64>().unwrap() + 1);
        assert_eq!(sequence.parse::<u64>().unwrap(), expected, "after {before:?} of {writer}");
    }
}

/// A body that only this record has.
fn body(name: &str) -> Bytes {
    let hash = leaf_hash(name.as_bytes());
    let [kind, low, ..] = *hash.as_bytes();
    // Mostly small; some so large that a write takes a while.
    let bytes = if kind == 0 { 1 << 20 } else { usize::from(low) * 16 };
    hash.as_bytes().iter().copied().cycle().take(bytes).collect()
}

/// The process that is killed.
fn write(folder: &Path, cycle: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let agency: AgencyId = "HK-CED".parse().unwrap();
    let files = Files::at(&folder.join("tree"));
    // What a checkpoint covers must be there.
    let known_durable = files.checkpoint().unwrap().map_or(0, |signed| signed.checkpoint.size());
    let options = Options { segment_bytes_max: SEGMENT_BYTES_MAX, known_durable, ..Options::default() };
    let mut random = UnwrapErr(SysRng);
    let place = folder.join("ledger");
    let (ledger, _) = Ledger::open(Arc::new(Real), &place, &agency, NOW, &mut random, options).unwrap();
    let signer: Arc<dyn Signer> = Arc::new(SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(3)));
    let network = NetworkName::parse("test.sealpost").unwrap();
    let mut keeper = Keeper::open(files, ledger.history().clone(), signer, &network, &agency).unwrap().0;
    std::thread::spawn(move || {
        let latest = keeper.watch();
        loop {
            if keeper.advance().unwrap() {
                let latest = latest.borrow();
                let checkpoint = &latest.as_ref().unwrap().checkpoint;
                println!("checkpoint {} {}", checkpoint.size(), checkpoint.root());
            }
            std::thread::yield_now();
        }
    });
    runtime.block_on(async {
        let writers = (0..WRITERS).map(|writer| append(ledger.clone(), format!("{cycle}.{writer}")));
        futures::future::join_all(writers).await;
    });
}

async fn append(ledger: Ledger, writer: String) {
    let mut sequence = 0_u64;
    loop {
        let names: Vec<String> =
            (0..=sequence % 3).map(|more| format!("{writer}.{}", sequence + more)).collect();
        let drafts = names.iter().map(|name| Draft {
            recorded_at: NOW,
            salt: [7; 32],
            record: Record::Security { rule: name.clone(), peer: None, header: None },
            body: body(name),
        });
        let appended = ledger.append(drafts.collect()).await.unwrap();
        for (index, name) in (appended.first..).zip(&names) {
            println!("ack {index} {name}");
        }
        sequence += names.len() as u64;
    }
}
