//! Road vehicles: VIN (ISO 3779) and registration plates.

use std::fmt;
use std::str::FromStr;

use super::compact::{Class, Compact, compact_identifier, digit, shown_compact};
use super::country::Country;
use super::error::{Error, Fault};

compact_identifier! {
    /// A vehicle identification number: seventeen characters without I, O and Q.
    ///
    /// The check digit at position 9 is binding in North America; elsewhere many makers use the place otherwise, so
    /// a mismatch is a warning.
    Vin
}
shown_compact!(Vin);

const VIN_CHARACTER: Class = Class::new(
    |byte| (byte.is_ascii_uppercase() && !matches!(byte, b'I' | b'O' | b'Q')) || byte.is_ascii_digit(),
    "a digit or a letter other than I, O and Q",
);
const COVERS: &str = "the other sixteen characters";

impl Vin {
    /// What an officer should know about a VIN that is accepted all the same: its check digit does not agree, which
    /// outside North America may mean nothing.
    pub fn warning(&self) -> Option<Error> {
        let computed = check(&self.0);
        let found = self.0.chars().nth(8)?;
        (found != computed)
            .then(|| Error::new("VIN", Fault::CheckDigit { position: 9, found, computed, covers: COVERS }))
    }
}

impl FromStr for Vin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read("VIN", text, &['-', '.'])?;
        compact.length(&(17..=17), "17")?;
        compact.all(0..17, &VIN_CHARACTER)?;
        if is_north_american(compact.as_str()) {
            compact.check_digit(8, check(compact.as_str()), COVERS)?;
        }
        Ok(Self(compact.into_text()))
    }
}

/// ISO 3780: 1 to 5, and 7F to 70 (7A to 7E are New Zealand's).
fn is_north_american(vin: &str) -> bool {
    match vin.as_bytes() {
        [b'1'..=b'5', ..] => true,
        [b'7', second, ..] => !matches!(second, b'A'..=b'E'),
        _ => false,
    }
}

/// 49 CFR 565.15(c): transliterated letters, weights by position, remainder by 11 with X for 10.
fn check(vin: &str) -> char {
    let sum: u32 = vin
        .chars()
        .zip([8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2])
        .map(|(character, weight)| transliterate(character) * weight)
        .sum();
    match sum % 11 {
        10 => 'X',
        value => digit(value),
    }
}

fn transliterate(character: char) -> u32 {
    match character {
        'A' | 'J' => 1,
        'B' | 'K' | 'S' => 2,
        'C' | 'L' | 'T' => 3,
        'D' | 'M' | 'U' => 4,
        'E' | 'N' | 'V' => 5,
        'F' | 'W' => 6,
        'G' | 'P' | 'X' => 7,
        'H' | 'Y' => 8,
        'R' | 'Z' => 9,
        _ => character.to_digit(10).unwrap_or(0),
    }
}

/// A registration plate with the country that issued it, written `HK/AB1234`. Plates in other scripts are kept:
/// `CN/粤Z1234港` is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VehiclePlate {
    country: Country,
    number: Box<str>,
}

impl VehiclePlate {
    /// The country that issued it.
    pub fn country(&self) -> Country {
        self.country
    }

    /// The plate, in capitals, without blanks and hyphens.
    pub fn number(&self) -> &str {
        &self.number
    }
}

impl FromStr for VehiclePlate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        const SUBJECT: &str = "vehicle plate";
        let expected = "2-letter country, `/`, 1 to 16 letters and digits";
        let length = Error::new(SUBJECT, Fault::Length { found: text.chars().count(), expected });
        let (country, number) = text.split_once('/').ok_or_else(|| length.clone())?;
        let country = country.parse()?;
        let number: String = number
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '·'))
            .flat_map(char::to_uppercase)
            .collect();
        if let Some((index, found)) = number.chars().enumerate().find(|(_, found)| !found.is_alphanumeric()) {
            let fault = Fault::Character { position: index + 4, found, expected: "a letter or a digit" };
            return Err(Error::new(SUBJECT, fault));
        }
        if !(1..=16).contains(&number.chars().count()) {
            return Err(length);
        }
        Ok(Self { country, number: number.into() })
    }
}

impl fmt::Display for VehiclePlate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.country, self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_north_american_check_digit_is_binding() {
        for text in ["1M8GDM9AXKP042788", "1HGCM82633A004352", "1m8gdm9a-xkp-042788"] {
            assert_eq!(text.parse::<Vin>().unwrap().warning(), None, "{text}");
        }
        let error = "1M8GDM9A3KP042788".parse::<Vin>().unwrap_err();
        assert!(
            matches!(error.fault(), Fault::CheckDigit { position: 9, found: '3', computed: 'X', .. }),
            "{error}"
        );
        for text in ["1M8GDM9AXKP04278", "1M8GDM9AXKP0427888", "1M8GDM9AXKPO42788", "IM8GDM9AXKP042788"] {
            assert!(text.parse::<Vin>().is_err(), "{text}");
        }
    }

    #[test]
    fn elsewhere_the_check_digit_is_a_warning() {
        let vin: Vin = "WVWZZZ1JZ3W386752".parse().unwrap();
        assert!(vin.warning().is_some());
        assert!("7A8GDM9A3KP042788".parse::<Vin>().is_ok(), "New Zealand");
        assert!("7SAGDM9A3KP042788".parse::<Vin>().is_err(), "United States");
    }

    #[test]
    fn a_plate_names_its_country_and_keeps_its_script() {
        for (text, shown) in
            [("hk/ab 1234", "HK/AB1234"), ("CN/粤Z·1234港", "CN/粤Z1234港"), ("DE/ZZ-AB 123", "DE/ZZAB123")]
        {
            let plate: VehiclePlate = text.parse().unwrap();
            assert_eq!(plate.to_string(), shown);
            assert_eq!(shown.parse::<VehiclePlate>().unwrap(), plate);
        }
        for text in ["AB1234", "HK/", "QQ/AB1234", "HK/AB#1", "HK/ABCDEFGHIJKLMNOPQ"] {
            assert!(text.parse::<VehiclePlate>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_digit_of_a_north_american_vin_is_refused(at in 11_usize..17, by in 1_u8..10) {
            let mut bytes = b"1M8GDM9AXKP042788".to_vec();
            bytes[at] = b'0' + (bytes[at] - b'0' + by) % 10;
            prop_assert!(String::from_utf8(bytes).unwrap().parse::<Vin>().is_err());
        }
    }
}
