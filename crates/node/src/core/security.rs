//! What should not have happened: recorded with its evidence, each thing once, and for each peer so often and with so many
//! bytes a minute at most that nobody can fill the disk with it, nor crowd out what is recorded of others. What is not proven
//! against anybody has a share of its own. All of it together is bounded in bytes, however many peers there are.

use std::collections::{BTreeMap, HashSet};
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

/// How many are recorded of one peer within one [`WINDOW`].
const RECORDED_MAX: u32 = 64;
/// How many bytes of evidence against one peer are kept within one [`WINDOW`]; what exceeds them is named by its digest.
const EVIDENCE_BYTES_MAX: usize = 1 << 20;
/// How many bytes of evidence are kept within one [`WINDOW`], whomever it concerns.
const EVIDENCE_BYTES_IN_ALL_MAX: usize = 8 << 20;
const WINDOW: Duration = Duration::from_mins(1);
/// How many who were refused at a door are recorded within [`REFUSED_WINDOW`]: whoever can reach the door decides how many
/// there are.
const REFUSED_MAX: u32 = 32;
const REFUSED_WINDOW: Duration = Duration::from_hours(1);
/// How many peers are told apart.
const PEERS_MAX: usize = 256;
/// How many are remembered, so that a repeat is not recorded again.
const REMEMBERED_MAX: usize = 4096;

/// Something that should not have happened.
#[derive(Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The rule.
    pub rule: Rule,
    /// Against whom it is proven; a name that nobody signed for is none.
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
    /// Of each peer; what concerns none, or more peers than are told apart, shares one.
    windows: BTreeMap<Option<AgencyId>, Window>,
    /// Of those who were refused at a door.
    refused: Option<Window>,
    /// Of all evidence together: when its window begun, and how many bytes there are.
    in_all: Option<(Instant, usize)>,
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
        let window = self.window(alarm.peer.as_ref(), now);
        window.recorded = window.recorded.saturating_add(1);
        window.recorded <= RECORDED_MAX
    }

    /// Whether one more who was refused at a door is recorded.
    fn admits_refused(&mut self, subject: Digest, now: Instant) -> bool {
        if self.known.contains(&(Rule::PeerRefused.to_string(), subject)) {
            return false;
        }
        let running = self.refused.filter(|window| now.since(window.begun) < REFUSED_WINDOW);
        let mut window = running.unwrap_or(Window { begun: now, recorded: 0, bytes: 0 });
        window.recorded = window.recorded.saturating_add(1);
        self.refused = Some(window);
        window.recorded <= REFUSED_MAX
    }

    /// The running window of a peer.
    fn window(&mut self, peer: Option<&AgencyId>, now: Instant) -> &mut Window {
        self.windows.retain(|_, window| now.since(window.begun) < WINDOW);
        let peer = peer
            .cloned()
            .filter(|peer| self.windows.len() < PEERS_MAX || self.windows.contains_key(&Some(peer.clone())));
        self.windows.entry(peer).or_insert(Window { begun: now, recorded: 0, bytes: 0 })
    }

    /// What is kept of an alarm that was admitted: an exhibit for which there is no room is named by its digest.
    fn evidence(
        &mut self,
        peer: Option<&AgencyId>,
        now: Instant,
        detail: String,
        exhibits: Vec<Bytes>,
    ) -> Evidence {
        let running = self.in_all.filter(|(begun, _)| now.since(*begun) < WINDOW);
        let (begun, mut in_all) = running.unwrap_or((now, 0));
        let window = self.window(peer, now);
        let mut evidence = Evidence { detail, exhibits: Vec::new() };
        for exhibit in exhibits {
            let bytes = window.bytes.saturating_add(exhibit.len());
            let bytes_in_all = in_all.saturating_add(exhibit.len());
            if bytes <= EVIDENCE_BYTES_MAX && bytes_in_all <= EVIDENCE_BYTES_IN_ALL_MAX {
                (window.bytes, in_all) = (bytes, bytes_in_all);
                evidence.exhibits.push(exhibit);
            } else {
                let (length, digest) = (exhibit.len(), sha256(&exhibit));
                evidence.detail = format!(
                    "{}; not kept, there was too much: {length} bytes, SHA-256 {digest}",
                    evidence.detail
                );
            }
        }
        self.in_all = Some((begun, in_all));
        evidence
    }
}

