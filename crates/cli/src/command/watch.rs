//! `sealpost watch`: messages as they come, going on where it was left.
//!
//! Where to go on is remembered after messages were written, never before: after a crash some may be shown again, and
//! none is missed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sealpost_client::gateway::{Error, Gateway};
use sealpost_client::profile::Profile;
use sealpost_domain::view::{Event, Shown};
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
    let place = Place::find(state, profile)?;
    let from = match from {
        Some(from) => from,
        None => place.read()?,
    };
    let mut listening = gateway.subscribe(from, filter.into_filter());
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
                let due = live || caught_up || event.next_index() >= remembered + REMEMBER_EVERY;
                if due && event.next_index() != remembered {
                    out.flush()?;
                    remembered = event.next_index();
                    place.remember(remembered)?;
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
            Err(error) => return Err(failure(error, &place)),
        }
    }
    out.flush()?;
    place.remember(listening.next_index())
}

fn show(shown: &Shown, out: &mut Output) -> Result<(), Failure> {
    if out.is_json() { out.json(&Message::from(shown).to_line()) } else { out.line(&message::line(shown)) }
}

fn failure(error: Error, place: &Place) -> Failure {
    let of_another_ledger = matches!(
        &error,
        Error::Connection(sealpost_client::Error::Answer { status, .. })
            if status.code() == tonic::Code::FailedPrecondition
    );
    if of_another_ledger {
        let remedy = format!(
            "the node has a new ledger; begin with --from 0, which also renews {}",
            place.0.display()
        );
        return Failure::new(Exit::Failed, error, remedy);
    }
    error.into()
}

/// The file that remembers where to go on.
struct Place(PathBuf);

impl Place {
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

    /// Where to go on; 0 where nothing was remembered.
    fn read(&self) -> Result<u64, Failure> {
        let bytes = match fs::read(&self.0) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(self.unusable(&error.to_string())),
        };
        let document: Option<Value> = serde_json::from_slice(&bytes).ok();
        document
            .and_then(|document| document.get("next_index")?.as_u64())
            .ok_or_else(|| self.unusable("it holds no `next_index`"))
    }

    /// Remembers where to go on: the old place or the new one is there, whatever happens.
    fn remember(&self, next_index: u64) -> Result<(), Failure> {
        let write = || {
            fs::create_dir_all(self.0.parent().unwrap_or(Path::new("")))?;
            let new = self.0.with_extension("new");
            fs::write(&new, format!("{}\n", json!({ "next_index": next_index })))?;
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
    use super::*;

    #[test]
    fn the_place_is_read_as_it_was_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place(folder.path().join("deep/state.json"));
        assert_eq!(place.read().unwrap(), 0);
        place.remember(17).unwrap();
        place.remember(18).unwrap();
        assert_eq!(place.read().unwrap(), 18);
    }

    #[test]
    fn a_damaged_place_is_told_and_not_taken_for_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place(folder.path().join("state.json"));
        fs::write(&place.0, "{}").unwrap();
        assert!(matches!(place.read(), Err(Failure::Problem { exit: Exit::Usage, .. })));
    }
}
