//! Peers' ledgers, watched: of every peer the last checkpoint that was verified is kept, a later one is believed only
//! with a proof that it continues the kept one, and what is kept is cosigned and told to the peer.
//!
//! * The first checkpoint of a ledger is kept as it is. A new life of a ledger is a ledger of its own: its first checkpoint is
//!   kept too, and the last one of the old life stays.
//! * What is kept, and what peers cosigned of our own, lies in the ledger. What is pending, demanded or was heard last does
//!   not: after a restart it is heard and demanded again.
//! * Two nodes without traffic fall silent. A cosignature is told once, in heads without a checkpoint; recording one grows the
//!   ledger, which by itself is told to nobody.
//! * Memory is bounded by the agencies of the directory: of each a few notes of bounded size for each life of its ledger, of
//!   which so many are kept, and one statement.

mod compare;
mod demand;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::{Record, Witness};
use sealpost_domain::statement::ControlType;
use sealpost_ledger::tree::{self, listed};

use super::{Core, Env, Error, Round, sign};
pub(super) use compare::Told;
use demand::Demand;

/// The longest note of a peer that is looked at; ours have a few hundred bytes.
const NOTE_BYTES_MAX: usize = 2048;
/// How many lives of its ledger are kept of a peer.
const LEDGERS_MAX: usize = 32;

/// When the node asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The shortest time between two demands to one peer.
    pub demand_every: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self { demand_every: Duration::from_mins(1) }
    }
}

/// What is known of peers' ledgers, and what they vouch for of ours.
pub struct Witnessing {
    policy: Policy,
    peers: BTreeMap<AgencyId, Peer>,
    /// Decided in this round, not durable yet.
    tentative: BTreeSet<(AgencyId, Kind)>,
}

/// What is recorded of a peer, at most once in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Kept,
    Cosigned,
}

#[derive(Default)]
struct Peer {
    /// By life.
    ledgers: BTreeMap<Incarnation, Ledger>,
    /// The life of which the latest statement was.
    current: Option<Incarnation>,
    /// When the latest statement was made, by the peer's clock.
    heard_at: Option<Instant>,
    /// How the peer dated the largest checkpoint that it told since this node began.
    dated: Option<Dated>,
    /// What is not answered yet.
    demand: Option<Demand>,
    demanded_at: Option<Instant>,
    directory: Option<DirectoryVersion>,
    /// Since when it has a later directory than this node, and the statement that said so first.
    ahead: Option<(Instant, Bytes)>,
    /// The latest of its checkpoints that we cosigned.
    ours: Bytes,
    /// Not told in a receipt yet.
    untold: bool,
    theirs: Option<Cosigned>,
}

/// A checkpoint, and its peer's own date for it, believed or not.
#[derive(Clone, Copy)]
struct Dated {
    life: Incarnation,
    size: u64,
    at: Instant,
}

/// One life of a peer's ledger.
struct Ledger {
    kept: tree::Signed,
    /// When the peer said it, by its own clock; never far ahead of ours.
    kept_at: Instant,
    /// A larger one, signed by the peer and not proved.
    later: Option<Later>,
    /// The statement that had the largest; none since a restart.
    shown: Option<Bytes>,
}

#[derive(Clone)]
struct Later {
    signed: tree::Signed,
    made_at: Instant,
}

/// Our own checkpoint as a peer cosigned it.
struct Cosigned {
    note: Bytes,
    size: u64,
    recorded_at: Instant,
}

/// What is known of one peer, for those who ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many records of its ledger our kept checkpoint covers, and when the peer said so, by its clock.
    pub kept: Option<(u64, Instant)>,
    /// How many records of ours it has cosigned, and when that was recorded.
    pub cosigned: Option<(u64, Instant)>,
    /// The version of the directory that it has installed.
    pub directory: Option<u64>,
}

/// A peer that has a later directory.
pub(super) struct Ahead {
    pub(super) peer: AgencyId,
    pub(super) directory: DirectoryVersion,
    pub(super) since: Instant,
    pub(super) statement: Bytes,
}

impl Ledger {
    fn largest(&self) -> (u64, Instant) {
        match &self.later {
            Some(later) => (later.signed.checkpoint.size(), later.made_at),
            None => (self.kept.checkpoint.size(), self.kept_at),
        }
    }
}

