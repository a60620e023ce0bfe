//! Countries: ISO 3166-1 alpha-2.

use std::fmt;
use std::str::FromStr;

use super::compact::{Compact, LETTER};
use super::error::Error;

/// An assigned country code, or `XK`, which Kosovo's documents bear.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// The two capitals.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("copied from the list of codes")
    }
}

impl FromStr for Country {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read("country", text, &[])?;
        compact.length(&(2..=2), "2 letters (ISO 3166-1)")?;
        compact.all(0..2, &LETTER)?;
        let known = CODES.split(' ').find(|code| *code == compact.as_str());
        match known.map(str::as_bytes) {
            Some([first, second]) => Ok(Self([*first, *second])),
            _ => Err(compact.unknown(0..2, "a country code of ISO 3166-1")),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The 249 assigned codes, then `XK`.
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ \
    BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH \
    ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE \
    IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC \
    MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE \
    PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV \
    SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT \
    ZA ZM ZW XK";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assigned_codes_are_read_and_others_refused() {
        assert_eq!(CODES.split(' ').count(), 250);
        assert_eq!("hk".parse::<Country>().unwrap().as_str(), "HK");
        for text in ["QQ", "UK", "H", "HKG", "H1", ""] {
            assert!(text.parse::<Country>().is_err(), "{text}");
        }
    }
}
