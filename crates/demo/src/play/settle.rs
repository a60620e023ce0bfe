//! Waits for receipts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use sealpost_client::gateway::Gateway;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::MessageId;
use sealpost_domain::view::{DeliveryState, Tracked};
use tokio::time::{self, Instant};

use super::{Error, is_read_at_once};

/// How long no state may change before the wait is given up.
const STANDSTILL_MAX: Duration = Duration::from_secs(45);
const INTERVAL: Duration = Duration::from_millis(200);
/// Questions to one gateway at a time.
const QUESTIONS: usize = 16;

/// What each sender knows of its messages: for each addressee, a state.
pub type States = BTreeMap<AgencyId, BTreeMap<MessageId, BTreeMap<AgencyId, DeliveryState>>>;

/// Asks senders about their messages until nothing more is to come: every message is settled with every addressee,
/// and read where it is read at once. Gives up when nothing changes for long; the states tell. `progress` is told how
/// many deliveries are settled so far.
pub async fn settle(
    gateways: &BTreeMap<AgencyId, Gateway>,
    published: &BTreeMap<AgencyId, Vec<MessageId>>,
    mut progress: impl FnMut(usize),
) -> Result<States, Error> {
    let mut states = States::new();
    let mut open: BTreeMap<&AgencyId, BTreeSet<MessageId>> =
        published.iter().map(|(agency, ids)| (agency, ids.iter().copied().collect())).collect();
    let (mut settled, mut changed) = (0, Instant::now());
    loop {
        for (agency, ids) in &mut open {
            let Some(gateway) = gateways.get(*agency) else { continue };
            let failed = |error| Error::Gateway { agency: (*agency).clone(), source: Box::new(error) };
            let questions = ids.iter().map(|id| gateway.track(*id));
            let answers: Vec<Tracked> =
                stream::iter(questions).buffer_unordered(QUESTIONS).try_collect().await.map_err(failed)?;
            for tracked in answers {
                if is_final(&tracked) {
                    ids.remove(&tracked.id);
                }
                let known = tracked.states.into_iter().map(|state| (state.agency, state.state)).collect();
                states.entry((*agency).clone()).or_default().insert(tracked.id, known);
            }
        }
        let now = count(&states);
        if now != settled {
            (settled, changed) = (now, Instant::now());
            progress(settled);
        }
        if open.values().all(BTreeSet::is_empty) || changed.elapsed() > STANDSTILL_MAX {
            return Ok(states);
        }
        time::sleep(INTERVAL).await;
    }
}

fn is_final(tracked: &Tracked) -> bool {
    tracked.states.iter().all(|known| match known.state {
        DeliveryState::Delivered => !is_read_at_once(tracked.priority),
        state => state.is_settled(),
    })
}

fn count(states: &States) -> usize {
    states
        .values()
        .flat_map(BTreeMap::values)
        .flat_map(BTreeMap::values)
        .filter(|state| state.is_settled())
        .count()
}
