//! How many streams of one kind an agency has: a node needs one or two, of Receive one for each priority, and after its line
//! broke those before them, until the hub has noticed. The newest go on: the oldest is ended for them, so that streams which nobody hears any more bar no door.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealpost_domain::agency::AgencyId;
use sealpost_wire::status::Failure;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Method {
    Submit,
    Receive,
    Control,
    WatchDirectory,
}

impl Method {
    /// Streams of this kind that an agency may have at one time. Of Receive it has one for each priority, and those of a line
    /// that broke may still stand beside them.
    pub(super) const fn most(self) -> usize {
        match self {
            Self::Receive => 8,
            Self::Submit | Self::Control | Self::WatchDirectory => 4,
        }
    }

    /// Messages between a stream and the transport: many small ones, or few that may be large.
    pub(super) const fn ahead(self) -> usize {
        match self {
            Self::Submit | Self::Control => 16,
            Self::Receive => 2,
            Self::WatchDirectory => 1,
        }
    }
}

/// The streams that there are, the oldest first.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Open>>);

type Open = HashMap<(AgencyId, Method), VecDeque<CancellationToken>>;

/// A stream's place on the list, given back when it is dropped.
pub(super) struct Call {
    calls: Calls,
    key: (AgencyId, Method),
    ended: CancellationToken,
}

impl Calls {
    /// A place for one more stream, which the oldest of its kind leaves if it has to.
    pub(super) fn enter(&self, agency: &AgencyId, method: Method) -> Call {
        let (key, ended) = ((agency.clone(), method), CancellationToken::new());
        let mut open = self.lock();
        let calls = open.entry(key.clone()).or_default();
        while calls.len() >= method.most() {
            calls.pop_front().iter().for_each(CancellationToken::cancel);
        }
        calls.push_back(ended.clone());
        Call { calls: self.clone(), key, ended }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Waits until it has to leave for a newer one, and says so.
    pub(super) async fn replaced(&self) -> Status {
        self.ended.cancelled().await;
        let (agency, method) = &self.key;
        let most = method.most();
        let detail =
            format!("{agency} has {most} newer calls of {method:?}: they took the place of this one");
        Failure::Replaced.status(detail)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // Marks this one: tokens cannot be compared.
        self.ended.cancel();
        let mut open = self.calls.lock();
        if let Some(calls) = open.get_mut(&self.key) {
            calls.retain(|call| !call.is_cancelled());
            if calls.is_empty() {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tonic::Code;

    use super::*;
    use crate::fixture::agency;

    fn has_to_leave(call: &Call) -> bool {
        call.replaced().now_or_never().is_some_and(|status| status.code() == Code::Aborted)
    }

    #[tokio::test]
    async fn the_oldest_stream_of_a_kind_ends_for_one_too_many_and_no_other_does() {
        let calls = Calls::default();
        let enter = |id, method| calls.enter(&agency(id), method);
        let mut submitting: Vec<_> =
            (0..Method::Submit.most()).map(|_| enter("HK-CED", Method::Submit)).collect();
        let others = [enter("HK-CED", Method::Receive), enter("DE-ZKA", Method::Submit)];
        assert!(!submitting.iter().chain(&others).any(has_to_leave));

        submitting.push(enter("HK-CED", Method::Submit));
        assert!(has_to_leave(&submitting.remove(0)));
        assert!(!submitting.iter().chain(&others).any(has_to_leave));

        drop(submitting.pop());
        submitting.push(enter("HK-CED", Method::Submit));
        assert!(!submitting.iter().any(has_to_leave), "the place of one that ended is free");
        drop((submitting, others));
        assert!(calls.lock().is_empty());
    }
}
