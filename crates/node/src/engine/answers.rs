//! Who waits for a round, and what each is told when it is durable or was refused.

use sealpost_domain::rule::Rule;
use sealpost_domain::view::Published;
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::Error;
use super::input::{Broken, Input, Mark, Outcome};
use crate::core::inbox::Judged;
use crate::core::outbox::{Answer, Placed};
use crate::core::{Core, Env, Installing, NotInstalled, Round, Silenced};
use crate::handle::{AcknowledgeError, PublishError};
use crate::shared::Shared;
use crate::verify::{Unopened, Verified};

type PublishAnswer = oneshot::Sender<Result<Outcome, PublishError>>;

/// Those who wait for one round.
#[derive(Default)]
pub(super) struct Answers {
    published: Vec<(PublishAnswer, Answer)>,
    acknowledged: Vec<(oneshot::Sender<Result<u32, AcknowledgeError>>, u32)>,
    delivered: Vec<(Mark, u64)>,
    directories: Vec<oneshot::Sender<Result<(), NotInstalled>>>,
    /// Messages of ours that the hub has promised to deliver.
    accepted: Vec<u64>,
}

impl Answers {
    /// Lets the core decide on one input, and notes who waits for it.
    pub(super) fn decide(
        &mut self,
        input: Input,
        core: &mut Core,
        env: &mut Env<'_>,
        round: &mut Round,
    ) -> Result<(), Error> {
        match input {
            Input::Publish { prepared, answer } => match core.publish(env, round, &prepared) {
                Ok(decided) => self.published.push((answer, decided)),
                Err(error) => {
                    let error = error.into();
                    let _ = answer.send(Err(not_decided(&error)));
                    return Err(error);
                }
            },
            Input::Acknowledge { messages, reader, answer } => {
                let read =
                    messages.into_iter().filter(|message| core.read(env, round, message.clone(), reader));
                let count = u32::try_from(read.count()).unwrap_or(u32::MAX);
                self.acknowledged.push((answer, count));
            }
            // The hub delivers it again after what was not kept: recorded before that, its cursor would pass over it.
            Input::Delivered { mark, .. } if mark.is_broken() => {}
            Input::Delivered { verified, index, mark } => match deliver(*verified, core, env, round)? {
                Judged::Outdated => mark.breaks(Broken::Outdated),
                _ => self.delivered.push((mark, index)),
            },
            Input::Accepted { statement, accepted: _, headers: _, messages }
                if !core.believes_hub(&statement) =>
            {
                core.outbox.requeue(messages);
            }
            Input::Accepted { statement, accepted, headers, messages } => {
                for refusal in
                    accepted.refusals.iter().filter(|refusal| !Rule::decides_nothing(&refusal.rule))
                {
                    warn!(rule = refusal.rule, recipient = ?refusal.recipient, "the hub refuses a message");
                }
                core.outbox.hub_lives_as(accepted.hub_incarnation);
                self.accepted.extend(messages);
                core.accepted(env, round, &statement, &accepted, headers)?;
            }
            Input::Said { statement, said } => core.hear(env, round, &statement, &said)?,
            Input::HubReset { hub } => core.hub_reset(env, round, hub),
            Input::HubDirectory { in_force } => core.hub_shows(env, round, in_force),
            Input::PeerRefused { subject, detail } => core.peer_refused(env, round, &subject, detail),
            Input::Directory { signed, answer } => match core.install(env, round, &signed) {
                Ok(Installing::Recorded) => self.directories.push(answer),
                Ok(Installing::InForce) => {
                    let _ = answer.send(Ok(()));
                }
                Err(refused) => {
                    // Whoever watches the directory may be gone.
                    let _ = answer.send(Err(refused));
                }
            },
        }
        Ok(())
    }

    /// Takes an input while the node's key is believed no more: a version of the directory alone, which may list the next.
    pub(super) fn turn_away(
        &mut self,
        input: Input,
        silenced: &Silenced,
        core: &mut Core,
        env: &mut Env<'_>,
        round: &mut Round,
    ) -> Result<(), Error> {
        match input {
            taken @ (Input::Directory { .. } | Input::PeerRefused { .. }) => {
                return self.decide(taken, core, env, round);
            }
            Input::Publish { answer, .. } => {
                let _ = answer.send(Err(silenced.clone().into()));
            }
            Input::Acknowledge { answer, .. } => {
                let _ = answer.send(Err(silenced.clone().into()));
            }
            // The hub keeps it.
            Input::Delivered { mark, .. } => mark.breaks(Broken::Refused),
            Input::Accepted { messages, .. } => core.outbox.requeue(messages),
            // All are told again.
            Input::Said { .. } | Input::HubReset { .. } | Input::HubDirectory { .. } => {}
        }
        Ok(())
    }

