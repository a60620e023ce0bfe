//! What each agency may take of the workers at a time: however much one hands in, others wait behind so much of it alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sealpost_domain::agency::AgencyId;
use sealpost_server::pool::{Pool, Quota};

/// The quotas of the agencies that have a stream open, or work that goes on.
#[derive(Clone, Default)]
pub(super) struct Quotas(Arc<Mutex<HashMap<AgencyId, Quota>>>);

impl Quotas {
    /// The one quota of an agency, for all of its streams.
    pub(super) fn of(&self, agency: &AgencyId, pool: &Pool) -> Quota {
        let mut quotas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        quotas.retain(|of, quota| of == agency || quota.is_in_use());
        quotas.entry(agency.clone()).or_insert_with(|| pool.quota()).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use sealpost_server::pool::Lane;

    use super::*;

    fn agency(name: &str) -> AgencyId {
        name.parse().unwrap()
    }

    #[tokio::test]
    async fn an_agency_that_opens_its_streams_anew_has_still_the_work_of_the_old_ones() {
        let (quotas, pool) = (Quotas::default(), Pool::new(2).unwrap());
        let (one, other) = (agency("TH-TCD"), agency("HK-CED"));
        let (hold, held) = mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (quota, workers) = (quotas.of(&one, &pool), pool.clone());
        let stream = tokio::spawn(async move {
            let work = move || {
                let _ = begun.send(());
                // Ends with the hold on it.
                let _ = held.recv();
            };
            workers.run_within(&quota, Lane::Ordinary, work).await
        });
        begins.await.unwrap();
        stream.abort();
        assert!(stream.await.unwrap_err().is_cancelled());
        assert_eq!(pool.run_within(&quotas.of(&other, &pool), Lane::Ordinary, || 1).await, Ok(1));
        assert!(!quotas.of(&one, &pool).has_room(), "its work goes on");
        drop(hold);
        assert_eq!(pool.run_within(&quotas.of(&one, &pool), Lane::Ordinary, || 2).await, Ok(2));
    }

    #[test]
    fn a_quota_is_forgotten_with_the_last_stream_of_its_agency() {
        let (quotas, pool) = (Quotas::default(), Pool::within(2));
        let (first, second) = (quotas.of(&agency("TH-TCD"), &pool), quotas.of(&agency("TH-TCD"), &pool));
        let kept = quotas.of(&agency("HK-CED"), &pool);
        assert_eq!(quotas.0.lock().unwrap().len(), 2);
        drop((first, second));
        let again = quotas.of(&agency("HK-CED"), &pool);
        assert_eq!(quotas.0.lock().unwrap().len(), 1);
        drop((kept, again));
    }
}
