//! Where the invented cases happen: the roster's agencies with their airports, other airports at which journeys begin,
//! and the routes between them.

use jiff::Timestamp;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::identifier::UnLocode;
use sealpost_domain::time::OffsetTime;

use self::Clock::{CentralEurope, Fixed};
use super::{Error, read};

/// An airport, and the agency that watches it if it takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The agency's id; empty outside the network.
    agency: &'static str,
    pub(super) airport: &'static str,
    pub(super) seaport: &'static str,
    /// As machine-readable zones name the country.
    pub(super) zone_country: &'static str,
    clock: Clock,
    pub(super) airline: &'static str,
    pub(super) waybill_prefix: &'static str,
}

/// Which time a place's clocks show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    /// Minutes east of UTC, all autumn long.
    Fixed(i32),
    /// Central Europe: summer time until 29 October 2023, 01:00 UTC.
    CentralEurope,
}

/// 2023-10-29T01:00:00Z.
const SUMMER_ENDS_IN_EUROPE: i64 = 1_698_541_200;

impl Place {
    /// The country, as ISO 3166-1 names it.
    pub(super) fn country(&self) -> &'static str {
        self.airport.split_at(2).0
    }

    /// The agency, if it takes part.
    pub(super) fn office(&self) -> Result<Option<AgencyId>, Error> {
        if self.agency.is_empty() { Ok(None) } else { read(self.agency).map(Some) }
    }

    pub(super) fn takes_part(&self) -> bool {
        !self.agency.is_empty()
    }

    pub(super) fn locode(&self) -> Result<UnLocode, Error> {
        read(self.airport)
    }

    /// A moment by the clock of the place.
    pub(super) fn time(&self, moment: Timestamp) -> Result<OffsetTime, Error> {
        let minutes = match self.clock {
            Fixed(minutes) => minutes,
            CentralEurope if moment.as_second() < SUMMER_ENDS_IN_EUROPE => 120,
            CentralEurope => 60,
        };
        OffsetTime::new(moment, minutes).map_err(|source| Error::invalid(moment, source))
    }
}

const fn office(
    agency: &'static str,
    (airport, seaport): (&'static str, &'static str),
    zone_country: &'static str,
    clock: Clock,
    (airline, waybill_prefix): (&'static str, &'static str),
) -> Place {
    Place { agency, airport, seaport, zone_country, clock, airline, waybill_prefix }
}

const fn abroad(
    airport: &'static str,
    zone_country: &'static str,
    clock: Clock,
    carrier: (&'static str, &'static str),
) -> Place {
    office("", (airport, airport), zone_country, clock, carrier)
}

/// The 17 agencies of the sample roster, then airports outside the network.
pub(super) const PLACES: &[Place] = &[
    office("HK-CED", ("HKHKG", "HKHKG"), "CHN", Fixed(480), ("CX", "160")),
    office("CN-GACC", ("CNCAN", "CNSHK"), "CHN", Fixed(480), ("CZ", "784")),
    office("MO-SA", ("MOMFM", "MOMFM"), "CHN", Fixed(480), ("NX", "675")),
    office("DE-ZKA", ("DEFRA", "DEHAM"), "D", CentralEurope, ("LH", "020")),
    office("TH-TCD", ("THBKK", "THLCH"), "THA", Fixed(420), ("TG", "217")),
    office("KR-KCS", ("KRICN", "KRPUS"), "KOR", Fixed(540), ("KE", "180")),
    office("IN-DRI", ("INDEL", "INNSA"), "IND", Fixed(330), ("AI", "098")),
    office("PH-BOC", ("PHMNL", "PHMNL"), "PHL", Fixed(480), ("PR", "079")),
    office("BD-CIID", ("BDDAC", "BDCGP"), "BGD", Fixed(360), ("BG", "997")),
    office("AU-ABF", ("AUSYD", "AUSYD"), "AUS", Fixed(660), ("QF", "081")),
    office("KH-GDCE", ("KHPNH", "KHKOS"), "KHM", Fixed(420), ("K6", "188")),
    office("ID-DGCE", ("IDCGK", "IDTPP"), "IDN", Fixed(420), ("GA", "126")),
    office("MY-RMCD", ("MYKUL", "MYPKG"), "MYS", Fixed(480), ("MH", "232")),
    office("MM-MCD", ("MMRGN", "MMRGN"), "MMR", Fixed(390), ("8M", "599")),
    office("LK-SLC", ("LKCMB", "LKCMB"), "LKA", Fixed(330), ("UL", "603")),
    office("VN-GDVC", ("VNSGN", "VNHPH"), "VNM", Fixed(420), ("VN", "738")),
    office("SG-SC", ("SGSIN", "SGSIN"), "SGP", Fixed(480), ("SQ", "618")),
    abroad("BRGRU", "BRA", Fixed(-180), ("LA", "045")),
    abroad("ZAJNB", "ZAF", Fixed(120), ("SA", "083")),
    abroad("AEDXB", "ARE", Fixed(240), ("EK", "176")),
    abroad("MXMEX", "MEX", Fixed(-360), ("AM", "139")),
    abroad("COBOG", "COL", Fixed(-300), ("AV", "134")),
    abroad("ETADD", "ETH", Fixed(180), ("ET", "071")),
    abroad("NLAMS", "NLD", CentralEurope, ("KL", "074")),
];

