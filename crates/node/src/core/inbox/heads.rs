//! Where a sender says that its links end: what did not come is missed, what came otherwise is a contradiction, and
//! silence on a link that is being written is noticed.

use std::time::Duration;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{Activity, Heads, LinkHead, Signed};

use super::{Inbox, LinkKey};
use crate::core::past::exhibits;
use crate::core::{Alarm, Core, Env, Error, Round};

/// What is heard of a sender's heads.
#[derive(Clone, Copy)]
pub(super) struct Listening {
    heard_at: Instant,
    /// It said that more heads follow.
    active: bool,
    /// Its silence was told.
    told: bool,
}

impl Core {
    /// A sender says where its links end, and which receipt it holds. The caller has verified the signature, and that
    /// the heads are for this node.
    pub fn heads(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        statement: &Signed,
        heads: &Heads,
    ) -> Result<(), Error> {
        self.inbox.confirm_receipt(heads);
        self.inbox.listen(heads, env.now);
        self.sent_heads(env, round, statement, &heads.sender, &heads.links)
    }

    /// What a peer says that it sent to us.
    pub(in crate::core) fn sent_heads(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        statement: &Signed,
        sender: &AgencyId,
        links: &[LinkHead],
    ) -> Result<(), Error> {
        for LinkHead { priority, incarnation, head, .. } in links.iter().filter(|link| link.head.number > 0) {
            let key = LinkKey { sender: sender.clone(), priority: *priority, incarnation: *incarnation };
            match self.inbox.settled_by(env.past, &key, head.number)?.map(|by| by.digest) {
                Some(settled) if settled == head.digest => {}
                Some(settled) => {
                    let rule = Rule::LinkEquivocation;
                    let mut evidence = exhibits(statement);
                    evidence.extend(self.contradicted(env, round, &key, head.number, rule)?);
                    let detail = format!(
                        "its heads name another header at number {} than {settled}, which came",
                        head.number
                    );
                    let (peer, header) = (Some(sender.clone()), Some(head.digest));
                    self.alarm(env, round, Alarm { rule, peer, header, detail, exhibits: evidence });
                }
                None => self.inbox.expect(&key, head.number, env.now),
            }
        }
        Ok(())
    }

    /// Alarms of senders that fell silent in the middle of a burst.
    pub fn notice_silence(&mut self, env: &mut Env<'_>, round: &mut Round, heads_every: Duration) {
        for sender in self.inbox.newly_silent(env.now, heads_every * 3) {
            let detail =
                format!("{sender} said that more heads follow, and was silent for three times as long");
            let peer = Some(sender);
            let alarm = Alarm { rule: Rule::HeadsMissing, peer, header: None, detail, exhibits: Vec::new() };
            self.alarm(env, round, alarm);
        }
    }
}

impl Inbox {
    fn listen(&mut self, heads: &Heads, now: Instant) {
        let active = heads.links.iter().any(|link| link.activity == Activity::Active);
        self.listening.insert(heads.sender.clone(), Listening { heard_at: now, active, told: false });
    }

    /// There is no connection: silence says nothing.
    pub(in crate::core) fn stop_listening(&mut self) {
        self.listening.clear();
    }

    fn newly_silent(&mut self, now: Instant, after: Duration) -> Vec<AgencyId> {
        let silent = self.listening.iter_mut().filter(|(_, listening)| {
            listening.active && !listening.told && now.since(listening.heard_at) >= after
        });
        let tell = |(sender, listening): (&AgencyId, &mut Listening)| {
            listening.told = true;
            sender.clone()
        };
        silent.map(tell).collect()
    }
}
