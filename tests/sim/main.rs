//! The whole network in one thread and one seed: hub, nodes and everything between them, with whatever can go wrong, and a
//! checker for every promise of ARCHITECTURE.md.
//!
//! | module | holds |
//! |---|---|
//! | [`plan`] | what a seed decides: who writes when, how the network behaves, what goes wrong |
//! | [`steps`], [`directory`] | what that is, step by step |
//! | [`world`] | one run |
//! | [`hub`], [`node`] | the machines, with the shipped programs on them |
//! | [`wire`] | the network between them |
//! | [`letters`], [`desk`] | what is written, and those who use the nodes |
//! | [`history`] | what was seen from outside, and a digest of everything |
//! | [`checker`] | the promises |
//! | [`network`], [`dice`] | the agencies with their keys, and random numbers |
//!
//! README.md beside this file says how a run is repeated, and what the simulation does not run.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod checker;
mod desk;
mod dice;
mod directory;
mod history;
mod hub;
mod letters;
mod network;
mod node;
mod plan;
mod steps;
mod wire;
mod world;

use std::ops::RangeInclusive;

/// How many seeds are run unless told otherwise.
const SEEDS: u64 = 300;

/// `SEALPOST_SIM_SEED=7` runs one, `SEALPOST_SIM_SEEDS=1000` so many, `SEALPOST_SIM_SEEDS=500-900` a range.
fn seeds() -> RangeInclusive<u64> {
    let number = |text: &str| text.trim().parse().expect("a seed is a number");
    if let Ok(seed) = std::env::var("SEALPOST_SIM_SEED") {
        let seed = number(&seed);
        return seed..=seed;
    }
    match std::env::var("SEALPOST_SIM_SEEDS") {
        Ok(seeds) => match seeds.split_once('-') {
            Some((first, last)) => number(first)..=number(last),
            None => 1..=number(&seeds),
        },
        Err(_) => 1..=SEEDS,
    }
}

#[test]
fn every_promise_is_kept_whatever_goes_wrong() {
    let (mut steps, mut broken) = (0, Vec::new());
    let (begun, seeds) = (std::time::Instant::now(), seeds());
    let is_set = |name| std::env::var_os(name).is_some();
    for seed in seeds.clone() {
        let outcome = world::run(seed);
        let (these, digest) = outcome.history.digest();
        steps += these;
        if is_set("SEALPOST_SIM_VERBOSE") {
            say(&format!("seed {seed}: {these} steps, {:?}, {digest}", outcome.lasted));
        }
        if let Err(violation) = outcome.result {
            let text = told(seed, &violation, &outcome.history);
            assert!(is_set("SEALPOST_SIM_ALL"), "{text}");
            say(&text);
            broken.push((seed, violation.promise));
        }
    }
    say(&format!("seeds {seeds:?}: {steps} steps in {:?}", begun.elapsed()));
    assert!(broken.is_empty(), "promises that were broken: {broken:?}");
}

/// What somebody has to know of a promise that was broken.
fn told(seed: u64, violation: &checker::Violation, history: &history::History) -> String {
    let checker::Violation { promise, expected, found } = violation;
    let (faults, last) = (history.faults(), history.last());
    format!(
        "seed {seed} breaks the promise `{promise}`\n  expected: {expected}\n  found:    {found}\nwhat went wrong in it:\n{faults}the last events:\n{last}repeat \
         it with\n  SEALPOST_SIM_SEED={seed} cargo test -p sealpost-tests --test sim -- every_promise"
    )
}

#[expect(clippy::print_stderr, reason = "for whoever runs it")]
fn say(text: &str) {
    eprintln!("{text}");
}

#[test]
fn a_seed_repeats_a_run_byte_for_byte() {
    for seed in [1, 2, 3] {
        let [first, second] = [(); 2].map(|()| world::run(seed).history.digest());
        assert_eq!(first, second, "seed {seed}");
    }
}
