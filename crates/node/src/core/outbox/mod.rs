//! What the node sends: where every link ends, where every message stands, and what goes to the hub next.
//!
//! A message is numbered on each of its links and signed in the same round in which it is recorded. Link heads are
//! tentative until that round is durable; if it is not, they fall back ([`Core::forget`](super::Core::forget)) and
//! nobody saw a number of it. A message is handed to the hub again until each of its recipients has receipted it or
//! refused it: at once when the hub that accepted it lost its memory, and otherwise at growing distances.

mod accepted;
mod belief;
mod due;
mod entry;
mod heads;
mod lanes;
mod link;
mod publish;
mod receipts;
mod resend;
mod resume;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Head, Incarnation};
use sealpost_domain::message::Priority;
use sealpost_domain::rule::Rule;
use sealpost_domain::view::DeliveryState;

use super::facts::{Chain, Fact};
use entry::Place;
use heads::Peer;
use lanes::Lanes;
pub use lanes::Submission;
use link::OutLink;
pub use publish::{Answer, HeaderParts, Idempotency, Keep, Placed, Prepared};
use resend::Again;

/// When the node tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long after the hub's promise a message without receipt is sent again, where its recipient was heard since;
    /// doubled with every time.
    pub resend_after: Duration,
    /// The longest such distance.
    pub resend_after_max: Duration,
    /// How long a link has to be quiet before its head is told.
    pub quiet: Duration,
    /// How often heads are told on links that have unreceipted messages.
    pub heads_every: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            resend_after: Duration::from_secs(30),
            resend_after_max: Duration::from_hours(1),
            quiet: Duration::from_secs(1),
            heads_every: Duration::from_mins(1),
        }
    }
}

/// One of the node's own links, in one life of its ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LinkKey {
    recipient: AgencyId,
    priority: Priority,
    incarnation: Incarnation,
}

impl LinkKey {
    fn chain(&self) -> Chain {
        Chain { peer: self.recipient.clone(), priority: self.priority, incarnation: self.incarnation }
    }
}

/// Everything about what the node sends.
pub struct Outbox {
    me: AgencyId,
    incarnation: Incarnation,
    /// The life that the ledger had at the record that was applied last: while it is taken over, an earlier one.
    life: Incarnation,
    policy: Policy,
    links: BTreeMap<LinkKey, OutLink>,
    /// Messages with a recipient that is not settled, by ledger index.
    open: BTreeMap<u64, Open>,
    /// The same, by the digest of their headers.
    by_header: HashMap<Digest, u64>,
    /// The idempotency keys that the index does not have yet, by their digests in their buckets, and the messages.
    keys: HashMap<Digest, u64>,
    lanes: Lanes,
    peers: BTreeMap<AgencyId, Peer>,
    /// The life of the hub's journal that was last heard of.
    hub: Option<Incarnation>,
    /// When what it had promised was sent again last, since it was set back.
    forgot_at: Option<Instant>,
    /// The last promise on each of its streams.
    promised: BTreeMap<Stream, Promise>,
    /// To whom may be sent.
    open_to: OpenTo,
    /// Leaves that are lost: each may have been one number of every link.
    lost: u64,
    /// What recipients asked for again.
    again: Again,
    /// Decided in this round, not durable yet.
    tentative: Tentative,
    /// Not handed on yet.
    facts: Vec<Fact>,
}

/// What the round that is being gathered changes.
#[derive(Default)]
struct Tentative {
    heads: BTreeMap<LinkKey, Head>,
    /// Places within the round.
    keys: HashMap<Digest, usize>,
    /// How many receipts of each peer.
    receipts: BTreeMap<AgencyId, usize>,
    /// Numbers that were filled without a message, or whose voids are told again.
    filled: BTreeSet<(LinkKey, u64)>,
}

/// A message that is still to be delivered to somebody.
struct Open {
    header: Digest,
    priority: Priority,
    incarnation: Incarnation,
    act_before: Option<Instant>,
    /// Whether it was told that `act_before` passed.
    overdue_told: bool,
    /// Bytes of its envelope without wraps.
    size: usize,
    /// Those who have not settled it, and its number on the link to them.
    targets: Vec<(AgencyId, u64)>,
    progress: Progress,
    /// How often the hub has answered it.
    accepted: u32,
    /// The record of its last promise.
    promise: Option<u64>,
    /// Whether that is one for everybody who has not settled it: some of them may have been too full.
    promised: bool,
}

/// Where a message is on its way to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// In its lane.
    Ready,
    /// Handed to the session.
    Submitted,
    /// Promised by this life of the hub at a time; looked at again at the other.
    Accepted { hub: Incarnation, at: Instant, again_at: Instant },
    /// The same, and without receipt for too long: in its lane for repeats.
    Repeat { hub: Incarnation },
    /// It could not be sent; tried again at that time.
    Deferred { again_at: Instant },
    /// Every link that it waits for is closed.
    Held,
}

/// To whom may be sent. A ledger that may have lost its end gives out no number to a peer that might know more of it.
enum OpenTo {
    /// No position can have been given out before.
    Everyone,
    /// Those that said, since the node began, what they have of ours.
    Only {
        /// Who did.
        peers: BTreeSet<AgencyId>,
        /// Where the links ended when the node began: the others are told of nothing later.
        heads: BTreeMap<LinkKey, Head>,
    },
}

