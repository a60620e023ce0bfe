//! What was seen from outside: all that the checker knows, and a digest of everything that happened.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealpost_crypto::digest::sha256;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::MessageId;
use sealpost_domain::view::DeliveryState;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

/// How many of the last events a failure prints.
const LAST: usize = 40;

/// Something that somebody outside of the programs did or was told.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A publisher was answered PUBLISHED.
    Published {
        by: AgencyId,
        /// What tells this message from all others.
        marker: String,
        id: MessageId,
        /// Whether its ledger had it then, whatever happened next.
        kept: bool,
    },
    /// A publisher was refused.
    Refused { by: AgencyId, marker: String, rules: Vec<String> },
    /// A subscriber was shown a message of a peer.
    Told {
        at: AgencyId,
        life: Incarnation,
        sender: AgencyId,
        id: MessageId,
        header: Digest,
        /// What the text says.
        marker: String,
    },
    /// A publisher asked where its message stands, and it is further than PUBLISHED.
    Tracked {
        by: AgencyId,
        id: MessageId,
        recipient: AgencyId,
        state: DeliveryState,
        rule: Option<String>,
        /// Whether it had been delivered there by then, as its ledger says, whatever happened next; always, where that ledger
        /// was lost.
        kept: bool,
    },
    /// The hub promised an entry of its journal that its disk did not have.
    PromisedWithout { index: u64 },
    /// A ledger was lost or set back.
    LedgerLost { of: AgencyId },
    /// The journal of the hub was lost or set back.
    JournalLost,
    /// A fault, or its end.
    Fault(String),
    /// A program ended by itself.
    Ended(String),
}

/// An event and its time.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Duration,
    pub(crate) event: Event,
}

/// All that was seen.
pub(crate) struct History {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    trace: Sha256,
    steps: u64,
    last: VecDeque<String>,
    /// Every step, for whoever compares two runs.
    file: Option<BufWriter<File>>,
}

impl History {
    /// Nothing yet. Every step is also written to the file that `SEALPOST_SIM_TRACE` names.
    pub(crate) fn new() -> Self {
        let path = std::env::var_os("SEALPOST_SIM_TRACE");
        let file = path.map(|path| BufWriter::new(File::create(path).unwrap()));
        Self { began: Instant::now(), state: Mutex::new(State { file, ..State::default() }) }
    }

    /// Notes an event.
    pub(crate) fn note(&self, event: Event) {
        let at = self.began.elapsed();
        let line = format!("{:>8} ms  {event:?}", at.as_millis());
        let mut state = self.state();
        state.step(line.as_bytes());
        state.write(&line);
        state.last(line);
        state.seen.push(Seen { at, event });
    }

    /// Notes a frame on its way.
    pub(crate) fn frame(&self, agency: &AgencyId, way: &str, path: &str, data: &[u8]) {
        let at = self.began.elapsed().as_millis();
        let method = path.rsplit('/').next().unwrap_or_default();
        let line = format!("{at:>8} ms  {agency} {way} {method}, {} bytes", data.len());
        let mut state = self.state();
        state.step(line.as_bytes());
        state.trace.update(data);
        if state.file.is_some() {
            state.write(&format!("{line}, {}", sha256(data)));
        }
        state.last(line);
    }

    /// Adds bytes to the digest: what lies on a disk in the end.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        let mut state = self.state();
        state.step(bytes);
        state.write(&sha256(bytes).to_string());
    }

    /// What was seen, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// The last events, for people.
    pub(crate) fn last(&self) -> String {
        self.state().last.iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "  {line}");
            text
        })
    }

    /// Whose ledgers were lost or set back.
    pub(crate) fn lost(&self) -> BTreeSet<AgencyId> {
        let lost = |seen: &Seen| match &seen.event {
            Event::LedgerLost { of } => Some(of.clone()),
            _ => None,
        };
        self.state().seen.iter().filter_map(lost).collect()
    }

    /// What went wrong, for people.
    pub(crate) fn faults(&self) -> String {
        let state = self.state();
        let mut text = String::new();
        for Seen { at, event } in &state.seen {
            if let Event::Fault(what) | Event::Ended(what) = event {
                let _ = writeln!(text, "  {:>8} ms  {what}", at.as_millis());
            }
        }
        text
    }

    /// How many steps there were, and the digest of all of them.
    pub(crate) fn digest(&self) -> (u64, Digest) {
        let state = self.state();
        let digest: [u8; 32] = state.trace.clone().finalize().into();
        (state.steps, sha256(&digest))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn step(&mut self, bytes: &[u8]) {
        self.steps += 1;
        self.trace.update(bytes);
    }

    fn write(&mut self, line: &str) {
        if let Some(file) = &mut self.file {
            writeln!(file, "{line}").unwrap();
        }
    }

    fn last(&mut self, line: String) {
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}
