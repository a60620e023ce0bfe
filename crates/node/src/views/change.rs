//! What became of a message later, and what the recipients of a change answered.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::{Alert, Content};
use sealpost_domain::answer::{Change, is_change};
use sealpost_domain::envelope::Header;
use sealpost_domain::view::{Answered, Changed, Forwarded, RecipientAnswer};
use sealpost_wire::alert::alert_from_bytes;
use sealpost_wire::envelope::header_from_bytes;

use super::open::Message;
use super::{LedgerViews, index_fault};
use crate::handle::ViewError;
use crate::projection::{self, Noted};

/// How much of a change is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// That there is one.
    Fact,
    /// Its reason and replacement too.
    Content,
}

impl LedgerViews {
    /// What the sender of a message did to it later.
    pub(super) fn changed(&self, header: &Header, depth: Depth) -> Result<Option<Changed>, ViewError> {
        let (sender, id) = (&header.sender, header.id);
        let me = self.shared.agency();
        let noted = projection::change_of(self.shared.projections.as_ref(), &me, header);
        let Some(Noted { change, index }) = noted.map_err(index_fault)? else { return Ok(None) };
        let absent = || ViewError::Record { index, fault: "the index takes it for a change".to_owned() };
        let by = self.read(index)?.ok_or_else(absent)?;
        let says = match depth {
            Depth::Fact => None,
            Depth::Content => self.content(&by)?,
        };
        let (reason, replacement) = match says {
            Some(Content::Amendment(amendment)) => (Some(amendment.reason), Some(*amendment.replacement)),
            Some(Content::Recall(recall)) => (Some(recall.reason), None),
            _ => (None, None),
        };
        // An amendment that came before its message, and is of another kind, leaves it without a text that holds.
        let replacement = match replacement {
            Some(content) => {
                let of = projection::amended_kind(self.shared.projections.as_ref(), sender, id);
                of.map_err(index_fault)?.is_none_or(|of| of == content.kind()).then_some(content)
            }
            None => None,
        };
        Ok(Some(Changed {
            effect: change.effect,
            by: change.by,
            sent_at: change.sent_at,
            recorded_at: by.recorded_at,
            reason,
            replacement,
        }))
    }

    /// What this agency later told a recipient of its message about it.
    pub(super) fn told(&self, header: &Header, recipient: &AgencyId) -> Result<Option<Change>, ViewError> {
        let (sender, id) = (&header.sender, header.id);
        let noted = projection::change_at(self.shared.projections.as_ref(), sender, id, Some(recipient));
        Ok(noted.map_err(index_fault)?.map(|noted| noted.change))
    }

    /// What a forward encloses, opened. It was proven when the forward was recorded.
    pub(super) fn forwarded(&self, alert: &Alert) -> Result<Option<Box<Forwarded>>, ViewError> {
        let Content::Forward(forward) = alert.content() else { return Ok(None) };
        let opened = header_from_bytes(&forward.header).ok().zip(alert_from_bytes(&forward.body).ok());
        let Some((header, alert)) = opened else { return Ok(None) };
        let changed = self.changed(&header, Depth::Content)?;
        let Header { id, sender, recipients, sent_at, kind, category, handling, in_reply_to, .. } = header;
        let recipients = recipients.agencies().cloned().collect();
        let forwarded = Forwarded {
            id,
            sender,
            recipients,
            sent_at,
            kind,
            category,
            handling,
            in_reply_to,
            alert,
            changed,
        };
        Ok(Some(Box::new(forwarded)))
    }

    /// What each recipient answered to an amendment or a recall of ours; empty for all else.
    pub(super) fn answers(&self, message: &Message) -> Result<Vec<RecipientAnswer>, ViewError> {
        let header = &message.header;
        if !is_change(header.kind) {
            return Ok(Vec::new());
        }
        let now = self.shared.now();
        let answer = |agency: &AgencyId| {
            let place = projection::answer_of(self.shared.projections.as_ref(), header.id, agency);
            let answered = place.map_err(index_fault)?.map(|index| self.answered(index)).transpose()?;
            Ok(RecipientAnswer::new(agency.clone(), answered.flatten(), header.act_before, now))
        };
        header.recipients.agencies().map(answer).collect()
    }

    fn answered(&self, index: u64) -> Result<Option<Answered>, ViewError> {
        let Some(message) = self.read(index)? else { return Ok(None) };
        let (by, at) = (message.header.id, message.recorded_at);
        Ok(Some(match self.content(&message)? {
            Some(Content::Compliance(compliance)) => {
                Answered { answer: Some(compliance.answer), note: compliance.note, by, at }
            }
            _ => Answered { answer: None, note: None, by, at },
        }))
    }

    /// What a message says; `None` once its body was erased.
    fn content(&self, message: &Message) -> Result<Option<Content>, ViewError> {
        let fault = |fault| ViewError::Record { index: message.index, fault };
        let alert = message.open(&self.shared.buckets).map_err(fault)?;
        Ok(alert.map(|alert| alert.into_parts().content))
    }
}
