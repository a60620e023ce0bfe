//! A ledger whose node was killed while it wrote.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use sealpost_seglog::Recovery;
use tempfile::TempDir;

use super::{child, close, copy, open};
use crate::arguments::Child;
use crate::workload::Context;

/// How many records the child is let append before it is killed.
const APPENDED_MIN: u64 = 2000;

/// A copy of a ledger that was appended to by a process that was killed.
pub(super) struct Killed {
    pub(super) folder: TempDir,
    /// Records before the child began.
    before: u64,
    /// Below this every record was acknowledged before the kill.
    acknowledged: u64,
    /// Whole records that are there.
    whole: u64,
}

/// Has a child append to a copy of the ledger, kills it, and tears the record after the last.
pub(super) fn make(context: &Context, ledger: &Path) -> anyhow::Result<Killed> {
    let folder = context.place.folder()?;
    copy::of(ledger, folder.path())?;
    let (opened, recovery) = open(folder.path())?;
    close(&opened)?;
    let before = recovery.next;
    let acknowledged = append_and_kill(folder.path(), before + APPENDED_MIN)?;
    let whole = tear(folder.path())?;
    ensure!(whole >= acknowledged, "of {acknowledged} records that were acknowledged {whole} are left");
    Ok(Killed { folder, before, acknowledged, whole })
}

impl Killed {
    pub(super) fn appended(&self) -> u64 {
        self.whole - self.before
    }

    /// Whether a recovery found everything that it had to.
    pub(super) fn check(&self, recovery: &Recovery) -> anyhow::Result<()> {
        let Self { acknowledged, whole, .. } = self;
        let next = recovery.next;
        ensure!(next >= *acknowledged, "of {acknowledged} acknowledged records {next} were recovered");
        ensure!(next == *whole, "of {whole} whole records {next} were recovered");
        ensure!(recovery.torn.is_some(), "the torn record was not noticed");
        Ok(())
    }
}

/// Every record below the number that comes back was acknowledged when the child was killed.
fn append_and_kill(dir: &Path, until: u64) -> anyhow::Result<u64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(Child::Append.arguments(dir)).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start a child")?;
    let mut lines = BufReader::new(child.stdout.take().context("the child has no stdout")?).lines();
    let mut acknowledged = 0;
    let told = loop {
        match lines.next().map(|line| line.map(|line| line.parse::<u64>())) {
            Some(Ok(Ok(durable))) => acknowledged = durable,
            ended => break Err(ended),
        }
        if acknowledged >= until {
            break Ok(());
        }
    };
    child.kill().context("cannot kill the child")?;
    // What it said before it was killed holds, too.
    acknowledged =
        lines.map_while(Result::ok).filter_map(|line| line.parse().ok()).fold(acknowledged, u64::max);
    let status = child.wait()?;
    match told {
        Ok(()) => Ok(acknowledged),
        Err(ended) => bail!("the child ended early ({status}): {ended:?}"),
    }
}

/// Leaves half of one more record at the end, as a crash within a write does; how many whole ones there are.
fn tear(dir: &Path) -> anyhow::Result<u64> {
    let (ledger, recovery) = open(dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let appended = runtime.block_on(ledger.append(vec![child::draft(recovery.next)]))?;
    close(&ledger)?;
    let location = appended.locations.first().context("the record has no place")?;
    let file = crate::workload::segments(dir)?.pop().context("no segment")?;
    let file = OpenOptions::new().write(true).open(file)?;
    file.set_len(location.offset + u64::from(location.length) / 2)?;
    file.sync_all()?;
    Ok(recovery.next)
}
