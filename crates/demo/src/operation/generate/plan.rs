//! What happens in the invented operation: its cases, and how its figures are shared out among them.

use sealpost_domain::alert::{Arrest, Residence};
use sealpost_domain::identifier::{Concealment, DrugGroup, TransportMode};

use super::dice::Dice;
use super::places::{OTHER_ROUTES, PLACES, ROUTES, Route, TRANSIT_ROUTES};
use super::shares::apportion;
use super::{Error, read};
use crate::operation::figures::Figures;

/// The figures that the operation sums to: those of the operation of autumn 2023 behind this project. Everything else
/// about it is invented.
pub(super) const FIGURES: Figures = Figures {
    cases: 183,
    arrests: 62,
    youngest_age: 19,
    oldest_age: 77,
    grams: 1_400_000,
    hong_kong_dollars: 431_000_000,
    transit_cases: 18,
};

/// What a case is about.
#[derive(Clone, Debug)]
pub(super) enum Plot {
    /// A consignment by air, found on arrival.
    Freight(Find),
    /// A person with something in the baggage, on or in the body, arrested on arrival.
    Traveller(Find),
    /// Goods stopped on the way through a third jurisdiction.
    TransitGoods(Find),
    /// A person stopped on the way through.
    TransitPerson(Find),
    /// Let run through a third jurisdiction, found on arrival.
    ControlledDelivery(Find),
    /// Examined, and nothing was there.
    FalseAlarm(TransportMode),
    /// A question and its answers.
    Question(Asked),
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The agencies along the route.
    Route,
    /// Every member of the operation.
    Operation,
}

/// What was found in a case.
#[derive(Clone, Debug)]
pub(super) struct Find {
    pub(super) cases: u32,
    pub(super) drug: DrugGroup,
    pub(super) concealment: Concealment,
    pub(super) grams: u64,
    pub(super) hong_kong_dollars: u64,
    pub(super) arrests: Vec<Arrest>,
}

/// What goes differently in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twist {
    /// Nothing.
    Plain,
    /// The first alert names the wrong flight and is replaced.
    AlertAmended,
    /// The first weight included the packaging and is replaced.
    OutcomeAmended,
    /// Two agencies report the same find, and one takes it back.
    OutcomeRecalled,
    /// A first alert rests on a source that fails, and is withdrawn.
    AlertRecalled,
    /// Somebody asks for permission to share, and gets it or not.
    SharingAsked,
    /// The alert comes out of a question.
    AskedFirst,
}

/// A case: a plot on a route, with a twist.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) plot: Plot,
    pub(super) route: Route,
    pub(super) twist: Twist,
}

const FREIGHT: usize = 51;
const CONTROLLED: usize = 3;
const TRAVELLERS: usize = 42;
const TRANSIT_GOODS: usize = 10;
const TRANSIT_PEOPLE: usize = 8;
const FINDS: usize = FREIGHT + CONTROLLED + TRAVELLERS + TRANSIT_GOODS + TRANSIT_PEOPLE;
const QUESTIONS: usize = 12;
const FALSE_ALARMS: &[TransportMode] = &[
    TransportMode::Air,
    TransportMode::Sea,
    TransportMode::Road,
    TransportMode::Mail,
    TransportMode::Rail,
    TransportMode::Air,
    TransportMode::Sea,
    TransportMode::Mail,
    TransportMode::Sea,
    TransportMode::Road,
    TransportMode::Mail,
    TransportMode::Air,
];

/// The drugs of the operation, what a gram is worth in Hong Kong dollars before rounding, and how often they come.
const DRUGS: &[(DrugGroup, u64, u32)] = &[
    (DrugGroup::CannabisHerb, 190, 26),
    (DrugGroup::Methamphetamine, 420, 22),
    (DrugGroup::Ketamine, 480, 18),
    (DrugGroup::Cocaine, 830, 14),
    (DrugGroup::Heroin, 700, 6),
    (DrugGroup::CannabisResin, 200, 4),
    (DrugGroup::Mdma, 330, 4),
    (DrugGroup::Nps, 150, 3),
    (DrugGroup::Khat, 4, 2),
    (DrugGroup::Opium, 120, 1),
];

