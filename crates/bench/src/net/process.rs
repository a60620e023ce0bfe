//! What the system knows of a process: memory, files, processor time. Linux alone, from `/proc`.

use std::time::Duration;

use anyhow::Context as _;

/// A process that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(u32);

/// Resident memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    /// The most that it ever was.
    pub(crate) peak: u64,
    /// What is the process's own: neither the program's file nor memory that it shares.
    pub(crate) own: u64,
}

impl Process {
    pub(crate) fn of(id: Option<u32>) -> anyhow::Result<Self> {
        id.map(Self).context("a program that should run does not")
    }

    pub(crate) fn memory(self) -> anyhow::Result<Memory> {
        let status = self.read("status")?;
        let kib = |name: &str| {
            field(&status, name).with_context(|| format!("no {name} in /proc/{}/status", self.0))
        };
        Ok(Memory { resident: kib("VmRSS:")? << 10, peak: kib("VmHWM:")? << 10, own: kib("RssAnon:")? << 10 })
    }

    /// Open files and sockets.
    pub(crate) fn descriptors(self) -> anyhow::Result<usize> {
        let path = format!("/proc/{}/fd", self.0);
        Ok(std::fs::read_dir(&path).with_context(|| format!("cannot list {path}"))?.count())
    }

    /// Processor time that it has used, of all its threads.
    pub(crate) fn busy(self) -> anyhow::Result<Duration> {
        let stat = self.read("stat")?;
        ticks(&stat)
            .map(|ticks| Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
            .with_context(|| format!("/proc/{}/stat cannot be read", self.0))
    }

    fn read(self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.0);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    }
}

/// `USER_HZ`: what programs are shown, whatever the kernel's own clock.
const TICKS_PER_SECOND: u64 = 100;

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// utime and stime, the 14th and 15th field; the second is a name in brackets that may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11).map(str::parse::<u64>);
    Some(fields.next()?.ok()? + fields.next()?.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_past_a_name_with_brackets() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(ticks(stat), Some(300));
    }

    #[test]
    fn this_process_has_memory_files_and_time() {
        let this = Process::of(Some(std::process::id())).unwrap();
        let memory = this.memory().unwrap();
        assert!(memory.own > 0 && memory.own <= memory.resident && memory.resident <= memory.peak);
        assert!(this.descriptors().unwrap() >= 3);
        this.busy().unwrap();
    }
}
