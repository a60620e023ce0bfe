//! A hub that starts late: from a snapshot and what came after it, or from everything, to the same state.

use async_nats::jetstream;
use sealpost_domain::link::Incarnation;
use sealpost_hub::core::State;
use sealpost_hub::journal::jetstream::{Fresh, JetStream, Settings};
use sealpost_testkit::nats::Server;

use crate::fixture::Network;
use crate::harness::eventually;
use crate::servers::{One, settings};
use crate::suite::{Hub, batch, envelope};

/// After so many groups a snapshot is taken.
const EVERY: u64 = 4096;

fn settings_of(server: &Server) -> Settings {
    settings(vec![server.url()], 1)
}

/// Opens the journal, and tells after which group it began to read.
fn open(one: &One) -> (u64, State) {
    let fresh = Fresh { incarnation: Incarnation(rand::random()), proposer: rand::random() };
    let opened = one.runtime.block_on(JetStream::open(&settings_of(&one.server), fresh));
    opened.map(|(journal, state)| (journal.began_after(), state)).unwrap()
}

#[test]
fn a_hub_that_starts_late_goes_on_from_a_snapshot_and_without_a_sound_one_from_the_start() {
    let (one, network) = (One::start(), Network::new());
    let mut hub = Hub::founded(&one, &network);
    let mail = batch(&[envelope(&network, 1)]);
    let mut ticket = None;
    for number in 0..EVERY + 100 {
        ticket = Some(hub.propose(vec![mail.clone()]));
        if number.is_multiple_of(64) {
            hub.follow_until("it keeps up", |hub| hub.landed.last() == ticket.as_ref());
        }
    }
    hub.follow_until("all come back", |hub| hub.landed.last() == ticket.as_ref());
    let latest = "sealpost.snapshots.latest";
    one.runtime.block_on(eventually("the snapshot is stored", async || {
        let client = async_nats::connect(one.server.url()).await.map_err(|error| error.to_string())?;
        let stream = jetstream::new(client).get_stream("sealpost-snapshots").await;
        let stream = stream.map_err(|error| error.to_string())?;
        let message = stream.get_last_raw_message_by_subject(latest).await;
        message.map(drop).map_err(|error| error.to_string())
    }));
    let (began, state) = open(&one);
    assert_eq!((began, state.digest()), (EVERY, hub.state.digest()));

    one.runtime.block_on(async {
        let context = jetstream::new(async_nats::connect(one.server.url()).await.unwrap());
        context.publish(latest, "no snapshot".into()).await.unwrap().await.unwrap();
    });
    let (began, state) = open(&one);
    assert_eq!((began, state.digest()), (0, hub.state.digest()));
}
