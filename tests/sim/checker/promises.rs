//! Authentic, sealed, once, tamper-evident, lawful, prompt: one function for each. Durable and complete are in
//! [`complete`](super::complete).

use std::collections::{BTreeMap, BTreeSet};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Position;
use sealpost_domain::message::Priority;

use super::{Evidence, Violation, complete};
use crate::history::Event;
use crate::letters::MARKER;
use crate::network::{BEGIN, Network};
use crate::plan::BURST;

/// All of them. That every ledger verifies was checked when it was read.
pub(super) fn all(evidence: &Evidence) -> Result<(), Violation> {
    authentic(evidence)?;
    sealed(evidence)?;
    once(evidence)?;
    complete::durable(evidence)?;
    complete::accepted(evidence)?;
    complete::complete(evidence)?;
    tamper_evident(evidence)?;
    lawful(evidence)?;
    prompt(evidence)
}

/// What is shown was written by whom it names, to whom it is shown; and is the header that its sender has.
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
    for (id, book) in &evidence.books {
        for received in &book.received {
            let sender = &received.header.sender;
            let known = evidence.books[sender].sent.iter().any(|sent| sent.digest == received.digest);
            if !known && !evidence.lost(sender) {
                let expected = format!("record {} of {id} holds a header of {sender}", received.index);
                return Err(Violation::of("Authentic", expected, "its sender never signed it"));
            }
        }
    }
    Ok(())
}

/// No text lies at the hub.
fn sealed(evidence: &Evidence) -> Result<(), Violation> {
    let holds = |file: &&Vec<u8>| file.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
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
    let (mut told, mut losses) = (BTreeSet::new(), BTreeMap::new());
    for seen in &evidence.seen {
        if let Event::LedgerLost { of } = &seen.event {
            *losses.entry(of).or_insert(0) += 1;
        }
        let Event::Told { at, life, sender, id, .. } = &seen.event else { continue };
        // A machine that was set back does not know what it showed.
        let losses = losses.get(at).copied().unwrap_or(0);
        if !told.insert((at, life, losses, sender, id.to_string())) {
            let expected = format!("{at} is shown message {id} of {sender} once");
            return Err(Violation::of("Once", expected, "it is shown again"));
        }
    }
    published_once(evidence)?;
    let mut numbers = Numbers::default();
    for (id, book) in &evidence.books {
        let mut delivered = BTreeSet::new();
        for received in &book.received {
            if received.delivered && !delivered.insert(received.digest) {
                let expected = format!("{id} has message {} once", received.digest);
                return Err(Violation::of("Once", expected, format!("again in record {}", received.index)));
            }
            if let Some(place) = &received.place {
                let header = &received.header;
                numbers.named(&header.sender, id, header.priority, place.position, received.digest)?;
            }
        }
        for sent in book.sent.iter().filter(|sent| !sent.given_up) {
            for (recipient, place) in sent.header.recipients.agencies().zip(&sent.places) {
                numbers.named(id, recipient, sent.header.priority, place.position, sent.digest)?;
            }
        }
    }
    in_order(evidence)
}

/// Whoever hands a message in again, since he got no answer, has it sent once.
fn published_once(evidence: &Evidence) -> Result<(), Violation> {
    let mut ids = BTreeMap::new();
    for seen in &evidence.seen {
        let (by, marker, id) = match &seen.event {
            Event::Published { by, marker, id, .. } => (by, marker, id),
            Event::Told { sender, marker, id, .. } => (sender, marker, id),
            _ => continue,
        };
        let first = *ids.entry(marker).or_insert(*id);
        if first != *id && !evidence.lost(by) {
            let expected = format!("{by} sent {marker} once, as {first}");
            return Err(Violation::of("Once", expected, format!("also as {id}")));
        }
    }
    Ok(())
}

/// The numbers of all links.
#[derive(Default)]
struct Numbers<'e>(BTreeMap<(&'e AgencyId, &'e AgencyId, Priority, Position), Digest>);

impl<'e> Numbers<'e> {
    fn named(
        &mut self,
        sender: &'e AgencyId,
        recipient: &'e AgencyId,
        priority: Priority,
        position: Position,
        digest: Digest,
    ) -> Result<(), Violation> {
        let first = *self.0.entry((sender, recipient, priority, position)).or_insert(digest);
        if first == digest {
            return Ok(());
        }
        let Position { incarnation, number } = position;
        let expected = format!(
            "number {number} of {sender} → {recipient} {priority} in life {incarnation} names one message"
        );
        Err(Violation::of("Once", expected, format!("it names {first} and {digest}")))
    }
}

