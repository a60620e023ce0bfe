//! The peer: NATS JetStream, one server with file storage on the same disk, without TLS and signatures.
//!
//! A message has the bytes of one delivery, once: the peer need not store 16 wraps. Sixteen durable pull consumers take
//! it, each on a connection of its own, and acknowledge all before every 64th, as our receivers do. It is driven in six
//! ways: each message synced before it is acknowledged (`sync_interval: always`) or not, and each time one publish after
//! the other, many publishes at a time, and atomic batches. The faster of the last two is its batch mode.

#[cfg_attr(not(feature = "peer"), path = "peer/absent.rs")]
mod drive;
mod program;

use tokio::runtime::Runtime;

use crate::report::{Row, Target};
use crate::samples::Samples;
use crate::workload::Context;
use program::Found;

/// Whether the peer syncs before it acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    Always,
    /// Its default: every two minutes.
    Default,
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
pub(super) struct Peer {
    found: Found,
    plan: Plan,
    /// Deliveries a second, for each sync mode single and batch ways.
    series: Vec<(Sync, Way, Samples)>,
}

/// What one run carries.
#[cfg_attr(not(feature = "peer"), expect(dead_code, reason = "nothing is driven without the client"))]
struct Plan {
    folder: tempfile::TempDir,
    messages: u64,
    message_bytes: u64,
    consumers: usize,
}

impl Peer {
    pub(super) fn find(
        context: &Context,
        messages: u64,
        message_bytes: u64,
        consumers: usize,
    ) -> anyhow::Result<Self> {
        let syncs = [Sync::Always, Sync::Default];
        let ways = [Way::Single, Way::Window, Way::Atomic];
        let series =
            syncs.into_iter().flat_map(|sync| ways.map(|way| (sync, way, Samples::default()))).collect();
        let plan = Plan { folder: context.place.folder()?, messages, message_bytes, consumers };
        Ok(Self { found: program::find(), plan, series })
    }

    /// One run in each way, if the peer is there.
    pub(super) fn round(&mut self, runtime: &Runtime) -> anyhow::Result<()> {
        if let Found::Program(program) = &self.found {
            for (sync, way, samples) in &mut self.series {
                samples.push(runtime.block_on(drive::run(program, &self.plan, *sync, *way))?);
            }
        }
        Ok(())
    }

    /// Our deliveries a second beside the peer's.
    pub(super) fn rows(&self, workload: &'static str, value: &Samples) -> Vec<Row> {
        let compared = [
            ("JetStream, durable, one publish per message", Sync::Always, false, Target::AtLeast(5.0)),
            ("JetStream, durable, best batch mode", Sync::Always, true, Target::AtLeast(1.0)),
            ("JetStream, not synced, one publish per message", Sync::Default, false, Target::AtLeast(1.0)),
            ("JetStream, not synced, best batch mode", Sync::Default, true, Target::AtLeast(1.0)),
        ];
        let row = |(reference, sync, batch, target)| {
            let row = Row::new(workload, "deliveries to 16 receivers", "deliveries/s", value);
            match &self.found {
                Found::Program(_) => row.against(reference, self.best(sync, batch), Some(target)),
                Found::Nothing(why) => row.beside_nothing(format!("{reference}: {why}"), target),
            }
        };
        compared.map(row).into()
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let Found::Program(program) = &self.found else { return Vec::new() };
        let told = |(sync, way, samples): &(Sync, Way, Samples)| {
            format!("JetStream, {sync:?}, {way:?}: {:.0} deliveries/s", samples.median())
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
