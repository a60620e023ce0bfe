//! A disk that tells what was done to it, in order, and can be held.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Wake, Waker};
use std::time::Duration;

use sealpost_seglog::disk::{Access, Disk, File, Lock};

/// After so long what is waited for will not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Something that was done, written down once it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    CreateDir,
    Create(PathBuf),
    Write {
        file: PathBuf,
        offset: u64,
        bytes: u64,
    },
    Sync(PathBuf),
    SyncDir(PathBuf),
    Truncate(PathBuf),
    Remove(PathBuf),
    Read {
        file: PathBuf,
        bytes: u64,
    },
    /// By a waker of this number: somebody was told.
    Told(usize),
}

impl Event {
    /// What it does to the disk; `None` when it changes nothing there.
    pub(crate) fn operation(&self) -> Option<&'static str> {
        match self {
            Self::CreateDir => Some("create dir"),
            Self::Create(_) => Some("create"),
            Self::Write { .. } => Some("write"),
            Self::Sync(_) => Some("sync"),
            Self::SyncDir(_) => Some("sync dir"),
            Self::Truncate(_) => Some("truncate"),
            Self::Remove(_) => Some("remove"),
            Self::Read { .. } | Self::Told(_) => None,
        }
    }
}

/// Everything that was seen, in order.
#[derive(Default)]
pub(crate) struct Trace {
    events: Mutex<Vec<Event>>,
    /// What was asked of the disk, whatever came of it.
    operations: Mutex<Vec<&'static str>>,
    gate: Mutex<Gate>,
    moved: Condvar,
    told: Condvar,
}

#[derive(Default)]
struct Gate {
    closed: bool,
    waiting: bool,
}

impl Trace {
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// Everything that was to change the disk, in order, whatever came of it.
    pub(crate) fn operations(&self) -> Vec<&'static str> {
        self.operations.lock().unwrap().clone()
    }

    /// Forgets what was seen so far, and returns it.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    /// Bytes read from files.
    pub(crate) fn bytes_read(&self) -> u64 {
        let bytes = |event: &Event| if let Event::Read { bytes, .. } = event { *bytes } else { 0 };
        self.events.lock().unwrap().iter().map(bytes).sum()
    }

    /// Holds the next sync of a file until [`Trace::release`].
    pub(crate) fn hold(&self) {
        self.gate.lock().unwrap().closed = true;
    }

    /// Returns when a sync is held.
    pub(crate) fn wait_until_held(&self) {
        let gate = self.gate.lock().unwrap();
        let (_gate, waited) = self.moved.wait_timeout_while(gate, PATIENCE, |gate| !gate.waiting).unwrap();
        assert!(!waited.timed_out(), "no sync came");
    }

    pub(crate) fn release(&self) {
        self.gate.lock().unwrap().closed = false;
        self.moved.notify_all();
    }

    /// Returns when the waker of this number was woken.
    pub(crate) fn wait_until_told(&self, number: usize) {
        let events = self.events.lock().unwrap();
        let told = |events: &mut Vec<Event>| !events.contains(&Event::Told(number));
        let (_events, waited) = self.told.wait_timeout_while(events, PATIENCE, told).unwrap();
        assert!(!waited.timed_out(), "nobody told {number}");
    }

    /// A waker that writes down when it is woken, in the thread that does so.
    pub(crate) fn waker(self: &Arc<Self>, number: usize) -> Waker {
        Arc::new(Told { trace: Arc::clone(self), number }).into()
    }

    fn done<T>(&self, outcome: io::Result<T>, event: Event) -> io::Result<T> {
        self.operations.lock().unwrap().extend(event.operation());
        outcome.inspect(|_| self.saw(event))
    }

    fn saw(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }

    fn pass(&self) {
        let mut gate = self.gate.lock().unwrap();
        if gate.closed {
            gate.waiting = true;
            self.moved.notify_all();
            gate = self.moved.wait_while(gate, |gate| gate.closed).unwrap();
            gate.waiting = false;
        }
    }
}

struct Told {
    trace: Arc<Trace>,
    number: usize,
}

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        self.trace.saw(Event::Told(self.number));
        self.trace.told.notify_all();
    }
}

/// The disk within, watched.
#[derive(Clone)]
pub(crate) struct Watched<D> {
    pub(crate) disk: D,
    pub(crate) trace: Arc<Trace>,
}

impl<D> Watched<D> {
    pub(crate) fn new(disk: D) -> Self {
        Self { disk, trace: Arc::default() }
    }

    fn file(&self, path: &Path, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(WatchedFile { file, path: path.to_owned(), trace: Arc::clone(&self.trace) })
    }
}

impl<D: Disk> Disk for Watched<D> {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.trace.done(self.disk.create_dir(dir), Event::CreateDir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn free(&self, dir: &Path) -> io::Result<u64> {
        self.disk.free(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = self.trace.done(self.disk.create(path), Event::Create(path.to_owned()))?;
        Ok(self.file(path, file))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>> {
        Ok(self.file(path, self.disk.open(path, access)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.trace.done(self.disk.remove(path), Event::Remove(path.to_owned()))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.trace.done(self.disk.sync_dir(dir), Event::SyncDir(dir.to_owned()))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.disk.lock(path)
    }
}

struct WatchedFile {
    file: Arc<dyn File>,
    path: PathBuf,
    trace: Arc<Trace>,
}

impl WatchedFile {
    fn done<T>(&self, outcome: io::Result<T>, event: Event) -> io::Result<T> {
        outcome.inspect(|_| self.trace.saw(event))
    }
}

impl File for WatchedFile {
    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.file.read_at(buffer, offset)?;
        self.trace.saw(Event::Read { file: self.path.clone(), bytes: read as u64 });
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let event = Event::Write { file: self.path.clone(), offset, bytes: bytes.len() as u64 };
        self.trace.done(self.file.write_at(bytes, offset), event)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.trace.pass();
        self.trace.done(self.file.sync_data(), Event::Sync(self.path.clone()))
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.trace.done(self.file.truncate(bytes), Event::Truncate(self.path.clone()))
    }
}