    /// Notes who waits for an input of a round that will not be kept.
    pub(super) fn pass_over(&mut self, input: Input, failed: &Error) {
        match input {
            Input::Publish { answer, .. } => {
                let _ = answer.send(Err(not_decided(failed)));
            }
            Input::Acknowledge { answer, .. } => self.acknowledged.push((answer, 0)),
            Input::Delivered { index, mark, .. } => self.delivered.push((mark, index)),
            Input::Accepted { messages, .. } => self.accepted.extend(messages),
            Input::Directory { answer, .. } => self.directories.push(answer),
            // All are told again, by the hub with the next connection; who was refused is in the log.
            Input::Said { .. }
            | Input::HubReset { .. }
            | Input::HubDirectory { .. }
            | Input::PeerRefused { .. } => {}
        }
    }

    /// The round is durable; its first record has this index.
    pub(super) fn settle(&mut self, first: Option<u64>, shared: &Shared) {
        for (answer, decided) in self.published.drain(..) {
            let outcome = match decided {
                Answer::Recorded(placed) => match first {
                    Some(first) => Ok(published(placed, first)),
                    None => Err(PublishError::Fatal),
                },
                Answer::RepeatsRecord(index) => Ok(Outcome::Repeats(index)),
                Answer::RepeatsPlace(place) => Ok(Outcome::Repeats(first.unwrap_or(0) + place as u64)),
                Answer::Stale => Ok(Outcome::Stale),
            };
            // A publisher that went away learns of its message by its idempotency key.
            let _ = answer.send(outcome);
        }
        for (answer, count) in self.acknowledged.drain(..) {
            let _ = answer.send(Ok(count));
        }
        for (mark, index) in self.delivered.drain(..) {
            mark.settle(index);
        }
        for answer in self.directories.drain(..) {
            let version = shared.core().directory().map_or(0, |directory| directory.version.version);
            info!(version, "a directory is installed");
            let _ = answer.send(Ok(()));
        }
    }

    /// Nothing of the round was kept, and there is no space.
    pub(super) fn refuse(self, shared: &Shared) {
        self.end(shared, &PublishError::Full, &AcknowledgeError::Full);
    }

    /// The disk failed.
    pub(super) fn fail(self, shared: &Shared) {
        self.end(shared, &PublishError::Fatal, &AcknowledgeError::Fatal);
    }

    fn end(self, shared: &Shared, publish: &PublishError, acknowledge: &AcknowledgeError) {
        for (answer, _) in self.published {
            let _ = answer.send(Err(publish.clone()));
        }
        for (answer, _) in self.acknowledged {
            let _ = answer.send(Err(acknowledge.clone()));
        }
        for (mark, _) in self.delivered {
            mark.breaks(Broken::Refused);
        }
        for answer in self.directories {
            let _ = answer.send(Err(NotInstalled::NoSpace));
        }
        shared.core_mut().outbox.requeue(self.accepted);
    }
}

/// What a publisher is told where nothing can be decided.
fn not_decided(failed: &Error) -> PublishError {
    match failed {
        Error::Core(unsigned) if unsigned.is_unsigned() => PublishError::Full,
        _ => PublishError::Stopping,
    }
}

fn published(placed: Placed, first: u64) -> Outcome {
    let Placed { place, id, sent_at, recipients } = placed;
    Outcome::Published(Published {
        id,
        index: first + place as u64,
        at: sent_at,
        recipients,
        repeated_key: false,
    })
}

fn deliver(
    verified: Verified,
    core: &mut Core,
    env: &mut Env<'_>,
    round: &mut Round,
) -> Result<Judged, Error> {
    match verified {
        Verified::Arrived(arrived) => return Ok(core.arrived(env, round, *arrived)?),
        Verified::Unproven(alarm) | Verified::Early(alarm) => {
            core.alarm(env, round, *alarm);
        }
        Verified::Unopened(unopened) => {
            let Unopened { sender, header, alarm } = *unopened;
            core.unopened(env.now, &sender, header);
            core.alarm(env, round, alarm);
        }
        // Whoever verifies does not hand these on.
        Verified::Failed(_) => {}
    }
    Ok(Judged::Alarmed)
}