/// One of the two streams on which the hub promises, each in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    Flash,
    Bulk,
}

/// What the hub promised last on a stream.
#[derive(Clone, Copy)]
struct Promise {
    hub: Incarnation,
    /// In its journal.
    index: u64,
    /// The record of it.
    record: u64,
}

/// Where a message stands at one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How far it came.
    pub state: DeliveryState,
    /// When that was recorded.
    pub since: Instant,
    /// Which rule refused or quarantined it.
    pub rule: Option<String>,
}

/// Who knows where a message stands at one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It is known here.
    Known(Standing),
    /// It arrived, and the index has it under this number.
    Indexed(Chain, u64),
}

/// What went to one agency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages.
    pub sent: u64,
    /// Of these, not settled.
    pub outstanding: u64,
}

impl Outbox {
    pub(super) fn new(me: AgencyId, incarnation: Incarnation, policy: Policy) -> Self {
        Self {
            me,
            incarnation,
            life: incarnation,
            policy,
            links: BTreeMap::new(),
            open: BTreeMap::new(),
            by_header: HashMap::new(),
            keys: HashMap::new(),
            lanes: Lanes::default(),
            peers: BTreeMap::new(),
            hub: None,
            forgot_at: None,
            promised: BTreeMap::new(),
            open_to: OpenTo::Everyone,
            lost: 0,
            again: Again::default(),
            tentative: Tentative::default(),
            facts: Vec::new(),
        }
    }

    /// Drops what was decided since the last durable round.
    pub(super) fn forget(&mut self) {
        let Tentative { filled, .. } = std::mem::take(&mut self.tentative);
        self.fill_again(filled);
    }

    /// What was decided is durable.
    pub(super) fn settled(&mut self) {
        self.tentative = Tentative::default();
    }

    pub(super) fn take_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    /// The index has what arrived, and the keys that were used.
    pub(super) fn let_go(&mut self) {
        self.links.values_mut().for_each(OutLink::let_go);
        self.keys.clear();
    }

    /// Of how many messages something is held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let links: usize = self.links.values().map(OutLink::held).sum();
        links + self.open.len() + self.by_header.len() + self.keys.len()
    }

    /// A leaf is lost, which may have been a message of ours.
    pub(in crate::core) fn apply_lost(&mut self) {
        self.lost += 1;
    }

    /// Where a message stands at the recipient that has it at this number.
    pub fn standing(
        &self,
        recipient: &AgencyId,
        priority: Priority,
        incarnation: Incarnation,
        number: u64,
    ) -> Option<Stands> {
        let key = LinkKey { recipient: recipient.clone(), priority, incarnation };
        Some(match self.links.get(&key)?.place(number)? {
            Place::Here(entry) => Stands::Known(entry.standing()),
            Place::LetGo(_) => Stands::Indexed(key.chain(), number),
        })
    }

    /// Another life of the ledger begins.
    pub(in crate::core) fn begin_life(&mut self, life: Incarnation) {
        self.life = life;
    }

    /// How often heads are told on links that are not receipted.
    pub(in crate::core) fn heads_every(&self) -> Duration {
        self.policy.heads_every
    }

    /// What was published from a record on and never promised by a hub is given up: its numbers may be in use already. Of
    /// a link that is the end; what lies before something that was promised has been seen.
    pub(in crate::core) fn withdraw_unsent(&mut self, from: u64, at: Instant) {
        let mut unsent = BTreeMap::<LinkKey, Vec<u64>>::new();
        for open in self.open.range(from..).map(|(_, open)| open) {
            for (recipient, number) in &open.targets {
                let (priority, incarnation) = (open.priority, open.incarnation);
                let key = LinkKey { recipient: recipient.clone(), priority, incarnation };
                let state =
                    self.links.get(&key).and_then(|link| link.place(*number)).map(|place| place.state());
                if state == Some(DeliveryState::Published) {
                    unsent.entry(key).or_default().push(*number);
                }
            }
        }
        for (key, numbers) in unsent {
            for number in numbers.into_iter().rev() {
                if !self.links.get_mut(&key).is_some_and(|link| link.withdraw(number)) {
                    break;
                }
                let of = (&key.recipient, key.priority, key.incarnation);
                self.settle(of, number, DeliveryState::Withdrawn, Some(Rule::LedgerRolledBack.as_str()), at);
            }
        }
    }

    /// Recipients that have not settled a message, over all messages.
    pub fn outstanding(&self) -> u64 {
        self.links.values().map(OutLink::open).sum()
    }

    /// What went to each agency.
    pub fn traffic(&self) -> BTreeMap<AgencyId, Traffic> {
        let mut traffic = BTreeMap::<AgencyId, Traffic>::new();
        for (key, link) in &self.links {
            let of_agency = traffic.entry(key.recipient.clone()).or_default();
            of_agency.sent += link.head().number;
            of_agency.outstanding += link.open();
        }
        traffic
    }

    /// A message is settled for a recipient: it need not be sent there again.
    fn close(&mut self, index: u64, recipient: &AgencyId) {
        let Some(open) = self.open.get_mut(&index) else { return };
        open.targets.retain(|(agency, _)| agency != recipient);
        if open.targets.is_empty() {
            let open = self.open.remove(&index);
            if let Some(open) = open {
                self.by_header.remove(&open.header);
                self.lanes.remove(index, open.priority, open.progress);
            }
        }
    }
}
