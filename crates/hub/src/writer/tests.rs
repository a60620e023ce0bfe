use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sealpost_crypto::chains::NOW;
use sealpost_domain::envelope::Envelope;
use sealpost_domain::instant::{CLOCK_TOLERANCE, Instant};
use sealpost_domain::link::Incarnation;
use sealpost_seglog::disk::Disk;
use sealpost_seglog::disk::sim::{Failure as Fails, Sim};

use super::*;
use crate::core::State;
use crate::fixture::{Network, agency};
use crate::hot::Hot;
use crate::journal::Read;
use crate::journal::local::{Fresh, Local};
use crate::verify::{Sender, verify};

struct Hub {
    view: Arc<View>,
    reader: Arc<dyn Read>,
    writer: Writer,
    ending: Ending,
}

fn journal(disk: &Sim) -> (Box<Local>, State) {
    let fresh = Fresh { incarnation: Incarnation([7; 16]), entries_salt: [1; 8], bodies_salt: [2; 8] };
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let (journal, state) = Local::open(&disk, Path::new("hub"), fresh).unwrap();
    (Box::new(journal), state)
}

fn open(disk: &Sim) -> Hub {
    open_at(disk, NOW)
}

fn open_at(disk: &Sim, now: Instant) -> Hub {
    open_with(disk, now, Reserve::of(0))
}

fn open_with(disk: &Sim, now: Instant, reserve: Reserve) -> Hub {
    let (journal, state) = journal(disk);
    let (view, reader) = (Arc::new(View::new(state, Hot::new(1 << 20))), journal.reader());
    let clock = Clock::new(move || now);
    let (writer, ending) = Writer::spawn(journal, Arc::clone(&view), clock, reserve).unwrap();
    Hub { view, reader, writer, ending }
}

impl Hub {
    async fn submit(&self, envelope: Envelope) -> Result<Acceptance, Refused> {
        let directory = self.view.directory().unwrap();
        let sound = verify(envelope, &Sender::new(&agency("HK-CED"), &directory, NOW)).ok().unwrap();
        let lane = crate::lane::lane(sound.priority);
        self.writer.submit(agency("HK-CED"), lane, vec![sound]).await?.accepted().await
    }

    /// The bodies that wait for Germany and can be read.
    fn bodies(&self) -> Vec<Bytes> {
        let waiting = self.view.state().waiting(&agency("DE-ZKA"), Priority::Routine, None, usize::MAX);
        let read = |(_, waiting): (Place, crate::core::Waiting)| self.reader.payload(&waiting.payload).ok();
        waiting.into_iter().filter_map(read).map(|payload| payload.sealed).collect()
    }
}

fn routine(network: &Network, seed: u8) -> Envelope {
    network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, seed)
}

/// No later one could go back from it, and keys are judged by its time.
#[tokio::test]
async fn a_directory_of_the_future_does_not_come_into_force() {
    let network = Network::new();
    let before = NOW.minus(CLOCK_TOLERANCE);
    let early =
        open_at(&Sim::new(), before.minus(Duration::from_secs(1))).writer.publish(network.genesis()).await;
    let refused = early.unwrap_err();
    assert!(
        matches!(&refused, PublishError::Directory(error) if matches!(**error, directory::Error::Early { .. })),
        "{refused}"
    );
    open_at(&Sim::new(), before).writer.publish(network.genesis()).await.unwrap();
}

#[tokio::test]
async fn a_failed_sync_acknowledges_nothing_and_ends_the_writer() {
    let (network, disk) = (Network::new(), Sim::new());
    let hub = open(&disk);
    hub.writer.publish(network.genesis()).await.unwrap();
    hub.submit(routine(&network, 1)).await.unwrap();
    // Two writes, then the two syncs.
    let next = disk.operations();
    disk.fail(next + 2, Fails::Refused);
    disk.fail(next + 3, Fails::Refused);
    assert!(matches!(hub.submit(routine(&network, 2)).await, Err(Refused::Stopping)));
    assert!(matches!(&*hub.writer.failed().await, Failure::Journal(_)));
    assert!(matches!(hub.submit(routine(&network, 3)).await, Err(Refused::Stopping)));
    hub.ending.close();
}

