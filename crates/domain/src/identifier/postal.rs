//! Postal items: UPU standard S10.

use std::str::FromStr;

use super::compact::{Compact, DIGIT, LETTER, compact_identifier, digit, shown_compact};
use super::error::Error;

compact_identifier! {
    /// An S10 item identifier: two letters of the service, eight digits, a check digit and two letters of the
    /// country. The country is not looked up: posts use codes that ISO 3166-1 does not assign.
    PostalItem
}
shown_compact!(PostalItem);

impl FromStr for PostalItem {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read("postal item", text, &['-', '.'])?;
        compact.length(&(13..=13), "13 (2 letters, 8 digits, check digit, 2-letter country)")?;
        compact.all(0..2, &LETTER)?;
        compact.all(2..11, &DIGIT)?;
        compact.all(11..13, &LETTER)?;
        compact.check_digit(10, digit(check(compact.digits(2..10))), "the serial at positions 3 to 10")?;
        Ok(Self(compact.into_text()))
    }
}

/// UPU S10: 11 minus the weighted sum modulo 11, where 10 becomes 0 and 11 becomes 5.
fn check(serial: impl Iterator<Item = u32>) -> u32 {
    let sum: u32 = serial.zip([8, 6, 4, 2, 3, 5, 9, 7]).map(|(value, weight)| value * weight).sum();
    match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_items_are_read_and_their_neighbours_refused() {
        for text in ["RA473124829HK", "RA100000140HK", "RA100000025HK", "ra 473 124 829 hk"] {
            assert!(text.parse::<PostalItem>().is_ok(), "{text}");
        }
        for text in ["RA473124828HK", "R4473124829HK", "RA473124829H1", "RA47312482HK", "RA4731248290HK"] {
            assert!(text.parse::<PostalItem>().is_err(), "{text}");
        }
    }

    proptest! {
        /// Remainders 0 and 6 share the check digit 5, so a change that moves between them cannot be seen.
        #[test]
        fn one_changed_serial_digit_is_refused_unless_both_remainders_share_five(
            service in "[A-Z]{2}", serial in 0_u32..100_000_000, at in 0_usize..8, by in 1_u32..10,
        ) {
            let mut digits: Vec<u32> = format!("{serial:08}").chars().map(|c| c.to_digit(10).unwrap()).collect();
            let written = check(digits.iter().copied());
            let item = format!("{service}{serial:08}{written}HK");
            prop_assert!(item.parse::<PostalItem>().is_ok());
            digits[at] = (digits[at] + by) % 10;
            let changed: String = digits.iter().map(|d| digit(*d)).collect();
            let item = format!("{service}{changed}{written}HK");
            prop_assert!(item.parse::<PostalItem>().is_err() || written == 5);
        }
    }
}