/// A journey: its first place, any places of transit, its last place.
pub(super) type Route = &'static [&'static str];

/// Journeys by air. At least two places of each take part.
pub(super) const ROUTES: &[Route] = &[
    &["THBKK", "HKHKG"],
    &["BRGRU", "DEFRA", "HKHKG"],
    &["MYKUL", "HKHKG"],
    &["MXMEX", "KRICN", "HKHKG"],
    &["VNSGN", "HKHKG", "AUSYD"],
    &["ETADD", "INDEL", "HKHKG"],
    &["KHPNH", "HKHKG"],
    &["THBKK", "HKHKG", "AUSYD"],
    &["MMRGN", "CNCAN", "HKHKG"],
    &["IDCGK", "SGSIN", "AUSYD"],
    &["PHMNL", "HKHKG"],
    &["LKCMB", "SGSIN", "HKHKG"],
    &["COBOG", "DEFRA", "KRICN"],
    &["AEDXB", "BDDAC", "MYKUL"],
    &["NLAMS", "HKHKG", "PHMNL"],
    &["CNCAN", "HKHKG", "DEFRA"],
    &["ZAJNB", "SGSIN", "HKHKG"],
    &["KHPNH", "VNSGN", "KRICN"],
    &["THBKK", "MOMFM"],
    &["MMRGN", "THBKK", "HKHKG"],
    &["INDEL", "LKCMB"],
    &["MYKUL", "IDCGK"],
    &["BDDAC", "MYKUL", "HKHKG"],
    &["MOMFM", "CNCAN", "HKHKG"],
    &["VNSGN", "HKHKG"],
    &["INDEL", "SGSIN", "AUSYD"],
];

/// Journeys by air through a place of the network, where a transit can be stopped.
pub(super) const TRANSIT_ROUTES: &[Route] = &[
    &["THBKK", "HKHKG", "AUSYD"],
    &["BRGRU", "DEFRA", "HKHKG"],
    &["VNSGN", "HKHKG", "AUSYD"],
    &["LKCMB", "SGSIN", "HKHKG"],
    &["MMRGN", "THBKK", "HKHKG"],
    &["CNCAN", "HKHKG", "DEFRA"],
    &["BDDAC", "MYKUL", "HKHKG"],
    &["KHPNH", "VNSGN", "KRICN"],
    &["ETADD", "INDEL", "HKHKG"],
];

/// Journeys by sea, road, rail and post.
pub(super) const OTHER_ROUTES: &[Route] = &[
    &["THBKK", "HKHKG"],
    &["CNCAN", "HKHKG"],
    &["INDEL", "LKCMB", "AUSYD"],
    &["IDCGK", "SGSIN"],
    &["MMRGN", "BDDAC"],
    &["MOMFM", "CNCAN"],
    &["KRICN", "PHMNL"],
    &["VNSGN", "KHPNH"],
    &["DEFRA", "HKHKG"],
];

/// The places of a route, in the order of travel.
pub(super) fn along(route: Route) -> Result<Vec<Place>, Error> {
    route.iter().map(|airport| at(airport)).collect()
}

/// The place of an airport.
pub(super) fn at(airport: &str) -> Result<Place, Error> {
    let known = PLACES.iter().find(|place| place.airport == airport);
    known.copied().ok_or_else(|| Error::UnknownPlace { airport: airport.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_two_agencies_and_every_agency_a_route() {
        let mut seen = std::collections::BTreeSet::new();
        for route in ROUTES.iter().chain(TRANSIT_ROUTES).chain(OTHER_ROUTES) {
            let offices: Vec<_> = along(route).unwrap().into_iter().filter(Place::takes_part).collect();
            assert!(offices.len() >= 2, "{route:?}");
            seen.extend(offices.iter().map(|place| place.agency));
        }
        assert_eq!(seen.len(), 17);
        for route in TRANSIT_ROUTES {
            assert!(at(route[1]).unwrap().takes_part(), "{route:?}");
        }
    }

    #[test]
    fn clocks_show_the_time_of_their_place() {
        let before = Timestamp::from_second(SUMMER_ENDS_IN_EUROPE - 1).unwrap();
        let after = Timestamp::from_second(SUMMER_ENDS_IN_EUROPE).unwrap();
        let frankfurt = at("DEFRA").unwrap();
        assert_eq!(frankfurt.time(before).unwrap().to_string(), "2023-10-29T02:59:59+02:00");
        assert_eq!(frankfurt.time(after).unwrap().to_string(), "2023-10-29T02:00:00+01:00");
        assert_eq!(at("MMRGN").unwrap().time(after).unwrap().to_string(), "2023-10-29T07:30:00+06:30");
    }
}
