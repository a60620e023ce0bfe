//! Freight containers: ISO 6346.

use std::str::FromStr;

use super::compact::{Class, Compact, DIGIT, LETTER, compact_identifier, digit, shown_compact};
use super::error::Error;

compact_identifier! {
    /// A container number: three letters of the owner, `U`, `J` or `Z`, six digits and a check digit.
    ContainerNumber
}
shown_compact!(ContainerNumber);

const CATEGORY: Class = Class::new(|byte| matches!(byte, b'U' | b'J' | b'Z'), "the category U, J or Z");

impl FromStr for ContainerNumber {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read("container number", text, &['-', '/', '.'])?;
        compact.length(&(11..=11), "11 (3 letters, U, J or Z, 6 digits, check digit)")?;
        compact.all(0..3, &LETTER)?;
        compact.all(3..4, &CATEGORY)?;
        compact.all(4..11, &DIGIT)?;
        compact.check_digit(10, digit(check(compact.part(0..10))), "the first ten characters")?;
        Ok(Self(compact.into_text()))
    }
}

/// ISO 6346, annex A: A is 10, and multiples of 11 are skipped; weights are powers of two; remainder 10 counts as 0.
fn check(covered: &str) -> u32 {
    let sum: u32 = covered
        .bytes()
        .zip(0_u32..)
        .map(|(byte, position)| {
            let value = match byte {
                b'0'..=b'9' => u32::from(byte - b'0'),
                _ => (0..u32::from(byte.saturating_sub(b'A'))).fold(10_u32, |value, _| {
                    let next = value + 1;
                    if next.is_multiple_of(11) { next + 1 } else { next }
                }),
            };
            value << position
        })
        .sum();
    sum % 11 % 10
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::identifier::error::Fault;
    use proptest::prelude::*;

    /// A valid container number for any owner and serial.
    pub(in super::super) fn valid() -> impl Strategy<Value = String> {
        ("[A-Z]{3}[UJZ]", "[0-9]{6}").prop_map(|(owner, serial)| {
            let covered = format!("{owner}{serial}");
            format!("{covered}{}", check(&covered))
        })
    }

    #[test]
    fn published_numbers_are_read_and_their_neighbours_refused() {
        for text in ["CSQU3054383", "MWCU6059784", "TRLU4586140", " csqu 305438-3 "] {
            assert!(text.parse::<ContainerNumber>().is_ok(), "{text}");
        }
        assert_eq!(" csqu 305438-3 ".parse::<ContainerNumber>().unwrap().to_string(), "CSQU3054383");
        for text in [
            "CSQU3054384",
            "CSQU3054338",
            "CSQX3054383",
            "CSQU305438",
            "CSQU30543833",
            "C5QU3054383",
            "",
            "СSQU3054383",
        ] {
            assert!(text.parse::<ContainerNumber>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_error_says_what_failed_where_and_what_was_expected() {
        let error = "CSQU3054384".parse::<ContainerNumber>().unwrap_err();
        assert_eq!(
            error.fault(),
            &Fault::CheckDigit {
                position: 11,
                found: '4',
                computed: '3',
                covers: "the first ten characters"
            }
        );
        let error = "CSQX3054383".parse::<ContainerNumber>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "container number: found `X` at position 4, expected the category U, J or Z"
        );
    }

    proptest! {
        #[test]
        fn generated_numbers_parse(text in valid()) {
            prop_assert_eq!(text.parse::<ContainerNumber>().unwrap().to_string(), text);
        }

        /// Remainders 0 and 10 share the check digit 0, so a change that moves between them cannot be seen.
        #[test]
        fn one_changed_digit_is_refused_unless_both_remainders_share_zero(text in valid(), at in 4_usize..11, by in 1_u8..10) {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = b'0' + (bytes[at] - b'0' + by) % 10;
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert!(changed.parse::<ContainerNumber>().is_err() || (text.ends_with('0') && changed.ends_with('0')));
        }
    }
}
