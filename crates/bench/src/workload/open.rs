//! `open`: the ledger is opened, clean, and after its node was killed (SIGKILL) and the last record was torn.
//!
//! The reference is reading the last segment once, to one buffer. Both sides find it in the page cache, and in another
//! row neither does. What is opened is a copy: the ledgers that are kept stay as they are.

pub(crate) mod child;
mod copy;
mod killed;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use rustix::fs::{Advice, fadvise};
use sealpost_ledger::{Ledger, Options};
use sealpost_seglog::Recovery;
use sealpost_seglog::disk::Real;
use sealpost_testkit::network::{NOW, own};

use crate::report::{Row, Target};
use crate::samples::{Samples, millis};
use crate::screen::Bar;
use crate::workload::{Asked, Checked, Context, Needs, Outcome, Workload, segments};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "open",
    about: "a ledger is opened, clean and after a kill",
    needs: Needs::Nothing,
    asked: Asked::WithAll,
    run,
};

const TARGET: Target = Target::Below(1.5);
/// How much is read at once, by the reference.
const BLOCK_BYTES: usize = 256 << 10;

/// Whether the page cache holds the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cache {
    Warm,
    Cold,
}

/// The rounds of one state of a ledger.
#[derive(Default)]
struct Series {
    value: Samples,
    reference: Samples,
}

fn run(context: &Context) -> anyhow::Result<Outcome> {
    let (rounds, records) = context.either((9, 1_000_000), (7, 100_000));
    let made = context.ledger(records)?;
    let clean = context.place.folder()?;
    copy::of(&made.dir, clean.path())?;
    let killed = killed::make(context, &made.dir)?;
    let [mut warm, mut cold, mut torn] = [(); 3].map(|()| Series::default());
    let mut checked = Checked::default();
    let bar = Bar::new(rounds, "rounds");
    for _ in 0..rounds {
        for (cache, series) in [(Cache::Warm, &mut warm), (Cache::Cold, &mut cold)] {
            let recovery = series.round(clean.path(), cache)?;
            ensure!(recovery.next == records, "of {records} records {} were found", recovery.next);
            checked.records += records;
        }
        let copied = context.place.folder()?;
        copy::of(killed.folder.path(), copied.path())?;
        let recovery = torn.round(copied.path(), Cache::Warm)?;
        killed.check(&recovery)?;
        checked.records += recovery.next;
        bar.advance();
    }
    let [grown, peak] = child::memory(clean.path(), rounds)?;
    let last = segments(clean.path())?.pop().context("no segment")?.metadata()?.len();
    let notes = vec![
        format!("the last of the clean ledger's segments has {last} bytes"),
        format!("{} records were appended before the kill, then half of one", killed.appended()),
    ];
    let row = |metric: &str, series: &Series| {
        Row::new(WORKLOAD.name, metric, "ms", &series.value).against(
            "reading the last segment",
            &series.reference,
            Some(TARGET),
        )
    };
    let rows = vec![
        row(&format!("{records} records, clean"), &warm),
        row("the same, not in the page cache", &cold),
        row("killed, last record torn", &torn),
        Row::new(WORKLOAD.name, "resident memory, more once open", "KiB", &grown),
        Row::new(WORKLOAD.name, "resident memory, more at the most", "KiB", &peak),
    ];
    Ok(Outcome { checked, notes, rows })
}

impl Series {
    /// Reads the last segment, then opens the ledger.
    fn round(&mut self, dir: &Path, cache: Cache) -> anyhow::Result<Recovery> {
        let files = segments(dir)?;
        let last = files.last().context("no segment")?;
        let prepare = || match cache {
            Cache::Warm => read(last).map(drop),
            Cache::Cold => files.iter().try_for_each(|file| forget(file)),
        };
        prepare()?;
        self.reference.push(millis(read(last)?));
        prepare()?;
        let begun = Instant::now();
        let (ledger, recovery) = open(dir)?;
        self.value.push(millis(begun.elapsed()));
        close(&ledger)?;
        Ok(recovery)
    }
}

/// Opens the ledger as its node does.
fn open(dir: &Path) -> anyhow::Result<(Ledger, Recovery)> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let opened = Ledger::open(Arc::new(Real), dir, &own(), NOW, &mut rng, Options::default());
    opened.with_context(|| format!("cannot open the ledger in {}", dir.display()))
}

fn close(ledger: &Ledger) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    Ok(runtime.block_on(ledger.close())?)
}

/// How long it takes to read a file once.
fn read(file: &Path) -> anyhow::Result<Duration> {
    let mut block = vec![0; BLOCK_BYTES];
    let begun = Instant::now();
    let mut read = || {
        let mut file = File::open(file)?;
        while file.read(&mut block)? > 0 {}
        Ok::<_, std::io::Error>(begun.elapsed())
    };
    read().with_context(|| format!("cannot read {}", file.display()))
}

/// Drops a file from the page cache; what is not on the disk yet would stay.
fn forget(file: &Path) -> anyhow::Result<()> {
    let drop = || {
        let file = File::open(file)?;
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
        Ok::<_, std::io::Error>(())
    };
    drop().with_context(|| format!("cannot drop {} from the page cache", file.display()))
}
