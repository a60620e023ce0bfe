//! What became of messages: amended or recalled by their sender, and what each recipient of that answered.
//!
//! A change is noted under its own sender, so that nobody changes a message of somebody else, and whether or not the
//! message has come: it holds once that is here. An amendment of an amendment changes the first message of them all.
//! Which change holds does not depend on the order in which they came ([`Change::prevails_over`]).

use sealpost_domain::agency::AgencyId;
use sealpost_domain::answer::{Change, Effect};
use sealpost_domain::envelope::Header;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::{Kind, MessageId};
use sealpost_domain::view::Direction;
use sealpost_store::{Error, Keyspace, Projections};

use super::{Changes, authored_key, message_key, number};

/// Sender, zero byte, message id → the change that holds, and where it lies.
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
        let effect = match header.kind {
            Kind::Amendment => Effect::Amended,
            Kind::Recall => Effect::Recalled,
            Kind::Compliance if direction == Direction::Received => {
                return self.note_answer(index, header, target);
            }
            _ => return Ok(()),
        };
        let change = Change { effect, sent_at: header.sent_at, by: header.id };
        let root = root(target, |id| self.get(AMENDS, &authored_key(&header.sender, id)))?;
        self.merge(&header.sender, root, Noted { change, index })?;
        if effect == Effect::Amended && root != header.id {
            self.put(AMENDS, authored_key(&header.sender, header.id), target.as_bytes());
            // What came before this amendment and changes it changes what it amends.
            let earlier = self.get(CHANGED, &authored_key(&header.sender, header.id))?;
            if let Some(earlier) = earlier.as_deref().and_then(read) {
                self.merge(&header.sender, root, earlier)?;
            }
        }
        Ok(())
    }

    fn merge(&mut self, sender: &AgencyId, id: MessageId, noted: Noted) -> Result<(), Error> {
        let key = authored_key(sender, id);
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

/// What its sender later did to a message, and where that lies.
pub fn change_of(
    projections: &dyn Projections,
    sender: &AgencyId,
    id: MessageId,
) -> Result<Option<Noted>, Error> {
    let root = root(id, |id| projections.get(AMENDS, &authored_key(sender, id)))?;
    let holds = projections.get(CHANGED, &authored_key(sender, root))?;
    // The amendment that holds is not changed itself.
    Ok(holds.as_deref().and_then(read).filter(|noted| noted.change.by != id))
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