#[tokio::test]
async fn a_full_disk_refuses_the_batch_and_the_hub_goes_on_when_there_is_space() {
    let (network, disk) = (Network::new(), Sim::new());
    let hub = open(&disk);
    hub.writer.publish(network.genesis()).await.unwrap();
    disk.set_capacity(Some(0));
    assert!(matches!(hub.submit(routine(&network, 1)).await, Err(Refused::DiskFull)));
    disk.set_capacity(None);
    hub.submit(routine(&network, 2)).await.unwrap();
    assert_eq!(hub.bodies(), [routine(&network, 2).sealed]);
    hub.ending.close();
}

#[tokio::test]
async fn what_was_settled_while_the_disk_was_full_is_forgotten_once_there_is_room() {
    let (network, disk) = (Network::new(), Sim::new());
    let hub = open(&disk);
    hub.writer.publish(network.genesis()).await.unwrap();
    hub.submit(routine(&network, 1)).await.unwrap();
    hub.ending.close();

    let (journal, state) = journal(&disk);
    let view = Arc::new(View::new(state, Hot::new(1 << 20)));
    let (writer, mut turns) =
        Writer::by_turns(journal, Arc::clone(&view), Clock::new(|| NOW), Reserve::of(0));
    let waiting = view.state().waiting(&agency("DE-ZKA"), Priority::Routine, None, usize::MAX);
    disk.set_capacity(Some(0));
    writer.settle(agency("DE-ZKA"), Priority::Routine, waiting[0].0).await.unwrap();
    turns.take();
    turns.take();
    assert_eq!(view.state().backlog(), 1);
    disk.set_capacity(None);
    // Nobody says it again.
    turns.take();
    assert_eq!(view.state().backlog(), 0);
}

#[tokio::test]
async fn mail_leaves_a_reserve_of_the_disk_to_what_makes_room() {
    const RESERVE: u64 = 1 << 20;
    let (network, disk) = (Network::new(), Sim::new());
    let hub = open_with(&disk, NOW, Reserve::of(RESERVE));
    hub.writer.publish(network.genesis()).await.unwrap();
    hub.submit(routine(&network, 1)).await.unwrap();
    disk.set_capacity(Some(disk.used() + RESERVE));
    assert!(matches!(hub.submit(routine(&network, 2)).await, Err(Refused::DiskFull)));
    let flash = |seed| network.envelope("HK-CED", &["DE-ZKA"], Priority::Flash, seed);
    hub.submit(flash(3)).await.unwrap();
    disk.set_capacity(Some(disk.used() + RESERVE / 2));
    assert!(matches!(hub.submit(flash(4)).await, Err(Refused::DiskFull)));

    let waiting = hub.view.state().waiting(&agency("DE-ZKA"), Priority::Routine, None, usize::MAX);
    hub.writer.settle(agency("DE-ZKA"), Priority::Routine, waiting[0].0).await.unwrap();
    let genesis = hub.view.directory().unwrap();
    let next = network.next_version(&genesis, &["DE-ZKA", "HK-CED"]);
    hub.writer.publish(next).await.unwrap();
    assert_eq!(hub.view.state().backlog(), 1, "FLASH alone still waits");
    hub.ending.close();
}

