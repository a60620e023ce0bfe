//! What runs in a process of its own: one that is killed, and one whose memory is measured.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use sealpost_domain::record::Record;
use sealpost_ledger::Draft;
use sealpost_testkit::network::NOW;

use crate::arguments::Child;
use crate::net::process::{Memory, Process};
use crate::samples::Samples;
use crate::screen::tell;

/// How many appends wait at a time, as in a node that is busy.
const IN_FLIGHT: usize = 64;

/// A record of about 600 bytes.
pub(super) fn draft(number: u64) -> Draft {
    let body = number.to_le_bytes().repeat(64).into();
    let record = Record::Security { rule: "bench.filler".to_owned(), peer: None, header: None };
    Draft { recorded_at: NOW, salt: [3; 32], record, body }
}

/// Appends to the ledger, and says below which index every record is durable, until it is killed.
pub(crate) fn append_until_killed(dir: &Path) -> anyhow::Result<()> {
    let (ledger, recovery) = super::open(dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let mut waiting = VecDeque::new();
        for number in recovery.next.. {
            waiting.push_back(ledger.enqueue_waiting(vec![draft(number)]).await?);
            if waiting.len() == IN_FLIGHT
                && let Some(oldest) = waiting.pop_front()
            {
                tell(&oldest.await?.next.to_string());
            }
        }
        Ok(())
    })
}

/// Opens the ledger, and says how many KiB more of memory it has then, and had at the most.
pub(crate) fn measure_open(dir: &Path) -> anyhow::Result<()> {
    let this = Process::of(Some(std::process::id()))?;
    let before = this.memory()?.resident;
    let (ledger, _) = super::open(dir)?;
    let Memory { resident, peak, .. } = this.memory()?;
    let [after, peak] = [resident, peak].map(|bytes| bytes.saturating_sub(before) >> 10);
    tell(&format!("{after} {peak}"));
    super::close(&ledger)
}

/// How many KiB of memory opening the ledger takes, once it is open and at the most.
pub(super) fn memory(dir: &Path, rounds: u64) -> anyhow::Result<[Samples; 2]> {
    let mut samples = [Samples::default(), Samples::default()];
    for _ in 0..rounds {
        let mut command = Command::new(std::env::current_exe()?);
        let output = command.args(Child::Open.arguments(dir)).stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "the child that opens the ledger failed: {}", output.status);
        let said = String::from_utf8_lossy(&output.stdout);
        let mut figures = said.split_whitespace();
        for series in &mut samples {
            let figure = figures.next().context("the child said too little")?;
            series.push(figure.parse().with_context(|| format!("the child said `{figure}`"))?);
        }
    }
    Ok(samples)
}
