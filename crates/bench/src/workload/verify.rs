//! `verify`: a whole ledger is verified, as `sealpost-node ledger verify` does.
//!
//! The reference is what no verifier can do without: SHA-256 over the same bytes and the same number of signatures
//! verified strictly, on all cores, with everything in memory.

mod limit;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use sealpost_ledger::History;
use sealpost_ledger::tree::Files;
use sealpost_ledger::verify::{ByDirectory, Report, verify};
use sealpost_seglog::disk::{Disk, Real};
use sealpost_testkit::Made;

use crate::report::{Row, Target};
use crate::samples::{Samples, rate};
use crate::screen::Bar;
use crate::workload::{Asked, Checked, Context, Needs, Outcome, Workload};
use limit::Limit;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "verify",
    about: "a whole ledger is verified, beside its digests and signatures alone",
    needs: Needs::Nothing,
    asked: Asked::WithAll,
    run,
};

fn run(context: &Context) -> anyhow::Result<Outcome> {
    let (rounds, records) = context.either((7, 200_000), (5, 20_000));
    let made = context.ledger(records)?;
    let limit = Limit::of(&made)?;
    let (mut value, mut reference) = (Samples::default(), Samples::default());
    let mut checked = Checked::default();
    let bar = Bar::new(rounds, "rounds");
    for _ in 0..rounds {
        let begun = Instant::now();
        limit.run()?;
        reference.push(rate(records, begun.elapsed()));
        let begun = Instant::now();
        let report = whole(&made)?;
        value.push(rate(records, begun.elapsed()));
        check(&made, &report)?;
        checked.records += report.counts.records;
        bar.advance();
    }
    let notes = vec![format!("{} signatures and {} bytes in each round", made.signed(), limit.bytes())];
    let row = Row::new(WORKLOAD.name, format!("ledger of {records} records"), "records/s", &value).against(
        "SHA-256 and signatures, all cores",
        &reference,
        Some(Target::AtLeast(0.8)),
    );
    Ok(Outcome { checked, notes, rows: vec![row] })
}

/// What the node does when it is asked to.
fn whole(made: &Made) -> anyhow::Result<Report> {
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let opened = History::open(&disk, &made.dir, 0);
    let (history, _) = opened.with_context(|| format!("cannot open {}", made.dir.display()))?;
    // A made ledger has no stored tree: its tiles are computed, and compared with none.
    let (mut directories, stored) =
        (ByDirectory::anchored(made.directory), Files::at(&made.dir.join("tree")));
    Ok(verify(&history, &mut directories, &[], &stored, &mut |_| {}))
}

fn check(made: &Made, report: &Report) -> anyhow::Result<()> {
    if let Some(fault) = &report.fault {
        bail!("a valid ledger was found wrong: {fault}: {}", fault.kind);
    }
    let (records, signed) = (report.counts.records, report.counts.signed);
    ensure!(records == made.plan.records, "of {} records {records} were verified", made.plan.records);
    ensure!(signed == made.signed(), "of {} signatures {signed} were verified", made.signed());
    Ok(())
}
