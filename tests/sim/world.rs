//! One run: machines, network, those who use them, and what goes wrong, all from one seed and in one thread.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant as domain;
use sealpost_domain::statement::Signed;
use sealpost_domain::view::Sending;
use sealpost_node::handle::Views as _;
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::hub_client::HubClient;
use sealpost_seglog::disk::sim::Sim;
use sealpost_wire::envelope::signed_message;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::Code;

use crate::checker::{self, Violation};
use crate::desk::{self, Door, Open};
use crate::dice::Dice;
use crate::history::{Event, History};
use crate::hub::Hub;
use crate::network::{AGENCIES, BEGIN, Network, agency};
use crate::node::{Backup, Node};
use crate::plan::Plan;
use crate::steps::{PUBLISH_AGAIN, Step, keys_as_listed, track};
use crate::wire::Wire;

/// After everything is mended: how long until nothing may be on its way any more.
const QUIET_WITHIN: Duration = Duration::from_mins(20);
/// How long a program that ended by itself stays down.
const RESTART: Duration = Duration::from_millis(800);

/// A program ended by itself.
#[derive(Debug)]
pub(crate) enum Ended {
    Node { id: AgencyId, start: u64, reason: String },
    Hub { start: u64, reason: String },
}

/// Everything of one run.
pub(crate) struct World {
    pub(crate) history: Arc<History>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) hub: Hub,
    pub(crate) nodes: BTreeMap<AgencyId, Node>,
    doors: BTreeMap<AgencyId, Door>,
    began: Instant,
    ended: (mpsc::UnboundedSender<Ended>, mpsc::UnboundedReceiver<Ended>),
    /// How many messages were not answered yet.
    unanswered: Arc<AtomicUsize>,
    desks: JoinSet<()>,
    /// Every version of the directory that the authority signed.
    pub(crate) versions: Vec<Signed>,
    pub(crate) backups: BTreeMap<AgencyId, Backup>,
    pub(crate) hub_backup: Option<Sim>,
}

/// What a run was.
pub(crate) struct Outcome {
    pub(crate) history: Arc<History>,
    pub(crate) result: Result<(), Violation>,
    /// How much time passed in it.
    pub(crate) lasted: Duration,
}

/// Runs a seed.
pub(crate) fn run(seed: u64) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let plan = Plan::of(seed);
        let mut world = World::new(seed, &plan).await;
        let history = Arc::clone(&world.history);
        let result = world.go(&plan).await;
        let result = match result {
            Ok(()) => checker::check(&mut world, &plan).await,
            Err(violation) => Err(violation),
        };
        Outcome { history, result, lasted: world.began.elapsed() }
    })
}

impl World {
    async fn new(seed: u64, plan: &Plan) -> Self {
        let history = Arc::new(History::new());
        let wire = Wire::new(Arc::clone(&history), Dice::of(seed, "wire"), plan.weather);
        let node = |id: &str| (agency(id), Node::new(agency(id), Dice::of(seed, id)));
        let mut world = Self {
            history,
            wire,
            hub: Hub::new(Dice::of(seed, "hub")),
            nodes: AGENCIES.iter().map(|id| node(id)).collect(),
            doors: AGENCIES.iter().map(|id| (agency(id), Door::default())).collect(),
            began: Instant::now(),
            ended: mpsc::unbounded_channel(),
            unanswered: Arc::new(AtomicUsize::new(plan.letters.len())),
            desks: JoinSet::new(),
            versions: vec![Network::get().genesis.clone()],
            backups: BTreeMap::new(),
            hub_backup: None,
        };
        world.start_hub().await;
        for id in AGENCIES {
            world.start_node(&agency(id)).await;
        }
        world
    }

    pub(crate) async fn start_hub(&mut self) {
        let clock = self.nodes[&agency(AGENCIES[0])].clock();
        if !self.hub.start(&self.wire, clock, self.ended.0.clone()).await {
            self.hub.kill(&self.wire);
            let reason = "it does not start".to_owned();
            let _ = self.ended.0.send(Ended::Hub { start: 0, reason });
        }
        self.publish_versions();
    }

    /// The operator publishes what the hub does not have, until it has all.
    pub(crate) fn publish_versions(&mut self) {
        let (wire, versions) = (Arc::clone(&self.wire), self.versions.clone());
        self.desks.spawn(async move {
            for version in versions.into_iter().skip(1) {
                let request = || pb::PublishDirectoryRequest {
                    directory: Some(signed_message(&version)),
                    crls: Vec::new(),
                };
                // Another hub, or another operator at the same time, has it published: then it is a conflict.
                while let Some(calls) = wire.operator(Network::get().operator()) {
                    match HubClient::new(calls).publish_directory(request()).await {
                        Ok(_) => break,
                        Err(status) if status.code() == Code::FailedPrecondition => break,
                        Err(_) => sleep(PUBLISH_AGAIN).await,
                    }
                }
            }
        });
    }

    /// The right time.
    pub(crate) fn now(&self) -> domain::Instant {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        domain::Instant::from_millis(BEGIN.as_millis() + passed)
    }

    /// An agency's machine.
    pub(crate) fn node(&mut self, id: &AgencyId) -> &mut Node {
        self.nodes.get_mut(id).expect("an agency of the network")
    }

