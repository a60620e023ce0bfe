//! Ships: IMO numbers (IMO Resolution A.1117(30)) and maritime mobile service identities (ITU-R M.585).

use std::str::FromStr;

use super::compact::{Compact, DIGIT, compact_identifier, digit, shown_compact};
use super::error::Error;

compact_identifier! {
    /// An IMO ship number: seven digits, the last a check digit. Some valid numbers are one digit apart.
    ImoNumber
}
shown_compact!(ImoNumber);

impl FromStr for ImoNumber {
    type Err = Error;

    /// Reads the number with or without the letters `IMO` before it.
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim_start();
        let bare = match text.split_at_checked(3) {
            Some((letters, rest)) if letters.eq_ignore_ascii_case("IMO") => rest,
            _ => text,
        };
        let compact = Compact::read("IMO ship number", bare, &['-', '.'])?;
        compact.length(&(7..=7), "7 digits")?;
        compact.all(0..7, &DIGIT)?;
        let sum: u32 =
            compact.digits(0..6).zip([7, 6, 5, 4, 3, 2]).map(|(value, weight)| value * weight).sum();
        compact.check_digit(6, digit(sum % 10), "the first six digits")?;
        Ok(Self(compact.into_text()))
    }
}

compact_identifier! {
    /// A ship station's MMSI: nine digits that begin with a maritime identification code from 201 to 775. It has
    /// no check digit.
    Mmsi
}
shown_compact!(Mmsi);

impl FromStr for Mmsi {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read("MMSI", text, &['-', '.'])?;
        compact.length(&(9..=9), "9 digits")?;
        compact.all(0..9, &DIGIT)?;
        let country = compact.digits(0..3).fold(0, |code, value| code * 10 + value);
        if !(201..=775).contains(&country) {
            return Err(compact.unknown(0..3, "a maritime identification code from 201 to 775"));
        }
        Ok(Self(compact.into_text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_imo_numbers_are_read_and_their_neighbours_refused() {
        for text in ["9074729", "7625811", "IMO 9074729", "imo9074729"] {
            assert!(text.parse::<ImoNumber>().is_ok(), "{text}");
        }
        assert!("7605811".parse::<ImoNumber>().is_ok(), "valid, and one digit from another valid number");
        for text in ["9074728", "907472", "90747290", "A074729", "IMO"] {
            assert!(text.parse::<ImoNumber>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_mmsi_begins_with_a_country() {
        assert_eq!("477 123 456".parse::<Mmsi>().unwrap().to_string(), "477123456");
        for text in ["123456789", "47712345", "4771234567", "776123456", "200123456", "47712345A"] {
            assert!(text.parse::<Mmsi>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_wrong_imo_check_digit_is_refused(serial in 0_u32..1_000_000, by in 1_u32..10) {
            let covered = format!("{serial:06}");
            let sum: u32 = covered.chars().zip([7, 6, 5, 4, 3, 2]).map(|(c, w)| c.to_digit(10).unwrap() * w).sum();
            let (valid, wrong) = (format!("{covered}{}", sum % 10), format!("{covered}{}", (sum + by) % 10));
            prop_assert!(valid.parse::<ImoNumber>().is_ok());
            prop_assert!(wrong.parse::<ImoNumber>().is_err());
        }
    }
}
