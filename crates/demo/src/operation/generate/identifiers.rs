//! Identifiers of things that do not exist, with the check digits of those that do. Check digits are computed here
//! by the rules of the standards and then read by the domain's types, which know them independently.

use jiff::Timestamp;
use sealpost_domain::identifier::{
    AirWaybill, BaggageTag, ContainerNumber, Flight, FlightNumber, Imei, ImoNumber, Mmsi, Mrz, PostalItem,
    Ucr, VehiclePlate, Vin,
};

use super::dice::Dice;
use super::places::Place;
use super::{Error, read};

/// Owners' codes of the International Container Bureau that begin with `X`: none is assigned.
pub(super) fn container(dice: &mut Dice) -> Result<ContainerNumber, Error> {
    let covered = format!("X{}U{}", dice.letters(2), dice.digits(6));
    let weighted = |(position, character)| weight_of_letter(character) << position;
    let sum: u32 = covered.chars().enumerate().map(weighted).sum();
    read(&format!("{covered}{}", sum % 11 % 10))
}

/// A = 10 to Z = 38 without the multiples of 11.
fn weight_of_letter(character: char) -> u32 {
    character.to_digit(10).unwrap_or_else(|| {
        let ordinal = u32::from(character) - u32::from('A') + 10;
        ordinal + (ordinal - 1) / 10
    })
}

pub(super) fn air_waybill(dice: &mut Dice, from: Place) -> Result<AirWaybill, Error> {
    let serial = dice.below(10_000_000);
    read(&format!("{}-{serial:07}{}", from.waybill_prefix, serial % 7))
}

/// A flight number from 9000 on, which airlines seldom give to passengers, on the day of its departure.
pub(super) fn flight(dice: &mut Dice, from: Place, departs: Timestamp) -> Result<Flight, Error> {
    let number: FlightNumber = read(&format!("{}{}", from.airline, dice.between(9000, 9899)))?;
    Ok(Flight::new(number, from.time(departs)?.date()))
}

pub(super) fn baggage_tag(dice: &mut Dice, from: Place) -> Result<BaggageTag, Error> {
    read(&format!("0{}{}", from.waybill_prefix, dice.digits(6)))
}

pub(super) fn postal_item(dice: &mut Dice, from: Place) -> Result<PostalItem, Error> {
    let serial = dice.digits(8);
    let sum = weighted_sum(&serial, &[8, 6, 4, 2, 3, 5, 9, 7]);
    let check = match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        digit => digit,
    };
    read(&format!("R{}{serial}{check}{}", dice.letters(1), from.country()))
}

pub(super) fn imo_number(dice: &mut Dice) -> Result<ImoNumber, Error> {
    let serial = format!("9{}", dice.digits(5));
    read(&format!("{serial}{}", weighted_sum(&serial, &[7, 6, 5, 4, 3, 2]) % 10))
}

pub(super) fn mmsi(dice: &mut Dice) -> Result<Mmsi, Error> {
    read(&format!("477{}", dice.digits(6)))
}

pub(super) fn imei(dice: &mut Dice) -> Result<Imei, Error> {
    let covered = format!("00{}", dice.digits(12));
    let luhn = |(position, digit): (usize, u32)| match (position % 2, digit * 2) {
        (1, doubled) if doubled > 9 => doubled - 9,
        (1, doubled) => doubled,
        _ => digit,
    };
    let sum: u32 = covered.chars().filter_map(|digit| digit.to_digit(10)).enumerate().map(luhn).sum();
    read(&format!("{covered}{}", (10 - sum % 10) % 10))
}

pub(super) fn ucr(dice: &mut Dice, from: Place) -> Result<Ucr, Error> {
    read(&format!("3{}{}-INV{}", from.country(), dice.digits(9), dice.digits(4)))
}

