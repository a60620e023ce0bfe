//! The whole network in one thread and one seed: hub, nodes and everything between them, with whatever can go wrong, and a
//! checker for every promise of ARCHITECTURE.md.
//!
//! | module | holds |
//! |---|---|
//! | [`plan`] | what a seed decides: who writes when, how the network behaves, what goes wrong |
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
mod history;
mod hub;
mod letters;
mod network;
mod node;
mod plan;
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
    let mut steps = 0;
    let begun = std::time::Instant::now();
    let seeds = seeds();
    for seed in seeds.clone() {
        let outcome = world::run(seed);
        let (these, digest) = outcome.history.digest();
        steps += these;
        if std::env::var_os("SEALPOST_SIM_VERBOSE").is_some() {
            #[expect(clippy::print_stderr, reason = "for whoever asks")]
            {
                eprintln!("seed {seed}: {these} steps, {:?}, {digest}", outcome.lasted);
            }
        }
        if let Err(checker::Violation { promise, expected, found }) = outcome.result {
            panic!(
                "seed {seed} breaks the promise `{promise}`\n expected: {expected}\n found:    {found}\n\
                 the last events:\n{}repeat it with\n  SEALPOST_SIM_SEED={seed} cargo test -p sealpost-tests --test sim -- \
                 every_promise",
                outcome.history.last()
            );
        }
    }
    #[expect(clippy::print_stderr, reason = "for whoever runs it")]
    {
        eprintln!("seeds {seeds:?}: {steps} steps in {:?}", begun.elapsed());
    }
}

#[test]
fn a_seed_repeats_a_run_byte_for_byte() {
    for seed in [1, 2, 3] {
        let [first, second] = [(); 2].map(|()| world::run(seed).history.digest());
        assert_eq!(first, second, "seed {seed}");
    }
}
