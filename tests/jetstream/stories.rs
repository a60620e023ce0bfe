//! The whole network with two hubs on three servers, under load, while something ends or breaks. Whatever it is: the nodes go on by
//! themselves, every message comes once to everybody it is for, in the order of its link, and the ledgers are sound. How long
//! nothing came is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sealpost_demo::evidence;
use sealpost_demo::history::{self, Difference, Expected, Found, Least, Message};
use sealpost_domain::message::{MessageId, Priority};
use sealpost_domain::view::{Direction, Event, Filter};
use sealpost_testkit::nats::{Options, Server};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::harness::{DE, HK, HUB, HUB_2, Network, TH, id, ids, shipments};
use crate::line::Line;
use crate::servers::{in_step, leader, program, settings};

/// Messages before a fault, and after it.
const BEFORE: usize = 30;
const AFTER: usize = 30;
/// Between two messages of the load.
const APART: Duration = Duration::from_millis(20);

/// Three servers, and a network with two hubs on them.
struct Stage {
    network: Network,
    servers: Vec<Server>,
    /// The second hub's ways to the servers.
    lines: Vec<Line>,
    _folder: TempDir,
}

impl Stage {
    async fn start(story: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let servers = Vec::from(Server::cluster(&program(), folder.path(), &Options::default()).unwrap());
        let mut lines = Vec::new();
        for server in &servers {
            lines.push(Line::to(server.port()).await);
        }
        let direct: Vec<_> = servers.iter().map(Server::url).collect();
        let lined: Vec<_> = lines.iter().map(Line::url).collect();
        let mut network = Network::make_with_two_hubs(story, [&direct, &lined], 3);
        for program in [HUB, HUB_2, HK, DE, TH] {
            network.run(program).await;
        }
        Self { network, servers, lines, _folder: folder }
    }

    fn urls(&self) -> Vec<String> {
        self.servers.iter().map(Server::url).collect()
    }

    async fn leader(&self) -> usize {
        leader(&settings(self.urls(), 3)).await
    }

    async fn in_step(&self) {
        in_step(&settings(self.urls(), 3)).await;
    }
}

/// Messages from Hong Kong to both others, one after the other, until it ends.
struct Load {
    ends: Arc<AtomicBool>,
    sending: JoinHandle<Vec<MessageId>>,
    watching: JoinHandle<Duration>,
}

impl Load {
    async fn start(network: &Network) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let (hk, ended) = (network.desk(HK).await, Arc::clone(&ends));
        let sending = tokio::spawn(async move {
            let mut sent = Vec::new();
            for number in 0.. {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                sent.extend(ids(&hk.send_all("load", shipments(&[DE, TH], number..number + 1)).await));
                tokio::time::sleep(APART).await;
            }
            sent
        });
        let (de, ended) = (network.desk(DE).await, Arc::clone(&ends));
        let watching = tokio::spawn(async move {
            let mut subscription = de.gateway().subscribe(0, Filter::default());
            let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
            while !ended.load(Ordering::Relaxed) {
                if let Event::Message(_) = subscription.next().await.unwrap() {
                    longest = longest.max(last.elapsed());
                    last = Instant::now();
                }
            }
            longest
        });
        Self { ends, sending, watching }
    }

    /// Ends, and gives what was sent and the longest time in which nothing came.
    async fn end(self) -> (Vec<MessageId>, Duration) {
        self.ends.store(true, Ordering::Relaxed);
        (self.sending.await.unwrap(), self.watching.await.unwrap())
    }
}

/// What the ledgers and the sender's node say, held against what should have happened: by the checker of the demo.
async fn differences(network: &Network, sent: &[MessageId]) -> Vec<Difference> {
    let least = || [DE, TH].map(|agency| (id(agency), Least::Delivered)).into();
    let message = |sent: &MessageId| Message { name: sent.to_string(), sender: id(HK), addressees: least() };
    let messages = sent.iter().map(|sent| (*sent, message(sent))).collect();
    let hk = network.desk(HK).await;
    let mut found = BTreeMap::new();
    for agency in [HK, DE, TH] {
        let (records, fault) = evidence::records(&evidence::ledger_folder(&network.agency(agency).data));
        let mut states = BTreeMap::new();
        for message in sent.iter().filter(|_| agency == HK) {
            let tracked = hk.gateway().track(*message).await.unwrap();
            let of_each = tracked.states.into_iter().map(|state| (state.agency, state.state));
            states.insert(*message, of_each.collect());
        }
        found.insert(id(agency), Found { records, fault, states, figures: None });
    }
    history::differences(&Expected { messages, figures: BTreeMap::new() }, &found)
}

