//! Two hubs that keep one journal on three servers, while something happens to the servers. Whatever it is: both go on, what each
//! proposed comes back once and in order, both have the same state, and so has a third one that reads everything from the start.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sealpost_domain::digest::Digest;
use sealpost_domain::message::Priority;
use sealpost_hub::core::{Effect, State};
use sealpost_hub::journal::jetstream::Settings;
use sealpost_hub::journal::{Failed, Journal, Lost};
use sealpost_testkit::nats::{Options, Server, free_ports};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::fixture::{Network, agency};
use crate::harness::copy;
use crate::line::Line;
use crate::servers::{in_step, leader, open, program, settings};
use crate::suite::{Hub, Subject, batch, envelope};

/// How long a fault may hold up the hubs at most: a leader is found anew, and what was lost on the way is published again.
const PATIENCE: Duration = Duration::from_mins(1);
/// Proposals of each hub before, and after the fault.
const BEFORE: usize = 30;
const AFTER: usize = 60;
/// What one hub lets Germany have in between.
const SETTLED_EVERY: usize = 20;

struct Three {
    runtime: Runtime,
    servers: [Server; 3],
    /// From each server to each other one.
    lines: [[Line; 3]; 3],
    folder: TempDir,
}

impl Three {
    fn start() -> Self {
        let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
        let ports: [u16; 6] = free_ports().unwrap();
        let routes = [ports[3], ports[4], ports[5]];
        let lines = [0, 1, 2].map(|_| routes.map(|route| runtime.block_on(Line::to(route))));
        let ways = lines.each_ref().map(|lines| lines.each_ref().map(Line::url));
        // What they tell one another about themselves leads nowhere: so that the lines are the only ways.
        let options = Options { cluster: "advertise: \"127.0.0.1:1\"".to_owned(), ..Options::default() };
        let ways = ways.each_ref().map(<[String; 3]>::as_slice);
        let servers = Server::cluster_over(&program(), folder.path(), &options, ports, ways).unwrap();
        Self { runtime, servers, lines, folder }
    }

    /// All lines from and to a server.
    fn lines_of(&self, server: usize) -> impl Iterator<Item = &Line> {
        self.lines[server].iter().chain(self.lines.iter().map(move |lines| &lines[server]))
    }

    fn settings(&self) -> Settings {
        settings(self.servers.iter().map(Server::url).collect(), 3)
    }

    /// The server that leads the stream of entries.
    fn leader(&self) -> usize {
        self.runtime.block_on(leader(&self.settings()))
    }
}

/// Where the servers are.
struct Addresses {
    runtime: Runtime,
    settings: Settings,
}

impl Subject for Addresses {
    fn open(&self) -> (Box<dyn Journal>, State) {
        open(&self.runtime, &self.settings)
    }
}

impl Subject for Three {
    fn open(&self) -> (Box<dyn Journal>, State) {
        open(&self.runtime, &self.settings())
    }
}

/// How one hub fared.
struct Fared {
    digest: Digest,
    /// Batches of all hubs that it applied.
    batches: usize,
    longest_pause: Duration,
}

/// What the hubs do while the test goes on.
#[derive(Default)]
struct Progress {
    landed: [AtomicUsize; 2],
    end: AtomicBool,
    ended: [AtomicUsize; 2],
}

