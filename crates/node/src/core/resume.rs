//! What nodes say to each other when they meet again: where each believes their links to be.
//!
//! A greeting asks for an answer that names it, so that nobody can pass off an old answer as a fresh one. A fresh answer
//! opens the links to its peer, sends again what the peer lost, and misses what the peer sent. A node whose ledger is
//! an older copy of itself is shown a later header of its own by whoever has one: it then stops, and goes on as a new
//! life of its ledger, so that it never gives out a position twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sealpost_crypto::digest::{link_commitment, sha256};
use sealpost_crypto::dsse::PayloadType;
use sealpost_crypto::signed_by::signed_by;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{ControlType, Greeting, Resume, ReturnedHeader, Signed};
use sealpost_wire::envelope::header_from_bytes;

use super::past::exhibits;
use super::{Alarm, Core, Env, Error, Round, sign};

/// How long after a greeting without answer the next one follows; doubled with every time.
const GREET_AGAIN: Duration = Duration::from_mins(1);
/// The longest such distance: who comes back greets by himself.
const GREET_AGAIN_MAX: Duration = Duration::from_hours(1);
/// The shortest time between two answers to one peer.
const ANSWER_PAUSE: Duration = Duration::from_millis(200);
/// How long after a connection nobody is answered though mail keeps coming: what the hub held is here by then.
const SETTLING_MAX: Duration = Duration::from_mins(1);

/// Whom the node greeted, and who has answered since it began.
#[derive(Default)]
pub(super) struct Meetings {
    greeted: BTreeMap<AgencyId, Greeted>,
    /// To be greeted with the next round.
    due: BTreeSet<AgencyId>,
    /// Greetings of peers that are to be answered, the latest of each.
    to_answer: BTreeMap<AgencyId, Resume>,
    answered_at: BTreeMap<AgencyId, Instant>,
    /// When the connection began.
    connected_at: Option<Instant>,
    /// A peer showed that this ledger is an older copy of itself.
    rolled_back: bool,
}

impl Meetings {
    pub(super) fn apply_security(&mut self, rule: &str) {
        self.rolled_back |= Rule::LedgerRolledBack == *rule;
    }

    /// A new life of the ledger begins.
    pub(super) fn begin_life(&mut self) {
        self.rolled_back = false;
    }
}

/// A greeting that was not answered yet.
#[derive(Clone, Copy)]
struct Greeted {
    greeting: Greeting,
    at: Instant,
    /// How often in a row without an answer.
    times: u32,
}

impl Greeted {
    fn is_due_again(&self, now: Instant) -> bool {
        let pause = GREET_AGAIN * 2_u32.pow(self.times.min(16));
        now.since(self.at) >= pause.min(GREET_AGAIN_MAX)
    }
}

impl Core {
    /// A connection begins: everyone in the directory is greeted.
    pub(super) fn meet(&mut self, now: Instant) {
        self.meetings.connected_at = Some(now);
        self.meet_everyone();
    }

    /// Whether what the hub held when the connection began is here. Who answers before would say that he has less than
    /// he is about to get.
    fn is_settled(&self, now: Instant) -> bool {
        self.meetings
            .connected_at
            .is_some_and(|since| self.inbox.is_idle_since(since, now) || now.since(since) >= SETTLING_MAX)
    }

    /// Everyone in the directory is greeted.
    pub fn meet_everyone(&mut self) {
        let Some(directory) = self.directory().cloned() else { return };
        let others = directory.agencies.keys().filter(|agency| **agency != self.me);
        self.meetings.due = others.cloned().collect();
        self.meetings.greeted.clear();
    }

    /// Whether everyone who was greeted has answered.
    pub fn has_met_all(&self) -> bool {
        self.meetings.due.is_empty() && self.meetings.greeted.is_empty()
    }

    /// Whether a peer showed that this ledger is an older copy of itself: nothing more may be given out in this life.
    pub fn is_rolled_back(&self) -> bool {
        self.meetings.rolled_back
    }