/// Lets something happen in the midst of a load, and everybody get everything.
async fn all_goes_on(story: &str, fault: impl AsyncFnOnce(&mut Stage)) {
    let mut stage = Stage::start(story).await;
    let load = Load::start(&stage.network).await;
    let (de, th) = (stage.network.desk(DE).await, stage.network.desk(TH).await);
    for desk in [&de, &th] {
        desk.has_received_at_least(BEFORE).await;
    }
    fault(&mut stage).await;
    let came = de.messages(Direction::Received).await.unwrap().len();
    for desk in [&de, &th] {
        desk.has_received_at_least(came + AFTER).await;
    }
    let (sent, longest) = load.end().await;
    de.receives_exactly(&sent).await;
    th.receives_exactly(&sent).await;
    stage.network.desk(HK).await.are_delivered(&sent).await;
    for desk in [&de, &th] {
        let came = desk.receives_exactly(&sent).await;
        for priority in Priority::ALL {
            let of_link = came.iter().filter(|shown| shown.priority == *priority);
            let places = of_link.map(|shown| sent.iter().position(|message| *message == shown.id).unwrap());
            let places: Vec<_> = places.collect();
            assert!(places.is_sorted(), "{priority} comes in the order of its link: {places:?}");
        }
    }
    stage.in_step().await;
    let config = stage.network.folder().join("hub/hub.toml");
    let checked =
        stage.network.command("sealpost-hub", &["check", "--config", config.to_str().unwrap()]).await;
    assert_eq!(checked.code(), Some(0), "{}{}", checked.stdout, checked.log);
    assert!(checked.stdout.contains("3 replicas have everything"), "{}", checked.stdout);
    stage.network.assert_ledgers_sound().await;
    assert_eq!(differences(&stage.network, &sent).await, []);
    stage.network.end().await;
    #[expect(clippy::print_stderr, reason = "the figure that the run is for")]
    {
        eprintln!("{story}: {} messages, nothing came for {} ms at most", sent.len(), longest.as_millis());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_is_killed_and_its_nodes_go_on_at_the_other() {
    all_goes_on("hub-of-two-killed", async |stage| {
        stage.network.kill(HUB);
        stage.network.desk(DE).await.has_received_at_least(2 * BEFORE).await;
        stage.network.run(HUB).await;
        stage.network.kill(HUB_2);
        stage.network.desk(DE).await.has_received_at_least(3 * BEFORE).await;
        stage.network.run(HUB_2).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_cut_off_from_its_journal_lets_its_nodes_go() {
    all_goes_on("hub-cut-off", async |stage| {
        // The nodes are driven to the second hub, and that is cut off.
        stage.network.kill(HUB);
        stage.network.desk(DE).await.has_received_at_least(2 * BEFORE).await;
        stage.network.run(HUB).await;
        stage.lines.iter().for_each(Line::cut);
        let came = stage.network.desk(DE).await.messages(Direction::Received).await;
        stage.network.desk(DE).await.has_received_at_least(came.unwrap().len() + BEFORE).await;
        stage.lines.iter().for_each(Line::mend);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leading_server_is_killed() {
    all_goes_on("server-killed", async |stage| {
        let leader = stage.leader().await;
        stage.servers[leader].kill().unwrap();
        let came = stage.network.desk(DE).await.messages(Direction::Received).await;
        stage.network.desk(DE).await.has_received_at_least(came.unwrap().len() + BEFORE).await;
        stage.servers[leader].resume().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_are_restarted_one_by_one() {
    all_goes_on("servers-restarted", async |stage| {
        for number in 0..3 {
            stage.servers[number].terminate().unwrap();
            stage.servers[number].resume().unwrap();
            stage.in_step().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_servers_lose_everything_and_the_senders_ledgers_refill_what_was_on_its_way() {
    all_goes_on("servers-wiped", async |stage| {
        for server in &mut stage.servers {
            server.kill().unwrap();
            server.wipe().unwrap();
        }
        for server in &mut stage.servers {
            server.resume().unwrap();
        }
        for hub in [HUB, HUB_2] {
            let ended = stage.network.ends(hub).await;
            assert_ne!(ended.code(), Some(0));
            assert!(ended.log.contains("the journal was lost"), "{}", ended.log);
        }
        stage.network.run(HUB).await;
        stage.network.run(HUB_2).await;
    })
    .await;
}
