//! Who gets an envelope before it is written: what nobody may get, or nobody has room for, is refused here and takes no
//! room on the disk.
//!
//! Whoever is away long enough has a full queue, and that is nobody else's affair. Its recipient is left out of the batch
//! by [`Rule::RecipientFull`], and all the others get their mail. How much that is, and what of it is whose, say the
//! [`Limits`].
//!
//! A sender whose own mail takes too much of the disk is told [`Rule::SenderFull`], for those recipients alone for whom
//! much of it waits: those who fetch their mail go on getting it, and no other sender is concerned.
//!
//! Decided before the journal, by what the journal's state counts; the entry then says who was left out, so that a replay
//! needs no limits: they are not part of the hub's state.

use std::collections::BTreeMap;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::HubRefusal;
use sealpost_server::pool::Lane;

use super::Limits;
use crate::core::{Admission, Between, Shown, State, admit, weight};
use crate::lane::lane;
use crate::verify::Sound;

/// An envelope that somebody may get.
pub(super) struct Candidate {
    /// Where it stands in its batch.
    pub(super) position: u32,
    pub(super) sound: Sound,
    permitted: Vec<AgencyId>,
    /// Who may not get it, each with the rule. The journal says so too, where it sees the envelope.
    denied: Vec<(AgencyId, Rule)>,
}

impl Candidate {
    /// Judges an envelope as the journal's entry will be; otherwise says why nobody may get it.
    pub(super) fn judge(
        position: u32,
        sound: Sound,
        sender: &AgencyId,
        directory: &Directory,
        now: Instant,
    ) -> Result<Self, Vec<HubRefusal>> {
        let shown = Shown { header: &sound.header, signatures: &sound.signatures, wrapped: sound.wrapped };
        match admit(&shown, sender, Some(directory), now) {
            Admission::Refused(rule) => Err(vec![refusal(position, None, rule)]),
            Admission::Judged { recipients: permitted, refusals: denied, .. } => {
                let candidate = Self { position, sound, permitted, denied };
                if candidate.permitted.is_empty() { Err(candidate.denials()) } else { Ok(candidate) }
            }
        }
    }

    fn denials(&self) -> Vec<HubRefusal> {
        let denied = self.denied.iter();
        denied.map(|(recipient, rule)| refusal(self.position, Some(recipient), *rule)).collect()
    }
}

fn refusal(position: u32, recipient: Option<&AgencyId>, rule: Rule) -> HubRefusal {
    HubRefusal { position, recipient: recipient.cloned(), rule: rule.to_string() }
}

/// Takes the wraps for recipients for whom there is no room out of these envelopes, and the envelopes for which nobody is
/// left: they would fill the disk for nobody. Whoever may not get one is not asked for, so that nobody learns
/// about a queue to which it may not write. Several batches may be judged by the same state, so that a queue exceeds its
/// limit by what is being written at that moment, which is bounded.
pub(super) fn leave_out_the_full(
    state: &State,
    limits: Limits,
    sender: &AgencyId,
    batch: &mut Vec<Candidate>,
) -> Vec<HubRefusal> {
    let mut room = Room::new(state, limits, sender);
    let mut refusals = Vec::new();
    batch.retain_mut(|candidate| {
        let Candidate { position, sound, permitted, .. } = candidate;
        let (lane, length) = (lane(sound.priority), u32::try_from(sound.payload.len()).unwrap_or(u32::MAX));
        let mut full = Vec::new();
        for recipient in &*permitted {
            if let Err(rule) = room.take(recipient, lane, weight(length)) {
                full.push(refusal(*position, Some(recipient), rule));
                let position = sound.recipients.iter().position(|listed| listed == recipient);
                let bit = position.and_then(|position| u32::try_from(position).ok());
                sound.wrapped &= !bit.map_or(0, |bit| 1_u64.unbounded_shl(bit));
            }
        }
        let goes_on = full.len() < permitted.len();
        refusals.append(&mut full);
        if !goes_on {
            // The journal will not see it, and so not say what else is refused.
            refusals.extend(candidate.denials());
        }
        goes_on
    });
    refusals
}