/// Proposes one batch after the other, three on their way at a time, until it is told to end and the other one has as well.
fn work(number: usize, three: &Addresses, network: &Network, progress: &Progress) -> Fared {
    let mut hub = Hub::open(three);
    let mut tickets = Vec::new();
    let (mut last, mut longest_pause) = (Instant::now(), Duration::ZERO);
    let own = envelope(network, u8::try_from(number + 1).unwrap());
    while !progress.end.load(Ordering::Relaxed) {
        let drafts = vec![batch(std::slice::from_ref(&own)), batch(std::slice::from_ref(&own))];
        tickets.push(hub.propose(drafts));
        let want = tickets.len().saturating_sub(3);
        hub.follow_within(PATIENCE, "what was proposed comes back", |hub| hub.landed.len() >= want);
        let pause = last.elapsed();
        (last, longest_pause) = (Instant::now(), longest_pause.max(pause));
        progress.landed[number].store(hub.landed.len(), Ordering::Relaxed);
        if number == 0 && tickets.len().is_multiple_of(SETTLED_EVERY) {
            let waiting = hub.waiting();
            let (place, _) = waiting[waiting.len() / 2];
            tickets.push(hub.propose(vec![settled(place.index())]));
        }
    }
    let proposed = format!("all of {} come back", tickets.len());
    hub.follow_within(PATIENCE, &proposed, |hub| hub.landed.len() >= tickets.len());
    assert_eq!(hub.landed, tickets, "each once, in order");
    // Everybody reads up to the end of both.
    progress.ended[number].store(usize::try_from(hub.state.next()).unwrap(), Ordering::Relaxed);
    hub.follow_within(PATIENCE, "both are at the end", |hub| {
        let ended = progress.ended.each_ref().map(|ended| ended.load(Ordering::Relaxed));
        let at = usize::try_from(hub.state.next()).unwrap();
        progress.ended[number].store(at, Ordering::Relaxed);
        ended[0] != 0 && ended[0] == ended[1]
    });
    let accepted = |effect: &&Effect| matches!(effect, Effect::Accepted(_));
    let batches = hub.effects.iter().filter(accepted).count();
    Fared { digest: hub.state.digest(), batches, longest_pause }
}

fn settled(index: u64) -> sealpost_hub::journal::Draft {
    let (recipient, priority) = (agency("DE-ZKA"), Priority::Routine);
    sealpost_hub::journal::Draft::Settled { recipient, priority, index }
}

/// Lets both hubs work, and something happen to the servers in the midst of it.
fn both_go_on(what: &str, fault: impl FnOnce(&mut Three)) {
    let (mut three, network, progress) = (Three::start(), Network::new(), Progress::default());
    let founded = Hub::founded(&three, &network);
    drop(founded);
    let landed =
        |progress: &Progress| progress.landed.each_ref().map(|landed| landed.load(Ordering::Relaxed));
    let wait = |progress: &Progress, least: [usize; 2]| {
        let begun = Instant::now();
        while landed(progress).iter().zip(least).any(|(landed, least)| *landed < least) {
            assert!(begun.elapsed() < 2 * PATIENCE, "{what}: the hubs do not go on: {:?}", landed(progress));
            thread::sleep(Duration::from_millis(10));
        }
    };
    // The hubs have addresses alone, not the servers, to which things happen meanwhile.
    let view = Addresses { runtime: Runtime::new().unwrap(), settings: three.settings() };
    let fared = thread::scope(|scope| {
        let hubs = [0, 1].map(|number| {
            let (view, network, progress) = (&view, &network, &progress);
            scope.spawn(move || work(number, view, network, progress))
        });
        wait(&progress, [BEFORE; 2]);
        fault(&mut three);
        wait(&progress, landed(&progress).map(|landed| landed + AFTER));
        progress.end.store(true, Ordering::Relaxed);
        hubs.map(|hub| hub.join().unwrap())
    });
    let [one, other] = fared;
    assert_eq!((one.digest, one.batches), (other.digest, other.batches), "{what}: both have the same state");
    let third = Hub::open(&three);
    assert_eq!(third.state.digest(), one.digest, "{what}: so has one that comes later");
    #[expect(clippy::print_stderr, reason = "the figure that the run is for")]
    {
        let longest = one.longest_pause.max(other.longest_pause);
        eprintln!("{what}: {} batches, longest pause {} ms", one.batches, longest.as_millis());
    }
}

#[test]
fn nothing_happens() {
    both_go_on("nothing happens", |_| {});
}

#[test]
fn the_leader_is_killed_and_comes_back() {
    both_go_on("the leader is killed", |three| {
        let leader = three.leader();
        three.servers[leader].kill().unwrap();
        thread::sleep(Duration::from_secs(2));
        three.servers[leader].resume().unwrap();
    });
}

