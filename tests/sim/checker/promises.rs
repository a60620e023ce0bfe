//! One function for each promise.

use std::collections::{BTreeMap, BTreeSet};

use super::{Evidence, Violation};
use crate::history::Event;
use crate::letters::MARKER;

/// All of them.
pub(super) fn all(evidence: &Evidence) -> Result<(), Violation> {
    authentic(evidence)?;
    sealed(evidence)?;
    once(evidence)?;
    durable(evidence)?;
    lawful(evidence)
}

/// What is shown was written by whom it names, to whom it is shown.
fn authentic(evidence: &Evidence) -> Result<(), Violation> {
    for seen in &evidence.seen {
        let Event::Told { at, sender, marker, .. } = &seen.event else { continue };
        let honest = evidence
            .letters
            .get(marker)
            .is_some_and(|letter| letter.from == *sender && letter.to.contains(at));
        if !honest {
            let expected = format!("{at} is shown what {sender} wrote to it");
            return Err(Violation::of("Authentic", expected, format!("{:?}", seen.event)));
        }
    }
    Ok(())
}

/// No text lies at the hub.
fn sealed(evidence: &Evidence) -> Result<(), Violation> {
    let holds = |file: &&Vec<u8>| String::from_utf8_lossy(file).contains(MARKER);
    match evidence.hub_files.iter().find(holds) {
        None => Ok(()),
        Some(file) => {
            let found = format!("it is in a file of {} bytes", file.len());
            Err(Violation::of("Sealed", "no text on the hub's disk", found))
        }
    }
}

/// A message is delivered once in each ledger and told once in each life of it; a number names one message.
fn once(evidence: &Evidence) -> Result<(), Violation> {
    let mut told = BTreeSet::new();
    for seen in &evidence.seen {
        let Event::Told { at, life, sender, id, .. } = &seen.event else { continue };
        if !told.insert((at, life, sender, id.to_string())) {
            let expected = format!("{at} is shown message {id} of {sender} once");
            return Err(Violation::of("Once", expected, "it is shown again"));
        }
    }
    let mut numbers = BTreeMap::new();
    let mut named = |key: (String, String, String, String, u64), digest| {
        let first = *numbers.entry(key.clone()).or_insert(digest);
        if first == digest {
            return Ok(());
        }
        let expected = format!("number {} of {} → {} {} names one message", key.4, key.0, key.1, key.2);
        Err(Violation::of("Once", expected, format!("it names {first} and {digest}")))
    };
    for (id, book) in &evidence.books {
        let mut delivered = BTreeSet::new();
        for received in &book.received {
            if received.delivered && !delivered.insert(received.digest) {
                let expected = format!("{id} has message {} once", received.digest);
                return Err(Violation::of("Once", expected, format!("again in record {}", received.index)));
            }
            if let Some(place) = &received.place {
                let header = &received.header;
                let (sender, lane) = (header.sender.to_string(), header.priority.to_string());
                let position = place.position;
                named(
                    (sender, id.to_string(), lane, position.incarnation.to_string(), position.number),
                    received.digest,
                )?;
            }
        }
        for sent in &book.sent {
            for (recipient, place) in sent.header.recipients.agencies().zip(&sent.places) {
                let lane = sent.header.priority.to_string();
                let position = place.position;
                named(
                    (
                        id.to_string(),
                        recipient.to_string(),
                        lane,
                        position.incarnation.to_string(),
                        position.number,
                    ),
                    sent.digest,
                )?;
            }
        }
    }
    Ok(())
}

/// PUBLISHED is in the sender's ledger, and in that of every recipient.
fn durable(evidence: &Evidence) -> Result<(), Violation> {
    for seen in &evidence.seen {
        let Event::Published { by, id, recipients, .. } = &seen.event else { continue };
        let book = &evidence.books[by];
        let Some(sent) = book.sent.iter().find(|sent| sent.header.id == *id) else {
            let expected = format!("message {id}, published by {by}, is in its ledger");
            return Err(Violation::of("Durable", expected, "it is not"));
        };
        for recipient in recipients {
            let received = &evidence.books[recipient].received;
            if !received.iter().any(|received| received.digest == sent.digest && received.delivered) {
                let expected = format!("message {id}, published by {by}, is delivered to {recipient}");
                return Err(Violation::of("Complete", expected, "it is not"));
            }
        }
    }
    Ok(())
}

/// Whatever is shown has a live agreement, by the directory that is installed there.
fn lawful(evidence: &Evidence) -> Result<(), Violation> {
    for (id, book) in &evidence.books {
        for received in book.received.iter().filter(|received| received.delivered) {
            let (sender, at) = (&received.header.sender, received.recorded_at);
            let covered = received.directory.agreements.iter().any(|agreement| {
                let parties = agreement.parties.as_slice();
                parties.contains(sender) && parties.contains(id) && agreement.period.holds_at(at)
            });
            if !covered {
                let expected = format!("an agreement of {sender} and {id} covers record {}", received.index);
                return Err(Violation::of("Lawful", expected, "there is none"));
            }
        }
    }
    Ok(())
}
