//! A record by its place: incarnations in their order, own links without a gap, peers' links without a contradiction.

use std::collections::BTreeMap;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::{Header, OpenedCommitment};
use sealpost_domain::link::{Arrival, Head, Incarnation, Link, Position, Received, Settled};
use sealpost_domain::record::Settlement;
use sealpost_domain::statement::{Receipt, Void};
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_merkle::proof::verify_consistency;

use super::record::{Examined, Meaning};
use super::witness::Witnessed;
use super::{Excused, FaultKind};

/// What all records so far come to.
pub(super) struct Chains {
    /// First indices and ids of the ledger's incarnations, those that are still to come.
    incarnations: std::vec::IntoIter<(u64, Incarnation)>,
    next_incarnation: Option<(u64, Incarnation)>,
    own: Option<(AgencyId, Incarnation)>,
    sent: BTreeMap<(Link, Incarnation), Head>,
    received: BTreeMap<(Link, Incarnation), Received>,
    /// The last checkpoint kept of each peer's ledger, in each life of it, and how many leaves had been lost then.
    witnessed: BTreeMap<(AgencyId, Incarnation), (Checkpoint, u64)>,
    /// The last checkpoint of this ledger that each peer cosigned.
    cosigned: BTreeMap<AgencyId, Checkpoint>,
    /// Lives of the ledger so far.
    lived: Vec<Incarnation>,
    /// Leaves that are lost so far. Each may have been one number of any link.
    lost: u64,
    /// Checkpoints whose proofs do not hold, and need not: what they continue may be lost. One for each lost leaf at most.
    excused: Vec<Excused>,
}

impl Chains {
    pub(super) fn new(incarnations: Vec<(u64, Incarnation)>) -> Self {
        let mut incarnations = incarnations.into_iter();
        let next_incarnation = incarnations.next();
        Self {
            incarnations,
            next_incarnation,
            own: None,
            sent: BTreeMap::new(),
            received: BTreeMap::new(),
            witnessed: BTreeMap::new(),
            cosigned: BTreeMap::new(),
            lived: Vec::new(),
            lost: 0,
            excused: Vec::new(),
        }
    }

    /// Whose ledger it is, and which life of it, once that is read.
    pub(super) fn own(&self) -> Option<(&AgencyId, Incarnation)> {
        self.own.as_ref().map(|(agency, incarnation)| (agency, *incarnation))
    }

    /// What each peer cosigned last of this ledger.
    pub(super) fn cosigned(&self) -> impl Iterator<Item = (&AgencyId, &Checkpoint)> {
        self.cosigned.iter()
    }

    /// The checkpoints of peers that no proof connects with what is kept, since a leaf between may be lost.
    pub(super) fn excused(&self) -> &[Excused] {
        &self.excused
    }

    pub(super) fn count(&self) -> u64 {
        (self.sent.len() + self.received.len()) as u64
    }

    pub(super) fn place(&mut self, examined: Examined) -> Result<(), FaultKind> {
        let Examined { index, meaning, body_lost: _ } = examined;
        let begins = self.next_incarnation.filter(|(first, _)| *first == index);
        if let Some((_, expected)) = begins {
            let Meaning::Incarnation { agency, incarnation, previous } = meaning else {
                return Err(FaultKind::Beginning);
            };
            if incarnation != expected {
                return Err(FaultKind::Incarnation { found: incarnation, expected });
            }
            if let Some((own, before)) = self.own.take() {
                if agency != own {
                    return Err(FaultKind::Sender { found: agency });
                }
                if previous != Some(before) {
                    return Err(FaultKind::Previous { found: previous, expected: before });
                }
            }
            self.own = Some((agency, incarnation));
            self.lived.push(incarnation);
            self.next_incarnation = self.incarnations.next();
            return Ok(());
        }
        let Some((agency, incarnation)) = self.own.clone() else { return Err(FaultKind::Beginning) };
        match meaning {
            Meaning::Incarnation { .. } => Err(FaultKind::Beginning),
            Meaning::Sent { header, digest, commitments } => {
                self.sent(&agency, incarnation, &header, digest, &commitments)
            }
            Meaning::Received { header, digest, commitment, settlement } => {
                self.received(&agency, &header, digest, &commitment, settlement)
            }
            Meaning::Void(void) => self.void(&agency, &void),
            Meaning::ReceiptSent(receipt) => self.receipt(&agency, &receipt),
            Meaning::Witness(witnessed) => self.witness(index, witnessed),
            Meaning::Cosigned(peer, life, checkpoint) => {
                if !self.lived.contains(&life) {
                    return Err(FaultKind::Incarnation { found: life, expected: incarnation });
                }
                self.cosigned.insert(peer, checkpoint);
                Ok(())
            }
            Meaning::Lost => {
                self.lost += 1;
                Ok(())
            }
            Meaning::Body { .. } | Meaning::Loss { .. } | Meaning::Other => Ok(()),
        }
    }