/// Plates of goods vehicles that cross a border, marked as samples.
pub(super) fn vehicle_plate(dice: &mut Dice, from: Place) -> Result<VehiclePlate, Error> {
    read(&format!("{}/XX{}", from.country(), dice.digits(4)))
}

pub(super) fn vin(dice: &mut Dice) -> Result<Vin, Error> {
    const LETTERS: &[char] =
        &['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'R', 'S'];
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let maker: String = (0..8).map(|_| dice.pick(LETTERS)).collect();
    let covered = format!("{maker}0{}{}", dice.pick(LETTERS), dice.digits(7));
    let value = |letter: char| match letter {
        'A'..='H' => u32::from(letter) - u32::from('A') + 1,
        'J'..='N' => u32::from(letter) - u32::from('J') + 1,
        'P' => 7,
        'R' => 9,
        'S' => 2,
        digit => digit.to_digit(10).unwrap_or(0),
    };
    let sum: u32 = covered.chars().map(value).zip(WEIGHTS).map(|(value, weight)| value * weight).sum();
    let check = char::from_digit(sum % 11, 10).unwrap_or('X');
    read(&format!("{}{check}{}", &covered[..8], &covered[9..]))
}

/// The machine-readable zone of a passport.
pub(super) fn passport(dice: &mut Dice, holder: &Holder<'_>) -> Result<Mrz, Error> {
    let country = holder.country;
    let names = format!("{}<<{}", holder.surname.to_uppercase(), holder.given_names.to_uppercase());
    let number = format!("X{}", dice.digits(8));
    let birth = holder.birth_yymmdd;
    let expiry = format!("{}{:02}{:02}", dice.between(25, 32), dice.between(1, 12), dice.between(1, 28));
    let (number, birth, expiry) = (checked(&number), checked(birth), checked(&expiry));
    let optional = checked("<<<<<<<<<<<<<<");
    let composite = zone_check(&format!("{number}{birth}{expiry}{optional}"));
    let sex = dice.pick(&['F', 'M']);
    let upper = format!("P<{country:<<3}{names:<<39}");
    read(&format!("{upper}\n{number}{country:<<3}{birth}{sex}{expiry}{optional}{composite}"))
}

/// To whom a passport is issued.
pub(super) struct Holder<'a> {
    pub(super) country: &'a str,
    pub(super) surname: &'a str,
    pub(super) given_names: &'a str,
    pub(super) birth_yymmdd: &'a str,
}

fn checked(field: &str) -> String {
    format!("{field}{}", zone_check(field))
}

/// ICAO Doc 9303 part 3, section 4.9.
fn zone_check(field: &str) -> u32 {
    let value = |character: char| character.to_digit(36).unwrap_or(0);
    field
        .chars()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(character, weight)| value(character) * weight)
        .sum::<u32>()
        % 10
}

fn weighted_sum(digits: &str, weights: &[u32]) -> u32 {
    digits
        .chars()
        .filter_map(|digit| digit.to_digit(10))
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    #[test]
    fn check_digits_agree_with_the_domain_for_many_draws() {
        let mut dice = Dice::new(3);
        let place = places::at("DEFRA").unwrap();
        for _ in 0..500 {
            container(&mut dice).unwrap();
            air_waybill(&mut dice, place).unwrap();
            postal_item(&mut dice, place).unwrap();
            imo_number(&mut dice).unwrap();
            mmsi(&mut dice).unwrap();
            imei(&mut dice).unwrap();
            ucr(&mut dice, place).unwrap();
            vehicle_plate(&mut dice, place).unwrap();
            baggage_tag(&mut dice, place).unwrap();
            assert_eq!(vin(&mut dice).unwrap().warning(), None);
            let holder =
                Holder { country: "D", surname: "Velmora", given_names: "Tiko", birth_yymmdd: "690806" };
            let zone = passport(&mut dice, &holder).unwrap();
            assert_eq!((zone.surname().as_str(), zone.document().issuer()), ("VELMORA", "D"));
        }
    }
}
