//! The state as a value that can be stored, and made into a state again that goes on as this one would.

use std::sync::Arc;

use sealpost_crypto::directory;
use sealpost_domain::agency::AgencyId;
use sealpost_wire::hub::snapshot;

use super::State;
use super::held::Agency;
use super::place::Place;
use super::queue::Waiting;

/// Why a stored state makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// The directory in it.
    #[error("its directory does not verify")]
    Directory(#[from] Box<directory::Error>),
    /// An agency that it does not name.
    #[error("it names agency {0}, of which there is none")]
    Agency(u32),
}

impl State {
    /// All that has to be stored.
    pub fn snapshot(&self) -> snapshot::State {
        let agencies = self.held.agencies();
        // Whoever has mail has a number.
        let number = |agency: &AgencyId| self.held.number_of(agency).map_or(u32::MAX, Agency::position);
        let mut waiting = Vec::with_capacity(self.backlog);
        for ((recipient, priority), queue) in &self.queues {
            let recipient = number(recipient);
            waiting.extend(queue.after(None).map(|(place, Waiting { header, payload, sender })| {
                let (sender, priority, index) = (sender.position(), *priority, place.index());
                snapshot::Waiting { recipient, sender, priority, index, header, payload }
            }));
        }
        snapshot::State {
            next: self.next,
            directory: self.signed.clone(),
            versions: self.versions.iter().map(|(version, entry)| (*version, *entry)).collect(),
            lists: self.lists.iter().copied().collect(),
            agencies,
            waiting,
        }
    }

    /// The state that was stored.
    pub fn restore(stored: snapshot::State) -> Result<Self, Malformed> {
        let snapshot::State { next, directory: signed, versions, lists, agencies, waiting } = stored;
        // Its own signatures hold; what it follows was judged when it came.
        let directory = signed.as_ref().map(|signed| directory::verify(signed, None)).transpose();
        let mut state = Self {
            of_several: true,
            next,
            directory: directory.map_err(Box::new)?.map(Arc::new),
            signed,
            versions: versions.into_iter().collect(),
            lists: lists.into(),
            ..Self::default()
        };
        let numbers: Vec<_> = agencies.iter().map(|agency| state.held.number(agency)).collect();
        let known = |position: u32| {
            let at = usize::try_from(position).unwrap_or(usize::MAX);
            numbers.get(at).copied().zip(agencies.get(at)).ok_or(Malformed::Agency(position))
        };
        for snapshot::Waiting { recipient, sender, priority, index, header, payload } in waiting {
            let ((sender, _), (_, recipient)) = (known(sender)?, known(recipient)?);
            let waiting = Waiting { header, payload, sender };
            state.enqueue(recipient, priority, Place::from_index(index), waiting);
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sealpost_crypto::chains::NOW;
    use sealpost_domain::message::Priority;
    use sealpost_wire::hub::{BodyLocation, Entry, Event, SubmittedEnvelope};

    use super::*;
    use crate::fixture::{AGENCIES, Network, agency};

    /// What happens to a hub.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// A message, told apart from others by its seed: one that came before is a repeat.
        Mail { seed: u8, flash: bool, to_both: bool },
        /// Everything up to the entry of so many back is settled.
        Settle { recipient: usize, back: u64, flash: bool },
    }

    fn step() -> impl Strategy<Value = Step> {
        let mail = (0..6_u8, any::<bool>(), any::<bool>());
        prop_oneof![
            3 => mail.prop_map(|(seed, flash, to_both)| Step::Mail { seed, flash, to_both }),
            1 => (0..AGENCIES.len(), 0..6_u64, any::<bool>())
                .prop_map(|(recipient, back, flash)| Step::Settle { recipient, back, flash }),
        ]
    }

    fn entry(network: &Network, step: Step, next: u64) -> Entry {
        let priority = |flash| if flash { Priority::Flash } else { Priority::Routine };
        let event = match step {
            Step::Mail { seed, flash, to_both } => {
                let to: &[&str] = if to_both { &["DE-ZKA", "TH-TCD"] } else { &["DE-ZKA"] };
                let envelope = network.envelope("HK-CED", to, priority(flash), seed);
                let payload =
                    BodyLocation { segment: next, offset: 44, length: 3000, checksum: 1, index: next };
                let submitted = SubmittedEnvelope {
                    header: envelope.header,
                    signatures: envelope.signatures,
                    payload,
                    wrapped: u64::MAX,
                };
                Event::Batch { sender: agency("HK-CED"), envelopes: vec![submitted] }
            }
            Step::Settle { recipient, back, flash } => Event::Settled {
                recipient: agency(AGENCIES[recipient]),
                priority: priority(flash),
                index: Place::new(next.saturating_sub(back), 0).index(),
            },
        };
        Entry { at: NOW, event }
    }

    /// Everything that anybody asks of a state.
    fn asked(state: &State) -> impl PartialEq + std::fmt::Debug + use<> {
        let [hk, de, th] = ["HK-CED", "DE-ZKA", "TH-TCD"].map(agency);
        let between = [&de, &th].map(|to| state.held_between(&hk, to));
        let counts = (state.backlog(), state.held_of(&hk), state.first_body_segment());
        (state.digest(), state.snapshot(), counts, between, state.versions_after(0))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_state_that_was_stored_goes_on_as_if_it_had_not_been(
            before in prop::collection::vec(step(), 0..40),
            after in prop::collection::vec(step(), 0..20),
        ) {
            let network = Network::of_friends();
            let mut state = State::of_several();
            let genesis = Entry { at: NOW, event: Event::Directory(network.genesis()) };
            state.step(0, &genesis).unwrap();
            for step in before {
                let next = state.next();
                state.step(next, &entry(&network, step, next)).unwrap();
            }
            let mut restored = State::restore(state.snapshot()).unwrap();
            prop_assert_eq!(asked(&restored), asked(&state));
            for step in after {
                let next = state.next();
                let entry = entry(&network, step, next);
                prop_assert_eq!(restored.step(next, &entry).unwrap(), state.step(next, &entry).unwrap());
            }
            prop_assert_eq!(asked(&restored), asked(&state));
        }
    }

    #[test]
    fn a_stored_state_that_makes_no_sense_is_refused() {
        let payload = BodyLocation { segment: 1, offset: 0, length: 1, checksum: 0, index: 0 };
        let header = sealpost_domain::digest::Digest::ZERO;
        let waiting = snapshot::Waiting {
            recipient: 0,
            sender: 1,
            priority: Priority::Flash,
            index: 1,
            header,
            payload,
        };
        let stored = snapshot::State {
            agencies: vec![agency("HK-CED")],
            waiting: vec![waiting],
            ..Default::default()
        };
        assert!(matches!(State::restore(stored), Err(Malformed::Agency(1))));
    }
}
