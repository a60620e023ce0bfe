//! Room for more: whoever is away long enough has a full queue, and that is nobody else's affair. Its recipient is left
//! out of the batch by [`Rule::RecipientFull`], and all the others get their mail.
//!
//! A sender whose own mail takes too much of the disk is told [`Rule::SenderFull`], for those recipients alone for whom
//! much of it waits: those who fetch their mail go on getting it, and no other sender is concerned.
//!
//! Decided before the journal, which then says who was left out: the limit is not part of the hub's state.

use std::collections::BTreeMap;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::permission::{Question, judge_agreement};
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::HubRefusal;
use sealpost_server::pool::Lane;
use sealpost_wire::envelope::header_from_bytes;

use super::Limits;
use crate::core::State;
use crate::lane::lane;
use crate::verify::Sound;

/// Takes the wraps for recipients for whom there is no room out of these envelopes, and the envelopes that are left without
/// one: they would fill the disk for nobody. Several batches may be judged by the same state, so that a queue exceeds its
/// limit by what is being written at that moment, which is bounded.
pub(super) fn leave_out_the_full(
    state: &State,
    limits: Limits,
    sender: &AgencyId,
    batch: &mut Vec<(u32, Sound)>,
    now: Instant,
) -> Vec<HubRefusal> {
    let mut room = Room::new(state, limits, sender);
    let mut refusals = Vec::new();
    batch.retain_mut(|(position, sound)| {
        let refusal = |recipient: &AgencyId, rule: Rule| HubRefusal {
            position: *position,
            recipient: Some(recipient.clone()),
            rule: rule.to_string(),
        };
        let (lane, bytes) = (lane(sound.priority), sound.payload.len() as u64);
        let mut full = Vec::new();
        for (bit, recipient) in bits().zip(&sound.recipients) {
            if sound.wrapped & bit == 0 {
                continue;
            }
            if let Err(rule) = room.take(recipient, lane, bytes)
                && may_write(state, sound, recipient, now)
            {
                sound.wrapped &= !bit;
                full.push(refusal(recipient, rule));
            }
        }
        let goes_on = full.is_empty() || sound.wrapped != 0;
        if !goes_on {
            // The journal will not see it, and so not say which wraps there never were.
            let missing = sound.recipients.iter().filter(|recipient| {
                !full.iter().any(|refusal| refusal.recipient.as_ref() == Some(*recipient))
            });
            refusals.extend(missing.map(|recipient| refusal(recipient, Rule::WrapMissing)));
        }
        refusals.append(&mut full);
        goes_on
    });
    refusals
}

/// What waits already, and what this batch adds to it.
struct Room<'s> {
    state: &'s State,
    limits: Limits,
    sender: &'s AgencyId,
    /// Bytes of the sender.
    held: u64,
    /// For each recipient: deliveries, and bytes of the sender.
    waiting: BTreeMap<AgencyId, (usize, u64)>,
}

impl<'s> Room<'s> {
    fn new(state: &'s State, limits: Limits, sender: &'s AgencyId) -> Self {
        Self { state, limits, sender, held: state.held_of(sender), waiting: BTreeMap::new() }
    }

    /// Takes room for one delivery; otherwise says by which rule there is none.
    fn take(&mut self, recipient: &AgencyId, lane: Lane, bytes: u64) -> Result<(), Rule> {
        let Self { state, sender, limits, .. } = *self;
        let before = || (state.backlog_of(recipient), state.held_between(sender, recipient));
        let (deliveries, between) = self.waiting.entry(recipient.clone()).or_insert_with(before);
        if *deliveries >= limits.backlog(lane) {
            return Err(Rule::RecipientFull);
        }
        let has_much = *between >= limits.share();
        if has_much && self.held >= limits.sender_bytes(lane) {
            return Err(Rule::SenderFull);
        }
        *deliveries += 1;
        *between += bytes;
        self.held += bytes;
        Ok(())
    }
}

