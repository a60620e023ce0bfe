//! How many streams of one kind an agency has: a node needs one or two, and after its line broke those before them, until the
//! hub has noticed. The newest go on: the oldest is ended for them, so that streams which nobody hears any more bar no door.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::{self, BoxStream, StreamExt as _};
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
}

/// The streams that there are, the oldest first.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Open>>);

type Open = HashMap<(AgencyId, Method), VecDeque<CancellationToken>>;

/// A stream's place on the list, given back when it is dropped.
struct Call {
    calls: Calls,
    key: (AgencyId, Method),
    ended: CancellationToken,
}

impl Calls {
    /// A stream that ends when too many newer ones of its kind have come.
    pub(super) fn bound<T: Send + 'static>(
        &self,
        agency: &AgencyId,
        method: Method,
        stream: BoxStream<'static, Result<T, Status>>,
    ) -> BoxStream<'static, Result<T, Status>> {
        let call = self.enter(agency, method);
        stream::unfold(Some((stream, call)), |parts| async move {
            let (mut stream, call) = parts?;
            tokio::select! {
                biased;
                () = call.ended.cancelled() => Some((Err(call.replaced()), None)),
                next = stream.next() => next.map(|next| (next, Some((stream, call)))),
            }
        })
        .boxed()
    }

    fn enter(&self, agency: &AgencyId, method: Method) -> Call {
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
    fn replaced(&self) -> Status {
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
    use tonic::Code;

    use super::*;
    use crate::fixture::agency;

    #[tokio::test]
    async fn the_oldest_stream_of_a_kind_ends_for_one_too_many_and_no_other_does() {
        let calls = Calls::default();
        let open = |id, method| calls.bound::<()>(&agency(id), method, stream::pending().boxed());
        let mut submitting: Vec<_> =
            (0..Method::Submit.most()).map(|_| open("HK-CED", Method::Submit)).collect();
        let mut others = [open("HK-CED", Method::Receive), open("DE-ZKA", Method::Submit)];
        let waits = |stream: &mut BoxStream<'static, Result<(), Status>>| {
            futures::FutureExt::now_or_never(stream.next()).is_none()
        };
        assert!(submitting.iter_mut().chain(&mut others).all(waits));

        submitting.push(open("HK-CED", Method::Submit));
        let mut oldest = submitting.remove(0);
        assert_eq!(oldest.next().await.unwrap().unwrap_err().code(), Code::Aborted);
        assert!(oldest.next().await.is_none());
        assert!(submitting.iter_mut().chain(&mut others).all(waits));

        drop(submitting.pop());
        submitting.push(open("HK-CED", Method::Submit));
        assert!(submitting.iter_mut().all(waits), "the place of one that ended is free");
        drop((submitting, others, oldest));
        assert!(calls.lock().is_empty());
    }
}
