//! Every outcome in the ledger, for the statistics.

use sealpost_domain::alert::{Content, Outcome};
use sealpost_domain::message::Kind;

use super::{LedgerViews, SCAN, index_fault};
use crate::handle::{ReportedOutcome, ViewError};
use crate::projection::{self, Listed};

pub(super) fn each(views: &LedgerViews, each: &mut dyn FnMut(ReportedOutcome)) -> Result<(), ViewError> {
    let projections = views.shared.projections.as_ref();
    let mut first = 0;
    loop {
        let listed = projection::from(projections, first, SCAN).map_err(index_fault)?;
        let Some(last) = listed.last().map(|entry| entry.index) else { return Ok(()) };
        for entry in listed {
            if let Some(outcome) = outcome(views, entry)? {
                each(outcome);
            }
        }
        first = last + 1;
    }
}

fn outcome(views: &LedgerViews, listed: Listed) -> Result<Option<ReportedOutcome>, ViewError> {
    if !matches!(listed.kind, Kind::Outcome | Kind::Amendment) {
        return Ok(None);
    }
    let (index, projections) = (listed.index, views.shared.projections.as_ref());
    let Some(message) = views.read(index)? else { return Ok(None) };
    let opened = message.open(&views.shared.buckets).map_err(|fault| ViewError::Record { index, fault })?;
    let Some(outcome) = opened.and_then(|alert| reported(alert.into_parts().content)) else {
        return Ok(None);
    };
    let header = message.header;
    let standing = projection::standing(projections, &views.shared.agency(), &header).map_err(index_fault)?;
    Ok(Some(ReportedOutcome {
        index,
        id: header.id,
        sender: header.sender,
        sent_at: header.sent_at,
        outcome,
        standing,
    }))
}

/// The outcome that a message reports: itself, or as the replacement of an earlier message.
fn reported(content: Content) -> Option<Outcome> {
    match content {
        Content::Outcome(outcome) => Some(outcome),
        Content::Amendment(amendment) => match *amendment.replacement {
            Content::Outcome(outcome) => Some(outcome),
            _ => None,
        },
        _ => None,
    }
}
