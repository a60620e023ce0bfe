//! What should not have happened: recorded with its evidence, each thing once, and so often and with so many bytes a
//! minute at most that nobody can fill the disk with it.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::{Evidence, Record};
use sealpost_domain::rule::Rule;
use sealpost_wire::ledger::evidence_to_bytes;

use super::{Core, Env, Round};

/// How many are recorded within one [`WINDOW`].
const RECORDED_MAX: u32 = 64;
/// How many bytes of evidence are kept within one [`WINDOW`]; what exceeds them is named by its digest.
const EVIDENCE_BYTES_MAX: usize = 1 << 20;
const WINDOW: Duration = Duration::from_mins(1);
/// How many are remembered, so that a repeat is not recorded again.
const REMEMBERED_MAX: usize = 4096;

/// Something that should not have happened.
#[derive(Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The rule.
    pub rule: Rule,
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
    window: Option<Window>,
}

/// What was recorded since a moment.
#[derive(Clone, Copy)]
struct Window {
    begun: Instant,
    recorded: u32,
    bytes: usize,
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
        if alarm.header.is_some_and(|header| self.known.contains(&(alarm.rule.to_string(), header))) {
            return false;
        }
        let fresh = Window { begun: now, recorded: 0, bytes: 0 };
        let running = self.window.filter(|window| now.since(window.begun) < WINDOW);
        let window = self.window.insert(running.unwrap_or(fresh));
        window.recorded = window.recorded.saturating_add(1);
        window.recorded <= RECORDED_MAX
    }

    /// What is kept of an alarm that was admitted: an exhibit for which there is no room is named by its digest.
    fn evidence(&mut self, detail: String, exhibits: Vec<Bytes>) -> Evidence {
        let mut evidence = Evidence { detail, exhibits: Vec::new() };
        for exhibit in exhibits {
            let bytes = self.window.map_or(0, |window| window.bytes).saturating_add(exhibit.len());
            if bytes <= EVIDENCE_BYTES_MAX {
                self.window.iter_mut().for_each(|window| window.bytes = bytes);
                evidence.exhibits.push(exhibit);
            } else {
                let (length, digest) = (exhibit.len(), sha256(&exhibit));
                evidence.detail = format!(
                    "{}; not kept, there was too much: {length} bytes, SHA-256 {digest}",
                    evidence.detail
                );
            }
        }
        evidence
    }
}

impl Core {
    /// Records an alarm, unless it is a repeat or there were too many just now. Whether it was recorded.
    pub fn alarm(&mut self, env: &mut Env<'_>, round: &mut Round, alarm: Alarm) -> bool {
        if !self.security.admits(&alarm, env.now) {
            return false;
        }
        let Alarm { rule, peer, header, detail, exhibits } = alarm;
        let evidence = self.security.evidence(detail, exhibits);
        let record = Record::Security { rule: rule.to_string(), peer, header };
        round.record(env, record, evidence_to_bytes(&evidence));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(1);

    fn alarm(seed: u8, bytes: usize) -> Alarm {
        Alarm {
            rule: Rule::ReceiptAhead,
            peer: None,
            header: Some(Digest::new([seed; 32])),
            detail: "a detail".to_owned(),
            exhibits: vec![Bytes::from(vec![seed; bytes])],
        }
    }

    /// How many of these are recorded at a moment, and with how many bytes of evidence.
    fn recorded(
        security: &mut Security,
        alarms: impl IntoIterator<Item = Alarm>,
        at: Instant,
    ) -> (usize, usize) {
        let (mut count, mut bytes) = (0, 0);
        for alarm in alarms {
            if security.admits(&alarm, at) {
                count += 1;
                let evidence = security.evidence(alarm.detail, alarm.exhibits);
                bytes += evidence.detail.len() + evidence.exhibits.iter().map(Bytes::len).sum::<usize>();
            }
        }
        (count, bytes)
    }

    #[test]
    fn alarms_are_bounded_in_number_and_in_bytes_and_begin_anew_after_a_while() {
        let mut security = Security::default();
        let flood = || (0..=255).map(|seed| alarm(seed, 48 << 10));
        let (count, bytes) = recorded(&mut security, flood(), NOW);
        assert_eq!(count, 64);
        assert!((900 << 10..=(1 << 20) + 64 * 256).contains(&bytes), "{bytes} bytes");
        let later = NOW.plus(WINDOW);
        let (count, bytes_later) = recorded(&mut security, flood(), later);
        assert_eq!((count, bytes_later), (64, bytes));
    }

    #[test]
    fn evidence_that_is_not_kept_is_named() {
        let mut security = Security::default();
        assert!(security.admits(&alarm(1, 0), NOW));
        let exhibits = vec![Bytes::from(vec![1; EVIDENCE_BYTES_MAX + 1]), Bytes::from_static(b"small")];
        let digest = sha256(&exhibits[0]);
        let evidence = security.evidence("a detail".to_owned(), exhibits);
        assert_eq!(evidence.exhibits, ["small"]);
        let told = format!("a detail; not kept, there was too much: 1048577 bytes, SHA-256 {digest}");
        assert_eq!(evidence.detail, told);
    }
}