/// All cases, in no particular order.
pub(super) fn cases(dice: &mut Dice) -> Result<Vec<Case>, Error> {
    let mut finds = finds(dice)?.into_iter();
    let mut plots: Vec<Plot> = Vec::new();
    let mut take = |count: usize, plot: fn(Find) -> Plot| plots.extend(finds.by_ref().take(count).map(plot));
    take(FREIGHT, Plot::Freight);
    take(CONTROLLED, Plot::ControlledDelivery);
    take(TRAVELLERS, Plot::Traveller);
    take(TRANSIT_GOODS, Plot::TransitGoods);
    take(TRANSIT_PEOPLE, Plot::TransitPerson);
    plots.extend(FALSE_ALARMS.iter().map(|mode| Plot::FalseAlarm(*mode)));
    let asked = |index| if index % 4 == 0 { Asked::Operation } else { Asked::Route };
    plots.extend((0..QUESTIONS).map(|index| Plot::Question(asked(index))));
    let mut cases: Vec<Case> = plots
        .into_iter()
        .enumerate()
        .map(|(index, plot)| Case { twist: twist(index, &plot), route: route(index, &plot), plot })
        .collect();
    dice.shuffle(&mut cases);
    Ok(cases)
}

/// Routes in turn, so that each is travelled.
fn route(index: usize, plot: &Plot) -> Route {
    let table = match plot {
        Plot::Freight(_) | Plot::Traveller(_) | Plot::Question(_) | Plot::FalseAlarm(TransportMode::Air) => {
            ROUTES
        }
        Plot::TransitGoods(_) | Plot::TransitPerson(_) | Plot::ControlledDelivery(_) => TRANSIT_ROUTES,
        Plot::FalseAlarm(_) => OTHER_ROUTES,
    };
    table[index % table.len()]
}

/// Twists at fixed places among the cases that allow them.
fn twist(index: usize, plot: &Plot) -> Twist {
    match (plot, index % 17) {
        (Plot::Freight(_) | Plot::Traveller(_) | Plot::TransitGoods(_), 2) => Twist::AlertAmended,
        (Plot::Freight(_) | Plot::TransitGoods(_), 5) => Twist::OutcomeAmended,
        (Plot::Freight(_), 8) => Twist::OutcomeRecalled,
        (Plot::Freight(_) | Plot::Traveller(_), 11) => Twist::SharingAsked,
        (Plot::Freight(_), 14) => Twist::AskedFirst,
        (Plot::FalseAlarm(_), 1 | 6 | 9 | 12 | 15) => Twist::AlertRecalled,
        _ => Twist::Plain,
    }
}

/// Shares the figures out, in the order in which `cases` takes them.
fn finds(dice: &mut Dice) -> Result<Vec<Find>, Error> {
    let drugs: Vec<(DrugGroup, u64)> = (0..FINDS).map(|_| drug(dice)).collect();
    let weights: Vec<u64> = (0..FINDS).map(|index| rough_weight(dice, index)).collect();
    // In steps of ten grams and a thousand dollars, as reports round.
    let grams: Vec<u64> =
        apportion(FIGURES.grams / 10, &weights).into_iter().map(|share| share * 10).collect();
    let worths: Vec<u64> = grams.iter().zip(&drugs).map(|(grams, (_, price))| grams * price).collect();
    let dollars = apportion(FIGURES.hong_kong_dollars / 1000, &worths).into_iter().map(|share| share * 1000);
    let cases = case_counts(dice)?;
    let arrests = arrest_counts()?;
    let mut ages = ages(dice).into_iter();
    let mut finds = Vec::with_capacity(FINDS);
    for (index, dollars) in dollars.enumerate() {
        let arrests =
            ages.by_ref().take(arrests[index]).map(|age| arrest(dice, age)).collect::<Result<_, _>>()?;
        finds.push(Find {
            cases: cases[index],
            drug: drugs[index].0,
            concealment: concealment(dice, index),
            grams: grams[index],
            hong_kong_dollars: dollars,
            arrests,
        });
    }
    Ok(finds)
}

fn drug(dice: &mut Dice) -> (DrugGroup, u64) {
    let mut left = dice.below(DRUGS.iter().map(|(_, _, often)| often).sum());
    for (drug, price, often) in DRUGS {
        if left < *often {
            return (*drug, *price);
        }
        left -= often;
    }
    (DrugGroup::Other, 100)
}

/// Freight is heavier than what people carry.
fn rough_weight(dice: &mut Dice, index: usize) -> u64 {
    let (first, last) = match index {
        _ if is_traveller(index) => (80, 900),
        _ if is_transit_person(index) => (100, 1200),
        _ => (300, 5200),
    };
    u64::from(dice.between(first, last))
}

fn is_traveller(index: usize) -> bool {
    (FREIGHT + CONTROLLED..FREIGHT + CONTROLLED + TRAVELLERS).contains(&index)
}

fn is_transit(index: usize) -> bool {
    index >= FREIGHT + CONTROLLED + TRAVELLERS
}

