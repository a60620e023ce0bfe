//! People and companies that do not exist. Names are put together from syllables and belong to no country.

use sealpost_domain::alert::{Document, List, Party, Person};
use sealpost_domain::time::BirthDate;

use super::dice::Dice;
use super::identifiers::{self, Holder};
use super::places::{PLACES, Place};
use super::{Error, list, read};

const BEGINNINGS: &[&str] =
    &["Vel", "Tor", "Kes", "Mir", "Pal", "Zan", "Ril", "Dov", "Lun", "Sem", "Har", "Jov"];
const MIDDLES: &[&str] = &["a", "e", "i", "o", "an", "en", "or", "il"];
const ENDINGS: &[&str] = &["mora", "dax", "vin", "lett", "nova", "rim", "sko", "tane", "quor", "bel"];
const COMPANIES: &[&str] =
    &["Lantern", "Blue Kite", "Paper Crane", "Nine Bridges", "Harbour Lamp", "Tin Whistle"];
const TRADES: &[&str] =
    &["Garden Supply", "Machine Parts", "Teas", "Textiles", "Pet Food", "Ceramics", "Cosmetics"];

/// The first year of the invented operation's people is counted from.
const YEAR: u32 = 2023;

/// A person of an age that holds for the whole operation: birthdays are before October.
pub(super) fn person(dice: &mut Dice, age: u32) -> Result<Person, Error> {
    let home = dice.pick(PLACES);
    let (surname, given_names) = (name(dice), name(dice));
    let (month, day) = (dice.between(1, 9), dice.between(1, 28));
    let year = YEAR - age;
    let birth_date: BirthDate = read(&format!("{year}-{month:02}-{day:02}"))?;
    let holder = Holder {
        country: home.zone_country,
        surname: &surname,
        given_names: &given_names,
        birth_yymmdd: &format!("{:02}{month:02}{day:02}", year % 100),
    };
    let document = Document::Mrz(identifiers::passport(dice, &holder)?);
    Ok(Person {
        surname: Some(read(&surname)?),
        given_names: Some(read(&given_names)?),
        other_names: List::empty(),
        birth_date: Some(birth_date),
        nationality: Some(read(home.country())?),
        documents: list(vec![document])?,
    })
}

fn name(dice: &mut Dice) -> String {
    format!("{}{}{}", dice.pick(BEGINNINGS), dice.pick(MIDDLES), dice.pick(ENDINGS))
}

/// A company at a place.
pub(super) fn company(dice: &mut Dice, place: Place) -> Result<Party, Error> {
    let name = format!("{} {} (sample)", dice.pick(COMPANIES), dice.pick(TRADES));
    Ok(Party {
        name: read(&name)?,
        address: Some(read(&format!("{} Invented Street", dice.between(1, 400)))?),
        country: Some(read(place.country())?),
        reference: None,
    })
}