impl Core {
    /// Somebody was refused at a door of this node, or is not the hub: recorded once for each `subject`.
    pub fn peer_refused(&mut self, env: &mut Env<'_>, round: &mut Round, subject: &str, detail: String) {
        let subject = sha256(subject.as_bytes());
        let (rule, header, exhibits) = (Rule::PeerRefused, Some(subject), Vec::new());
        if is_told_in(round, rule, header) || !self.security.admits_refused(subject, env.now) {
            return;
        }
        // They have a share of their own, which is counted above.
        self.must_alarm(env, round, Alarm { rule, peer: None, header, detail, exhibits });
    }

    /// Records an alarm, unless it is a repeat or there were too many just now. Whether it was recorded.
    pub fn alarm(&mut self, env: &mut Env<'_>, round: &mut Round, alarm: Alarm) -> bool {
        if is_told_in(round, alarm.rule, alarm.header) || !self.security.admits(&alarm, env.now) {
            return false;
        }
        self.must_alarm(env, round, alarm);
        true
    }

    /// Records an alarm, however many there were just now.
    pub(super) fn must_alarm(&mut self, env: &mut Env<'_>, round: &mut Round, alarm: Alarm) {
        let Alarm { rule, peer, header, detail, exhibits } = alarm;
        let evidence = self.security.evidence(peer.as_ref(), env.now, detail, exhibits);
        let of = peer.as_ref().map_or_else(String::new, |peer| format!(" of {peer}"));
        round.alarmed(format!("{rule}{of}: {}", evidence.detail));
        let record = Record::Security { rule: rule.to_string(), peer, header };
        round.record(env, record, evidence_to_bytes(&evidence));
    }
}

/// Whether a round records the same thing already, which is known only when it is durable.
fn is_told_in(round: &Round, rule: Rule, header: Option<Digest>) -> bool {
    let same = |record: &Record| match record {
        Record::Security { rule: told, header: of, .. } => rule == *told.as_str() && *of == header,
        _ => false,
    };
    header.is_some() && round.records().iter().any(|draft| same(&draft.record))
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
                let evidence = security.evidence(alarm.peer.as_ref(), at, alarm.detail, alarm.exhibits);
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
    fn a_peer_that_floods_does_not_crowd_out_what_is_recorded_of_another() {
        let mut security = Security::default();
        let of = |peer: &str, seed| Alarm { peer: Some(peer.parse().unwrap()), ..alarm(seed, 48 << 10) };
        assert_eq!(recorded(&mut security, (0..=255).map(|seed| of("DE-ZKA", seed)), NOW).0, 64);
        let (count, bytes) = recorded(&mut security, [Alarm { header: None, ..of("TH-TCD", 1) }], NOW);
        assert_eq!(count, 1);
        assert!(bytes > 48 << 10, "its exhibit is kept whole: {bytes} bytes");
    }

    #[test]
    fn the_evidence_against_all_peers_together_is_bounded() {
        let mut security = Security::default();
        let peer = |number: u8| format!("DE-Z{}", char::from(b'A' + number)).parse().unwrap();
        let flood = || {
            let of = move |number, seed| Alarm { peer: Some(peer(number)), ..alarm(seed, 48 << 10) };
            (0..20)
                .flat_map(move |number| (0..20).map(move |seed| Alarm { header: None, ..of(number, seed) }))
        };
        let (count, bytes) = recorded(&mut security, flood(), NOW);
        assert_eq!(count, 400, "all are recorded");
        assert!((7 << 20..=(8 << 20) + 400 * 256).contains(&bytes), "{bytes} bytes");
        let (_, bytes_later) = recorded(&mut security, flood(), NOW.plus(WINDOW));
        assert_eq!(bytes_later, bytes, "it begins anew after a while");
    }

    #[test]
    fn evidence_that_is_not_kept_is_named() {
        let mut security = Security::default();
        assert!(security.admits(&alarm(1, 0), NOW));
        let exhibits = vec![Bytes::from(vec![1; EVIDENCE_BYTES_MAX + 1]), Bytes::from_static(b"small")];
        let digest = sha256(&exhibits[0]);
        let evidence = security.evidence(None, NOW, "a detail".to_owned(), exhibits);
        assert_eq!(evidence.exhibits, ["small"]);
        let told = format!("a detail; not kept, there was too much: 1048577 bytes, SHA-256 {digest}");
        assert_eq!(evidence.detail, told);
    }
}
