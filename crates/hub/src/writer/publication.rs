//! What an operator publishes: a proposal by itself, and an answer once it is in force, or is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::directory;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;
use sealpost_domain::statement::Signed;
use tokio::sync::oneshot;

use super::group::{Committer, Flight};
use super::{Failure, PublishError, Refused};
use crate::journal::{Draft, Proposal, ProposeError};

/// What an operator publishes, and who waits for it.
pub(super) enum Publication {
    Directory { signed: Signed, directory: Arc<Directory>, done: Answer },
    Lists { done: oneshot::Sender<Result<(), Refused>> },
}

type Answer = oneshot::Sender<Result<Arc<Directory>, PublishError>>;

impl Committer {
    /// A directory is a proposal by itself: it must verify against the one in force now, and again when it is applied.
    pub(super) fn publish(&mut self, signed: Signed, done: Answer) -> Result<(), Failure> {
        let (previous, at) = (self.view.directory(), self.clock.now());
        let directory = match directory::verify_now(&signed, previous.as_deref(), at) {
            Ok(directory) => Arc::new(directory),
            Err(error) => {
                answer(done, Err(PublishError::Directory(Box::new(error))));
                return Ok(());
            }
        };
        let draft = Draft::Directory(signed.clone());
        self.propose_alone(at, draft, Publication::Directory { signed, directory, done })
    }

    /// Revocation lists for every hub of the journal.
    pub(super) fn publish_lists(
        &mut self,
        lists: Vec<Bytes>,
        done: oneshot::Sender<Result<(), Refused>>,
    ) -> Result<(), Failure> {
        self.propose_alone(self.clock.now(), Draft::Lists(lists), Publication::Lists { done })
    }

    fn propose_alone(&mut self, at: Instant, draft: Draft, publication: Publication) -> Result<(), Failure> {
        match self.journal.propose(Proposal { at, drafts: vec![draft] }) {
            Ok(ticket) => {
                let (batches, settled) = (Vec::new(), BTreeMap::new());
                self.flights.push_back(Flight { ticket, batches, settled, publication: Some(publication) });
                self.follow()
            }
            Err(ProposeError::Failed(failed)) => Err(failed.into()),
            Err(error) => {
                let refused = Refused::from(&error);
                match publication {
                    Publication::Directory { done, .. } => answer(done, Err(refused.into())),
                    Publication::Lists { done } => answer(done, Err(refused)),
                }
                Ok(())
            }
        }
    }

    /// Tells whether what was published is in force: another version of the directory may have come first.
    pub(super) fn published(&self, publication: Publication) {
        let (signed, directory, done) = match publication {
            Publication::Directory { signed, directory, done } => (signed, directory, done),
            Publication::Lists { done } => return answer(done, Ok(())),
        };
        let present = self.view.directory();
        let outcome = match &present {
            Some(present) if present.version == directory.version => Ok(directory),
            _ => match directory::verify(&signed, present.as_deref()) {
                Err(error) => Err(PublishError::Directory(Box::new(error))),
                // It would do now, and did not when it came: it can be published again.
                Ok(_) => Err(Refused::Stopping.into()),
            },
        };
        answer(done, outcome);
    }
}

/// The caller may have stopped waiting; what it published is in force, or is not.
fn answer<T>(done: oneshot::Sender<T>, outcome: T) {
    let _ = done.send(outcome);
}
