//! What should not have happened: recorded with its evidence, each thing once, and so often a minute at most that
//! nobody can fill the disk with it.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::{Evidence, Record};
use sealpost_wire::ledger::evidence_to_bytes;

use super::{Core, Env, Round};

/// How many are recorded within one [`WINDOW`].
const RECORDED_MAX: u32 = 64;
const WINDOW: Duration = Duration::from_mins(1);
/// How many are remembered, so that a repeat is not recorded again.
const REMEMBERED_MAX: usize = 4096;

/// Something that should not have happened.
#[derive(Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The rule, by its name in docs/rules.md.
    pub rule: &'static str,
    /// Who is concerned.
    pub peer: Option<AgencyId>,
    /// The header concerned.
    pub header: Option<Digest>,
    /// What happened, for people.
    pub detail: String,
    /// The bytes themselves.
    pub exhibits: Vec<Bytes>,
}

/// Which alarms were recorded.
#[derive(Default)]
pub struct Security {
    known: HashSet<(String, Digest)>,
    window: Option<(Instant, u32)>,
}

impl Security {
    pub(super) fn apply(&mut self, rule: &str, header: Option<Digest>) {
        if let Some(header) = header {
            if self.known.len() >= REMEMBERED_MAX {
                self.known.clear();
            }
            self.known.insert((rule.to_owned(), header));
        }
    }

    fn admits(&mut self, alarm: &Alarm, now: Instant) -> bool {
        if alarm.header.is_some_and(|header| self.known.contains(&(alarm.rule.to_owned(), header))) {
            return false;
        }
        let (begun, recorded) = match self.window {
            Some((begun, recorded)) if now.since(begun) < WINDOW => (begun, recorded),
            _ => (now, 0),
        };
        self.window = Some((begun, recorded + 1));
        recorded < RECORDED_MAX
    }
}

impl Core {
    /// Records an alarm, unless it is a repeat or there were too many just now. Whether it was recorded.
    pub fn alarm(&mut self, env: &mut Env<'_>, round: &mut Round, alarm: Alarm) -> bool {
        if !self.security.admits(&alarm, env.now) {
            return false;
        }
        let Alarm { rule, peer, header, detail, exhibits } = alarm;
        let evidence = Evidence { detail, exhibits };
        let record = Record::Security { rule: rule.to_owned(), peer, header };
        round.record(env, record, evidence_to_bytes(&evidence));
        true
    }
}
