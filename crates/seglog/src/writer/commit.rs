//! The committing side of the writer: the only owner of the log.

use std::sync::{Arc, mpsc};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Command;
use super::line::{Ending, Line, State};
use crate::Log;
use crate::append::Error;
use crate::record::{Appended, Record};

/// An append in the queue.
pub(super) struct Request {
    pub(super) records: Vec<Record>,
    pub(super) bytes: usize,
    /// The round of the queue in which it took its place.
    pub(super) round: u64,
    pub(super) done: oneshot::Sender<Result<Appended, Error>>,
    /// Given back when the request is answered.
    pub(super) room: OwnedSemaphorePermit,
}

pub(super) struct Committer {
    /// Before `ending`: the lock is free by the time that anyone is told of the end.
    log: Log,
    line: Arc<Line>,
    group_bytes: usize,
    _ending: Ending,
}

impl Committer {
    pub(super) fn new(log: Log, line: Arc<Line>, group_bytes: usize) -> Self {
        let ending = Ending(Arc::clone(&line));
        Self { log, line, group_bytes, _ending: ending }
    }

    /// Commits until the queue is closed, by command, by the last handle or by a failure.
    pub(super) fn run(mut self, queue: &mpsc::Receiver<Command>) {
        let mut waiting = None;
        loop {
            let Some(command) = waiting.take().or_else(|| queue.recv().ok()) else {
                return;
            };
            let Command::Append(request) = command else {
                if self.obey(command) {
                    continue;
                }
                return;
            };
            let mut bytes = request.bytes;
            let mut group = vec![request];
            while bytes < self.group_bytes {
                match queue.try_recv() {
                    Ok(Command::Append(request)) => {
                        bytes += request.bytes;
                        group.push(request);
                    }
                    Ok(other) => {
                        waiting = Some(other);
                        break;
                    }
                    Err(_) => break,
                }
            }
            if !self.commit(group) {
                return;
            }
        }
    }

    /// Does as told; false when it was the last thing to be done.
    pub(super) fn obey(&mut self, command: Command) -> bool {
        match command {
            Command::Append(request) => self.commit(vec![request]),
            Command::Remove { below, done } => {
                let outcome = self.log.remove_segments_below(below);
                let failed = outcome.as_ref().err().cloned();
                if let Some(fatal) = &failed {
                    self.line.state.send_replace(State::Failed(fatal.clone()));
                }
                // The caller may have stopped waiting.
                let _ = done.send(outcome);
                failed.is_none()
            }
            Command::Close => false,
        }
    }

    /// One write, one sync, then every answer. False when the log has failed for good.
    fn commit(&mut self, group: Vec<Request>) -> bool {
        let round = self.line.places().round;
        let (group, void): (Vec<_>, Vec<_>) = group.into_iter().partition(|request| request.round == round);
        if !void.is_empty() {
            let bytes = void.iter().map(|request| request.bytes as u64).sum();
            answer_all(void, &Error::NoSpace { bytes, dir: self.log.dir().to_owned() });
        }
        let mut first = self.log.next();
        let written = self.log.append(group.iter().flat_map(|request| &request.records));
        let synced = written.and_then(|locations| {
            self.log.sync()?;
            Ok(locations)
        });
        match synced {
            Ok(locations) => {
                let mut locations = locations.into_iter();
                for request in group {
                    let next = first + request.records.len() as u64;
                    let locations = locations.by_ref().take(request.records.len()).collect();
                    drop(request.room);
                    // The caller may have stopped waiting; the records stay.
                    let _ = request.done.send(Ok(Appended { first, next, locations }));
                    first = next;
                }
                true
            }
            Err(Error::Fatal(fatal)) => {
                self.line.state.send_replace(State::Failed(fatal.clone()));
                answer_all(group, &Error::Fatal(fatal));
                false
            }
            Err(refused) => {
                // Before anyone is told: what is enqueued from here on gets the index where the log stands.
                let mut places = self.line.places();
                places.round += 1;
                places.next = self.log.next();
                drop(places);
                answer_all(group, &refused);
                true
            }
        }
    }
}

fn answer_all(group: Vec<Request>, error: &Error) {
    for request in group {
        drop(request.room);
        // The caller may have stopped waiting.
        let _ = request.done.send(Err(error.clone()));
    }
}
