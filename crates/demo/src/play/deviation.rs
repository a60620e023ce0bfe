//! What each agency has to say, and ways to make it say something else on purpose: the checks have to notice.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::Content;
use sealpost_domain::message::MessageId;

use crate::operation::{Message, Operation};

/// One fault that is made on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deviation {
    /// A message does not go to one of its addressees.
    Drop,
    /// A message goes out twice, under two ids.
    Double,
    /// A message goes to an agency that has nothing to do with it.
    Misroute,
}

/// What an agency hands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The message's place in the operation.
    pub(super) place: usize,
    /// Its name, unique among everything that is handed in.
    pub(super) key: String,
    /// Other recipients than those in the file.
    pub(super) recipients: Option<Vec<AgencyId>>,
    /// Whether it takes the message's place, or comes on top.
    pub(super) part: Part,
}

/// Whether a line is the message, or one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Message,
    Surplus,
}

/// The lines of one agency, in the order of the file.
pub(super) fn lines(operation: &Operation, agency: &AgencyId, deviation: Option<&Deviation>) -> Vec<Line> {
    let victim = deviation.and_then(|deviation| Some((deviation, victim(operation, deviation)?)));
    let mut lines = Vec::new();
    for (place, message) in
        operation.messages.iter().enumerate().filter(|(_, message)| message.from == *agency)
    {
        let key = message.reference.clone();
        let mut line = Line { place, key, recipients: None, part: Part::Message };
        let surplus =
            Line { key: format!("{}/again", message.reference), part: Part::Surplus, ..line.clone() };
        match victim {
            Some((deviation, at)) if at == place => match deviation {
                Deviation::Drop => line.recipients = Some(without_last(message)),
                Deviation::Misroute => line.recipients = with_stranger(operation, message),
                Deviation::Double => lines.push(surplus),
            },
            _ => {}
        }
        lines.push(line);
    }
    lines
}

/// The last message that a fault can be made of: named recipients, more than one of them where one will be missing,
/// and nobody who answers it or would wait for it in vain. A sighting or an outcome: their text does not depend on the
/// moment of sending.
fn victim(operation: &Operation, deviation: &Deviation) -> Option<usize> {
    let messages = &operation.messages;
    let answered =
        |id: MessageId| messages.iter().any(|message| message.draft.parts().in_reply_to == Some(id));
    let least = if *deviation == Deviation::Drop { 2 } else { 1 };
    let fits = |message: &Message| {
        matches!(message.draft.alert().content(), Content::Sighting(_) | Content::Outcome(_))
            && message.draft.parts().recipients.len() >= least
            && !answered(message.id)
    };
    messages.iter().rposition(fits)
}

fn without_last(message: &Message) -> Vec<AgencyId> {
    let recipients = &message.draft.parts().recipients;
    recipients.split_last().map(|(_, others)| others.to_vec()).unwrap_or_default()
}

fn with_stranger(operation: &Operation, message: &Message) -> Option<Vec<AgencyId>> {
    let mut recipients = message.draft.parts().recipients.clone();
    let senders = operation.messages.iter().map(|other| &other.from);
    let stranger =
        senders.into_iter().find(|agency| **agency != message.from && !recipients.contains(agency))?;
    recipients.push(stranger.clone());
    Some(recipients)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_lines(deviation: Option<&Deviation>) -> (Operation, Vec<Line>) {
        let operation = Operation::sample().unwrap();
        let agencies: std::collections::BTreeSet<_> =
            operation.messages.iter().map(|message| message.from.clone()).collect();
        let lines = agencies.iter().flat_map(|agency| lines(&operation, agency, deviation)).collect();
        (operation, lines)
    }

    #[test]
    fn without_deviation_every_message_is_said_once_as_it_stands() {
        let (operation, lines) = all_lines(None);
        let places: std::collections::BTreeSet<_> = lines.iter().map(|line| line.place).collect();
        assert_eq!((lines.len(), places.len()), (operation.messages.len(), operation.messages.len()));
        assert!(lines.iter().all(|line| line.recipients.is_none() && line.part == Part::Message));
    }

    #[test]
    fn each_deviation_changes_exactly_one_thing() {
        let (operation, dropped) = all_lines(Some(&Deviation::Drop));
        let changed: Vec<_> =
            dropped.iter().filter_map(|line| Some((line.place, line.recipients.as_ref()?))).collect();
        let [(place, recipients)] = changed.as_slice() else { panic!("{changed:?}") };
        assert_eq!(recipients.len() + 1, operation.messages[*place].draft.parts().recipients.len());

        let (operation, misrouted) = all_lines(Some(&Deviation::Misroute));
        let changed: Vec<_> =
            misrouted.iter().filter_map(|line| Some((line.place, line.recipients.as_ref()?))).collect();
        let [(place, recipients)] = changed.as_slice() else { panic!("{changed:?}") };
        assert_eq!(recipients.len(), operation.messages[*place].draft.parts().recipients.len() + 1);

        let (operation, doubled) = all_lines(Some(&Deviation::Double));
        assert_eq!(doubled.len(), operation.messages.len() + 1);
        assert_eq!(doubled.iter().filter(|line| line.part == Part::Surplus).count(), 1);
    }
}
