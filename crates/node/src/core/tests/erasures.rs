//! When a bucket ends, and what is told where it does not.

use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;

use super::*;
use crate::core::erasures::{Awaited, Late};
use crate::erase;

const DAY: Duration = Duration::from_hours(24);

/// When the bucket of the sample message is due.
fn due() -> Instant {
    "2027-01-01".parse::<sealpost_domain::time::Date>().unwrap().ends_at().minus(Duration::from_hours(23))
}

/// Germany has one message of Hong Kong.
fn germany() -> (Directory, Station) {
    let mut network = Network::new();
    network.directory.valid_until = due().plus(10 * DAY);
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    for delivery in submitted(&network, &mut hong_kong) {
        germany.receive(&delivery, Priority::Urgent);
    }
    (network.directory.clone(), germany)
}

/// What is told at a moment, and how many buckets have ended by then.
fn told_at(germany: &mut Station, now: Instant) -> (Option<Late>, usize) {
    germany.now = now;
    let present = erase::present(&germany.buckets);
    let late = germany.step(|core, env, round| core.end_buckets(env, round, &present));
    (late, germany.count(|record| matches!(record, Record::Erasure { .. })))
}

fn late(awaited: Awaited) -> (Option<Late>, usize) {
    (Some(Late { buckets: 1, awaited }), 0)
}

#[test]
fn what_waits_for_a_silent_peer_is_told_after_a_day_and_ends_when_it_is_heard() {
    let (_, mut germany) = germany();
    assert_eq!(told_at(&mut germany, due().plus(DAY).minus(MOMENT)), (None, 0));
    let silent = Awaited::Peers { needed: 1, silent: vec![agency("HK-CED")] };
    assert!(silent.to_string().ends_with("of HK-CED"), "{silent}");
    assert_eq!(told_at(&mut germany, due().plus(DAY)), late(silent));
    germany.core.witness.hear_clock(&agency("HK-CED"), due());
    assert_eq!(told_at(&mut germany, due().plus(DAY)), (None, 1));
}

#[test]
fn the_own_clock_ends_nothing_alone_where_every_peer_has_left_the_directory() {
    let (directory, mut germany) = germany();
    let mut without = directory;
    without.agencies.remove(&agency("HK-CED"));
    germany.installs(&without);
    germany.core.witness.hear_clock(&agency("HK-CED"), due());
    assert_eq!(told_at(&mut germany, due().plus(DAY)), late(Awaited::ListedPeer));
}

#[test]
fn what_waits_for_a_directory_is_told() {
    let (directory, mut germany) = germany();
    germany.core.witness.hear_clock(&agency("HK-CED"), due());
    let ended = directory.valid_until.plus(MOMENT);
    assert_eq!(told_at(&mut germany, ended), late(Awaited::Directory));
}

const MOMENT: Duration = Duration::from_secs(1);

#[test]
fn where_no_mail_was_ever_exchanged_the_own_clock_is_enough() {
    let mut network = Network::new();
    network.directory.valid_until = due().plus(DAY);
    let mut germany = Station::new(&network, "DE-ZKA");
    let bucket = "evidence.2026-12".parse().unwrap();
    germany.buckets.keep_text(&mut germany.rng, &bucket, [0; 32], b"a name").unwrap();
    assert_eq!(told_at(&mut germany, due()), (None, 1));
}
