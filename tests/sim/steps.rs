//! What goes wrong in a run, and how it is mended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::dsse::SigningKey;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::view::DeliveryState;
use sealpost_node::handle::Views as _;
use sealpost_seglog::disk::sim::{Failure, Sim};

use crate::directory;
use crate::history::Event;
use crate::kept::Kept;
use crate::network::{AGENCIES, agency};
use crate::world::World;

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Host {
    Hub,
    Node(AgencyId),
}

/// How a program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Down {
    /// By SIGKILL: what was written stays.
    Killed,
    /// With the power: what was not synced may be lost.
    Power,
    /// By SIGTERM.
    InOrder,
}

/// What is put in the place of a machine's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// An empty one.
    Nothing,
    /// The files of a copy.
    Files,
    /// The whole machine as it was.
    Machine,
}

/// What a version of the directory changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Germany and Thailand have no agreement any more.
    EndAgreement,
    /// A node has a next key, and may still use the one before.
    Rotate,
    /// A node has a next key, and the one before is believed no more.
    Replace,
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Part(AgencyId),
    Rejoin(AgencyId),
    Cut(AgencyId),
    Down(Host, Down),
    Up(Host),
    /// So many bytes are left, or there is room again.
    Full(Host, Option<u64>),
    /// The operation after so many goes wrong.
    Breaks(Host, u64, Failure),
    /// A clock is wrong by so many milliseconds from now on.
    Clock(AgencyId, i64),
    BackUp(Host),
    Restore(Host, Put),
    Directory(AgencyId, Change),
    /// A node is started again under its latest key, where that is another one.
    NextKey(AgencyId),
    /// Every publisher asks where its messages stand.
    Track,
}

impl Step {
    /// Takes the step.
    pub(crate) async fn take(&self, world: &mut World) {
        if !matches!(self, Self::Track) {
            world.history.note(Event::Fault(format!("{self:?}")));
        }
        match self {
            Self::Part(id) => world.wire.part(id),
            Self::Rejoin(id) => world.wire.rejoin(id),
            Self::Cut(id) => world.wire.cut(id),
            Self::Down(host, how) => down(world, host, *how).await,
            Self::Up(host) => up(world, host).await,
            Self::Full(host, room) => {
                let disk = disk(world, host);
                disk.set_capacity(room.map(|room| disk.used() + room));
            }
            Self::Breaks(host, after, failure) => {
                let disk = disk(world, host);
                disk.fail(disk.operations() + after, *failure);
            }
            Self::Clock(id, millis) => world.node(id).skew.store(*millis, Ordering::Relaxed),
            Self::BackUp(host) => back_up(world, host),
            Self::Restore(host, put) => restore(world, host, *put),
            Self::Directory(id, change) => publish(world, id, change),
            Self::NextKey(id) => next_key(world, id).await,
            Self::Track => track(world),
        }
    }
}

fn disk(world: &mut World, host: &Host) -> Sim {
    match host {
        Host::Hub => world.hub.disk.clone(),
        Host::Node(id) => world.node(id).disk.clone(),
    }
}

async fn down(world: &mut World, host: &Host, how: Down) {
    let wire = Arc::clone(&world.wire);
    match (host, how) {
        (Host::Hub, Down::Power) => world.hub.lose_power(&wire),
        (Host::Hub, _) => world.hub.kill(&wire),
        (Host::Node(id), how) => {
            world.close(id);
            match how {
                Down::Power => world.node(id).lose_power(&wire),
                Down::Killed => world.node(id).kill(&wire),
                Down::InOrder => world.node(id).stop(&wire).await,
            }
        }
    }
}

async fn up(world: &mut World, host: &Host) {
    match host {
        Host::Hub if world.hub.program.is_none() => world.start_hub().await,
        Host::Node(id) if world.node(id).program.is_none() => world.start_node(id).await,
        _ => {}
    }
}

fn back_up(world: &mut World, host: &Host) {
    match host {
        Host::Hub => world.hub_backup = Some(world.hub.disk.fork()),
        Host::Node(id) => {
            let backup = world.node(id).back_up();
            world.backups.insert(id.clone(), backup);
        }
    }
}

fn restore(world: &mut World, host: &Host, put: Put) {
    match host {
        Host::Hub => {
            let backup = world.hub_backup.clone().filter(|_| put != Put::Nothing);
            world.hub.replace(backup);
            world.history.note(Event::JournalLost);
        }
        Host::Node(id) => {
            let backup = world.backups.remove(id);
            match (put, &backup) {
                (Put::Files, Some(backup)) => world.node(id).restore(backup),
                (Put::Machine, Some(backup)) => world.node(id).set_back(backup),
                _ => world.node(id).wipe(),
            }
            world.history.note(Event::LedgerLost { of: id.clone() });
        }
    }
}

/// The authority signs the next version, and the hub's operator publishes it.
fn publish(world: &mut World, id: &AgencyId, change: &Change) {
    let now = world.now();
    let version = match change {
        Change::EndAgreement => directory::without_agreement(&world.versions),
        Change::Rotate | Change::Replace => {
            let number = u8::try_from(world.versions.len()).unwrap_or(u8::MAX);
            let next = SigningKey::generate(&mut ChaCha20Rng::from_seed([number; 32]));
            let replaced = (*change == Change::Replace).then_some(now);
            let (versions, keys) = (world.versions.clone(), &mut world.node(id).keys);
            let version = directory::with_key(&versions, id, keys, &next, replaced);
            keys.add(next);
            Some(version)
        }
    };
    // An agreement ends once.
    if let Some(version) = version {
        world.versions.push(version);
        directory::in_force(&world.versions);
        world.publish_versions();
    }
}

/// One that is down has it when it starts.
async fn next_key(world: &mut World, id: &AgencyId) {
    if world.node(id).keys.give_latest() && world.node(id).program.is_some() {
        restart(world, id).await;
    }
}

/// Every node goes on under the latest of its keys that the directory lists which it has by now.
pub(crate) async fn keys_as_listed(world: &mut World) {
    for id in AGENCIES.map(agency) {
        if world.node(&id).give_listed_key() {
            world.history.note(Event::Fault(format!("{id} goes on under the key that its directory lists")));
            restart(world, &id).await;
        }
    }
}

async fn restart(world: &mut World, id: &AgencyId) {
    let wire = Arc::clone(&world.wire);
    world.close(id);
    world.node(id).stop(&wire).await;
    world.start_node(id).await;
}

/// Notes of every message that was published what its publisher is told of it now.
pub(crate) fn track(world: &mut World) {
    let kept: BTreeMap<AgencyId, Kept> =
        world.nodes.iter().map(|(id, node)| (id.clone(), Kept::on(&node.disk))).collect();
    let lost = world.history.lost();
    for seen in world.history.seen() {
        let Event::Published { by, id, .. } = seen.event else { continue };
        let Some(program) = &world.node(&by).program else { continue };
        let Ok(Some(tracked)) = program.views.track(id) else { continue };
        for state in tracked.states {
            if state.state != DeliveryState::Published {
                let (recipient, rule) = (state.agency, state.rule);
                let kept = lost.contains(&recipient) || kept[&recipient].has_delivered(&by, id);
                let event = Event::Tracked { by: by.clone(), id, recipient, state: state.state, rule, kept };
                world.history.note(event);
            }
        }
    }
}

/// How long an operator waits before he publishes once more.
pub(crate) const PUBLISH_AGAIN: Duration = Duration::from_millis(900);
