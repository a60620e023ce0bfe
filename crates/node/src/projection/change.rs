//! What became of messages: amended or recalled by their sender, and what each recipient of that answered.
//!
//! A change holds where it was told. What a peer sent us it changes here; what we sent is changed at the recipients of the
//! change alone, and everywhere once all recipients of the message have been told.
//!
//! A change is noted under its own sender, so that nobody changes a message of somebody else, and whether or not the
//! message has come: it holds once that is here. An amendment of an amendment changes the first message of them all.
//! A change that came first may turn out to be of a message that is not changed in that way; then it changes nothing.
//! Which change holds does not depend on the order in which they came ([`Change::prevails_over`]).

use sealpost_domain::agency::AgencyId;
use sealpost_domain::answer::{Change, Effect, Named};
use sealpost_domain::envelope::Header;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::{Kind, MessageId};
use sealpost_domain::view::Direction;
use sealpost_store::{Error, Keyspace, Projections};

use super::{Changes, authored_key, kind_of, message_key, number};

/// Sender, zero byte, message id and, for a message of our own, the recipient → the change that holds there, and where it
/// lies.
const CHANGED: Keyspace = Keyspace::new("changed");
/// Sender, zero byte, id of an amendment → id of the message that it amends.
const AMENDS: Keyspace = Keyspace::new("amends");
/// Id of a change of ours, agency → its last answer: when it was sent, its id, and where it lies.
const ANSWERS: Keyspace = Keyspace::new("answers");

/// So many amendments of amendments are followed; a circle ends here.
const CHAIN_MAX: usize = 64;

/// A change in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The change.
    pub change: Change,
    /// Where the amendment or recall lies in the ledger.
    pub index: u64,
}

impl Changes<'_> {
    /// Notes what a message does to others.
    pub(super) fn note_change(
        &mut self,
        index: u64,
        header: &Header,
        direction: Direction,
    ) -> Result<(), Error> {
        let Some(target) = header.in_reply_to else { return Ok(()) };
        if header.kind == Kind::Compliance && direction == Direction::Received {
            return self.note_answer(index, header, target);
        }
        let Some(effect) = Effect::of(header.kind) else { return Ok(()) };
        let at: Vec<Option<&AgencyId>> = match direction {
            Direction::Received => vec![None],
            Direction::Sent => header.recipients.agencies().map(Some).collect(),
        };
        let change = Change { effect, sent_at: header.sent_at, by: header.id };
        let root = root(target, |id| self.get(AMENDS, &authored_key(&header.sender, id)))?;
        for at in at {
            self.merge(place_key(&header.sender, root, at), Noted { change, index })?;
        }
        if effect == Effect::Amended && root != header.id {
            self.put(AMENDS, authored_key(&header.sender, header.id), target.as_bytes());
            // What came before this amendment and changes it changes what it amends. What we send names what was sent before.
            let earlier = self.get(CHANGED, &place_key(&header.sender, header.id, None))?;
            if let Some(earlier) = earlier.as_deref().and_then(read) {
                self.merge(place_key(&header.sender, root, None), earlier)?;
            }
        }
        Ok(())
    }

    fn merge(&mut self, key: Vec<u8>, noted: Noted) -> Result<(), Error> {
        let holds = self.get(CHANGED, &key)?.as_deref().and_then(read);
        if holds.is_none_or(|holds| noted.change.prevails_over(&holds.change)) {
            self.put(CHANGED, key, &written(&noted));
        }
        Ok(())
    }

    fn note_answer(&mut self, index: u64, header: &Header, change: MessageId) -> Result<(), Error> {
        let key = message_key(change, &header.sender);
        let order = [&header.sent_at.as_millis().to_be_bytes()[..], header.id.as_bytes()].concat();
        let before = self.get(ANSWERS, &key)?;
        if before.is_none_or(|before| before.get(..order.len()).is_none_or(|before| *before < order[..])) {
            self.put(ANSWERS, key, &[&order[..], &index.to_be_bytes()].concat());
        }
        Ok(())
    }
}

/// What its sender later did to a message, and where that lies: for a message of our own, what all its recipients have
/// been told.
pub fn change_of(
    projections: &dyn Projections,
    me: &AgencyId,
    header: &Header,
) -> Result<Option<Noted>, Error> {
    if header.sender != *me {
        return change_at(projections, &header.sender, header.id, None);
    }
    let mut holds: Option<Noted> = None;
    for recipient in header.recipients.agencies() {
        let Some(told) = change_at(projections, me, header.id, Some(recipient))? else { return Ok(None) };
        // The weakest of them is what holds at all.
        if holds.is_none_or(|holds| holds.change.prevails_over(&told.change)) {
            holds = Some(told);
        }
    }
    Ok(holds)
}

