//! Answers to peers that demand a proof: made from the tree, apart from the stream, one at a time for each peer.
//!
//! What cannot be proved is not answered: the peer asks again, and makes of the silence what it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sealpost_crypto::dsse::Signer;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::statement::{ControlType, Proof, ProofRequest};
use sealpost_server::clock::Clock;
use sealpost_server::program::with_causes;
use sealpost_wire::hub::Control;
use tokio::task::{Id, JoinSet};
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::core::sign_with;
use crate::proofs::Proofs;

/// For how many peers an answer is made at a time.
const PEERS_MAX: usize = 64;
/// How long an answer may take, with waiting for its turn.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Proves what peers ask for, and signs that.
#[derive(Clone)]
pub struct Prover {
    proofs: Proofs,
    signer: Arc<dyn Signer>,
    clock: Clock,
}

/// Answers that are being made.
pub(super) struct Answers {
    prover: Prover,
    tasks: JoinSet<Option<Control>>,
    peers: HashMap<Id, AgencyId>,
}

impl Prover {
    /// Proves from `proofs`, and signs with the node's key.
    pub fn new(proofs: Proofs, signer: Arc<dyn Signer>, clock: Clock) -> Self {
        Self { proofs, signer, clock }
    }

    pub(super) fn answers(&self) -> Answers {
        Answers { prover: self.clone(), tasks: JoinSet::new(), peers: HashMap::new() }
    }

    /// The answer to a verified request; `None` where there is none.
    async fn answer(self, request: ProofRequest) -> Option<Control> {
        let ProofRequest { from: asked_by, to: me, origin, first_size, second_size, made_at: _ } = request;
        let latest = self.proofs.latest()?;
        if latest.checkpoint.origin() != origin {
            debug!(peer = %asked_by, origin, "a proof is demanded of another ledger than this life of ours");
            return None;
        }
        let proving = self.proofs.prove(move |prover| prover.consistency_between(first_size, second_size));
        let hashes = match timeout(ANSWER_TIMEOUT, proving).await {
            Ok(Ok(((_, hashes), _))) => hashes,
            Ok(Err(unproved)) => {
                let error = with_causes(&unproved);
                warn!(peer = %asked_by, first_size, second_size, error, "what a peer demands is not proved");
                return None;
            }
            Err(_) => {
                warn!(peer = %asked_by, timeout = ?ANSWER_TIMEOUT, "a proof for a peer took too long");
                return None;
            }
        };
        let proof = Proof {
            from: me.clone(),
            to: asked_by.clone(),
            origin,
            first_size,
            second_size,
            hashes: hashes.iter().map(|hash| Digest::new(*hash.as_bytes())).collect(),
            made_at: self.clock.now(),
        };
        match sign_with(self.signer.as_ref(), &proof) {
            Ok(statement) => Some(Control { from: me, to: asked_by, kind: ControlType::Proof, statement }),
            Err(error) => {
                warn!(error = with_causes(&error), "a proof for a peer cannot be signed");
                None
            }
        }
    }
}

impl Answers {
    /// Begins an answer, unless one for the same peer is being made, or too many are: the peer asks again.
    pub(super) fn begin(&mut self, request: ProofRequest) {
        let busy = self.peers.values().any(|peer| *peer == request.from);
        if busy || self.peers.len() >= PEERS_MAX {
            debug!(peer = %request.from, "a demand is passed over: an answer is being made");
            return;
        }
        let peer = request.from.clone();
        let task = self.tasks.spawn(self.prover.clone().answer(request));
        self.peers.insert(task.id(), peer);
    }

    /// The next answer that is ready; `None` while none is being made.
    pub(super) async fn next(&mut self) -> Option<Control> {
        loop {
            let (id, answer) = match self.tasks.join_next_with_id().await? {
                Ok(done) => done,
                Err(failed) => (failed.id(), None),
            };
            self.peers.remove(&id);
            if answer.is_some() {
                return answer;
            }
        }
    }
}
