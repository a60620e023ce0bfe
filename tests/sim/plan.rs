//! What a seed decides: who writes when, how the network behaves, and what goes wrong.
//!
//! Each seed switches on some kinds of trouble and not others, each with its own intensity: a run in which everything happens
//! at once finds less than many runs in which a few things do.

use std::time::Duration;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::Priority;
use sealpost_seglog::disk::sim::Failure;

use crate::dice::Dice;
use crate::letters::Letter;
use crate::network::{AGENCIES, agency};
use crate::steps::{Change, Down, Host, Put, Step};
use crate::wire::Weather;

/// Of a hundred seeds, so many have nothing but a burst of ROUTINE with a FLASH behind it.
const BURSTS: u32 = 8;
/// How many messages such a burst has.
pub(crate) const BURST: usize = 40;
/// How long before its machine is set back an agency writes once more.
const WRITTEN_BEFORE: Duration = Duration::from_millis(1500);

/// The plan of a run.
pub(crate) struct Plan {
    pub(crate) letters: Vec<Letter>,
    pub(crate) weather: Weather,
    /// In the order of their times.
    pub(crate) steps: Vec<(Duration, Step)>,
    /// When everything is mended.
    pub(crate) lasts: Duration,
    /// The marker of a FLASH that is published behind a burst, while nothing goes wrong.
    pub(crate) overtakes: Option<String>,
}

/// A kind of trouble.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Partition,
    Reset,
    HubCrash,
    NodeCrash,
    Stop,
    FullDisk,
    BrokenDisk,
    Clocks,
    HubRestored,
    NodeRestored,
    NodeLost,
    Directory,
    Absence,
}

const TROUBLES: [Trouble; 13] = [
    Trouble::Partition,
    Trouble::Reset,
    Trouble::HubCrash,
    Trouble::NodeCrash,
    Trouble::Stop,
    Trouble::FullDisk,
    Trouble::BrokenDisk,
    Trouble::Clocks,
    Trouble::HubRestored,
    Trouble::NodeRestored,
    Trouble::NodeLost,
    Trouble::Directory,
    Trouble::Absence,
];

/// Who may write to whom, and one who may not.
const WAYS: [(&str, &[&str]); 7] = [
    ("HK-CED", &["DE-ZKA"]),
    ("HK-CED", &["DE-ZKA", "TH-TCD", "SG-CUS"]),
    ("DE-ZKA", &["HK-CED", "TH-TCD"]),
    ("DE-ZKA", &["TH-TCD"]),
    ("TH-TCD", &["HK-CED", "DE-ZKA"]),
    ("SG-CUS", &["HK-CED"]),
    ("SG-CUS", &["DE-ZKA"]),
];

impl Plan {
    /// The plan of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed, "plan");
        if dice.percent(BURSTS) { Self::burst(&mut dice) } else { Self::troubled(&mut dice) }
    }

    fn burst(dice: &mut Dice) -> Self {
        let at = Duration::from_secs(4) + dice.millis(0, 500);
        let routine = |number| Letter::new(number, at, "HK-CED", &["DE-ZKA"], Priority::Routine);
        let mut letters: Vec<Letter> = (0..BURST).map(routine).collect();
        let flash = Letter::new(BURST, at + dice.millis(1, 40), "HK-CED", &["DE-ZKA"], Priority::Flash);
        let overtakes = Some(flash.marker.clone());
        letters.push(flash);
        let weather = Weather { delay: (30, 60), repeated: 0, lost: 0, reordered: 0, stuttered: 0 };
        Self { letters, weather, steps: Vec::new(), lasts: Duration::from_secs(8), overtakes }
    }

    fn troubled(dice: &mut Dice) -> Self {
        let lasts = Duration::from_secs(dice.within(6, 18));
        let count = usize::try_from(dice.within(5, 14)).unwrap_or(5);
        let moment = |dice: &mut Dice| dice.millis(0, u64::try_from(lasts.as_millis()).unwrap_or(1));
        let letter = |number| {
            let at = moment(dice);
            let (from, to) = dice.one(&WAYS);
            let priority = *dice.one(Priority::ALL);
            Letter::new(number, at, from, to, priority)
        };
        let mut letters: Vec<Letter> = (0..count).map(letter).collect();
        let delay = *dice.one(&[(1, 20), (1, 120), (20, 60), (1, 900)]);
        let rough = dice.percent(50);
        let mut rate = |most| if rough { u32::try_from(dice.within(0, most)).unwrap_or(0) } else { 0 };
        let weather =
            Weather { delay, repeated: rate(80), lost: rate(80), reordered: rate(80), stuttered: rate(8) };
        let mut steps = Vec::new();
        for trouble in TROUBLES {
            if dice.percent(28) {
                for _ in 0..dice.within(1, 3) {
                    let at = moment(dice);
                    trouble.befall(dice, at, lasts, &mut steps);
                }
            }
        }
        for _ in 0..2 {
            steps.push((moment(dice), Step::Track));
        }
        // Stable: what comes together stays in its order.
        steps.sort_by_key(|(at, _)| *at);
        letters.extend(around_set_backs(&steps, count));
        Self { letters, weather, steps, lasts, overtakes: None }
    }
}

