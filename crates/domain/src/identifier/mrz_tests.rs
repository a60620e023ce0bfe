//! The examples of ICAO Doc 9303, and what happens when any of their digits changes.

use proptest::prelude::*;

use super::error::Fault;
use super::{Mrz, MrzFormat};

const PASSPORT: &str =
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10";
const CARD: &str =
    "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<";
const LONG_CARD: &str =
    "I<UTOD23145890<7349<<<<<<<<<<<\n3407127M9507122UTO<<<<<<<<<<<2\nSTEVENSON<<PETER<JOHN<<<<<<<<<";
const TD2: &str = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6";

#[test]
fn the_published_examples_are_read() {
    let passport: Mrz = PASSPORT.parse().unwrap();
    assert_eq!(passport.format(), MrzFormat::Td3);
    assert_eq!(passport.document().to_string(), "UTO/L898902C3");
    assert_eq!((passport.surname().as_str(), passport.given_names().as_str()), ("ERIKSSON", "ANNA MARIA"));
    assert_eq!((passport.birth_date_yymmdd(), passport.expiry_date_yymmdd()), ("740812", "120415"));
    assert_eq!((passport.nationality(), passport.sex()), ("UTO", 'F'));
    assert_eq!(passport.to_string(), PASSPORT);

    let card: Mrz = CARD.parse().unwrap();
    assert_eq!((card.format(), card.document().number()), (MrzFormat::Td1, "D23145890"));
    let card: Mrz = TD2.parse().unwrap();
    assert_eq!((card.format(), card.document().number()), (MrzFormat::Td2, "D23145890"));
    assert_eq!(card.surname(), "ERIKSSON");
}

#[test]
fn a_number_longer_than_its_field_goes_on_in_the_optional_data() {
    let card: Mrz = LONG_CARD.parse().unwrap();
    assert_eq!(card.document().number(), "D23145890734");
    let error = LONG_CARD.replace("7349", "7348").parse::<Mrz>().unwrap_err();
    assert!(
        matches!(error.fault(), Fault::CheckDigit { position: 19, found: '8', computed: '9', .. }),
        "{error}"
    );
}

#[test]
fn lines_may_come_run_together_or_in_small_letters() {
    for text in [PASSPORT.replace('\n', ""), PASSPORT.to_lowercase(), PASSPORT.replace('\n', "\r\n ")] {
        assert_eq!(text.parse::<Mrz>().unwrap().to_string(), PASSPORT);
    }
}

#[test]
fn a_wrong_composite_is_named_with_its_place() {
    let text = "P<GBRSAMPLE<<INVENTED<<<<<<<<<<<<<<<<<<<<<<<\nC987654320GBR7505205F2905202CC0000000<<<<<05";
    let error = text.parse::<Mrz>().unwrap_err();
    assert_eq!(error.line(), Some(2));
    assert!(
        matches!(error.fault(), Fault::CheckDigit { position: 44, found: '5', computed: '4', .. }),
        "{error}"
    );
    assert!(text.replace("<05", "<04").parse::<Mrz>().is_ok());
}

#[test]
fn empty_optional_data_may_have_a_filler_as_check_digit() {
    let line = "L898902C36UTO7408122F1204159<<<<<<<<<<<<<<";
    let parsed: Vec<bool> = (0..10)
        .flat_map(|composite| {
            ['0', '<', '5'].map(|check| {
                format!("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n{line}{check}{composite}")
            })
        })
        .map(|text| text.parse::<Mrz>().is_ok())
        .collect();
    assert_eq!(
        parsed.iter().filter(|ok| **ok).count(),
        2,
        "one composite each for `0` and `<`, none for `5`"
    );
}

#[test]
fn what_is_not_a_zone_is_refused() {
    for text in [
        "",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
        "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10<",
        "P<UTOERIKSSON<<ANNA<MAR1A<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122X1204159ZE184226B<<<<<10",
    ] {
        assert!(text.parse::<Mrz>().is_err(), "{text}");
    }
}

proptest! {
    /// The weights 7, 3 and 1 have no factor in common with 10, so no changed digit escapes its own check digit.
    #[test]
    fn one_changed_digit_is_refused(sample in prop::sample::select(vec![PASSPORT, CARD, TD2, LONG_CARD]), at in 0_usize..90, by in 1_u8..10) {
        let mut bytes = sample.as_bytes().to_vec();
        if at < bytes.len() && bytes[at].is_ascii_digit() {
            bytes[at] = b'0' + (bytes[at] - b'0' + by) % 10;
            prop_assert!(String::from_utf8(bytes).unwrap().parse::<Mrz>().is_err());
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[A-Z0-9<\n]{0,100}") {
        let _ = text.parse::<Mrz>();
    }
}
