//! What runs in a process of its own: one that is killed, and one whose memory is measured.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use clap::ValueEnum as _;
use sealpost_domain::record::Record;
use sealpost_ledger::Draft;
use sealpost_testkit::network::NOW;

use crate::arguments::Child;
use crate::samples::Samples;
use crate::screen::tell;

/// How many appends wait at a time, as in a node that is busy.
const IN_FLIGHT: usize = 64;

/// How this program is called to be the child.
pub(super) fn arguments(child: Child, dir: &Path) -> Vec<OsString> {
    let name = child.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    vec!["--child".into(), name.into(), "--dir".into(), dir.into()]
}

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
    let before = resident("VmRSS")?;
    let (ledger, _) = super::open(dir)?;
    let [after, peak] = [resident("VmRSS")?, resident("VmHWM")?];
    tell(&format!("{} {}", after.saturating_sub(before), peak.saturating_sub(before)));
    super::close(&ledger)
}

/// How many KiB of memory opening the ledger takes, once it is open and at the most.
pub(super) fn memory(dir: &Path, rounds: u64) -> anyhow::Result<[Samples; 2]> {
    let mut samples = [Samples::default(), Samples::default()];
    for _ in 0..rounds {
        let mut command = Command::new(std::env::current_exe()?);
        let output = command.args(arguments(Child::Open, dir)).stderr(Stdio::inherit()).output()?;
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

/// A line of /proc/self/status, in KiB.
fn resident(name: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let figure = line.and_then(|line| line.split_whitespace().next());
    Ok(figure.with_context(|| format!("the kernel does not tell {name}"))?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_resident_memory_now_and_at_the_most() {
        let [now, most] = ["VmRSS", "VmHWM"].map(|name| resident(name).unwrap());
        assert!(0 < now && now <= most, "{now} of {most} KiB");
        assert!(resident("VmNone").is_err());
    }
}