    /// Greets and answers whom that is due.
    pub fn resume(&mut self, env: &mut Env<'_>, round: &mut Round) -> Result<(), Error> {
        let now = env.now;
        let waiting = |(_, greeted): &(&AgencyId, &Greeted)| greeted.is_due_again(now);
        let again: Vec<AgencyId> =
            self.meetings.greeted.iter().filter(waiting).map(|(agency, _)| agency.clone()).collect();
        let mut due = std::mem::take(&mut self.meetings.due);
        due.extend(again);
        let answered_at = &self.meetings.answered_at;
        let is_settled = self.is_settled(now);
        let paced = |peer: &AgencyId| {
            is_settled && answered_at.get(peer).is_none_or(|at| now.since(*at) >= ANSWER_PAUSE)
        };
        let (answers, later): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.meetings.to_answer).into_iter().partition(|(peer, _)| paced(peer));
        self.meetings.to_answer = later;
        for peer in due {
            let mut greeting = [0; 8];
            env.rng.fill_bytes(&mut greeting);
            let times = self.meetings.greeted.get(&peer).map_or(0, |before| before.times.saturating_add(1));
            let greeted = Greeted { greeting: Greeting(greeting), at: now, times };
            self.meetings.greeted.insert(peer.clone(), greeted);
            if !answers.contains_key(&peer) {
                self.say_resume(env, round, &peer, None)?;
            }
        }
        for (peer, asked) in answers {
            self.meetings.answered_at.insert(peer.clone(), now);
            self.say_resume(env, round, &peer, Some(&asked))?;
        }
        Ok(())
    }

    fn say_resume(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        peer: &AgencyId,
        asked: Option<&Resume>,
    ) -> Result<(), Error> {
        let made_at = self.date(env.now);
        let resume = Resume {
            from: self.me.clone(),
            to: peer.clone(),
            incarnation: self.incarnation,
            sent: self.outbox.heads_to(peer),
            received: self.inbox.heads_from(peer),
            made_at,
            greeting: self.meetings.greeted.get(peer).map(|greeted| greeted.greeting),
            answers: asked.and_then(|asked| asked.greeting),
            returned: asked.map_or(Ok(Vec::new()), |asked| self.inbox.returned(env.past, asked))?,
        };
        let signed = sign(env, &resume)?;
        round.send(peer.clone(), ControlType::Resume, signed);
        Ok(())
    }

    /// A peer says where it believes our links to be. The caller has verified the signature, and that it is for us.
    pub fn resumed(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        statement: &Signed,
        resume: &Resume,
    ) -> Result<(), Error> {
        let peer = &resume.from;
        self.outbox.met(peer, env.now);
        if resume.greeting.is_some() {
            self.meetings.to_answer.insert(peer.clone(), resume.clone());
            // Something happened to it since it was heard last.
            if resume.answers.is_none() && !self.meetings.greeted.contains_key(peer) {
                self.meetings.due.insert(peer.clone());
            }
        }
        let asked = self.meetings.greeted.get(peer).map(|greeted| greeted.greeting);
        if asked.is_none() || resume.answers != asked {
            return Ok(());
        }
        self.meetings.greeted.remove(peer);
        self.outbox.peer_lives_as(peer, resume.incarnation);
        self.sent_heads(env, round, statement, peer, &resume.sent)?;
        for shown in &resume.returned {
            if !self.is_unknown(env, peer, shown)? {
                continue;
            }
            let mut evidence = vec![shown.header.clone()];
            evidence.extend(shown.signatures.iter().map(|signature| signature.bytes.clone()));
            evidence.extend(exhibits(statement));
            let number = shown.commitment.position.number;
            let detail = format!(
                "{peer} shows number {number} of ours, which is not in this ledger: it is an older copy"
            );
            let alarm = Alarm {
                rule: Rule::LedgerRolledBack,
                peer: Some(peer.clone()),
                header: Some(sha256(&shown.header)),
                detail,
                exhibits: evidence,
            };
            self.rolled_back(env, round, alarm);
            return Ok(());
        }
        if self.compare(env, round, statement, resume) {
            self.outbox.open_to(peer);
        }
        self.inbox.agree(env.past, peer, resume.incarnation, &resume.sent)
    }

    /// This ledger is an older copy of itself: recorded whatever else was recorded just now, since its life ends here.
    pub(super) fn rolled_back(&mut self, env: &mut Env<'_>, round: &mut Round, alarm: Alarm) {
        if !self.meetings.rolled_back {
            self.must_alarm(env, round, alarm);
        }
    }

    /// What a peer has of ours, beside what we know that it had. Whether nothing of it is at odds with this ledger:
    /// otherwise it may know more of this life than we do.
    fn compare(&mut self, env: &mut Env<'_>, round: &mut Round, statement: &Signed, resume: &Resume) -> bool {
        let peer = &resume.from;
        let differences = self.outbox.compare(resume);
        let mut lost = Vec::new();
        let agrees = differences.iter().all(|difference| {
            matches!(difference, Difference::Lost { .. } | Difference::OtherChain { is_past: true, .. })
        });
        for difference in differences {
            let (rule, detail) = match difference {
                Difference::Lost { link, has, had } => {
                    lost.push(format!("{link}: {had} were receipted, {has} are there"));
                    continue;
                }
                Difference::Ahead { link, has, sent } => (
                    Rule::ResumeAhead,
                    format!(
                        "it claims {has} messages of the {link} link, {sent} were sent, and it shows none of them"
                    ),
                ),
                Difference::OtherChain { link, number, .. } => (
                    Rule::ResumeOtherChain,
                    format!("it has another header at number {number} of the {link} link"),
                ),
            };
            let exhibits = exhibits(statement);
            let header = Some(sha256(&statement.payload));
            self.alarm(env, round, Alarm { rule, peer: Some(peer.clone()), header, detail, exhibits });
        }
        if !lost.is_empty() {
            let detail = format!("it lost records, which are sent again ({})", lost.join("; "));
            let header = Some(lost_mark(peer, resume.incarnation));
            let (rule, peer, exhibits) = (Rule::PeerLostRecords, Some(peer.clone()), exhibits(statement));
            self.alarm(env, round, Alarm { rule, peer, header, detail, exhibits });
        }
        agrees
    }

    /// Whether a header that a peer shows is ours, of this life, for that peer, and not in this ledger.
    fn is_unknown(&self, env: &Env<'_>, peer: &AgencyId, returned: &ReturnedHeader) -> Result<bool, Error> {
        let ReturnedHeader { header: bytes, signatures, commitment } = returned;
        let Some(directory) = self.directory() else { return Ok(false) };
        let listed = |id| {
            let (agency, record) = directory.evidence_key(id)?;
            (*agency == self.me).then_some((record.key.bytes.as_slice(), ()))
        };
        let Ok(header) = header_from_bytes(bytes) else { return Ok(false) };
        let (incarnation, number) = (commitment.position.incarnation, commitment.position.number);
        let names = |recipient: &sealpost_domain::envelope::Recipient| {
            recipient.link_commitment
                == link_commitment(&commitment.salt, &incarnation.0, number, &commitment.previous)
        };
        Ok(header.sender == self.me
            && incarnation == self.incarnation
            && header.recipients.get(peer).is_some_and(names)
            && self.outbox.gave_out_another(
                env.past,
                peer,
                header.priority,
                commitment.position,
                sha256(bytes),
            )?
            && signed_by(PayloadType::Header, bytes, signatures, listed).is_ok())
    }
}

/// How what a peer has of a link differs from what we know.
pub(super) enum Difference {
    /// It has less than it receipted.
    Lost { link: String, has: u64, had: u64 },
    /// It claims more than was sent in this life.
    Ahead { link: String, has: u64, sent: u64 },
    /// It has another header.
    OtherChain {
        link: String,
        number: u64,
        /// Of an earlier life: no number of it is given out any more.
        is_past: bool,
    },
}

/// One loss of a peer is told once.
fn lost_mark(peer: &AgencyId, life: Incarnation) -> Digest {
    sha256(&[peer.as_str().as_bytes(), &life.0].concat())
}
