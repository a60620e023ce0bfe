//! The peer: NATS JetStream, one server or a cluster of three with as many replicas, with file storage on the same disk, without
//! TLS and signatures.
//!
//! A message has the bytes of one delivery, once: the peer need not store 16 wraps. Sixteen durable pull consumers take
//! it, each on a connection of its own, and acknowledge all before every 64th, as our receivers do. It is driven in six
//! ways: each message synced before it is acknowledged (`sync_interval: always`) or not, and each time one publish after
//! the other, many publishes at a time, and atomic batches. The faster of the last two is its batch mode.

mod drive;
mod program;

use tokio::runtime::Runtime;

use crate::report::{Row, Target};
use crate::samples::Samples;
use crate::workload::Context;
pub(crate) use program::{Found, find};

/// Whether the peer syncs before it acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    Always,
    /// Its default: every two minutes.
    Default,
}

/// How many servers the peer has, and replicas of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Servers {
    One,
    Three,
}

/// How is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The next when the last was acknowledged.
    Single,
    /// Many unacknowledged at a time.
    Window,
    /// In atomic batches (ADR-50).
    Atomic,
}

/// The peer, and what was measured of it.
pub(crate) struct Peer {
    found: Found,
    plan: Plan,
    /// Deliveries a second, for each sync mode single and batch ways.
    series: Vec<(Sync, Way, Samples)>,
}

/// What one run carries.
struct Plan {
    folder: tempfile::TempDir,
    messages: u64,
    message_bytes: u64,
    consumers: usize,
    servers: Servers,
}

impl Peer {
    pub(crate) fn find(
        context: &Context,
        messages: u64,
        message_bytes: u64,
        consumers: usize,
        servers: Servers,
    ) -> anyhow::Result<Self> {
        let syncs: &[Sync] = match servers {
            Servers::One => &[Sync::Always, Sync::Default],
            Servers::Three => &[Sync::Always],
        };
        let ways = [Way::Single, Way::Window, Way::Atomic];
        let series = syncs.iter().flat_map(|sync| ways.map(|way| (*sync, way, Samples::default()))).collect();
        let plan = Plan { folder: context.place.folder()?, messages, message_bytes, consumers, servers };
        Ok(Self { found: find(), plan, series })
    }

    /// One run in each way, if the peer is there.
    pub(crate) fn round(&mut self, runtime: &Runtime) -> anyhow::Result<()> {
        if let Found::Program(program) = &self.found {
            for (sync, way, samples) in &mut self.series {
                samples.push(runtime.block_on(drive::run(program, &self.plan, *sync, *way))?);
            }
        }
        Ok(())
    }

    /// Ours a second, of whatever it is, beside the peer's.
    pub(crate) fn rows(
        &self,
        workload: &'static str,
        (metric, unit): (&'static str, &'static str),
        value: &Samples,
    ) -> Vec<Row> {
        let compared = [
            ("JetStream, durable, one publish per message", Sync::Always, false, Target::AtLeast(5.0)),
            ("JetStream, durable, best batch mode", Sync::Always, true, Target::AtLeast(1.0)),
            ("JetStream, not synced, one publish per message", Sync::Default, false, Target::AtLeast(1.0)),
            ("JetStream, not synced, best batch mode", Sync::Default, true, Target::AtLeast(1.0)),
        ];
        let row = |(reference, sync, batch, target)| {
            let row = Row::new(workload, metric, unit, value);
            match &self.found {
                Found::Program(_) => row.against(reference, self.best(sync, batch), Some(target)),
                Found::Nothing(why) => row.beside_nothing(format!("{reference}: {why}"), target),
            }
        };
        let is_driven = |(_, sync, ..): &(_, Sync, _, _)| self.series.iter().any(|(of, ..)| of == sync);
        compared.into_iter().filter(is_driven).map(row).collect()
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let Found::Program(program) = &self.found else { return Vec::new() };
        let told = |(sync, way, samples): &(Sync, Way, Samples)| {
            let consumers = self.plan.consumers;
            format!(
                "JetStream, {sync:?}, {way:?}, {consumers} consumers: {:.0} deliveries/s",
                samples.median()
            )
        };
        let mut notes = vec![format!("the peer is {}", program.display())];
        notes.extend(self.series.iter().map(told));
        notes
    }

    /// Its series of one publish per message, or the faster of its batch modes.
    fn best(&self, sync: Sync, batch: bool) -> &Samples {
        let of_mode = self.series.iter().filter(|(of, way, _)| *of == sync && (*way != Way::Single) == batch);
        let best = of_mode.max_by(|(.., one), (.., other)| one.median().total_cmp(&other.median()));
        best.map(|(.., samples)| samples).expect("every mode has a series")
    }
}
