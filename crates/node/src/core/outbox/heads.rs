//! Heads: where our links to a peer end, said at the end of a burst and while something is not receipted, so that a
//! lost tail is noticed; and what else has to be repeated until it arrived.

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::instant::Instant;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{Activity, ControlType, Heads, HeldReceipt, LinkHead, Signed, Void};

use super::Outbox;
use crate::core::{Alarm, Core, Env, Error, Round, sign};

/// The most overdue messages that are told at a time.
const OVERDUE_MAX: usize = 100;

/// What is told to one peer, and what it told us.
#[derive(Default)]
pub(super) struct Peer {
    /// The latest receipt that we hold of it.
    pub(super) receipt: Option<HeldReceipt>,
    /// When it was made, by the peer's clock.
    pub(super) receipt_made_at: Option<Instant>,
    /// When it said anything last.
    pub(super) heard_at: Option<Instant>,
    /// When it greeted us, or answered our greeting, last.
    pub(super) met_at: Option<Instant>,
    /// When a receipt of it said something new last.
    pub(super) receipted_at: Option<Instant>,
    /// A receipt of it came that builds on one that we do not hold, since the last heads.
    pub(super) misses_receipt: bool,
    /// Something happened since the last heads, the last time then.
    touched_at: Option<Instant>,
    told_at: Option<Instant>,
    /// Since when heads that wait for a receipt have got none, and whether that was told.
    unanswered: Option<Unanswered>,
}

#[derive(Clone, Copy)]
struct Unanswered {
    since: Instant,
    told: bool,
}

impl Peer {
    pub(super) fn touch(&mut self, at: Instant) {
        self.touched_at = Some(self.touched_at.map_or(at, |before| before.max(at)));
    }

    /// A receipt came.
    pub(super) fn answered(&mut self) {
        self.unanswered = None;
    }
}

/// A message whose window closed before it was delivered.
struct Overdue {
    /// Where it lies in the ledger.
    index: u64,
    header: Digest,
    /// Those that have not settled it.
    recipients: Vec<AgencyId>,
}

impl Core {
    /// Says what is due to be said to peers.
    pub fn tell_heads(&mut self, env: &mut Env<'_>, round: &mut Round) -> Result<(), Error> {
        let Some(directory) = self.directory().map(|directory| directory.version) else { return Ok(()) };
        for recipient in self.outbox.heads_due(env.now) {
            let cosigned = self.witness.cosigned_of(&recipient);
            let heads = self.heads_to(env, &recipient, directory, env.checkpoint.clone(), cosigned);
            let signed = sign(env, &heads)?;
            round.send(recipient.clone(), ControlType::Heads, signed);
            for void in self.outbox.unconfirmed_voids(&recipient) {
                self.tell_void_again(env, round, &recipient, void)?;
            }
            self.outbox.heads_told(&recipient, env.now);
        }
        Ok(())
    }

    /// Tells once more that a number was filled without a message.
    pub(super) fn tell_void_again(
        &self,
        env: &Env<'_>,
        round: &mut Round,
        recipient: &AgencyId,
        void: Signed,
    ) -> Result<(), Error> {
        round.send(recipient.clone(), ControlType::Void, self.told_again::<Void>(env, void)?);
        Ok(())
    }

    /// Where our links to a peer stand now, with these notes beside them.
    pub(in crate::core) fn heads_to(
        &mut self,
        env: &Env<'_>,
        recipient: &AgencyId,
        directory: DirectoryVersion,
        checkpoint: Bytes,
        cosigned: Bytes,
    ) -> Heads {
        Heads {
            sender: self.me.clone(),
            recipient: recipient.clone(),
            made_at: self.date(env.now),
            links: self.outbox.link_heads(recipient, env.now),
            receipt: self.outbox.peers.get(recipient).and_then(|peer| peer.receipt),
            checkpoint,
            directory,
            cosigned,
        }
    }
}

impl Core {
    /// Alarms of peers that receipt nothing, and of messages whose window closed before they were delivered.
    pub fn notice_delays(&mut self, env: &mut Env<'_>, round: &mut Round) {
        for peer in self.outbox.newly_unanswered(env.now) {
            let detail =
                format!("{peer} has sent no receipt since it was told three times where our links to it end");
            let (rule, peer) = (Rule::ReceiptMissing, Some(peer));
            self.alarm(env, round, Alarm { rule, peer, header: None, detail, exhibits: Vec::new() });
        }
        for Overdue { index, header, recipients } in self.outbox.newly_overdue(env.now) {
            let recipients: Vec<&str> = recipients.iter().map(AgencyId::as_str).collect();
            let detail = format!(
                "the message in record {index} was not delivered in time to {}",
                recipients.join(", ")
            );
            let (rule, header) = (Rule::MessageOverdue, Some(header));
            self.alarm(env, round, Alarm { rule, peer: None, header, detail, exhibits: Vec::new() });
        }
    }
}

