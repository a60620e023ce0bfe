//! Rosters of any size.

use std::fmt::Write as _;
use std::path::Path;

use sealpost_admin::roster::Roster;

/// Agencies of one jurisdiction.
const AGENCIES_EACH: usize = 10;

/// Parties of one agreement: each signs it, and a statement takes 64 signatures.
const PARTIES: usize = 64;

/// So many invented agencies, ten to a jurisdiction, in ascending order of their ids. The first has an agreement with each
/// other one, in which these are parties together with up to 62 of their neighbours.
pub(super) fn of(agencies: usize) -> anyhow::Result<Roster> {
    Ok(Roster::parse(&text(agencies), Path::new("invented roster"))?)
}

fn text(agencies: usize) -> String {
    let mut text = "network = \"bench.sealpost\"\n[hub]\nname = \"main\"\noperators = [\"ops\"]\n".to_owned();
    let others: Vec<usize> = (1..agencies).collect();
    for (number, others) in others.chunks(PARTIES - 1).enumerate() {
        let parties: Vec<String> =
            [0].iter().chain(others).map(|place| format!("{:?}", id(*place))).collect();
        let _ = write!(
            text,
            "[[agreements]]\nid = \"BENCH-{number}\"\ntitle = \"Invented {number}\"\nfrom = 2023-01-01T00:00:00Z\n\
             parties = [{}]\n",
            parties.join(", ")
        );
    }
    for place in 0..agencies.div_ceil(AGENCIES_EACH) {
        let code = code(place);
        // Writing to a text does not fail.
        let _ = write!(text, "[[jurisdictions]]\ncode = \"{code}\"\nname = \"Invented {code}\"\n");
    }
    for place in 0..agencies {
        let id = id(place);
        let _ =
            write!(text, "[[agencies]]\nid = \"{id}\"\nname = \"Invented {place}\"\nsystems = [\"bench\"]\n");
    }
    text
}

/// `AA-N000`, …, `AB-N010`, …
fn id(place: usize) -> String {
    format!("{}-N{place:03}", code(place / AGENCIES_EACH))
}

/// `AA`, `AB`, …
fn code(place: usize) -> String {
    let letter = |place: usize| u8::try_from(place % 26).map_or('A', |place| char::from(b'A' + place));
    [letter(place / 26), letter(place)].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_agencies_are_a_valid_roster_in_ascending_order() {
        let roster = of(200).unwrap();
        let ids: Vec<_> = roster.agencies.iter().map(|agency| agency.id.clone()).collect();
        assert_eq!(ids.len(), 200);
        assert!(ids.is_sorted());
        assert_eq!(ids[199].as_str(), "AT-N199");
        let others: usize =
            roster.agreements.iter().map(|agreement| agreement.parties.among(&ids).len() - 1).sum();
        assert_eq!(others, 199, "each has an agreement with the first");
    }
}
