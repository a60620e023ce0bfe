//! Proofs from the stored tree for whoever asks: the agency's auditors, and peers. Made against the latest checkpoint, where
//! blocking is allowed, a few at a time.

use std::sync::Arc;

use sealpost_ledger::History;
use sealpost_ledger::tree::{Files, ProofError, Prover, Signed};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::spawn_blocking;

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
        Self { history, files, checkpoint, broken, turns: Arc::new(Semaphore::new(AT_A_TIME)) }
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

    /// Proves something against the latest checkpoint, and says which that is.
    pub async fn prove<T: Send + 'static>(
        &self,
        prove: impl FnOnce(&Prover<'_>) -> Result<T, ProofError> + Send + 'static,
    ) -> Result<(T, Signed), Unproved> {
        let signed = self.latest().ok_or(Unproved::NoCheckpoint)?;
        let (history, files) = (self.history.clone(), self.files.clone());
        let _turn = self.turns.acquire().await.map_err(|_| Unproved::Interrupted)?;
        let proved = spawn_blocking(move || {
            let prover = Prover::new(&history, &files, signed.clone());
            prove(&prover).map(|proof| (proof, signed))
        });
        let proved = proved.await.map_err(|_| Unproved::Interrupted)?;
        proved.map_err(|failed| {
            if matches!(failed, ProofError::Tree(_)) {
                self.broken.notify_one();
            }
            Unproved::Failed(failed)
        })
    }
}