/// Whoever is set back wrote just before, and writes again as soon as it is up: a number that it gave out, and does not know of.
fn around_set_backs(steps: &[(Duration, Step)], mut number: usize) -> Vec<Letter> {
    let mut letters = Vec::new();
    for (at, step) in steps {
        let Step::Restore(Host::Node(id), Put::Machine) = step else { continue };
        let Some((from, to)) = WAYS.iter().find(|(from, _)| *from == id.as_str()) else { continue };
        for at in [at.saturating_sub(WRITTEN_BEFORE), *at] {
            letters.push(Letter::new(number, at, from, to, Priority::Routine));
            number += 1;
        }
    }
    letters
}

fn anybody(dice: &mut Dice) -> AgencyId {
    agency(AGENCIES[dice.place(AGENCIES.len())])
}

fn anything(dice: &mut Dice) -> Host {
    if dice.percent(35) { Host::Hub } else { Host::Node(anybody(dice)) }
}

impl Trouble {
    /// What happens from a moment on.
    fn befall(self, dice: &mut Dice, at: Duration, lasts: Duration, steps: &mut Vec<(Duration, Step)>) {
        let soon = at + dice.millis(50, 4000);
        match self {
            Self::Partition => {
                let id = anybody(dice);
                steps.extend([(at, Step::Part(id.clone())), (soon, Step::Rejoin(id))]);
            }
            Self::Reset => steps.push((at, Step::Cut(anybody(dice)))),
            Self::HubCrash => {
                let how = if dice.percent(60) { Down::Power } else { Down::Killed };
                steps.extend([(at, Step::Down(Host::Hub, how)), (soon, Step::Up(Host::Hub))]);
            }
            Self::NodeCrash => {
                let how = if dice.percent(60) { Down::Power } else { Down::Killed };
                let node = Host::Node(anybody(dice));
                steps.extend([(at, Step::Down(node.clone(), how)), (soon, Step::Up(node))]);
            }
            Self::Stop => {
                let node = Host::Node(anybody(dice));
                steps.extend([(at, Step::Down(node.clone(), Down::InOrder)), (soon, Step::Up(node))]);
            }
            Self::FullDisk => {
                let host = anything(dice);
                let room = dice.within(0, 12_000);
                steps.extend([(at, Step::Full(host.clone(), Some(room))), (soon, Step::Full(host, None))]);
            }
            Self::BrokenDisk => {
                let (host, after) = (anything(dice), dice.within(0, 12));
                let part = usize::try_from(dice.within(0, 6000)).unwrap_or(0);
                let scattered = Failure::Scattered(dice.number());
                let failure = *dice.one(&[
                    Failure::Refused,
                    Failure::AfterEffect,
                    Failure::Persisted,
                    Failure::Torn(part),
                    scattered,
                    Failure::Full(part),
                ]);
                steps.push((at, Step::Breaks(host, after, failure)));
            }
            Self::Clocks => {
                let millis = i64::try_from(dice.within(0, 1_200_000)).unwrap_or(0) - 600_000;
                steps.push((at, Step::Clock(anybody(dice), millis)));
            }
            Self::HubRestored | Self::NodeRestored | Self::NodeLost => self.lose(dice, at, soon, steps),
            Self::Directory => {
                let id = anybody(dice);
                let change = dice.one(&[Change::EndAgreement, Change::Rotate, Change::Replace]).clone();
                steps.push((at, Step::Directory(id.clone(), change)));
                // A node whose key is replaced goes on with the next one once its operator put it there.
                steps.push((soon, Step::NextKey(id)));
            }
            Self::Absence => {
                let node = Host::Node(anybody(dice));
                let until = at + (lasts.saturating_sub(at)) * 3 / 4;
                steps.extend([(at, Step::Down(node.clone(), Down::InOrder)), (until, Step::Up(node))]);
            }
        }
    }

    /// A ledger or a journal is lost or set back.
    fn lose(self, dice: &mut Dice, at: Duration, soon: Duration, steps: &mut Vec<(Duration, Step)>) {
        let host = if self == Self::HubRestored { Host::Hub } else { Host::Node(anybody(dice)) };
        let how = if dice.percent(50) { Down::Power } else { Down::Killed };
        let copied = at.saturating_sub(dice.millis(0, 8000));
        let put = match self {
            Self::NodeLost => Put::Nothing,
            Self::HubRestored if dice.percent(40) => Put::Nothing,
            _ if dice.percent(50) => Put::Files,
            _ => Put::Machine,
        };
        if put != Put::Nothing {
            steps.push((copied, Step::BackUp(host.clone())));
        }
        steps.push((at, Step::Down(host.clone(), how)));
        steps.push((at, Step::Restore(host.clone(), put)));
        steps.push((soon, Step::Up(host)));
    }
}