fn is_transit_person(index: usize) -> bool {
    index >= FREIGHT + CONTROLLED + TRAVELLERS + TRANSIT_GOODS
}

/// One case for each traveller and each transit; a consignment of several parcels counts as several.
fn case_counts(dice: &mut Dice) -> Result<Vec<u32>, Error> {
    let weights: Vec<u64> = (0..FREIGHT).map(|_| u64::from(dice.between(2, 9))).collect();
    let finds = u64::try_from(FINDS).map_err(|source| Error::invalid(FINDS, source))?;
    let further = apportion(FIGURES.cases - finds, &weights);
    let mut counts = vec![1; FINDS];
    for (count, further) in counts.iter_mut().zip(further) {
        *count += u32::try_from(further).map_err(|source| Error::invalid(further, source))?;
    }
    Ok(counts)
}

/// Every traveller, every person in transit, and those who came for consignments.
fn arrest_counts() -> Result<Vec<usize>, Error> {
    let mut counts: Vec<usize> =
        (0..FINDS).map(|index| usize::from(is_traveller(index) || is_transit_person(index))).collect();
    let wanted =
        usize::try_from(FIGURES.arrests).map_err(|source| Error::invalid(FIGURES.arrests, source))?;
    let consignments = (FREIGHT..FREIGHT + CONTROLLED).chain((0..FREIGHT).step_by(7)).cycle();
    let missing = wanted - counts.iter().sum::<usize>();
    for index in consignments.take(missing) {
        counts[index] += 1;
    }
    Ok(counts)
}

/// The youngest, the oldest, and others between them, most below forty.
fn ages(dice: &mut Dice) -> Vec<u32> {
    let (first, last) = (FIGURES.youngest_age, FIGURES.oldest_age);
    let mut ages = vec![first, last];
    while u64::try_from(ages.len()).is_ok_and(|len| len < FIGURES.arrests) {
        let age = if dice.percent(70) { dice.between(first, 39) } else { dice.between(40, last) };
        ages.push(age);
    }
    dice.shuffle(&mut ages);
    ages
}

fn arrest(dice: &mut Dice, age: u32) -> Result<Arrest, Error> {
    let residence = match dice.below(10) {
        0..4 => Residence::Resident,
        4..9 => Residence::NonResident,
        _ => Residence::Unknown,
    };
    Ok(Arrest { count: 1, age: Some(age), nationality: Some(read(dice.pick(PLACES).country())?), residence })
}

fn concealment(dice: &mut Dice, index: usize) -> Concealment {
    match index {
        _ if is_traveller(index) || is_transit_person(index) => dice.pick(&[
            Concealment::Baggage,
            Concealment::Baggage,
            Concealment::OnPerson,
            Concealment::BodyPacked,
        ]),
        _ if is_transit(index) => dice.pick(&[Concealment::InGoods, Concealment::RipOnRipOff]),
        _ => dice.pick(&[Concealment::InGoods, Concealment::InGoods, Concealment::Other]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(case: &Case) -> Option<&Find> {
        match &case.plot {
            Plot::Freight(find)
            | Plot::Traveller(find)
            | Plot::TransitGoods(find)
            | Plot::TransitPerson(find)
            | Plot::ControlledDelivery(find) => Some(find),
            Plot::FalseAlarm(_) | Plot::Question(_) => None,
        }
    }

    #[test]
    fn the_cases_sum_to_the_figures_whatever_the_seed() {
        for seed in 0..20 {
            let cases = cases(&mut Dice::new(seed)).unwrap();
            let finds: Vec<&Find> = cases.iter().filter_map(found).collect();
            let transit = cases
                .iter()
                .filter(|case| matches!(case.plot, Plot::TransitGoods(_) | Plot::TransitPerson(_)));
            let ages: Vec<u32> =
                finds.iter().flat_map(|find| &find.arrests).filter_map(|arrest| arrest.age).collect();
            let figures = Figures {
                cases: finds.iter().map(|find| u64::from(find.cases)).sum(),
                arrests: ages.len() as u64,
                youngest_age: *ages.iter().min().unwrap(),
                oldest_age: *ages.iter().max().unwrap(),
                grams: finds.iter().map(|find| find.grams).sum(),
                hong_kong_dollars: finds.iter().map(|find| find.hong_kong_dollars).sum(),
                transit_cases: transit.count() as u64,
            };
            assert_eq!(figures, FIGURES, "seed {seed}");
            assert!(finds.iter().all(|find| find.grams > 0 && find.hong_kong_dollars > 0), "seed {seed}");
        }
    }
}
