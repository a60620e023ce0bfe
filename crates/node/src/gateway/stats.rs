//! The figures of the outcome messages in the ledger, counted anew for every call: they cannot be stale.

use sealpost_domain::message::Kind;
use sealpost_domain::stats::{Entry, Period, Tally};
use sealpost_domain::view::{Filter, Statistics};

use crate::handle::{Handle, ViewError};

/// Counts what lies in the ledger now, sent and received.
pub(super) async fn statistics(handle: &Handle, period: Period) -> Result<Statistics, ViewError> {
    let filter = Filter { kinds: vec![Kind::Outcome, Kind::Amendment, Kind::Recall], ..Filter::default() };
    let end = *handle.next_index().borrow();
    let (mut tally, mut next) = (Tally::default(), 0);
    while next < end {
        let forward = handle.forward(next, filter.clone()).await?;
        for shown in &forward.messages {
            if let Some(alert) = &shown.alert {
                tally.add(Entry {
                    id: shown.id,
                    sender: &shown.sender,
                    sent_at: shown.sent_at,
                    in_reply_to: shown.in_reply_to,
                    content: alert.content(),
                });
            }
        }
        if forward.next_index <= next {
            let fault = "reading stops there".to_owned();
            return Err(ViewError::Record { index: next, fault });
        }
        next = forward.next_index;
    }
    Ok(Statistics::from(&tally.figures(period)))
}