/// What waits already, and what this batch adds to it.
struct Room<'s> {
    state: &'s State,
    limits: Limits,
    sender: &'s AgencyId,
    /// Agencies that may send.
    agencies: usize,
    /// Bytes of the sender.
    held: u64,
    /// For each recipient: what waits of the sender.
    own: BTreeMap<AgencyId, Between>,
    /// For each recipient and lane: how many deliveries of all senders.
    all: BTreeMap<(AgencyId, Lane), usize>,
}

impl<'s> Room<'s> {
    fn new(state: &'s State, limits: Limits, sender: &'s AgencyId) -> Self {
        let agencies = state.directory().map_or(1, |directory| directory.agencies.len());
        let held = state.held_of(sender);
        Self { state, limits, sender, agencies, held, own: BTreeMap::new(), all: BTreeMap::new() }
    }

    /// Takes room for one delivery; otherwise says by which rule there is none.
    fn take(&mut self, recipient: &AgencyId, lane: Lane, bytes: u64) -> Result<(), Rule> {
        let Self { state, sender, limits, agencies, .. } = *self;
        let own = self.own.entry(recipient.clone());
        let own = own.or_insert_with(|| state.held_between(sender, recipient));
        let all = self.all.entry((recipient.clone(), lane));
        let all = all.or_insert_with(|| state.backlog_of(recipient, lane));
        if !limits.queue_takes(lane, agencies, *all, *own.deliveries(lane)) {
            return Err(Rule::RecipientFull);
        }
        if !limits.sender_may(lane, self.held, own.bytes) {
            return Err(Rule::SenderFull);
        }
        *all += 1;
        *own.deliveries(lane) += 1;
        own.bytes += bytes;
        self.held += bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sealpost_crypto::chains::NOW;
    use sealpost_domain::envelope::Envelope;
    use sealpost_domain::message::Priority;
    use sealpost_wire::hub::{BodyLocation, Entry, Event, SubmittedEnvelope};

    use super::*;
    use crate::fixture::{Network, agency};
    use crate::verify::{Sender, verify};

    /// Of 16, a sender that is alone may fill 8.
    const LIMITS: Limits = Limits { backlog: 16, sender_bytes: u64::MAX };

    /// A hub at which Germany's queue has so many envelopes of each of these.
    fn waiting(network: &Network, of: &[(&str, u8)]) -> State {
        let mut state = State::new(0);
        state.step(0, &Entry { at: NOW, event: Event::Directory(network.genesis()) }).unwrap();
        for (index, (sender, count)) in (1..).zip(of) {
            let submitted = |seed| {
                let Envelope { header, signatures, .. } =
                    network.envelope(sender, &["DE-ZKA"], Priority::Routine, seed);
                let payload = BodyLocation { segment: 0, offset: 0, length: 1, checksum: 0, index: 0 };
                SubmittedEnvelope { header, signatures, payload, wrapped: 1 }
            };
            let envelopes = (100..100 + count).map(submitted).collect();
            let event = Event::Batch { sender: agency(sender), envelopes };
            state.step(index, &Entry { at: NOW, event }).unwrap();
            let held = state.held_between(&agency(sender), &agency("DE-ZKA"));
            assert_eq!(held.other, usize::from(*count));
        }
        state
    }

    fn judged(network: &Network, sender: &str, envelope: Envelope) -> Result<Candidate, Vec<HubRefusal>> {
        let directory = sealpost_crypto::directory::verify(&network.genesis(), None).unwrap();
        let sound = verify(envelope, &Sender::new(&agency(sender), &directory, NOW)).ok().unwrap();
        Candidate::judge(0, sound, &agency(sender), &directory, NOW)
    }

    fn candidates(network: &Network, sender: &str, envelopes: Vec<Envelope>) -> Vec<Candidate> {
        let judged = envelopes.into_iter().map(|envelope| judged(network, sender, envelope).ok().unwrap());
        (0..).zip(judged).map(|(position, candidate)| Candidate { position, ..candidate }).collect()
    }

    fn told(refusals: &[HubRefusal]) -> Vec<(u32, &str, &str)> {
        let mut told = Vec::new();
        for HubRefusal { position, recipient, rule } in refusals {
            told.push((*position, recipient.as_ref().map_or("", AgencyId::as_str), rule.as_str()));
        }
        told
    }

    #[test]
    fn a_full_recipient_is_left_out_and_the_others_of_the_same_batch_and_message_are_not() {
        let network = Network::of_friends();
        let state = waiting(&network, &[("HK-CED", 7)]);
        let to = |recipients: &[&str], seed| network.envelope("HK-CED", recipients, Priority::Routine, seed);
        let envelopes =
            vec![to(&["DE-ZKA"], 1), to(&["DE-ZKA", "TH-TCD"], 2), to(&["TH-TCD"], 3), to(&["DE-ZKA"], 4)];
        let mut batch = candidates(&network, "HK-CED", envelopes);
        let refusals = leave_out_the_full(&state, LIMITS, &agency("HK-CED"), &mut batch);
        assert_eq!(told(&refusals), [(1, "DE-ZKA", "recipient.full"), (3, "DE-ZKA", "recipient.full")]);
        let left: Vec<_> =
            batch.iter().map(|candidate| (candidate.position, candidate.sound.wrapped)).collect();
        assert_eq!(left, [(0, 0b1), (1, 0b10), (2, 0b1)], "the last one is for nobody, and not written");
    }

    #[test]
    fn flash_finds_room_where_there_is_none_for_other_mail() {
        let network = Network::new();
        let state = waiting(&network, &[("HK-CED", 8)]);
        let refusals_of = |limits, envelopes| {
            let mut batch = candidates(&network, "HK-CED", envelopes);
            leave_out_the_full(&state, limits, &agency("HK-CED"), &mut batch)
        };
        let of = |priority, seed| network.envelope("HK-CED", &["DE-ZKA"], priority, seed);
        let [flash, other] = [Priority::Flash, Priority::Routine];
        let refusals = refusals_of(LIMITS, vec![of(flash, 1), of(other, 2), of(flash, 3)]);
        assert_eq!(
            told(&refusals),
            [(1, "DE-ZKA", "recipient.full"), (2, "DE-ZKA", "recipient.full")],
            "FLASH has an eighth of 16 for itself, of which one alone fills half"
        );
        // The other way round as well: of 32, FLASH fills what it may, and takes nothing of the other half.
        let of_32 = Limits { backlog: 32, ..LIMITS };
        let refusals = refusals_of(of_32, vec![of(flash, 1), of(flash, 2), of(flash, 3)]);
        assert_eq!(told(&refusals), [(2, "DE-ZKA", "recipient.full")]);
        let before = (10..18).map(|seed| of(other, seed));
        let refusals = refusals_of(of_32, [of(flash, 1), of(flash, 2)].into_iter().chain(before).collect());
        assert_eq!(refusals, [], "8 waited");
    }

    #[test]
    fn who_fills_half_of_a_queue_leaves_the_other_half_to_all() {
        let network = Network::of_friends();
        let state = waiting(&network, &[("HK-CED", 8)]);
        let refused = |state: &State, sender: &str, count| {
            let envelope = |seed| network.envelope(sender, &["DE-ZKA"], Priority::Routine, seed);
            let mut batch = candidates(&network, sender, (1..=count).map(envelope).collect());
            leave_out_the_full(state, LIMITS, &agency(sender), &mut batch).len()
        };
        assert_eq!(refused(&state, "HK-CED", 1), 1);
        // Each of three agencies finds a third of the other half.
        assert_eq!(refused(&state, "TH-TCD", 3), 1);
        let state = waiting(&network, &[("HK-CED", 8), ("TH-TCD", 2)]);
        assert_eq!(refused(&state, "TH-TCD", 1), 1);
        let state = waiting(&network, &[("HK-CED", 4), ("TH-TCD", 3)]);
        assert_eq!(refused(&state, "TH-TCD", 3), 2, "the first half is for whoever comes");
    }

    #[test]
    fn a_sender_with_too_much_on_the_disk_still_writes_to_those_who_fetch_their_mail() {
        const KIB: u64 = 1 << 10;
        let network = Network::of_friends();
        // Each of the seven that wait for Germany counts a kibibyte; a share is one as well.
        let state = waiting(&network, &[("HK-CED", 7)]);
        let limits = |sender_bytes| Limits { backlog: 1000, sender_bytes };
        let to = |recipients: &[&str], seed| network.envelope("HK-CED", recipients, Priority::Routine, seed);
        let judge = |limits, envelopes| {
            let mut batch = candidates(&network, "HK-CED", envelopes);
            let refusals = leave_out_the_full(&state, limits, &agency("HK-CED"), &mut batch);
            let told: Vec<_> = refusals
                .into_iter()
                .map(|refusal| (refusal.position, refusal.recipient.unwrap().to_string(), refusal.rule))
                .collect();
            (told, batch.len())
        };
        let full = |position, recipient: &str| (position, recipient.to_owned(), "sender.full".to_owned());
        assert_eq!(judge(limits(8 * KIB), vec![to(&["DE-ZKA"], 1)]), (vec![], 1), "there is room for more");
        assert_eq!(
            judge(
                limits(7 * KIB),
                vec![to(&["DE-ZKA", "TH-TCD"], 1), to(&["DE-ZKA"], 2), to(&["TH-TCD"], 3)]
            ),
            (vec![full(0, "DE-ZKA"), full(1, "DE-ZKA"), full(2, "TH-TCD")], 1),
            "Thailand has nothing waiting before the first of these, and its share with it"
        );
        let flash = network.envelope("HK-CED", &["DE-ZKA"], Priority::Flash, 4);
        assert_eq!(
            judge(limits(6 * KIB), vec![flash.clone()]),
            (vec![full(0, "DE-ZKA")], 0),
            "6 and an eighth"
        );
        let eight = waiting(&network, &[("HK-CED", 8)]);
        let mut batch = candidates(&network, "HK-CED", vec![flash]);
        let refusals = leave_out_the_full(&eight, limits(8 * KIB), &agency("HK-CED"), &mut batch);
        assert_eq!(refusals, [], "FLASH finds an eighth more");
        let theirs = network.envelope("TH-TCD", &["DE-ZKA"], Priority::Routine, 5);
        let mut batch = candidates(&network, "TH-TCD", vec![theirs]);
        let refusals = leave_out_the_full(&eight, limits(8 * KIB), &agency("TH-TCD"), &mut batch);
        assert_eq!(refusals, [], "another sender is not concerned");
    }

    #[test]
    fn nobody_is_told_accepted_of_an_envelope_that_was_not_written() {
        let network = Network::new();
        let state = waiting(&network, &[("HK-CED", 8)]);
        let mut envelope = network.envelope("HK-CED", &["DE-ZKA", "TH-TCD"], Priority::Routine, 1);
        envelope.wraps.retain(|wrap| wrap.recipient == agency("DE-ZKA"));
        let mut batch = candidates(&network, "HK-CED", vec![envelope]);
        let mut refusals = leave_out_the_full(&state, LIMITS, &agency("HK-CED"), &mut batch);
        refusals.sort_by(|one, other| one.recipient.cmp(&other.recipient));
        assert_eq!(told(&refusals), [(0, "DE-ZKA", "recipient.full"), (0, "TH-TCD", "wrap.missing")]);
        assert!(batch.is_empty());
    }

    #[test]
    fn what_nobody_may_get_is_refused_as_the_journal_would_and_not_written() {
        let network = Network::new();
        let refused = |to: &[&str]| {
            let envelope = network.envelope("HK-CED", to, Priority::Routine, 1);
            judged(&network, "HK-CED", envelope).err().unwrap()
        };
        let itself = refused(&["HK-CED", "TH-TCD"]);
        assert_eq!(told(&itself), [(0, "HK-CED", "agency.itself"), (0, "TH-TCD", "agreement.none")]);
        let mut recall = network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, 1);
        recall.wraps.clear();
        let refused = judged(&network, "HK-CED", recall).err().unwrap();
        assert_eq!(told(&refused), [(0, "DE-ZKA", "wrap.missing")]);
    }
}