#[tokio::test]
async fn settlements_leave_room_for_the_directory_and_are_few_when_little_is_left() {
    const RESERVE: u64 = 32 << 20;
    let (network, disk) = (Network::new(), Sim::new());
    let hub = open(&disk);
    hub.writer.publish(network.genesis()).await.unwrap();
    for seed in 1..=4 {
        hub.submit(routine(&network, seed)).await.unwrap();
    }
    hub.ending.close();

    let (journal, state) = journal(&disk);
    let view = Arc::new(View::new(state, Hot::new(1 << 20)));
    let millis = Arc::new(AtomicI64::new(NOW.as_millis()));
    let clock = Arc::clone(&millis);
    let clock = Clock::new(move || Instant::from_millis(clock.load(Ordering::Relaxed)));
    let (writer, mut turns) = Writer::by_turns(journal, Arc::clone(&view), clock, Reserve::of(RESERVE));
    let waiting = view.state().waiting(&agency("DE-ZKA"), Priority::Routine, None, usize::MAX);
    let settle = async |at: usize| {
        writer.settle(agency("DE-ZKA"), Priority::Routine, waiting[at].0).await.unwrap();
    };
    let left = || view.state().backlog();
    disk.set_capacity(Some(disk.used() + RESERVE / 2 - 1));
    for (at, waits) in [(0, 3), (1, 3), (2, 3)] {
        settle(at).await;
        turns.take();
        assert_eq!(left(), waits, "one by one they are written together");
    }
    millis.fetch_add(i64::try_from(OWED_AGAIN.as_millis()).unwrap(), Ordering::Relaxed);
    turns.take();
    assert_eq!(left(), 1);

    disk.set_capacity(Some(disk.used() + RESERVE / 4 - 1));
    millis.fetch_add(60_000, Ordering::Relaxed);
    settle(3).await;
    turns.take();
    assert_eq!(left(), 1, "the last part is for the directory");
    let genesis = view.directory().unwrap();
    let next = network.next_version(&genesis, &["DE-ZKA", "HK-CED"]);
    let (published, ()) = tokio::join!(writer.publish(next), async { turns.take() });
    published.unwrap();
    disk.set_capacity(None);
    turns.take();
    assert_eq!(left(), 0);
}

#[tokio::test]
async fn what_settles_nothing_new_is_not_written() {
    let (network, disk) = (Network::new(), Sim::new());
    let hub = open(&disk);
    hub.writer.publish(network.genesis()).await.unwrap();
    hub.submit(routine(&network, 1)).await.unwrap();
    let waiting = hub.view.state().waiting(&agency("DE-ZKA"), Priority::Routine, None, usize::MAX);
    let place = waiting[0].0;
    for place in [place, place, Place::from_index(0), place] {
        hub.writer.settle(agency("DE-ZKA"), Priority::Routine, place).await.unwrap();
        hub.writer.settle(agency("TH-TCD"), Priority::Routine, place).await.unwrap();
    }
    hub.ending.close();
    let (_, state) = journal(&disk);
    assert_eq!((state.backlog(), state.next()), (0, 3), "directory, batch, and one settlement");
}

#[tokio::test]
async fn a_directory_that_is_not_the_next_version_is_refused_and_the_hub_goes_on() {
    let (network, disk) = (Network::new(), Sim::new());
    let hub = open(&disk);
    hub.writer.publish(network.genesis()).await.unwrap();
    let refused = hub.writer.publish(network.genesis()).await;
    assert!(matches!(refused, Err(PublishError::Directory(_))));
    hub.submit(routine(&network, 1)).await.unwrap();
    hub.ending.close();
}

/// The power fails at every operation on the disk in turn: whatever was accepted is there afterwards, with its body.
#[tokio::test]
async fn what_was_accepted_survives_a_power_cut_at_every_operation() {
    let network = Network::new();
    for cut in 0.. {
        let disk = Sim::new();
        let hub = open(&disk);
        hub.writer.publish(network.genesis()).await.unwrap();
        let first = disk.operations();
        for operation in first + cut..first + cut + 64 {
            disk.fail(operation, Fails::AfterEffect);
        }
        let mut accepted = Vec::new();
        for seed in 1..=3 {
            if hub.submit(routine(&network, seed)).await.is_ok() {
                accepted.push(routine(&network, seed).sealed);
            }
        }
        let finished = accepted.len() == 3;
        hub.ending.close();
        disk.lose_power(cut);

        let hub = open(&without_failures(&disk));
        let found = hub.bodies();
        assert!(accepted.iter().all(|body| found.contains(body)), "cut at operation {cut}");
        hub.ending.close();
        if finished {
            return;
        }
    }
}

/// The same platter in a disk that works.
fn without_failures(disk: &Sim) -> Sim {
    let repaired = Sim::new();
    for log in ["hub/journal", "hub/bodies"] {
        repaired.create_dir(Path::new(log)).unwrap();
        for name in disk.list(Path::new(log)).unwrap() {
            let path = Path::new(log).join(name);
            if let Some(bytes) = disk.contents(&path) {
                repaired.put(&path, &bytes);
            }
        }
    }
    repaired
}
