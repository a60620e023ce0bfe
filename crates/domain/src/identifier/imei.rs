//! Mobile equipment: 3GPP TS 23.003.

use std::str::FromStr;

use super::compact::{Compact, DIGIT, compact_identifier, digit, shown_compact};
use super::error::Error;

compact_identifier! {
    /// An IMEI: fourteen digits and a Luhn check digit.
    Imei
}
shown_compact!(Imei);

impl FromStr for Imei {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read("IMEI", text, &['-', '/', '.'])?;
        compact.length(&(15..=15), "15 digits")?;
        compact.all(0..15, &DIGIT)?;
        let sum: u32 = compact
            .digits(0..14)
            .zip([1, 2].into_iter().cycle())
            .map(|(value, weight)| value * weight)
            .map(|product| product / 10 + product % 10)
            .sum();
        compact.check_digit(14, digit((10 - sum % 10) % 10), "the first fourteen digits")?;
        Ok(Self(compact.into_text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_numbers_are_read_and_their_neighbours_refused() {
        assert_eq!("49-015420-323751-8".parse::<Imei>().unwrap().to_string(), "490154203237518");
        for text in ["490154203237519", "49015420323751", "4901542032375180", "49015420323751X"] {
            assert!(text.parse::<Imei>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn one_changed_digit_is_refused(at in 0_usize..15, by in 1_u8..10) {
            let mut bytes = b"490154203237518".to_vec();
            bytes[at] = b'0' + (bytes[at] - b'0' + by) % 10;
            prop_assert!(String::from_utf8(bytes).unwrap().parse::<Imei>().is_err());
        }
    }
}
