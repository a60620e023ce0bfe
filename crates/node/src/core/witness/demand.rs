//! Proofs demanded of peers: one at a time from each, after a pause, until it is answered.
//!
//! A demand that stays unanswered is repeated a few times and then no more until the peer is heard again, so that nobody asks
//! a node for ever that is away. It counts as unanswered only when the peer is heard and has not answered.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{ControlType, Proof, ProofRequest, Signed};
use sealpost_ledger::tree;
use sealpost_merkle::Hash;
use sealpost_merkle::proof::verify_consistency;
use sealpost_wire::envelope::signed_to_bytes;

use super::{Later, Peer, Witnessing};
use crate::core::{Core, Env, Error, Round, sign};

/// How often a peer is asked that was not heard since.
const ASKED_MAX: u32 = 3;
/// After how many unanswered demands it is alarmed.
const UNANSWERED_MAX: u32 = 3;

/// A proof that a peer owes.
pub(super) struct Demand {
    pub(super) life: Incarnation,
    /// The size of the checkpoint that is kept.
    first: u64,
    /// The checkpoint that must continue it.
    pub(super) target: Later,
    asked_at: Instant,
    /// How often, since the peer was heard.
    asked: u32,
    /// How often the peer was heard and had not answered.
    unanswered: u32,
}

impl Demand {
    /// Whether a checkpoint of this size that is kept leaves nothing to be proved.
    pub(super) fn is_settled(&self, life: Incarnation, size: u64) -> bool {
        self.life == life && self.target.signed.checkpoint.size() <= size
    }
}

impl Peer {
    /// What has to be demanded now.
    fn due(&mut self, now: Instant, pause: std::time::Duration) -> Option<&Demand> {
        if self.demanded_at.is_some_and(|before| now.since(before) < pause) {
            return None;
        }
        match &mut self.demand {
            Some(demand) if demand.asked >= ASKED_MAX => return None,
            Some(demand) => {
                demand.asked += 1;
                demand.asked_at = now;
            }
            empty => {
                let life = self.current?;
                let ledger = self.ledgers.get(&life)?;
                let target = ledger.later.clone()?;
                let first = ledger.kept.checkpoint.size();
                *empty = Some(Demand { life, first, target, asked_at: now, asked: 1, unanswered: 0 });
            }
        }
        self.demanded_at = Some(now);
        self.demand.as_ref()
    }
}

impl Witnessing {
    /// What a proof answers: the kept checkpoint, and the one that must continue it.
    fn answered(&self, proof: &Proof) -> Option<(Incarnation, tree::Signed, Later)> {
        let peer = self.peers.get(&proof.from)?;
        let demand = peer.demand.as_ref()?;
        let kept = &peer.ledgers.get(&demand.life)?.kept;
        let target = &demand.target.signed.checkpoint;
        let answers = proof.origin == target.origin()
            && (proof.first_size, proof.second_size) == (demand.first, target.size())
            && kept.checkpoint.size() == demand.first;
        answers.then(|| (demand.life, kept.clone(), demand.target.clone()))
    }
}

impl Core {
    /// Demands the proofs that are due.
    pub fn demand_proofs(&mut self, env: &mut Env<'_>, round: &mut Round) -> Result<(), Error> {
        let pause = self.witness.policy.demand_every;
        let mut requests = Vec::new();
        for (agency, peer) in &mut self.witness.peers {
            if let Some(Demand { first, target, .. }) = peer.due(env.now, pause) {
                requests.push(ProofRequest {
                    from: self.me.clone(),
                    to: agency.clone(),
                    origin: target.signed.checkpoint.origin().to_owned(),
                    first_size: *first,
                    second_size: target.signed.checkpoint.size(),
                    made_at: env.now,
                });
            }
        }
        for request in requests {
            let signed = sign(env, &request)?;
            round.send(request.to, ControlType::ProofRequest, signed);
        }
        Ok(())
    }

    /// A peer was heard: what it owed for long is counted.
    pub(super) fn count_unanswered(&mut self, env: &mut Env<'_>, round: &mut Round, peer: &AgencyId) {
        let pause = self.witness.policy.demand_every;
        let demand = self.witness.peers.get_mut(peer).and_then(|peer| peer.demand.as_mut());
        let Some(demand) = demand.filter(|demand| demand.asked > 0) else { return };
        if env.now.since(demand.asked_at) < pause {
            return;
        }
        demand.asked = 0;
        demand.unanswered = demand.unanswered.saturating_add(1);
        if demand.unanswered < UNANSWERED_MAX {
            return;
        }
        let (life, first, target) = (demand.life, demand.first, demand.target.signed.clone());
        let detail = format!(
            "{} demands for a proof that the checkpoint over {} records continues the one over {first} stayed unanswered, \
             though the peer was heard; or the hub does not relay them",
            demand.unanswered,
            target.checkpoint.size()
        );
        let kept = self.witness.peers.get(peer).and_then(|peer| peer.ledgers.get(&life));
        let kept = kept.map(|ledger| ledger.kept.to_bytes());
        let exhibits = kept.into_iter().chain([target.to_bytes()]).collect();
        self.caught(env, round, Rule::CheckpointUnproven, peer, life, &detail, exhibits);
    }

    /// A peer answers: what it proves is kept. What was not demanded is passed over.
    pub(in crate::core) fn proved(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        statement: &Signed,
        proof: &Proof,
    ) -> Result<(), Error> {
        let Some((life, kept, target)) = self.witness.answered(proof) else { return Ok(()) };
        let hashes: Vec<_> = proof.hashes.iter().map(|hash| Hash::from_bytes(*hash.as_bytes())).collect();
        let (old, new) = (&kept.checkpoint, &target.signed.checkpoint);
        match verify_consistency(old.size(), &old.root(), new.size(), &new.root(), &hashes) {
            Ok(()) => self.keep(env, round, &proof.from, &target, proof.hashes.clone()),
            Err(fault) => {
                if let Some(peer) = self.witness.peers.get_mut(&proof.from) {
                    peer.demand = None;
                }
                let detail = format!(
                    "the peer does not prove that its checkpoint over {} records continues the one over {}: {fault}",
                    new.size(),
                    old.size()
                );
                let exhibits =
                    vec![kept.to_bytes(), target.signed.to_bytes(), signed_to_bytes(statement).into()];
                let rule = Rule::CheckpointInconsistent;
                self.caught(env, round, rule, &proof.from, life, &detail, exhibits);
                Ok(())
            }
        }
    }
}
