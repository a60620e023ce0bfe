//! Currencies: ISO 4217, with the number of their decimals.

use std::fmt;
use std::str::FromStr;

use super::compact::{Compact, LETTER};
use super::error::Error;

/// An active currency code. Metals, funds and test codes are not currencies here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The three capitals.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("copied from the list of codes")
    }

    /// How many decimals its minor unit has: 2 for the Hong Kong dollar, 0 for the yen.
    pub fn decimals(&self) -> u8 {
        let listed = |codes: &str| codes.split(' ').any(|code| code == self.as_str());
        if listed(WITHOUT_DECIMALS) {
            0
        } else if listed(WITH_THREE) {
            3
        } else {
            2
        }
    }
}

impl FromStr for Currency {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read("currency", text, &[])?;
        compact.length(&(3..=3), "3 letters (ISO 4217)")?;
        compact.all(0..3, &LETTER)?;
        let known = [WITH_TWO, WITHOUT_DECIMALS, WITH_THREE]
            .iter()
            .flat_map(|codes| codes.split(' '))
            .find(|code| *code == compact.as_str());
        match known.map(str::as_bytes) {
            Some([first, second, third]) => Ok(Self([*first, *second, *third])),
            _ => Err(compact.unknown(0..3, "an active currency of ISO 4217")),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const WITHOUT_DECIMALS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
const WITH_THREE: &str = "BHD IQD JOD KWD LYD OMR TND";
const WITH_TWO: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD \
    CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL \
    HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR \
    MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD \
    SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER \
    ZAR ZMW ZWG";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_know_their_decimals() {
        for (text, decimals) in
            [("HKD", 2), ("JPY", 0), ("KRW", 0), ("VND", 0), ("KWD", 3), ("EUR", 2), ("idr", 2)]
        {
            assert_eq!(text.parse::<Currency>().unwrap().decimals(), decimals, "{text}");
        }
        for text in ["XAU", "XXX", "HK", "HKDD", "ABC"] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
    }
}
