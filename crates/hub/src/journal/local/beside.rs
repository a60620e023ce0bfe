//! A thread that syncs the log of bodies while the writer syncs that of the entries: two syncs at the same time take little
//! longer than one. It lives as long as the journal, since to make one for each group would cost more than what it does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::{io, thread};

use sealpost_seglog::Log;
use sealpost_seglog::append::Fatal;

/// The log of bodies. The writer's alone, but while it waits for the thread.
pub(super) struct Bodies(Arc<Mutex<Log>>);

/// The thread.
pub(super) struct Beside {
    ask: mpsc::SyncSender<()>,
    synced: mpsc::Receiver<Result<(), Fatal>>,
}

impl Bodies {
    pub(super) fn new(log: Log) -> Self {
        Self(Arc::new(Mutex::new(log)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beside {
    /// Starts it. It ends when this is dropped.
    pub(super) fn start(bodies: &Bodies) -> io::Result<Self> {
        let ((ask, asked), (tell, synced)) = (mpsc::sync_channel(1), mpsc::sync_channel(1));
        let bodies = Bodies(Arc::clone(&bodies.0));
        thread::Builder::new().name("hub-syncs-bodies".to_owned()).spawn(move || {
            for () in asked {
                let synced = bodies.lock().sync().map(drop);
                if tell.send(synced).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { ask, synced })
    }

    /// Syncs both logs; an error of either is one of both.
    pub(super) fn sync_with(&self, entries: &mut Log) -> Result<(), Fatal> {
        let asked = self.ask.send(());
        let entries = entries.sync();
        let bodies = asked.ok().and_then(|()| self.synced.recv().ok()).unwrap_or_else(|| Err(gone()));
        bodies.and(entries).map(drop)
    }
}

/// The thread panicked: what it did to the log is not known.
fn gone() -> Fatal {
    let source = io::Error::other("the thread that syncs it has ended");
    Fatal { operation: "sync", file: "bodies".into(), source: Arc::new(source) }
}