#[test]
fn the_leader_hangs_for_a_while() {
    both_go_on("the leader hangs", |three| {
        let leader = three.leader();
        three.servers[leader].pause().unwrap();
        thread::sleep(Duration::from_secs(12));
        three.servers[leader].go_on().unwrap();
    });
}

#[test]
fn the_leader_is_cut_off_from_the_other_servers_and_not_from_the_hubs() {
    both_go_on("the leader is cut off", |three| {
        let leader = three.leader();
        three.lines_of(leader).for_each(Line::cut);
        thread::sleep(Duration::from_secs(20));
        three.lines_of(leader).for_each(Line::mend);
        three.in_step();
    });
}

#[test]
fn the_servers_are_restarted_one_by_one() {
    both_go_on("the servers are restarted one by one", |three| {
        for number in 0..3 {
            three.servers[number].terminate().unwrap();
            three.servers[number].resume().unwrap();
            three.in_step();
        }
    });
}

#[test]
fn a_server_loses_its_disk() {
    both_go_on("a server loses its disk", |three| {
        let leader = three.leader();
        three.servers[leader].kill().unwrap();
        three.servers[leader].wipe().unwrap();
        three.servers[leader].resume().unwrap();
        three.in_step();
    });
}

impl Three {
    /// Waits until all replicas of both streams are there and have everything.
    fn in_step(&self) {
        self.runtime.block_on(in_step(&self.settings()));
    }
}

/// A hub that reads, and what its journal failed with.
fn fails(hub: &mut Hub) -> Lost {
    let begun = Instant::now();
    loop {
        match hub.journal.committed() {
            Ok(_) => {
                assert!(begun.elapsed() < PATIENCE, "the loss is noticed");
                thread::sleep(Duration::from_millis(50));
            }
            Err(Failed::Lost(lost)) => return lost,
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn streams_that_are_lost_are_noticed_and_a_new_life_begins() {
    let (mut three, network) = (Three::start(), Network::new());
    let mut hub = Hub::founded(&three, &network);
    hub.enter(vec![batch(&[envelope(&network, 1)])]);
    let incarnation = hub.journal.incarnation();
    for server in &mut three.servers {
        server.kill().unwrap();
        server.wipe().unwrap();
    }
    for server in &mut three.servers {
        server.resume().unwrap();
    }
    let lost = fails(&mut hub);
    assert!(matches!(lost, Lost::Gone | Lost::Replaced), "{lost}");
    drop(hub);
    let hub = Hub::founded(&three, &network);
    assert_ne!(hub.journal.incarnation(), incarnation);
    assert_eq!(hub.waiting(), []);
}

#[test]
fn streams_that_are_set_back_are_noticed_whether_or_not_they_went_on() {
    let network = Network::new();
    for goes_on in [false, true] {
        let mut three = Three::start();
        let mut hub = Hub::founded(&three, &network);
        hub.enter(vec![batch(&[envelope(&network, 1)])]);
        three.in_step();
        let backups = [0, 1, 2].map(|number: usize| three.folder.path().join(format!("backup-{number}")));
        for (server, backup) in three.servers.iter_mut().zip(&backups) {
            server.kill().unwrap();
            copy(server.store(), backup);
        }
        for server in &mut three.servers {
            server.resume().unwrap();
        }
        for seed in 2..5 {
            hub.enter(vec![batch(&[envelope(&network, seed)])]);
        }
        for server in &mut three.servers {
            server.kill().unwrap();
        }
        for (server, backup) in three.servers.iter_mut().zip(&backups) {
            server.wipe().unwrap();
            copy(backup, server.store());
            server.resume().unwrap();
        }
        if goes_on {
            let mut other = Hub::open(&three);
            for seed in 10..20 {
                other.enter(vec![batch(&[envelope(&network, seed)])]);
            }
        }
        let lost = fails(&mut hub);
        let expected = if goes_on {
            matches!(lost, Lost::Rewritten { .. })
        } else {
            matches!(lost, Lost::SetBack { .. })
        };
        assert!(expected, "{lost}");
    }
}
