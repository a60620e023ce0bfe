//! Numbers that their sender filled without a message, and messages that were read.

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::KeyId;
use sealpost_domain::link::{Arrival, Position, Settled};
use sealpost_domain::message::{MessageId, Priority};
use sealpost_domain::record::Record;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{Signed, Void};

use super::{Inbox, LinkKey, Tentative};
use crate::core::past::exhibits;
use crate::core::{Alarm, Core, Env, Error, Round};

/// A received message that somebody read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadMessage {
    /// Which one.
    pub message: MessageId,
    /// Whose.
    pub sender: AgencyId,
    /// Its lane.
    pub priority: Priority,
    /// Its place on the link.
    pub position: Position,
}

impl Core {
    /// Records that the sender filled a number without a message, unless the number is settled. The caller has
    /// verified the signature, and that the void is for this node.
    pub fn voided(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        statement: &Signed,
        void: &Void,
    ) -> Result<(), Error> {
        let key =
            LinkKey { sender: void.sender.clone(), priority: void.priority, incarnation: void.incarnation };
        let rule = match self.inbox.judge(env.past, &key, void.number, (void.header, void.previous))? {
            Arrival::Next | Arrival::AfterGap if !self.inbox.admits(&key) => Rule::LinkTooMany,
            Arrival::Next | Arrival::AfterGap => {
                let place = round.record(env, Record::Voided(statement.clone()), Bytes::new());
                self.inbox.expect_before(&key, void.number, env.now);
                let (digest, previous) = (void.header, void.previous);
                self.inbox.hold(key, void.number, Tentative { digest, previous, place });
                return Ok(());
            }
            // What was delivered stays delivered: the receipt tells the sender.
            Arrival::Duplicate => {
                self.inbox.repeat_receipt(&void.sender);
                return Ok(());
            }
            Arrival::TooFarAhead { .. } => {
                self.inbox.expect(&key, void.number, env.now);
                return Ok(());
            }
            Arrival::Equivocation { .. } => Rule::LinkEquivocation,
            Arrival::BrokenChain { .. } => Rule::LinkBrokenChain,
        };
        let mut evidence = exhibits(statement);
        evidence.extend(self.contradicted(env, round, &key, void.number, rule)?);
        let alarm = Alarm {
            rule,
            peer: Some(void.sender.clone()),
            header: Some(void.header),
            detail: format!("the void of number {} is not taken", void.number),
            exhibits: evidence,
        };
        self.alarm(env, round, alarm);
        Ok(())
    }

    /// Records that a message was read, unless that is known. Whether it was unread.
    pub fn read(&mut self, env: &mut Env<'_>, round: &mut Round, read: ReadMessage, reader: KeyId) -> bool {
        let ReadMessage { message, sender, priority, position } = read;
        if self.inbox.is_read(&sender, priority, position) {
            return false;
        }
        let record = Record::Read { message, sender, priority, position, key: reader };
        round.record(env, record, Bytes::new());
        true
    }
}

impl Inbox {
    pub(in crate::core) fn apply_void(&mut self, index: u64, void: &Void) {
        let key =
            LinkKey { sender: void.sender.clone(), priority: void.priority, incarnation: void.incarnation };
        self.settle(key, void.number, (void.header, void.previous), Settled::Void, index);
        self.peers.entry(void.sender.clone()).or_default().settle();
    }

    pub(in crate::core) fn apply_read(&mut self, sender: &AgencyId, priority: Priority, position: Position) {
        let key = LinkKey { sender: sender.clone(), priority, incarnation: position.incarnation };
        let Some(link) = self.links.get_mut(&key) else { return };
        if link.received.mark_read(position.number) {
            link.read_untold.insert(position.number);
            self.peers.entry(sender.clone()).or_default().settle();
        }
    }
}