    pub(crate) async fn start_node(&mut self, id: &AgencyId) {
        let node = self.nodes.get_mut(id).expect("an agency of the network");
        match node.start(&self.wire, self.ended.0.clone()).await {
            Ok(()) => {
                let program = node.program.as_ref().expect("just started");
                let open = Open {
                    handle: program.handle.clone(),
                    views: Arc::clone(&program.views),
                    disk: node.disk.clone(),
                };
                self.doors[id].becomes(Some(open));
            }
            Err(reason) => {
                node.kill(&self.wire);
                let _ = self.ended.0.send(Ended::Node { id: id.clone(), start: 0, reason });
            }
        }
    }

    /// Nobody gets in any more.
    pub(crate) fn close(&self, id: &AgencyId) {
        self.doors[id].becomes(None);
    }

    async fn go(&mut self, plan: &Plan) -> Result<(), Violation> {
        for (id, door) in &self.doors {
            self.desks.spawn(desk::subscribe(door.clone(), Arc::clone(&self.history)));
            for letter in plan.letters.iter().filter(|letter| letter.from == *id) {
                let (history, unanswered) = (Arc::clone(&self.history), Arc::clone(&self.unanswered));
                self.desks.spawn(desk::publish(door.clone(), history, letter.clone(), unanswered));
            }
        }
        let mut steps = plan.steps.iter();
        let mut next = steps.next();
        loop {
            // A program that cannot start, and ends again and again, holds up nothing.
            let at = self.began + next.map_or(plan.lasts, |(at, _)| *at);
            tokio::select! {
                biased;
                () = sleep_until(at) => match next {
                    Some((_, step)) => {
                        step.take(self).await;
                        next = steps.next();
                    }
                    None => break,
                },
                Some(ended) = self.ended.1.recv() => self.again(ended).await,
            }
        }
        self.heal(plan).await;
        self.come_to_rest().await
    }

    /// A program that ended by itself is started again.
    async fn again(&mut self, ended: Ended) {
        match ended {
            Ended::Node { id, start, reason } => {
                let node = self.nodes.get_mut(&id).expect("an agency of the network");
                if start != 0 && node.program.as_ref().is_none_or(|program| program.start != start) {
                    return;
                }
                self.history.note(Event::Ended(format!("node {id}: {reason}")));
                node.kill(&self.wire);
                self.close(&id);
                sleep(RESTART).await;
                self.start_node(&id).await;
            }
            Ended::Hub { start, reason } => {
                if start != 0 && self.hub.program.as_ref().is_none_or(|program| program.start != start) {
                    return;
                }
                self.history.note(Event::Ended(format!("hub: {reason}")));
                self.hub.kill(&self.wire);
                sleep(RESTART).await;
                self.start_hub().await;
            }
        }
    }

    /// Everything is mended, and whoever is down is started.
    async fn heal(&mut self, plan: &Plan) {
        self.history.note(Event::Fault("everything is mended".to_owned()));
        self.wire.becomes(plan.weather.calm());
        let ids: Vec<AgencyId> = self.nodes.keys().cloned().collect();
        self.hub.disk.set_capacity(None);
        if self.hub.program.is_none() {
            self.start_hub().await;
        }
        for id in ids {
            self.wire.rejoin(&id);
            let node = self.nodes.get_mut(&id).expect("an agency of the network");
            node.disk.set_capacity(None);
            node.skew.store(0, Ordering::Relaxed);
            if node.program.is_none() {
                self.start_node(&id).await;
            }
            Step::NextKey(id).take(self).await;
        }
        self.publish_versions();
    }

    /// Waits until nothing is on its way.
    async fn come_to_rest(&mut self) -> Result<(), Violation> {
        let until = Instant::now() + QUIET_WITHIN;
        let mut quiet = 0;
        while quiet < 3 {
            if Instant::now() > until {
                return Err(self.restless());
            }
            tokio::select! {
                biased;
                Some(ended) = self.ended.1.recv() => self.again(ended).await,
                () = sleep(Duration::from_secs(1)) => keys_as_listed(self).await,
            }
            quiet = if self.is_quiet() { quiet + 1 } else { 0 };
        }
        track(self);
        Ok(())
    }

    fn is_quiet(&self) -> bool {
        let lost = self.history.lost();
        let node_is_quiet = |node: &Node| {
            node.program.as_ref().is_some_and(|program| {
                let core = program.shared.core();
                // What was lost with its sender's disk never comes, and an alarm tells that.
                let is_done = core.outbox.outstanding() == 0 && core.has_met_all();
                is_done && core.inbox.missing().keys().all(|from| lost.contains(from))
            })
        };
        let hub = self.hub.program.as_ref();
        self.unanswered.load(Ordering::Relaxed) == 0
            && hub.is_some_and(|program| program.view.state().backlog() == 0)
            && self.nodes.values().all(node_is_quiet)
    }

    fn restless(&self) -> Violation {
        let mut found = format!("{} messages are not answered", self.unanswered.load(Ordering::Relaxed));
        for (id, node) in &self.nodes {
            let Some(program) = &node.program else {
                let _ = write!(found, "; {id} does not run");
                continue;
            };
            let status = program.views.status();
            for peer in status.peers.iter().filter(|peer| peer.outstanding > 0 || peer.missing > 0) {
                let closed = if peer.sending == Sending::Open { "" } else { ", which it awaits" };
                let _ = write!(
                    found,
                    "; {id} has {} outstanding to {}{closed}, and misses {}",
                    peer.outstanding, peer.agency, peer.missing
                );
            }
        }
        let backlog = self.hub.program.as_ref().map(|program| program.view.state().backlog());
        let _ = write!(found, "; the hub holds {backlog:?}");
        let expected = format!("nothing on its way {QUIET_WITHIN:?} after everything was mended");
        Violation::of("Complete", expected, found)
    }
}
