//! What time and connections alone bring about.

use sealpost_domain::link::Incarnation;
use sealpost_domain::message::Priority;
use sealpost_domain::rule::Rule;

use super::{Alarm, Core, Env, Error, Round};
use sealpost_domain::instant::Instant;

impl Core {
    /// Does what is due by now; how many messages go out again.
    pub fn calendar(&mut self, env: &mut Env<'_>, round: &mut Round) -> Result<usize, Error> {
        self.tell_heads(env, round)?;
        self.resume(env, round)?;
        self.ask_for_missing(env, round)?;
        self.refill(env, round)?;
        self.notice_silence(env, round, self.outbox.heads_every());
        self.notice_delays(env, round);
        self.notice_frozen(env, round);
        self.demand_proofs(env, round)?;
        Ok(self.outbox.send_due_again(env.now))
    }

    /// A connection to the hub begins: everyone is told anew, and asked, how things stand.
    pub fn connected(&mut self, now: Instant) {
        self.outbox.tell_everyone(now);
        self.inbox.repeat_unconfirmed();
        self.inbox.look_for_gaps(now);
        self.meet(now);
    }

    /// The connection ended: nobody can be expected to say anything.
    pub fn disconnected(&mut self) {
        self.inbox.stop_listening();
        self.outbox.expect_no_receipts();
    }

    /// The hub does not know a place in its own journal: it was restored from an older copy. What it had promised
    /// goes out again, and peers are asked for what they had sent.
    pub fn hub_reset(&mut self, env: &mut Env<'_>, round: &mut Round, hub: Incarnation) {
        let of_this_life =
            |priority: &Priority| self.inbox.cursor(*priority).filter(|cursor| cursor.hub_incarnation == hub);
        let Some(cursor) = Priority::ALL.iter().find_map(of_this_life) else { return };
        self.outbox.hub_forgot(env.now);
        self.meet_everyone();
        let alarm = Alarm {
            rule: Rule::HubRolledBack,
            peer: None,
            header: Some(cursor.entry_digest),
            detail: format!(
                "the hub delivered this header at place {} of its journal {hub}, and knows it no more",
                cursor.index
            ),
            exhibits: Vec::new(),
        };
        self.alarm(env, round, alarm);
    }
}
