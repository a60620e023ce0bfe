//! `sealpost watch`: messages as they come, going on where it was left.
//!
//! Where to go on is remembered after messages were written, never before: after a crash some may be shown again, and
//! none is missed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sealpost_client::gateway::{Error, Gateway};
use sealpost_client::profile::Profile;
use sealpost_domain::view::{Event, Place, Shown};
use sealpost_wire::json::Message;
use serde_json::{Value, json};
use tokio::signal;

use super::message;
use crate::arguments::Watch;
use crate::failure::{Exit, Failure};
use crate::output::{Output, talk};
use crate::profile::state_folder;
use crate::text;

/// After how many messages at most the place is remembered while catching up.
const REMEMBER_EVERY: u64 = 64;

/// Shows messages until it is interrupted, or until everything was shown where that is asked for.
pub(super) async fn run(
    gateway: &Gateway,
    profile: &Profile,
    asked: Watch,
    out: &mut Output,
) -> Result<(), Failure> {
    let Watch { from, state, once, filter } = asked;
    let memory = Memory::find(state, profile)?;
    let from = match from {
        Some(from) => Place::at(from),
        None => memory.read()?,
    };
    let mut listening = gateway.subscribe_at(from, filter.into_filter());
    let (mut remembered, mut live, mut lost) = (from, false, false);
    loop {
        let event = tokio::select! {
            interrupted = signal::ctrl_c() => {
                interrupted.map_err(|error| Failure::new(Exit::Failed, error, ""))?;
                break;
            }
            event = listening.next() => event,
        };
        match event {
            Ok(event) => {
                if std::mem::take(&mut lost) {
                    talk("connected again");
                }
                let caught_up = matches!(event, Event::CaughtUp { .. });
                if let Event::Message(shown) = &event {
                    show(shown, out)?;
                }
                let due = live || caught_up || event.next_index() >= remembered.index + REMEMBER_EVERY;
                if due && listening.place() != remembered {
                    out.flush()?;
                    remembered = listening.place();
                    memory.remember(remembered)?;
                }
                if caught_up && once {
                    break;
                }
                if caught_up && !live {
                    talk("everything until now was shown; waiting for new messages");
                    live = true;
                }
            }
            Err(error) if error.is_temporary() && !once => {
                if !lost {
                    talk(&format!("{}; trying again", text::line(&error.to_string())));
                }
                lost = true;
            }
            Err(error) => return Err(failure(error, &memory)),
        }
    }
    out.flush()?;
    memory.remember(listening.place())
}

fn show(shown: &Shown, out: &mut Output) -> Result<(), Failure> {
    if out.is_json() { out.json(&Message::from(shown).to_line()) } else { out.line(&message::line(shown)) }
}

fn failure(error: Error, memory: &Memory) -> Failure {
    let of_another_ledger = matches!(
        &error,
        Error::Connection(sealpost_client::Error::Answer { status, .. })
            if status.code() == tonic::Code::FailedPrecondition
    );
    if of_another_ledger {
        let remedy = format!(
            "begin again with --from 0, which also renews {}; messages that were shown before are shown again, with the \
             same ids",
            memory.0.display()
        );
        return Failure::new(Exit::Failed, error, remedy);
    }
    error.into()
}

/// The file that remembers where to go on.
struct Memory(PathBuf);

impl Memory {
    fn find(asked: Option<PathBuf>, profile: &Profile) -> Result<Self, Failure> {
        if let Some(path) = asked {
            return Ok(Self(path));
        }
        let folder = state_folder().ok_or_else(|| {
            let what = "there is no home folder to remember in where to go on";
            Failure::new(Exit::Usage, what, "name a file with --state FILE")
        })?;
        Ok(Self(folder.join(format!("watch-{}.json", profile.agency))))
    }

    /// Where to go on; 0 where nothing was remembered. Earlier versions remembered no life of the ledger.
    fn read(&self) -> Result<Place, Failure> {
        let bytes = match fs::read(&self.0) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::at(0)),
            Err(error) => return Err(self.unusable(&error.to_string())),
        };
        let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let index = document.get("next_index").and_then(Value::as_u64);
        let index = index.ok_or_else(|| self.unusable("it holds no `next_index`"))?;
        let ledger = match document.get("ledger") {
            None | Some(Value::Null) => None,
            Some(told) => {
                let unusable =
                    |_| self.unusable(&format!("its `ledger` is {told}, expected 32 hexadecimal digits"));
                Some(told.as_str().unwrap_or_default().parse().map_err(unusable)?)
            }
        };
        Ok(Place { index, ledger })
    }

    /// Remembers where to go on: the old place or the new one is there, whatever happens.
    fn remember(&self, place: Place) -> Result<(), Failure> {
        let ledger = place.ledger.map(|ledger| ledger.to_string());
        let document = json!({ "next_index": place.index, "ledger": ledger });
        let write = || {
            fs::create_dir_all(self.0.parent().unwrap_or(Path::new("")))?;
            let new = self.0.with_extension("new");
            fs::write(&new, format!("{document}\n"))?;
            fs::rename(&new, &self.0)
        };
        write().map_err(|error: io::Error| self.unusable(&error.to_string()))
    }

    fn unusable(&self, why: &str) -> Failure {
        let what = format!("{} cannot be used to remember where to go on: {why}", self.0.display());
        Failure::new(Exit::Usage, what, "name another file with --state FILE, or begin with --from INDEX")
    }
}

#[cfg(test)]
mod tests {
    use sealpost_domain::link::Incarnation;

    use super::*;

    #[test]
    fn the_place_is_read_as_it_was_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory(folder.path().join("deep/state.json"));
        assert_eq!(memory.read().unwrap(), Place::at(0));
        let places = [Place::at(17), Place { index: 18, ledger: Some(Incarnation([0x0a; 16])) }];
        for place in places {
            memory.remember(place).unwrap();
            assert_eq!(memory.read().unwrap(), place);
        }
    }

    #[test]
    fn a_place_that_an_earlier_version_remembered_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory(folder.path().join("state.json"));
        fs::write(&memory.0, "{\"next_index\":84}\n").unwrap();
        assert_eq!(memory.read().unwrap(), Place::at(84));
    }

    #[test]
    fn a_damaged_place_is_told_and_not_taken_for_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory(folder.path().join("state.json"));
        for damaged in ["{}", "{\"next_index\":84,\"ledger\":\"0a\"}", "{\"next_index\":84,\"ledger\":7}"] {
            fs::write(&memory.0, damaged).unwrap();
            assert!(matches!(memory.read(), Err(Failure::Problem { exit: Exit::Usage, .. })), "{damaged}");
        }
    }
}
