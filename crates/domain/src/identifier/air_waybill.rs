//! Air waybills: IATA Resolution 600a.

use std::fmt;
use std::str::FromStr;

use super::compact::{Compact, DIGIT, compact_identifier, digit};
use super::error::Error;

compact_identifier! {
    /// An air waybill: three digits of the airline, a serial of seven and its remainder by seven.
    ///
    /// The check digit covers the serial alone, and cannot see a digit that changed by seven.
    AirWaybill
}

impl AirWaybill {
    /// The airline's accounting code, three digits.
    pub fn airline_prefix(&self) -> &str {
        self.0.split_at_checked(3).map_or("", |(prefix, _)| prefix)
    }
}

impl FromStr for AirWaybill {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read("air waybill", text, &['-', '/', '.'])?;
        compact.length(&(11..=11), "11 digits (airline prefix 3, serial 7, check digit)")?;
        compact.all(0..11, &DIGIT)?;
        let serial = compact.digits(3..10).fold(0, |serial, value| serial * 10 + value);
        compact.check_digit(10, digit(serial % 7), "the serial at positions 4 to 10")?;
        Ok(Self(compact.into_text()))
    }
}

impl fmt::Display for AirWaybill {
    /// As printed on the waybill: `176-12345675`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_at_checked(3) {
            Some((prefix, serial)) => f.pad(&format!("{prefix}-{serial}")),
            None => f.pad(&self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_waybills_are_read_and_their_neighbours_refused() {
        for text in ["176-12345675", "020-81140743", "17612345675", "176 1234 5675"] {
            assert!(text.parse::<AirWaybill>().is_ok(), "{text}");
        }
        for text in ["160-12345676", "160-12345645", "176-1234567", "1X6-12345675", "176-123456750"] {
            assert!(text.parse::<AirWaybill>().is_err(), "{text}");
        }
        let waybill: AirWaybill = "17612345675".parse().unwrap();
        assert_eq!((waybill.to_string().as_str(), waybill.as_str()), ("176-12345675", "17612345675"));
        assert_eq!(waybill.airline_prefix(), "176");
    }

    proptest! {
        #[test]
        fn one_changed_digit_is_refused_unless_it_changed_by_seven(
            prefix in 0_u32..1000, serial in 0_u32..10_000_000, at in 3_usize..10, by in 1_u8..10,
        ) {
            let text = format!("{prefix:03}{serial:07}{}", serial % 7);
            let waybill: AirWaybill = text.parse().unwrap();
            prop_assert_eq!(waybill.as_str(), &text);
            let mut bytes = text.clone().into_bytes();
            let (old, new) = (bytes[at] - b'0', (bytes[at] - b'0' + by) % 10);
            bytes[at] = b'0' + new;
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(changed.parse::<AirWaybill>().is_ok(), old.abs_diff(new) == 7);
        }
    }
}