impl Witnessing {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy, peers: BTreeMap::new(), tentative: BTreeSet::new() }
    }

    /// Drops what was decided since the last durable round.
    pub(super) fn forget(&mut self) {
        self.tentative.clear();
    }

    /// The peers that have a later directory than this version, and said so before a moment.
    pub(super) fn ahead_of(&self, version: u64, before: Instant) -> Vec<Ahead> {
        let ahead = |(peer, known): (&AgencyId, &Peer)| {
            let directory = known.directory.filter(|directory| directory.version > version)?;
            let (since, statement) = known.ahead.as_ref().filter(|(since, _)| *since <= before)?;
            Some(Ahead { peer: peer.clone(), directory, since: *since, statement: statement.clone() })
        };
        self.peers.iter().filter_map(ahead).collect()
    }

    /// What is known of a peer.
    pub fn standing(&self, peer: &AgencyId) -> Option<Standing> {
        let peer = self.peers.get(peer)?;
        let latest = peer.current.and_then(|current| peer.ledgers.get(&current));
        Some(Standing {
            kept: latest.map(|ledger| (ledger.kept.checkpoint.size(), ledger.kept_at)),
            cosigned: peer.theirs.as_ref().map(|theirs| (theirs.size, theirs.recorded_at)),
            directory: peer.directory.map(|directory| directory.version),
        })
    }

    /// When a peer made its latest statement, by its own clock, since this node began.
    pub(super) fn heard_at(&self, peer: &AgencyId) -> Option<Instant> {
        self.peers.get(peer)?.heard_at
    }

    /// A peer made a statement at that time, by its own clock.
    #[cfg(test)]
    pub(crate) fn hear_clock(&mut self, peer: &AgencyId, at: Instant) {
        self.peers.entry(peer.clone()).or_default().heard_at = Some(at);
    }

    /// The latest checkpoint of a peer that we cosigned; empty before the first.
    pub(super) fn cosigned_of(&self, peer: &AgencyId) -> Bytes {
        self.peers.get(peer).map(|peer| peer.ours.clone()).unwrap_or_default()
    }

    /// The same, unless a receipt has told it.
    pub(super) fn untold_of(&self, peer: &AgencyId) -> Bytes {
        self.peers.get(peer).filter(|peer| peer.untold).map(|peer| peer.ours.clone()).unwrap_or_default()
    }

    /// A receipt told a peer what we cosigned.
    pub(super) fn apply_told(&mut self, peer: &AgencyId) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.untold = false;
        }
    }

    /// A checkpoint of a peer is kept from now on. The error is a fault of our own ledger.
    pub(super) fn apply_kept(&mut self, network: &NetworkName, witness: &Witness) -> Result<(), String> {
        let kept = tree::Signed::parse(&witness.note).map_err(|error| error.to_string())?;
        let incarnation = listed::incarnation(&kept.checkpoint, network, &witness.peer)
            .ok_or_else(|| format!("a checkpoint of {} is none of its ledger", witness.peer))?;
        let size = kept.checkpoint.size();
        let peer = self.peers.entry(witness.peer.clone()).or_default();
        let before = peer.ledgers.remove(&incarnation);
        let (later, shown) = before.map_or((None, None), |before| (before.later, before.shown));
        let later = later.filter(|later| later.signed.checkpoint.size() > size);
        peer.ledgers.insert(incarnation, Ledger { kept, kept_at: witness.made_at, later, shown });
        peer.demand = peer.demand.take().filter(|demand| !demand.is_settled(incarnation, size));
        peer.current = Some(incarnation);
        peer.ours = witness.note.clone();
        peer.untold = true;
        Ok(())
    }

    /// A peer vouches for this state of our ledger.
    pub(super) fn apply_cosigned(
        &mut self,
        (network, me, life): (&NetworkName, &AgencyId, Incarnation),
        recorded_at: Instant,
        peer: &AgencyId,
        note: &Bytes,
    ) -> Result<(), String> {
        let signed = tree::Signed::parse(note).map_err(|error| error.to_string())?;
        // Of an earlier life it says nothing about this one.
        if listed::incarnation(&signed.checkpoint, network, me) == Some(life) {
            let theirs = Cosigned { note: note.clone(), size: signed.checkpoint.size(), recorded_at };
            self.peers.entry(peer.clone()).or_default().theirs = Some(theirs);
        }
        Ok(())
    }

    /// Whether something may be recorded of a peer in this round.
    fn hold(&mut self, peer: &AgencyId, kind: Kind) -> bool {
        self.tentative.insert((peer.clone(), kind))
    }
}

impl Core {
    /// Takes over a record of this module's. The error is a fault of our own ledger.
    pub(super) fn apply_witnessing(
        &mut self,
        index: u64,
        recorded_at: Instant,
        record: &Record,
    ) -> Result<(), Error> {
        let contradiction = |fault| Error::Contradiction { index, fault };
        let network = self.directory().map(|directory| directory.network.clone());
        let network =
            network.ok_or_else(|| contradiction("no directory was installed before it".to_owned()))?;
        let applied = match record {
            Record::Witness(witness) => self.witness.apply_kept(&network, witness),
            Record::Cosigned { peer, note } => {
                let ours = (&network, &self.me, self.incarnation);
                self.witness.apply_cosigned(ours, recorded_at, peer, note)
            }
            _ => Ok(()),
        };
        applied.map_err(contradiction)
    }

    /// Records a checkpoint of a peer with our cosignature, and tells that to the peer.
    fn keep(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        peer: &AgencyId,
        later: &Later,
        proof: Vec<sealpost_domain::digest::Digest>,
    ) -> Result<(), Error> {
        let Some(directory) = self.directory().cloned() else { return Ok(()) };
        if !self.witness.hold(peer, Kind::Kept) {
            return Ok(());
        }
        let cosigned = listed::cosign(&later.signed, &directory.network, &self.me, env.signer, env.now)?;
        let note = cosigned.to_bytes();
        let witness = Witness { peer: peer.clone(), note: note.clone(), proof, made_at: later.made_at };
        round.record(env, Record::Witness(witness), Bytes::new());
        // Without our checkpoint: it would be news to the peer, whose cosignature would be news to us, for ever.
        let heads = self.heads_to(env, peer, directory.version, Bytes::new(), note);
        let signed = sign(env, &heads)?;
        round.send(peer.clone(), ControlType::Heads, signed);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
