//! Durable and complete: nothing that was told is gone, and nothing that was published vanishes silently.

use std::collections::BTreeMap;
use std::time::Duration;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::message::MessageId;
use sealpost_domain::view::DeliveryState;

use super::{Evidence, Violation};
use crate::history::Event;

/// The digest of a message in its sender's ledger.
fn header_of(evidence: &Evidence, sender: &AgencyId, id: MessageId) -> Option<Digest> {
    let sent = evidence.books[sender].sent.iter().find(|sent| sent.header.id == id);
    sent.map(|sent| sent.digest)
}

fn holds(evidence: &Evidence, at: &AgencyId, digest: Digest) -> bool {
    evidence.books[at].received.iter().any(|received| received.delivered && received.digest == digest)
}

/// What a recipient lost with its disk does not come again under an agreement that ended since.
fn may_not_come_again(evidence: &Evidence, at: &AgencyId, since: Duration) -> bool {
    evidence.lost_after(at, since) && evidence.books[at].versions > 1
}

/// PUBLISHED is in the sender's ledger, unless its disk was lost since; DELIVERED is in the recipient's, and so is what was
/// shown there, unless the disks of both were.
pub(super) fn durable(evidence: &Evidence) -> Result<(), Violation> {
    for seen in &evidence.seen {
        match &seen.event {
            Event::PromisedWithout { index } => {
                let expected =
                    format!("entry {index} of the journal is on the hub's disk when it is promised");
                return Err(Violation::of("Durable", expected, "it is not"));
            }
            Event::Published { by, id, kept: false, .. } => {
                let expected = format!("message {id} is on the disk of {by} when its publisher is answered");
                return Err(Violation::of("Durable", expected, "it is not"));
            }
            Event::Published { by, id, .. }
                if header_of(evidence, by, *id).is_none() && !evidence.lost_after(by, seen.at) =>
            {
                let expected = format!("message {id}, published by {by}, is in its ledger");
                return Err(Violation::of("Durable", expected, "it is not"));
            }
            Event::Tracked { by, id, recipient, state, kept, .. } => {
                let told = matches!(state, DeliveryState::Delivered | DeliveryState::Read);
                if told && !kept {
                    let expected =
                        format!("message {id} is on the disk of {recipient} when {by} is told {state}");
                    return Err(Violation::of("Durable", expected, "it is not"));
                }
                let Some(digest) = header_of(evidence, by, *id).filter(|_| told) else { continue };
                if !holds(evidence, recipient, digest)
                    && !may_not_come_again(evidence, recipient, Duration::ZERO)
                {
                    let expected = format!("message {id}, {state} to {recipient} as {by} was told, is there");
                    return Err(Violation::of("Durable", expected, "it is not"));
                }
            }
            Event::Told { at, sender, id, header, .. } => {
                let kept_by_sender = header_of(evidence, sender, *id).is_some();
                let excused = evidence.lost_after(at, seen.at)
                    && (!kept_by_sender || may_not_come_again(evidence, at, seen.at));
                if !holds(evidence, at, *header) && !excused {
                    let expected = format!("message {id} of {sender}, shown at {at}, is in its ledger");
                    return Err(Violation::of("Durable", expected, "it is not"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// ACCEPTED is in the hub's journal, unless that was lost.
pub(super) fn accepted(evidence: &Evidence) -> Result<(), Violation> {
    for (id, book) in evidence.books.iter().filter(|_| !evidence.journal_lost) {
        for (accepted, headers) in &book.promises {
            let none = Vec::new();
            let entry = evidence.journal.get(&accepted.index).unwrap_or(&none);
            for (position, header) in headers.iter().enumerate() {
                // What is refused need not be there.
                if accepted.refusals_of(position).next().is_none() && !entry.contains(header) {
                    let index = accepted.index;
                    let expected =
                        format!("header {header}, accepted for {id}, is in entry {index} of the journal");
                    return Err(Violation::of("Durable", expected, "it is not"));
                }
            }
        }
    }
    Ok(())
}

/// Everything that was published is delivered in the end, or did not come for a reason that its sender was told.
pub(super) fn complete(evidence: &Evidence) -> Result<(), Violation> {
    let mut last = BTreeMap::new();
    for seen in &evidence.seen {
        if let Event::Tracked { by, id, recipient, state, rule, .. } = &seen.event {
            last.insert((by.clone(), id.to_string(), recipient.clone()), (*state, rule.clone()));
        }
    }
    let changed = evidence.books.values().any(|book| book.versions > 1);
    for (sender, book) in &evidence.books {
        for sent in &book.sent {
            for recipient in sent.header.recipients.agencies() {
                let arrived = holds(evidence, recipient, sent.digest);
                let id = sent.header.id;
                let told = last.get(&(sender.clone(), id.to_string(), recipient.clone()));
                let fits = match told {
                    // Nobody was answered that it is published, so nobody asked.
                    None => arrived || evidence.lost(sender),
                    Some((DeliveryState::Delivered | DeliveryState::Read, _)) => {
                        arrived || may_not_come_again(evidence, recipient, Duration::ZERO)
                    }
                    Some((DeliveryState::Refused, Some(_))) => changed && !arrived,
                    // What was on its way in that moment may have come, and behind it a message of the life that is forgotten:
                    // then no digest proves it to its sender.
                    Some((DeliveryState::Withdrawn, Some(rule))) if rule == "ledger.rolled_back" => {
                        evidence.lost(sender)
                    }
                    Some((DeliveryState::Withdrawn, _)) => evidence.lost(sender) && !arrived,
                    Some(_) => false,
                };
                if !fits {
                    let expected =
                        format!("message {id} of {sender} is delivered to {recipient}, or refused by a rule");
                    let found = format!("its sender was told {told:?}, and it is there: {arrived}");
                    return Err(Violation::of("Complete", expected, found));
                }
            }
        }
    }
    Ok(())
}
