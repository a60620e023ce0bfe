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

    /// The node's signing key.
    pub(super) fn signer(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.signer)
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
        // A token may take long to sign.
        let blocking = self.proofs.blocking();
        let signed = blocking.run(move || sign_with(self.signer.as_ref(), &proof)).await.ok()?;
        match signed {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bytes::Bytes;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;
    use sealpost_crypto::dsse::SigningKey;
    use sealpost_domain::identity::NetworkName;
    use sealpost_domain::record::Record;
    use sealpost_ledger::tree::{self, Files, Keeper};
    use sealpost_ledger::{Commits, Draft, Ledger, Options};
    use sealpost_merkle::Hash;
    use sealpost_merkle::proof::verify_consistency;
    use sealpost_seglog::disk::sim::Sim;
    use sealpost_wire::statement::Payload as _;

    use super::*;
    use crate::fixture::{NOW, agency};

    /// A node with a ledger of ten records, of which the latest checkpoint covers all; and the roots at two sizes.
    struct Asked {
        prover: Prover,
        origin: String,
        roots: [(u64, Hash); 2],
        _folder: tempfile::TempDir,
    }

    async fn asked() -> Asked {
        let (folder, disk) = (tempfile::tempdir().unwrap(), Arc::new(Sim::new()));
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let options = Options { commits: Commits::Inline, ..Options::default() };
        let (ledger, _) =
            Ledger::open(disk, Path::new("ledger"), &agency("HK-CED"), NOW, &mut rng, options).unwrap();
        let signer: Arc<dyn Signer> = Arc::new(SigningKey::generate(&mut rng));
        let network = NetworkName::parse("test.sealpost").unwrap();
        let (files, history) = (Files::at(folder.path()), ledger.history().clone());
        let (mut keeper, _) =
            Keeper::open(files.clone(), history.clone(), Arc::clone(&signer), &network, &agency("HK-CED"))
                .unwrap();
        let mut roots = Vec::new();
        for records in [3, 6] {
            let record = Record::Security { rule: "a rule".to_owned(), peer: None, header: None };
            let draft = Draft { recorded_at: NOW, salt: [1; 32], record, body: Bytes::new() };
            ledger.append(vec![draft; records]).await.unwrap();
            assert!(keeper.advance().unwrap());
            let checkpoint = keeper.watch().borrow().clone().unwrap().checkpoint;
            roots.push((checkpoint.size(), checkpoint.root()));
        }
        let origin = tree::origin(&network, &agency("HK-CED"), ledger.incarnation()).to_string();
        let proofs = Proofs::new(history, files, keeper.watch(), Arc::default());
        let prover = Prover::new(proofs, signer, Clock::new(|| NOW));
        Asked { prover, origin, roots: roots.try_into().unwrap(), _folder: folder }
    }

    fn request(origin: &str, first_size: u64, second_size: u64) -> ProofRequest {
        let (from, to, origin) = (agency("DE-ZKA"), agency("HK-CED"), origin.to_owned());
        ProofRequest { from, to, origin, first_size, second_size, made_at: NOW }
    }

    #[tokio::test]
    async fn a_proof_leads_from_one_checkpoint_to_the_other() {
        let Asked { prover, origin, roots: [(old, old_root), (new, new_root)], _folder } = asked().await;
        assert_eq!((old, new), (4, 10));
        let answer = prover.answer(request(&origin, old, new)).await.unwrap();
        assert_eq!((answer.kind, answer.to), (ControlType::Proof, agency("DE-ZKA")));
        let proof = Proof::from_payload(&answer.statement.payload).unwrap();
        let hashes: Vec<_> = proof.hashes.iter().map(|hash| Hash::from_bytes(*hash.as_bytes())).collect();
        verify_consistency(old, &old_root, new, &new_root, &hashes).unwrap();
        assert_eq!((proof.first_size, proof.second_size, proof.origin), (old, new, origin));
    }

    #[tokio::test]
    async fn what_the_latest_checkpoint_does_not_cover_or_is_of_another_ledger_is_not_answered() {
        let Asked { prover, origin, _folder, .. } = asked().await;
        for (first, second) in [(4, 11), (5, 4), (0, 4), (4, u64::MAX)] {
            assert!(prover.clone().answer(request(&origin, first, second)).await.is_none());
        }
        let of_another_life = format!("{}0", &origin[..origin.len() - 1]);
        for other in ["test.sealpost/ledger/DE-ZKA/00", "", &of_another_life] {
            assert!(prover.clone().answer(request(other, 4, 10)).await.is_none());
        }
    }

    #[tokio::test]
    async fn a_peer_that_asks_twice_at_once_is_answered_once() {
        let Asked { prover, origin, _folder, .. } = asked().await;
        let mut answers = prover.answers();
        for _ in 0..3 {
            answers.begin(request(&origin, 4, 10));
        }
        assert!(answers.next().await.is_some());
        assert!(answers.next().await.is_none(), "nothing else is being made");
        answers.begin(request(&origin, 4, 9));
        assert!(answers.next().await.is_some(), "and it may ask again");
    }
}
