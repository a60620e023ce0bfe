//! The ledger, for the agency's own auditors (`ledger.proto`): checkpoints, proofs, and the leaves themselves.
//!
//! Proofs are made against the latest checkpoint and checked before they leave; an export is what that checkpoint covers, to
//! be checked by whoever takes it. Never here: bodies.

mod export;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use sealpost_domain::agency::AgencyId;
use sealpost_ledger::History;
use sealpost_ledger::tree::{ProofError, Prover, Signed};
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::ledger_server::LedgerServer;
use sealpost_server::program::with_causes;
use sealpost_wire::status::Failure;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tracing::error;

use self::export::Export;
use super::caller::{Action, Caller};
use crate::proofs::{Proofs, Unproved};

/// How many exports run at a time; others wait for their turn. An export lasts as long as its caller takes, and must not hold
/// up proofs.
const EXPORTS_MAX: usize = 2;

/// The service on one node.
#[derive(Clone)]
pub struct Audit {
    agency: AgencyId,
    history: History,
    proofs: Proofs,
    exports: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Audit {
    /// Serves the auditors of `agency` until `stop`.
    pub fn new(agency: AgencyId, history: History, proofs: Proofs, stop: CancellationToken) -> Self {
        Self { agency, history, proofs, exports: Arc::new(Semaphore::new(EXPORTS_MAX)), stop }
    }

    /// The service, to be added to a server.
    pub fn into_service(self) -> LedgerServer<Self> {
        LedgerServer::new(self)
    }

    fn admit<T>(&self, request: &Request<T>) -> Result<(), Status> {
        Caller::admit(request, &self.agency, Action::Audit).map(drop)
    }

    fn latest(&self) -> Result<Signed, Status> {
        self.proofs.latest().ok_or_else(none_yet)
    }

    /// Proves something against the latest checkpoint, where blocking is allowed. A caller that goes away does not stop the
    /// work, which therefore keeps its turn to its end.
    async fn prove<T: Send + 'static>(
        &self,
        prove: impl FnOnce(&Prover<'_>) -> Result<T, ProofError> + Send + 'static,
    ) -> Result<(T, Signed), Status> {
        self.proofs.prove(prove).await.map_err(|unproved| match unproved {
            Unproved::NoCheckpoint => none_yet(),
            Unproved::Interrupted => Failure::Internal.status("the proof was not finished"),
            Unproved::Failed(failed) => unread(failed),
        })
    }
}

#[tonic::async_trait]
impl pb::ledger_server::Ledger for Audit {
    type ExportStream = BoxStream<'static, Result<pb::ExportResponse, Status>>;

    async fn get_checkpoint(
        &self,
        request: Request<pb::GetCheckpointRequest>,
    ) -> Result<Response<pb::GetCheckpointResponse>, Status> {
        self.admit(&request)?;
        Ok(Response::new(pb::GetCheckpointResponse { checkpoint: self.latest()?.to_bytes() }))
    }

    async fn prove_inclusion(
        &self,
        request: Request<pb::ProveInclusionRequest>,
    ) -> Result<Response<pb::ProveInclusionResponse>, Status> {
        self.admit(&request)?;
        let pb::ProveInclusionRequest { index } = request.into_inner();
        let ((leaf, proof), signed) = self.prove(move |prover| prover.inclusion(index)).await?;
        let path = proof.hashes().iter().map(|hash| Bytes::copy_from_slice(hash.as_bytes())).collect();
        Ok(Response::new(pb::ProveInclusionResponse { leaf, path, checkpoint: signed.to_bytes() }))
    }

    async fn prove_consistency(
        &self,
        request: Request<pb::ProveConsistencyRequest>,
    ) -> Result<Response<pb::ProveConsistencyResponse>, Status> {
        self.admit(&request)?;
        let pb::ProveConsistencyRequest { old_size } = request.into_inner();
        let ((_, proof), signed) = self.prove(move |prover| prover.consistency(old_size)).await?;
        let proof = proof.iter().map(|hash| Bytes::copy_from_slice(hash.as_bytes())).collect();
        Ok(Response::new(pb::ProveConsistencyResponse { proof, checkpoint: signed.to_bytes() }))
    }

    async fn export(
        &self,
        request: Request<pb::ExportRequest>,
    ) -> Result<Response<Self::ExportStream>, Status> {
        self.admit(&request)?;
        let pb::ExportRequest { from } = request.into_inner();
        let (signed, history, stop) = (self.latest()?, self.history.clone(), self.stop.clone());
        let size = signed.checkpoint.size();
        if from >= size {
            return Err(unread(ProofError::Beyond { index: from, size }));
        }
        let turn = Arc::clone(&self.exports).acquire_owned().await.map_err(|_| stopping())?;
        let (outlet, taken) = export::outlet(stop, export::PATIENCE);
        let runtime = Handle::current();
        spawn_blocking(move || {
            let _turn = turn;
            outlet.send_all(Export::new(history.leaves(from), from, &signed), &runtime);
        });
        Ok(Response::new(ReceiverStream::new(taken).boxed()))
    }
}

fn none_yet() -> Status {
    Failure::Unavailable.status("the ledger has no checkpoint yet; try again in a second")
}

fn stopping() -> Status {
    Failure::Unavailable.status("the node is stopping; go on from the next index later")
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
fn unread(failed: ProofError) -> Status {
    match &failed {
        ProofError::Beyond { .. } | ProofError::Older { .. } | ProofError::Larger { .. } => {
            Failure::Beyond.status(failed.to_string())
        }
        ProofError::Nothing => Failure::Malformed.status(failed.to_string()),
        ProofError::Tree(source) => {
            error!(error = with_causes(source.as_ref()), "the tree cannot be used");
            Failure::Unavailable.status("the tree is being made anew; try again in a few seconds")
        }
        ProofError::Unread(source) => {
            error!(error = with_causes(source.as_ref()), "the tree cannot be read");
            Failure::Unavailable.status("the tree cannot be read at the moment; try again in a few seconds")
        }
        ProofError::Read(_) | ProofError::Record { .. } => {
            error!(error = with_causes(&failed), "the ledger cannot be proved");
            Failure::Internal.status(failed.to_string())
        }
    }
}