/// What its sender later did to a message: here, or towards one recipient of a message of our own.
pub fn change_at(
    projections: &dyn Projections,
    sender: &AgencyId,
    id: MessageId,
    recipient: Option<&AgencyId>,
) -> Result<Option<Noted>, Error> {
    let root = root(id, |id| projections.get(AMENDS, &authored_key(sender, id)))?;
    let holds = projections.get(CHANGED, &place_key(sender, root, recipient))?;
    // The amendment that holds is not changed itself.
    let holds = holds.as_deref().and_then(read).filter(|noted| noted.change.by != id);
    let kind = if holds.is_some() { kind_of(projections, root, sender)? } else { None };
    Ok(holds.filter(|noted| kind.is_none_or(|kind| noted.change.effect.befalls(kind))))
}

/// What is known of a message that another one names.
pub fn named(projections: &dyn Projections, header: &Header) -> Result<Named, Error> {
    let amends = match header.kind {
        Kind::Amendment => amended_kind(projections, &header.sender, header.id)?,
        _ => None,
    };
    let recipients = header.recipients.agencies().cloned().collect();
    Ok(Named { author: header.sender.clone(), kind: header.kind, recipients, amends })
}

/// The kind of the first message in the chain of amendments to which an amendment belongs, or of a message that amends
/// none; `None` where that does not lie here.
pub fn amended_kind(
    projections: &dyn Projections,
    sender: &AgencyId,
    id: MessageId,
) -> Result<Option<Kind>, Error> {
    let root = root(id, |id| projections.get(AMENDS, &authored_key(sender, id)))?;
    // Of an amendment that names no other, or one of a circle, nothing is known.
    Ok(kind_of(projections, root, sender)?.filter(|kind| *kind != Kind::Amendment))
}

/// Where an agency's last answer to a change of ours lies.
pub fn answer_of(
    projections: &dyn Projections,
    change: MessageId,
    agency: &AgencyId,
) -> Result<Option<u64>, Error> {
    let value = projections.get(ANSWERS, &message_key(change, agency))?;
    Ok(value.and_then(|value| number(value.get(24..)?)))
}

/// The first message of a chain of amendments.
fn root(
    id: MessageId,
    amends: impl Fn(MessageId) -> Result<Option<Vec<u8>>, Error>,
) -> Result<MessageId, Error> {
    let mut root = id;
    for _ in 0..CHAIN_MAX {
        let Some(before) = amends(root)?.and_then(|value| MessageId::try_from(value.as_slice()).ok()) else {
            break;
        };
        root = before;
    }
    Ok(root)
}

/// The key of what holds of a message here, or at a recipient.
fn place_key(sender: &AgencyId, id: MessageId, recipient: Option<&AgencyId>) -> Vec<u8> {
    let mut key = authored_key(sender, id);
    key.extend_from_slice(recipient.map_or("", AgencyId::as_str).as_bytes());
    key
}

fn written(noted: &Noted) -> Vec<u8> {
    let Noted { change: Change { effect, sent_at, by }, index } = noted;
    let effect = match effect {
        Effect::Amended => 1,
        Effect::Recalled => 2,
    };
    [&[effect][..], &sent_at.as_millis().to_be_bytes(), by.as_bytes(), &index.to_be_bytes()].concat()
}

fn read(value: &[u8]) -> Option<Noted> {
    let (effect, rest) = value.split_first()?;
    let effect = match effect {
        1 => Effect::Amended,
        2 => Effect::Recalled,
        _ => return None,
    };
    let sent_at = i64::from_be_bytes(rest.get(..8)?.try_into().ok()?);
    let by = MessageId::try_from(rest.get(8..24)?).ok()?;
    let change = Change { effect, sent_at: Instant::from_millis(sent_at), by };
    Some(Noted { change, index: number(rest.get(24..)?)? })
}

#[cfg(test)]
mod tests {
    use sealpost_domain::digest::Digest;
    use sealpost_domain::envelope::{DirectoryVersion, Recipient, Recipients};
    use sealpost_domain::handling::{Handling, Tlp};
    use sealpost_domain::message::{Category, Priority, SharingMode};
    use sealpost_store::Memory;

