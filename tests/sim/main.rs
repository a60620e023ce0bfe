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
//! | [`kept`] | what lies on a disk at the moment in which somebody is told of it |
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
mod kept;
mod letters;
mod network;
mod node;
mod plan;
mod steps;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, RangeInclusive};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;

/// How many seeds are run unless told otherwise.
const SEEDS: u64 = 300;

/// What a run that panics breaks.
const PANIC: &str = "no panic";

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
    let (begun, seeds) = (Instant::now(), seeds());
    let goes_on = is_set("SEALPOST_SIM_ALL");
    on_all_cores(seeds.clone(), |told| {
        steps += told.steps;
        if is_set("SEALPOST_SIM_VERBOSE") {
            say(&told.line);
        }
        if let Some((promise, text)) = told.broken {
            say(&text);
            broken.push((told.seed, promise));
        }
        if broken.is_empty() || goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    say(&format!("seeds {seeds:?}: {steps} steps in {:?}", begun.elapsed()));
    assert!(broken.is_empty(), "promises that were broken: {broken:?}");
}

/// What is said of a seed.
struct Told {
    seed: u64,
    steps: u64,
    line: String,
    broken: Option<(&'static str, String)>,
}

impl Told {
    /// A panic is told as a promise that is broken, and so with its seed.
    fn of(seed: u64) -> Self {
        catch_unwind(|| Self::ran(seed)).unwrap_or_else(|_| {
            let text = format!("seed {seed} panicked\n{}", repeat(seed));
            Self { seed, steps: 0, line: format!("seed {seed}: panicked"), broken: Some((PANIC, text)) }
        })
    }

    fn ran(seed: u64) -> Self {
        let outcome = world::run(seed);
        let (steps, digest) = outcome.history.digest();
        let line = format!("seed {seed}: {steps} steps, {:?}, {digest}", outcome.lasted);
        let broken =
            |violation: checker::Violation| (violation.promise, told(seed, &violation, &outcome.history));
        Self { seed, steps, line, broken: outcome.result.err().map(broken) }
    }
}

/// Runs seeds, each in a thread of its own, as many at a time as there are cores. They are told in their order, until
/// whoever listens has heard enough.
fn on_all_cores(seeds: RangeInclusive<u64>, mut tell: impl FnMut(Told) -> ControlFlow<()>) {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (next, enough) = (AtomicU64::new(*seeds.start()), AtomicBool::new(false));
    let run = |done: mpsc::Sender<Told>| {
        while !enough.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) {
                break;
            }
            // Fails when whoever listens has heard enough.
            let _ = done.send(Told::of(seed));
        }
    };
    std::thread::scope(|scope| {
        let (done, outcomes) = mpsc::channel();
        for _ in 0..cores {
            let done = done.clone();
            scope.spawn(|| run(done));
        }
        drop(done);
        let (mut waiting, mut turn) = (BTreeMap::new(), *seeds.start());
        for told in outcomes {
            waiting.insert(told.seed, told);
            while let Some(told) = waiting.remove(&turn) {
                turn += 1;
                if tell(told).is_break() {
                    enough.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    });
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// What somebody has to know of a promise that was broken.
fn told(seed: u64, violation: &checker::Violation, history: &history::History) -> String {
    let checker::Violation { promise, expected, found } = violation;
    let (faults, last) = (history.faults(), history.last());
    format!(
        "seed {seed} breaks the promise `{promise}`\n  expected: {expected}\n  found:    {found}\nwhat went wrong in it:\n{faults}the last events:\n{last}{}",
        repeat(seed)
    )
}

fn repeat(seed: u64) -> String {
    format!(
        "repeat it with\n  SEALPOST_SIM_SEED={seed} cargo test -p sealpost-tests --test sim -- every_promise"
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
