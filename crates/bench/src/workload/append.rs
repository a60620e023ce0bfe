//! `append`: 1 KiB records made durable, through the segmented log and through the ledger on it.
//!
//! The reference is the least that durability costs: the very bytes that the log wrote, in the very batches between its
//! syncs, written to one file and synced by one thread that does nothing else. It follows each run at once, on the same
//! disk. With many in flight rates are compared, with one the median latencies.

mod log;
mod raw;
mod tracked;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::ensure;
use sealpost_seglog::Pending;

use crate::report::{Row, Target};
use crate::samples::{Samples, micros, rate};
use crate::screen::Bar;
use crate::workload::{Asked, Checked, Context, Needs, Outcome, Workload};
use log::{Kind, Log};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "append",
    about: "1 KiB records, durable, beside raw write and fdatasync",
    needs: Needs::Nothing,
    asked: Asked::WithAll,
    run,
};

/// Leaf and body together.
const RECORD_BYTES: usize = 1024;
const MANY: usize = 256;

/// One run of a log, and of the reference after it.
struct Round {
    elapsed: Duration,
    latencies: Samples,
    raw_elapsed: Duration,
    raw_latencies: Samples,
    batches: usize,
    /// How long the log's disk took of `elapsed`.
    busy: Duration,
}

/// The rounds of one kind of log with so many in flight.
#[derive(Default)]
struct Series {
    value: Samples,
    reference: Samples,
    records_per_sync: Samples,
    /// Of each hundred seconds, those within write and fdatasync.
    busy_percent: Samples,
}

fn run(context: &Context) -> anyhow::Result<Outcome> {
    // Many short rounds: what else the machine does lasts longer than one, and falls on both sides alike.
    let (rounds, many, few) = context.either((61, 20_000, 200), (21, 8000, 60));
    let mut series = Kind::ALL.map(|kind| (kind, [Series::default(), Series::default()]));
    let mut checked = Checked::default();
    let bar = Bar::new(rounds * 4, "rounds");
    for _ in 0..rounds {
        for (kind, [crowded, lone]) in &mut series {
            let round = measure(context, *kind, MANY, many)?;
            crowded.value.push(rate(many, round.elapsed));
            crowded.reference.push(rate(many, round.raw_elapsed));
            crowded.records_per_sync.push(mean(many, round.batches));
            crowded.busy_percent.push(round.busy_percent());
            bar.advance();
            let round = measure(context, *kind, 1, few)?;
            lone.value.push(round.latencies.median());
            lone.reference.push(round.raw_latencies.median());
            lone.busy_percent.push(round.busy_percent());
            checked.records += many + few;
            bar.advance();
        }
    }
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for (kind, [crowded, lone]) in &series {
        let metric = format!("{kind}, {MANY} in flight");
        notes.push(format!(
            "{metric}: {:.0} records per sync; {:.0} % of the time within write and fdatasync, {:.0} % with one",
            crowded.records_per_sync.median(),
            crowded.busy_percent.median(),
            lone.busy_percent.median(),
        ));
        rows.push(Row::new(WORKLOAD.name, metric, "records/s", &crowded.value).against(
            "raw, same batches",
            &crowded.reference,
            Some(Target::AtLeast(0.9)),
        ));
        rows.push(Row::new(WORKLOAD.name, format!("{kind}, one in flight, p50"), "µs", &lone.value).against(
            "raw, p50",
            &lone.reference,
            Some(Target::AtMost(1.3)),
        ));
    }
    Ok(Outcome { checked, notes, rows })
}

impl Round {
    fn busy_percent(&self) -> f64 {
        100.0 * self.busy.as_secs_f64() / self.elapsed.as_secs_f64()
    }
}

#[allow(clippy::cast_precision_loss, reason = "no count of ours needs more than 52 bits")]
fn mean(records: u64, batches: usize) -> f64 {
    records as f64 / batches as f64
}

/// One round: the log, whether everything is in it, then the reference with the same bytes.
fn measure(context: &Context, kind: Kind, in_flight: usize, count: u64) -> anyhow::Result<Round> {
    let folder = context.place.folder()?;
    let dir = folder.path().join("log");
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let log = Log::open(kind, &dir)?;
    let records = log.records(count, RECORD_BYTES);
    let first = log.begin();
    let begun = Instant::now();
    let latencies = runtime.block_on(drive(&log, records, in_flight))?;
    let elapsed = begun.elapsed();
    let tracked::Noted { synced: batches, busy, .. } = log.batches();
    runtime.block_on(log.close())?;
    let found = log::check(&dir, first, RECORD_BYTES)?;
    ensure!(found == count, "{count} records were acknowledged, {found} are in the {kind}");
    let bytes = raw::bytes_from(&dir, first)?;
    let (raw_elapsed, raw_latencies) = raw::write(&folder.path().join("raw"), &bytes, &batches)?;
    Ok(Round { elapsed, latencies, raw_elapsed, raw_latencies, batches: batches.len(), busy })
}

/// Appends all, never more than so many at a time; the latencies in microseconds.
async fn drive(log: &Log, records: log::Records, in_flight: usize) -> anyhow::Result<Samples> {
    let mut waiting: VecDeque<(Instant, Pending)> = VecDeque::with_capacity(in_flight);
    let mut latencies = Samples::default();
    for record in records {
        if waiting.len() == in_flight
            && let Some((begun, oldest)) = waiting.pop_front()
        {
            oldest.await?;
            latencies.push(micros(begun.elapsed()));
        }
        waiting.push_back((Instant::now(), log.enqueue(record)?));
    }
    for (begun, oldest) in waiting {
        oldest.await?;
        latencies.push(micros(begun.elapsed()));
    }
    Ok(latencies)
}