    use super::*;
    use crate::fixture::agency;

    fn id(seed: u8) -> MessageId {
        MessageId::new(1, [seed; 10])
    }

    /// A message about another one, sent at a time that its own id tells.
    fn about(sender: &str, kind: Kind, own: u8, target: u8) -> Header {
        let recipient =
            Recipient { agency: agency("DE-ZKA"), agreement: Digest::ZERO, link_commitment: Digest::ZERO };
        Header {
            id: id(own),
            sender: agency(sender),
            sent_at: Instant::from_millis(own.into()),
            kind,
            priority: Priority::Routine,
            act_before: None,
            category: Category::Narcotics,
            mode: SharingMode::Spontaneous,
            handling: Handling::new(Tlp::Amber, []),
            operation: None,
            in_reply_to: Some(id(target)),
            directory: DirectoryVersion { version: 1, digest: Digest::ZERO },
            recipients: Recipients::new(vec![recipient]).unwrap(),
            sealed_digest: Digest::ZERO,
            key_commitment: Digest::ZERO,
            plaintext_digest: Digest::ZERO,
            approval_digest: None,
        }
    }

    fn noted<'h>(headers: impl IntoIterator<Item = &'h Header>) -> Memory {
        let index = Memory::new();
        for (place, header) in (0..).zip(headers) {
            let mut changes = Changes::new(&index, place + 1);
            changes.note_change(place, header, Direction::Received).unwrap();
            changes.apply().unwrap();
        }
        index
    }

    fn holds(index: &Memory, sender: &str, of: u8) -> Option<(Effect, MessageId)> {
        let noted = change_at(index, &agency(sender), id(of), None).unwrap();
        noted.map(|noted| (noted.change.effect, noted.change.by))
    }

    /// Every order of some messages.
    fn orders(headers: &[Header]) -> Vec<Vec<&Header>> {
        let Some((first, rest)) = headers.split_first() else { return vec![Vec::new()] };
        let mut all = Vec::new();
        for order in orders(rest) {
            for place in 0..=order.len() {
                let mut longer = order.clone();
                longer.insert(place, first);
                all.push(longer);
            }
        }
        all
    }

    #[test]
    fn the_same_change_holds_in_whatever_order_they_come() {
        // Of message 1: amended by 2, that by 3, that by 4; and once more itself by 5.
        let chain = [
            about("HK-CED", Kind::Amendment, 2, 1),
            about("HK-CED", Kind::Amendment, 3, 2),
            about("HK-CED", Kind::Amendment, 4, 3),
            about("HK-CED", Kind::Amendment, 5, 1),
        ];
        let mut with_recall = chain.to_vec();
        with_recall.push(about("HK-CED", Kind::Recall, 0, 3));
        assert_eq!(orders(&with_recall).len(), 120);
        for order in orders(&chain) {
            let index = noted(order);
            let found = [1, 2, 3, 4, 5].map(|of| holds(&index, "HK-CED", of));
            let amended = Some((Effect::Amended, id(5)));
            assert_eq!(found, [amended, amended, amended, amended, None]);
        }
        for order in orders(&with_recall) {
            let index = noted(order);
            for of in 1..=5 {
                assert_eq!(holds(&index, "HK-CED", of), Some((Effect::Recalled, id(0))), "message {of}");
            }
            assert_eq!(holds(&index, "DE-ZKA", 2), None, "of another sender");
        }
    }

    #[test]
    fn a_circle_of_amendments_ends() {
        let circle = [
            about("HK-CED", Kind::Amendment, 1, 2),
            about("HK-CED", Kind::Amendment, 2, 1),
            about("HK-CED", Kind::Amendment, 3, 3),
        ];
        for order in orders(&circle) {
            let index = noted(order);
            for of in 1..=3 {
                holds(&index, "HK-CED", of);
            }
        }
    }

    #[test]
    fn the_last_answer_of_an_agency_counts() {
        let answers = [about("DE-ZKA", Kind::Compliance, 4, 1), about("DE-ZKA", Kind::Compliance, 6, 1)];
        for order in orders(&answers) {
            let last = order.iter().position(|header| header.id == id(6)).unwrap();
            let index = noted(order);
            let found = answer_of(&index, id(1), &agency("DE-ZKA")).unwrap();
            assert_eq!(found, Some(last as u64));
            assert_eq!(answer_of(&index, id(1), &agency("TH-TCD")).unwrap(), None);
        }
    }
}
