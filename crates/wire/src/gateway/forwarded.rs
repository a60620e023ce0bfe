//! What a forward encloses, as the node shows it.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::view::Forwarded;
use sealpost_proto::v1 as pb;

use super::change::{changed, changed_message};
use super::id_bytes;
use crate::Error;
use crate::alert;
use crate::field::{In, instant};
use crate::names;

pub(super) fn forwarded(message: pb::Forwarded) -> Result<Forwarded, Error> {
    let at = In("Forwarded");
    let pb::Forwarded {
        message_id,
        sender,
        recipients,
        sent_at_ms,
        kind,
        category,
        tlp,
        handling_codes,
        in_reply_to,
        alert,
        changed: later,
    } = message;
    let alert = alert::alert(at.required("alert", alert)?);
    Ok(Forwarded {
        id: at.bytes("message_id", &message_id)?,
        sender: at.agency("sender", &sender)?,
        recipients: recipients
            .iter()
            .map(|agency| at.agency("recipients", agency))
            .collect::<Result<_, _>>()?,
        sent_at: instant(sent_at_ms),
        kind: names::kind(at, "kind", kind)?,
        category: names::category(at, "category", category)?,
        handling: names::handling(at, tlp, &handling_codes)?,
        in_reply_to: at.bytes_optional("in_reply_to", &in_reply_to)?,
        alert: alert.map_err(|faults| at.fault("alert", faults))?,
        changed: later.map(changed).transpose()?,
    })
}

pub(super) fn forwarded_message(forwarded: &Forwarded) -> pb::Forwarded {
    let (tlp, handling_codes) = names::handling_numbers(&forwarded.handling);
    pb::Forwarded {
        message_id: id_bytes(forwarded.id),
        sender: forwarded.sender.to_string(),
        recipients: forwarded.recipients.iter().map(AgencyId::to_string).collect(),
        sent_at_ms: forwarded.sent_at.as_millis(),
        kind: names::kind_number(forwarded.kind),
        category: names::category_number(forwarded.category),
        tlp,
        handling_codes,
        in_reply_to: forwarded.in_reply_to.map(id_bytes).unwrap_or_default(),
        alert: Some(alert::alert_message(&forwarded.alert)),
        changed: forwarded.changed.as_ref().map(changed_message),
    }
}