    fn sent(
        &mut self,
        agency: &AgencyId,
        incarnation: Incarnation,
        header: &Header,
        digest: Digest,
        commitments: &[OpenedCommitment],
    ) -> Result<(), FaultKind> {
        if header.sender != *agency {
            return Err(FaultKind::Sender { found: header.sender.clone() });
        }
        for (recipient, commitment) in header.recipients.agencies().zip(commitments) {
            let Position { incarnation: found, number } = commitment.position;
            if found != incarnation {
                return Err(FaultKind::Incarnation { found, expected: incarnation });
            }
            let link =
                Link { sender: agency.clone(), recipient: recipient.clone(), priority: header.priority };
            let head = self.sent.entry((link.clone(), incarnation)).or_insert(Head::EMPTY);
            let expected = head.number + 1;
            if number > expected && number - expected <= self.lost {
                // What stood between is lost; the header names the one before it.
                *head = Head { number: number - 1, digest: commitment.previous };
            } else if number != expected {
                return Err(FaultKind::Number { link, found: number, expected });
            }
            if commitment.previous != head.digest {
                return Err(FaultKind::Chain { link, number });
            }
            *head = head.followed_by(digest);
        }
        Ok(())
    }

    fn received(
        &mut self,
        agency: &AgencyId,
        header: &Header,
        digest: Digest,
        commitment: &OpenedCommitment,
        settlement: Settlement,
    ) -> Result<(), FaultKind> {
        let link =
            Link { sender: header.sender.clone(), recipient: agency.clone(), priority: header.priority };
        let Position { incarnation, number } = commitment.position;
        let state = self.received.entry((link.clone(), incarnation)).or_default();
        // Nothing is let go here: every number that is settled can be compared.
        let arrival = state.judge(number, digest, commitment.previous).unwrap_or(Arrival::Duplicate);
        let settled = match settlement {
            Settlement::Delivered => Settled::Delivered,
            Settlement::Excepted(disposition, rule) => Settled::Excepted(disposition, rule),
        };
        match (arrival, &settled) {
            (Arrival::Next | Arrival::AfterGap, _) => {
                state.settle(number, digest, commitment.previous, settled);
                Ok(())
            }
            // What contradicts is kept as evidence, and shown to nobody.
            (_, Settled::Excepted(..) | Settled::Void) => Ok(()),
            (Arrival::Duplicate | Arrival::Equivocation { .. }, Settled::Delivered) => {
                Err(FaultKind::Twice { link, number })
            }
            (Arrival::BrokenChain { .. }, Settled::Delivered) => Err(FaultKind::Chain { link, number }),
            (Arrival::TooFarAhead { contiguous }, Settled::Delivered) => {
                Err(FaultKind::Number { link, found: number, expected: contiguous + 1 })
            }
        }
    }

    fn void(&mut self, agency: &AgencyId, void: &Void) -> Result<(), FaultKind> {
        let Void {
            sender,
            recipient,
            priority,
            incarnation,
            number,
            header,
            previous,
            reason: _,
            made_at: _,
        } = void;
        let link = Link { sender: sender.clone(), recipient: recipient.clone(), priority: *priority };
        if sender == agency {
            let last = self.sent.get(&(link.clone(), *incarnation)).map_or(0, |head| head.number);
            if *number > last {
                return Err(FaultKind::Number { link, found: *number, expected: last });
            }
            return Ok(());
        }
        let state = self.received.entry((link, *incarnation)).or_default();
        if let Some(Arrival::Next | Arrival::AfterGap) = state.judge(*number, *header, *previous) {
            state.settle(*number, *header, *previous, Settled::Void);
        }
        Ok(())
    }

    /// Each checkpoint that is kept of a peer's ledger continues the one before.
    fn witness(&mut self, index: u64, witnessed: Witnessed) -> Result<(), FaultKind> {
        let Witnessed { peer, incarnation, checkpoint, proof } = witnessed;
        if let Some((before, lost)) = self.witnessed.get(&(peer.clone(), incarnation)) {
            let (old, new) = (before.size(), checkpoint.size());
            if new <= old {
                return Err(FaultKind::WitnessSize { peer, found: new, kept: old });
            }
            if let Err(source) = verify_consistency(old, &before.root(), new, &checkpoint.root(), &proof) {
                // It may continue one whose leaf was lost since. One leaf is one checkpoint, and of one peer.
                if self.lost == *lost || self.excused.len() as u64 >= self.lost {
                    return Err(FaultKind::WitnessProof { peer, old, new, source });
                }
                self.excused.push(Excused { index, peer: peer.clone(), kept: old, size: new });
            }
        }
        self.witnessed.insert((peer, incarnation), (checkpoint, self.lost));
        Ok(())
    }

    fn receipt(&self, agency: &AgencyId, receipt: &Receipt) -> Result<(), FaultKind> {
        if receipt.recipient != *agency {
            return Err(FaultKind::Sender { found: receipt.recipient.clone() });
        }
        for line in &receipt.links {
            let link =
                Link { sender: receipt.sender.clone(), recipient: agency.clone(), priority: line.priority };
            let none = Received::default();
            let state = self.received.get(&(link.clone(), line.sender_incarnation)).unwrap_or(&none);
            let held = state.contiguous();
            if line.contiguous > held && missing(state, line.contiguous) > self.lost {
                return Err(FaultKind::Receipt { link, receipted: line.contiguous, held });
            }
        }
        Ok(())
    }
}

/// How many numbers up to this one are not there.
fn missing(state: &Received, last: u64) -> u64 {
    let highest = state.highest().number;
    let between = state.missing(last.min(highest), usize::MAX);
    let between: u64 = between.iter().map(|range| range.last - range.first + 1).sum();
    between + last.saturating_sub(highest)
}