impl Outbox {
    pub(super) fn touch(&mut self, recipient: &AgencyId, at: Instant) {
        match self.peers.get_mut(recipient) {
            Some(peer) => peer.touch(at),
            None => self.peers.entry(recipient.clone()).or_default().touch(at),
        }
    }

    /// A connection begins: every peer is told anew where its links end.
    pub fn tell_everyone(&mut self, now: Instant) {
        self.peers.values_mut().for_each(|peer| peer.touch(now.minus(self.policy.quiet)));
    }

    fn heads_due(&self, now: Instant) -> Vec<AgencyId> {
        let is_paced = |peer: &Peer| peer.told_at.is_none_or(|told| now.since(told) >= self.policy.quiet);
        let due = |(agency, peer): &(&AgencyId, &Peer)| match (peer.touched_at, peer.told_at) {
            _ if peer.misses_receipt && is_paced(peer) => true,
            (Some(touched), _) if now.since(touched) >= self.policy.quiet => true,
            (_, Some(told)) => now.since(told) >= self.policy.heads_every && self.is_active(agency),
            (Some(touched), None) => now.since(touched) >= self.policy.heads_every,
            (None, None) => false,
        };
        let open = |(agency, _): &(&AgencyId, &Peer)| self.is_open_to(agency);
        self.peers.iter().filter(open).filter(due).map(|(agency, _)| agency.clone()).collect()
    }

    /// Whether something on a link to a peer is not receipted.
    fn is_active(&self, recipient: &AgencyId) -> bool {
        self.links
            .iter()
            .any(|(key, link)| key.recipient == *recipient && link.receipted() < link.told_head().number)
    }

    fn link_heads(&self, recipient: &AgencyId, now: Instant) -> Vec<LinkHead> {
        let quiet = self
            .peers
            .get(recipient)
            .is_none_or(|peer| peer.touched_at.is_none_or(|touched| now.since(touched) >= self.policy.quiet));
        let activity = if quiet { Activity::Last } else { Activity::Active };
        let links = self.links.iter().filter(|(key, _)| key.recipient == *recipient);
        links
            .map(|(key, link)| LinkHead {
                priority: key.priority,
                incarnation: key.incarnation,
                head: self.told_head(recipient, key, link),
                activity,
            })
            .collect()
    }

    fn unconfirmed_voids(&self, recipient: &AgencyId) -> Vec<Signed> {
        let links = self.links.iter().filter(|(key, _)| key.recipient == *recipient);
        links.flat_map(|(_, link)| link.unconfirmed_voids().cloned()).collect()
    }

    fn heads_told(&mut self, recipient: &AgencyId, now: Instant) {
        let active = self.is_active(recipient);
        if let Some(peer) = self.peers.get_mut(recipient) {
            peer.touched_at = None;
            peer.misses_receipt = false;
            peer.told_at = Some(now);
            if active {
                peer.unanswered.get_or_insert(Unanswered { since: now, told: false });
            }
        }
    }

    /// There is no connection: that no receipt comes says nothing.
    pub(in crate::core) fn expect_no_receipts(&mut self) {
        self.peers.values_mut().for_each(Peer::answered);
    }

    /// Peers that sent no receipt after three heads, and of whom that was not said yet.
    fn newly_unanswered(&mut self, now: Instant) -> Vec<AgencyId> {
        let after = self.policy.heads_every * 3;
        let mut silent = Vec::new();
        for (agency, peer) in &mut self.peers {
            if let Some(unanswered) = &mut peer.unanswered
                && !unanswered.told
                && now.since(unanswered.since) >= after
            {
                unanswered.told = true;
                silent.push(agency.clone());
            }
        }
        silent
    }

    /// The messages whose window closed before they were delivered and of which that was not said yet.
    fn newly_overdue(&mut self, now: Instant) -> Vec<Overdue> {
        let passed = self.open.iter_mut().filter(|(_, open)| {
            !open.overdue_told && open.act_before.is_some_and(|act_before| act_before < now)
        });
        passed
            .take(OVERDUE_MAX)
            .map(|(index, open)| {
                open.overdue_told = true;
                let recipients = open.targets.iter().map(|(agency, _)| agency.clone()).collect();
                Overdue { index: *index, header: open.header, recipients }
            })
            .collect()
    }
}