/// On every link of a life numbers go up by one with each message, and each names the one before.
fn in_order(evidence: &Evidence) -> Result<(), Violation> {
    for (id, book) in &evidence.books {
        let mut heads = BTreeMap::new();
        for sent in &book.sent {
            for (recipient, place) in sent.header.recipients.agencies().zip(&sent.places) {
                let Position { incarnation, number } = place.position;
                let link = (recipient, sent.header.priority, incarnation);
                let (last, digest) = heads.insert(link, (number, sent.digest)).unwrap_or((0, Digest::ZERO));
                if number != last + 1 || place.previous != digest {
                    let expected = format!("number {} of {id} → {recipient} after {digest}", last + 1);
                    let found = format!("{number} after {} in record {}", place.previous, sent.index);
                    return Err(Violation::of("Once", expected, found));
                }
            }
        }
    }
    Ok(())
}

/// Nobody here rewrites or contradicts himself: an alarm that says so is false, but for what a ledger that was set back
/// shows of itself.
fn tamper_evident(evidence: &Evidence) -> Result<(), Violation> {
    const NEVER: [&str; 17] = [
        "link.equivocation",
        "link.broken_chain",
        "link.commitment",
        "signature.invalid",
        "sealed.digest",
        "sealed.unopened",
        "sender.forged",
        "wrap.recipient",
        "wrap.unopened",
        "lane.wrong",
        "accepted.other_batch",
        "key.commitment",
        "plaintext.digest",
        "checkpoint.cosignature",
        "checkpoint.invalid",
        "directory.fork",
        "delivery.malformed",
    ];
    const OF_A_LOSS: [&str; 8] = [
        "checkpoint.fork",
        "checkpoint.inconsistent",
        "checkpoint.rollback",
        "peer.lost_records",
        "receipt.ahead",
        "receipt.other_chain",
        "resume.ahead",
        "resume.other_chain",
    ];
    for (id, book) in &evidence.books {
        for (rule, peer) in &book.alarms {
            let never = NEVER.contains(&rule.as_str());
            let lost = peer.as_ref().is_some_and(|peer| evidence.lost(peer)) || evidence.lost(id);
            if never || (OF_A_LOSS.contains(&rule.as_str()) && !lost) {
                let expected = format!("{id} has nothing to hold against {peer:?}: nobody did wrong");
                return Err(Violation::of("Tamper-evident", expected, format!("an alarm by {rule}")));
            }
        }
    }
    Ok(())
}

/// Whatever is sent and whatever is shown has a live agreement, by the directory that is installed there.
fn lawful(evidence: &Evidence) -> Result<(), Violation> {
    let covered = |one: &AgencyId, other: &AgencyId, at: Instant, directory: &Directory| {
        directory.agreements.iter().any(|agreement| {
            let parties = agreement.parties.as_slice();
            parties.contains(one) && parties.contains(other) && agreement.period.holds_at(at)
        })
    };
    let none = |one: &AgencyId, other: &AgencyId, index: u64| {
        let expected = format!("an agreement of {one} and {other} covers record {index}");
        Err(Violation::of("Lawful", expected, "there is none"))
    };
    let changed = evidence.books.values().any(|book| book.versions > 1);
    for seen in &evidence.seen {
        let Event::Refused { by, marker, rules } = &seen.event else { continue };
        let letter = &evidence.letters[marker];
        let first = &Network::get().directory;
        let allowed = letter.to.iter().all(|to| covered(by, to, BEGIN, first));
        if allowed && !changed {
            let found = format!("it is refused by {rules:?}");
            return Err(Violation::of(
                "Lawful",
                format!("what {by} may write to {:?} is taken", letter.to),
                found,
            ));
        }
    }
    for (id, book) in &evidence.books {
        for received in book.received.iter().filter(|received| received.delivered) {
            let sender = &received.header.sender;
            if !covered(sender, id, received.recorded_at, &received.directory) {
                return none(sender, id, received.index);
            }
        }
        for sent in &book.sent {
            for recipient in sent.header.recipients.agencies() {
                if !covered(id, recipient, sent.recorded_at, &sent.directory) {
                    return none(id, recipient, sent.index);
                }
            }
        }
    }
    Ok(())
}

/// A FLASH that is published while a burst waits is shown before most of the burst.
fn prompt(evidence: &Evidence) -> Result<(), Violation> {
    let Some(flash) = &evidence.overtakes else { return Ok(()) };
    let told: Vec<&String> = evidence
        .seen
        .iter()
        .filter_map(|seen| match &seen.event {
            Event::Told { marker, .. } => Some(marker),
            _ => None,
        })
        .collect();
    let before = told.iter().position(|marker| *marker == flash).unwrap_or(usize::MAX);
    if before > BURST / 2 {
        let expected = format!("a FLASH behind {BURST} others is shown before most of them");
        return Err(Violation::of("Prompt", expected, format!("{before} of them come before it")));
    }
    Ok(())
}
