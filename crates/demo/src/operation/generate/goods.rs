//! What is suspected, declared, seized and reported.

use jiff::Timestamp;
use sealpost_domain::alert::{
    Arrest, Content, DeclaredCode, DeclaredGoods, Money, Outcome, OutcomeResult, Place as Whereabouts,
    Quantity, SeizedItem, Seizure, Stage, Suspicion, Unit,
};
use sealpost_domain::identifier::{Concealment, DrugGroup, HsEdition, TransportMode};

use super::dice::Dice;
use super::places::Place;
use super::plan::Find;
use super::{Error, list, read};

/// Declared goods with their codes of the Harmonized System.
const DECLARED: &[(&str, &str)] = &[
    ("water pump parts", "8413.91"),
    ("green tea in packets", "0902.10"),
    ("ceramic tableware", "6912.00"),
    ("cotton garments", "6109.10"),
    ("cosmetic creams", "3304.99"),
    ("plastic granulate", "3901.20"),
    ("pet food", "2309.10"),
    ("wooden furniture parts", "9403.91"),
];

const REASONS: &[&str] = &[
    "The declared weight does not agree with the goods; the consignee was first registered this month.",
    "Same consignor as in two earlier finds of this invented operation.",
    "Paid in cash on the day of departure; the route makes no sense for these goods.",
    "Scanner picture shows an even mass behind the declared goods.",
    "Information from an invented source: the handover is planned within hours of arrival.",
    "The telephone number of the consignee was used for three other consignees.",
];

const REASONS_ABOUT_PEOPLE: &[&str] = &[
    "Ticket bought in cash on the day of departure, return after two days.",
    "Same booking office and same hotel as two earlier couriers of this invented operation.",
    "The baggage is eleven kilograms heavier than on the way out.",
    "Information from an invented source: somebody waits in the arrivals hall.",
    "Third journey on this route within six weeks, each time with another passport.",
];

/// What a find is suspected of before it is made.
pub(super) fn suspicion(dice: &mut Dice, find: &Find) -> Result<Suspicion, Error> {
    let carried =
        matches!(find.concealment, Concealment::Baggage | Concealment::OnPerson | Concealment::BodyPacked);
    let reasons = if carried { REASONS_ABOUT_PEOPLE } else { REASONS };
    let (drugs, concealment) = (list(vec![find.drug])?, list(vec![find.concealment])?);
    Ok(Suspicion { drugs, concealment, reason: read(dice.pick(reasons))? })
}

/// What a consignment is suspected of that will prove to be innocent.
pub(super) fn vague_suspicion(dice: &mut Dice, concealment: Concealment) -> Result<Suspicion, Error> {
    Ok(Suspicion {
        drugs: list(Vec::new())?,
        concealment: list(vec![concealment])?,
        reason: read(dice.pick(REASONS))?,
    })
}

pub(super) fn declared(dice: &mut Dice) -> Result<DeclaredGoods, Error> {
    let (description, code) = dice.pick(DECLARED);
    let edition = HsEdition::try_from(2022).map_err(|source| Error::invalid(2022, source))?;
    let kilograms = dice.between(40, 1800);
    Ok(DeclaredGoods {
        description: read(description)?,
        hs: Some(DeclaredCode { code: read(code)?, edition }),
        quantity: Some(Quantity { amount: read(&kilograms.to_string())?, unit: Unit::Kilogram }),
        value: Some(dollars(u64::from(kilograms) * u64::from(dice.between(20, 90)))?),
    })
}

/// Where and how something was found.
pub(super) struct Scene {
    pub(super) place: Place,
    pub(super) at: Timestamp,
    pub(super) stage: Stage,
    pub(super) mode: TransportMode,
}

/// Reports a find.
pub(super) fn found(scene: &Scene, find: &Find) -> Result<Content, Error> {
    let arrested = match find.arrests.len() {
        0 => "Nobody arrested so far.",
        1 => "One person arrested.",
        _ => "Several people arrested at the handover.",
    };
    outcome(
        scene,
        OutcomeResult::Found,
        find.cases,
        find.arrests.clone(),
        vec![seizure(find)?],
        Some(find.concealment),
        arrested,
    )
}

/// Reports that nothing was found.
pub(super) fn nothing_found(scene: &Scene) -> Result<Content, Error> {
    let note = "Examined in full; the goods are as declared. Released.";
    outcome(scene, OutcomeResult::FalsePositive, 0, Vec::new(), Vec::new(), None, note)
}

fn outcome(
    scene: &Scene,
    result: OutcomeResult,
    cases: u32,
    arrests: Vec<Arrest>,
    seizures: Vec<Seizure>,
    concealment: Option<Concealment>,
    note: &str,
) -> Result<Content, Error> {
    Ok(Content::Outcome(Outcome {
        result,
        occurred_at: scene.place.time(scene.at)?,
        place: Some(whereabouts(scene.place)?),
        cases,
        stage: scene.stage,
        mode: scene.mode,
        concealment,
        arrests: list(arrests)?,
        seizures: list(seizures)?,
        note: Some(read(note)?),
    }))
}

pub(super) fn whereabouts(place: Place) -> Result<Whereabouts, Error> {
    Ok(Whereabouts { locode: Some(place.locode()?), description: None })
}

/// Weights as they are reported: tablets by number, solutions by volume, with the factor to kilograms; all else in
/// kilograms.
fn seizure(find: &Find) -> Result<Seizure, Error> {
    let grams = find.grams;
    let (amount, unit, kilograms_per_unit) = match (find.drug, find.concealment) {
        (DrugGroup::Mdma, _) => ((grams * 4).to_string(), Unit::Piece, Some(read("0.00025")?)),
        (DrugGroup::Ketamine, Concealment::InGoods) => {
            (thousandths(grams * 5), Unit::Litre, Some(read("0.2")?))
        }
        _ => (thousandths(grams), Unit::Kilogram, None),
    };
    Ok(Seizure {
        item: SeizedItem::Drug(find.drug),
        description: None,
        quantity: Quantity { amount: read(&amount)?, unit },
        kilograms_per_unit,
        value: Some(dollars(find.hong_kong_dollars)?),
    })
}

fn thousandths(number: u64) -> String {
    format!("{}.{:03}", number / 1000, number % 1000)
}

fn dollars(whole: u64) -> Result<Money, Error> {
    Money::new(whole * 100, read("HKD")?).map_err(|source| Error::invalid(whole, source))
}
