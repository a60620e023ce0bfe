//! Proofs from the stored tree for whoever asks: the agency's auditors, and peers. Made against the latest checkpoint, where
//! blocking is allowed, a few at a time.

use std::sync::Arc;

use sealpost_ledger::History;
use sealpost_ledger::tree::{Files, ProofError, Prover, Signed};
use sealpost_server::pool::Blocking;
use tokio::sync::{Notify, Semaphore, watch};

/// How many proofs are made at a time; others wait for their turn.
const AT_A_TIME: usize = 2;

/// Makes proofs. Clones share their turns.
#[derive(Clone)]
pub struct Proofs {
    history: History,
    files: Files,
    checkpoint: watch::Receiver<Option<Signed>>,
    /// Told when a tile is missing or wrong.
    broken: Arc<Notify>,
    turns: Arc<Semaphore>,
    blocking: Blocking,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum Unproved {
    /// Nothing was signed yet.
    #[error("the ledger has no checkpoint yet")]
    NoCheckpoint,
    /// The work did not come to its end.
    #[error("the proof was not finished")]
    Interrupted,
    /// It cannot be proved.
    #[error(transparent)]
    Failed(ProofError),
}

impl Proofs {
    /// Proves what the latest `checkpoint` says from the tree in `files`; says to `broken` when that has to be made anew.
    pub fn new(
        history: History,
        files: Files,
        checkpoint: watch::Receiver<Option<Signed>>,
        broken: Arc<Notify>,
    ) -> Self {
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        Self { history, files, checkpoint, broken, turns, blocking: Blocking::Apart }
    }

    /// The same proofs, made elsewhere.
    #[must_use]
    pub fn working(self, blocking: Blocking) -> Self {
        Self { blocking, ..self }
    }

    /// Where they are made.
    pub(crate) fn blocking(&self) -> Blocking {
        self.blocking
    }

    /// The same proofs, with turns of their own: whoever takes those does not hold up the others.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_A_TIME)), ..self.clone() }
    }

    /// The latest checkpoint; `None` before the first.
    pub fn latest(&self) -> Option<Signed> {
        self.checkpoint.borrow().clone()
    }

    /// Proves something against the latest checkpoint, and says which that is. Whoever goes away meanwhile does not stop the
    /// work, which therefore keeps its turn to its end.
    pub async fn prove<T: Send + 'static>(
        &self,
        prove: impl FnOnce(&Prover<'_>) -> Result<T, ProofError> + Send + 'static,
    ) -> Result<(T, Signed), Unproved> {
        let signed = self.latest().ok_or(Unproved::NoCheckpoint)?;
        let (history, files) = (self.history.clone(), self.files.clone());
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Unproved::Interrupted)?;
        let broken = Arc::clone(&self.broken);
        let proved = self.blocking.run(move || {
            let _turn = turn;
            let prover = Prover::new(&history, &files, signed.clone());
            let proved = prove(&prover);
            if matches!(proved, Err(ProofError::Tree(_))) {
                broken.notify_one();
            }
            proved.map(|proof| (proof, signed))
        });
        proved.await.map_err(|_| Unproved::Interrupted)?.map_err(Unproved::Failed)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::channel;

    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;
    use sealpost_crypto::dsse::SigningKey;
    use sealpost_ledger::tree::NoteSigner;
    use sealpost_ledger::{Commits, Ledger, Options};
    use sealpost_merkle::Hash;
    use sealpost_merkle::checkpoint::Checkpoint;
    use sealpost_seglog::disk::sim::Sim;
    use tokio::sync::oneshot;

    use super::*;
    use crate::fixture::{NOW, agency};

    /// Of a ledger of one record, and a checkpoint over it of which nobody asks here what it covers.
    fn proofs() -> Proofs {
        let options = Options { commits: Commits::Inline, ..Options::default() };
        let (disk, mut rng) = (Arc::new(Sim::new()), ChaCha20Rng::seed_from_u64(5));
        let opened = Ledger::open(disk, Path::new("ledger"), &agency("HK-CED"), NOW, &mut rng, options);
        let history = opened.unwrap().0.history().clone();
        let origin = "test.sealpost/ledger/HK-CED/00";
        let signer = NoteSigner::new(&origin.parse().unwrap(), Arc::new(SigningKey::generate(&mut rng)));
        let checkpoint = Checkpoint::new(origin, 1, Hash::EMPTY_ROOT).unwrap();
        let signed = Signed { note: checkpoint.sign(&signer).unwrap(), checkpoint };
        let latest = watch::Sender::new(Some(signed)).subscribe();
        Proofs::new(history, Files::at(Path::new("/absent")), latest, Arc::default())
    }

    #[tokio::test]
    async fn whoever_goes_away_keeps_the_turn_until_the_work_is_done() {
        let proofs = proofs();
        let (begin, begun) = oneshot::channel();
        let (release, released) = channel::<()>();
        let calling = tokio::spawn({
            let proofs = proofs.clone();
            let prove = move |_: &Prover<'_>| {
                begin.send(()).unwrap();
                let _ = released.recv();
                Ok(())
            };
            async move { proofs.prove(prove).await.map(drop) }
        });
        begun.await.unwrap();
        calling.abort();
        assert!(calling.await.unwrap_err().is_cancelled());
        assert_eq!(proofs.turns.available_permits(), AT_A_TIME - 1);
        assert_eq!(proofs.apart().turns.available_permits(), AT_A_TIME, "others have turns of their own");
        drop(release);
        let all = u32::try_from(AT_A_TIME).unwrap();
        drop(proofs.turns.acquire_many(all).await.unwrap());
    }
}