/// Whether the envelope is for this recipient by law. Whoever may not write to it is refused by the journal for that
/// reason, and learns nothing about its queue.
fn may_write(state: &State, sound: &Sound, recipient: &AgencyId, now: Instant) -> bool {
    let (Some(directory), Ok(header)) = (state.directory(), header_from_bytes(&sound.header)) else {
        return false;
    };
    let question = Question::of_header(&header, now);
    let listed = header.recipients.get(recipient);
    listed.is_some_and(|listed| judge_agreement(&question, recipient, listed.agreement, directory).is_ok())
}

/// One bit for each recipient of a header, in order.
fn bits() -> impl Iterator<Item = u64> {
    (0..u64::BITS).map(|position| 1 << position)
}

#[cfg(test)]
mod tests {
    use sealpost_crypto::chains::NOW;
    use sealpost_domain::envelope::Envelope;
    use sealpost_domain::message::Priority;
    use sealpost_wire::hub::{BodyLocation, Entry, Event, SubmittedEnvelope};

    use super::*;
    use crate::fixture::{Network, agency};
    use crate::verify::verify;

    const LIMITS: Limits = Limits { backlog: 8, sender_bytes: u64::MAX };

    /// A hub at which Germany's queue has this many envelopes.
    fn waiting(network: &Network, count: u8) -> State {
        let mut state = State::new(0);
        state.step(0, &Entry { at: NOW, event: Event::Directory(network.genesis()) }).unwrap();
        let submitted = |seed| {
            let Envelope { header, signatures, .. } =
                network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, seed);
            let payload = BodyLocation { segment: 0, offset: 0, length: 1, checksum: 0, index: 0 };
            SubmittedEnvelope { header, signatures, payload, wrapped: 1 }
        };
        let envelopes = (100..100 + count).map(submitted).collect();
        let event = Event::Batch { sender: agency("HK-CED"), envelopes };
        state.step(1, &Entry { at: NOW, event }).unwrap();
        assert_eq!(state.backlog_of(&agency("DE-ZKA")), usize::from(count));
        state
    }

    fn sound(network: &Network, envelopes: Vec<Envelope>) -> Vec<(u32, Sound)> {
        let directory = sealpost_crypto::directory::verify(&network.genesis(), None).unwrap();
        let sound = |envelope| verify(envelope, &agency("HK-CED"), &directory, NOW).ok().unwrap();
        (0..).zip(envelopes.into_iter().map(sound)).collect()
    }

    fn sound_of(network: &Network, sender: &str, envelope: Envelope) -> Sound {
        let directory = sealpost_crypto::directory::verify(&network.genesis(), None).unwrap();
        verify(envelope, &agency(sender), &directory, NOW).ok().unwrap()
    }

    fn told(refusals: &[HubRefusal]) -> Vec<(u32, &str, &str)> {
        let mut told = Vec::new();
        for HubRefusal { position, recipient, rule } in refusals {
            told.push((*position, recipient.as_ref().unwrap().as_str(), rule.as_str()));
        }
        told
    }

    #[test]
    fn a_full_recipient_is_left_out_and_the_others_of_the_same_batch_and_message_are_not() {
        let network = Network::new();
        let state = waiting(&network, 7);
        let to = |recipients: &[&str], seed| network.envelope("HK-CED", recipients, Priority::Routine, seed);
        let mut batch = sound(
            &network,
            vec![to(&["DE-ZKA"], 1), to(&["DE-ZKA", "TH-TCD"], 2), to(&["TH-TCD"], 3), to(&["DE-ZKA"], 4)],
        );
        let refusals = leave_out_the_full(&state, LIMITS, &agency("HK-CED"), &mut batch, NOW);
        assert_eq!(told(&refusals), [(1, "DE-ZKA", "recipient.full"), (3, "DE-ZKA", "recipient.full")]);
        let left: Vec<_> = batch.iter().map(|(position, sound)| (*position, sound.wrapped)).collect();
        assert_eq!(left, [(0, 0b1), (1, 0b10), (2, 0b1)], "the last one is for nobody, and not written");
    }

    #[test]
    fn flash_finds_room_where_there_is_none_for_other_mail() {
        let network = Network::new();
        let state = waiting(&network, 8);
        let flash = |seed| network.envelope("HK-CED", &["DE-ZKA"], Priority::Flash, seed);
        let mut batch = sound(&network, vec![flash(1), flash(2)]);
        let refusals = leave_out_the_full(&state, LIMITS, &agency("HK-CED"), &mut batch, NOW);
        assert_eq!(told(&refusals), [(1, "DE-ZKA", "recipient.full")]);
    }

    #[test]
    fn a_sender_with_too_much_on_the_disk_still_writes_to_those_who_fetch_their_mail() {
        let network = Network::of_friends();
        // Each of the seven that wait for Germany takes one byte, by the fixture; a share is one byte too.
        let state = waiting(&network, 7);
        let limits = |sender_bytes| Limits { backlog: 1000, sender_bytes };
        let to = |recipients: &[&str], seed| network.envelope("HK-CED", recipients, Priority::Routine, seed);
        let judged = |limits, envelopes| {
            let mut batch = sound(&network, envelopes);
            let refusals = leave_out_the_full(&state, limits, &agency("HK-CED"), &mut batch, NOW);
            let told: Vec<_> = refusals
                .into_iter()
                .map(|refusal| (refusal.position, refusal.recipient.unwrap().to_string(), refusal.rule))
                .collect();
            (told, batch.len())
        };
        let full = |position, recipient: &str| (position, recipient.to_owned(), "sender.full".to_owned());
        assert_eq!(judged(limits(8), vec![to(&["DE-ZKA"], 1)]), (vec![], 1), "there is room for more");
        assert_eq!(
            judged(limits(7), vec![to(&["DE-ZKA", "TH-TCD"], 1), to(&["DE-ZKA"], 2), to(&["TH-TCD"], 3)]),
            (vec![full(0, "DE-ZKA"), full(1, "DE-ZKA"), full(2, "TH-TCD")], 1),
            "Thailand has nothing waiting before the first of these, and its share with it"
        );
        let flash = network.envelope("HK-CED", &["DE-ZKA"], Priority::Flash, 4);
        assert_eq!(judged(limits(7), vec![flash.clone()]), (vec![full(0, "DE-ZKA")], 0), "7 and an eighth");
        let eight = waiting(&network, 8);
        let mut batch = sound(&network, vec![flash]);
        let refusals = leave_out_the_full(&eight, limits(8), &agency("HK-CED"), &mut batch, NOW);
        assert_eq!(refusals, [], "FLASH finds an eighth more");
        let theirs =
            sound_of(&network, "TH-TCD", network.envelope("TH-TCD", &["DE-ZKA"], Priority::Routine, 5));
        let mut batch = vec![(0, theirs)];
        let refusals = leave_out_the_full(&eight, limits(8), &agency("TH-TCD"), &mut batch, NOW);
        assert_eq!(refusals, [], "another sender is not concerned");
    }

    #[test]
    fn nobody_is_told_accepted_of_an_envelope_that_was_not_written() {
        let network = Network::new();
        let state = waiting(&network, 8);
        let mut envelope = network.envelope("HK-CED", &["DE-ZKA", "TH-TCD"], Priority::Routine, 1);
        envelope.wraps.retain(|wrap| wrap.recipient == agency("DE-ZKA"));
        let mut batch = sound(&network, vec![envelope]);
        let mut refusals = leave_out_the_full(&state, LIMITS, &agency("HK-CED"), &mut batch, NOW);
        refusals.sort_by(|one, other| one.recipient.cmp(&other.recipient));
        assert_eq!(told(&refusals), [(0, "DE-ZKA", "recipient.full"), (0, "TH-TCD", "wrap.missing")]);
        assert!(batch.is_empty());
    }
}
