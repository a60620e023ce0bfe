//! Journeys: legs and flights along a route, and who along it tells and is told.

use jiff::Timestamp;
use sealpost_domain::alert::{Leg, Line};
use sealpost_domain::identifier::{Flight, TransportMode};
use sealpost_domain::time::OffsetTime;

use super::dice::Dice;
use super::places::{self, Place, Route};
use super::{Error, identifiers, later, read};

/// The agency that leads the operation and hears of every outcome.
const LEAD: &str = "HKHKG";

/// A journey along a route.
pub(super) struct Journey {
    places: Vec<Place>,
    hops: Vec<Hop>,
    mode: TransportMode,
}

#[derive(Clone)]
struct Hop {
    from: Place,
    to: Place,
    departs: Timestamp,
    arrives: Timestamp,
    flight: Option<Flight>,
    conveyance: Option<Line>,
}

impl Journey {
    /// Plans a journey that begins some hours after a moment.
    pub(super) fn plan(
        dice: &mut Dice,
        route: Route,
        mode: TransportMode,
        begins: Timestamp,
    ) -> Result<Self, Error> {
        let places = places::along(route)?;
        let mut hops = Vec::new();
        let mut ready = later(begins, dice.between(90, 360))?;
        for pair in places.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let minutes =
                if mode == TransportMode::Air { dice.between(180, 780) } else { dice.between(600, 1500) };
            let arrives = later(ready, minutes)?;
            let flight = match mode {
                TransportMode::Air => Some(identifiers::flight(dice, from, ready)?),
                _ => None,
            };
            hops.push(Hop { from, to, departs: ready, arrives, flight, conveyance: conveyance(dice, mode)? });
            ready = later(arrives, dice.between(120, 300))?;
        }
        Ok(Self { places, hops, mode })
    }

    /// The same journey with another flight on its last leg, as a mistaken alert names it.
    pub(super) fn mistaken(&self, dice: &mut Dice) -> Result<Self, Error> {
        let mut hops = self.hops.clone();
        if let Some(last) = hops.last_mut()
            && last.flight.is_some()
        {
            last.flight = Some(identifiers::flight(dice, last.from, last.departs)?);
        }
        Ok(Self { places: self.places.clone(), hops, mode: self.mode })
    }

    pub(super) fn mode(&self) -> TransportMode {
        self.mode
    }

    pub(super) fn origin(&self) -> Place {
        self.places[0]
    }

    pub(super) fn destination(&self) -> Place {
        self.places[self.places.len() - 1]
    }

    /// The place between the first and the last leg.
    pub(super) fn transit(&self) -> Place {
        self.places[1]
    }

    /// The first agency on the way, which tells the others.
    pub(super) fn teller(&self) -> Place {
        let on_the_way = self.places.iter().copied().find(Place::takes_part);
        on_the_way.unwrap_or_else(|| self.destination())
    }

    /// The agencies along the way, except one.
    pub(super) fn others(&self, than: Place) -> Vec<Place> {
        self.places.iter().copied().filter(|place| place.takes_part() && *place != than).collect()
    }

    /// The agencies along the way and the lead, except one.
    pub(super) fn others_and_lead(&self, than: Place) -> Result<Vec<Place>, Error> {
        let mut others = self.others(than);
        let lead = places::at(LEAD)?;
        if lead != than && !others.contains(&lead) {
            others.push(lead);
        }
        Ok(others)
    }

    /// Arrival at the destination.
    pub(super) fn arrives(&self) -> Timestamp {
        self.hops[self.hops.len() - 1].arrives
    }

    /// Arrival at the first place after the origin.
    pub(super) fn first_arrival(&self) -> Timestamp {
        self.hops[0].arrives
    }

    /// Departure of the last leg.
    pub(super) fn last_departure(&self) -> Timestamp {
        self.hops[self.hops.len() - 1].departs
    }

    /// A moment by the clock of the destination.
    pub(super) fn at_destination(&self, moment: Timestamp) -> Result<OffsetTime, Error> {
        self.destination().time(moment)
    }

    pub(super) fn flights(&self) -> Vec<Flight> {
        self.hops.iter().filter_map(|hop| hop.flight.clone()).collect()
    }

    pub(super) fn legs(&self) -> Result<Vec<Leg>, Error> {
        self.hops.iter().map(|hop| hop.leg(self.mode)).collect()
    }

    /// The first leg and the last.
    pub(super) fn in_and_out(&self) -> Result<(Leg, Leg), Error> {
        let last = self.hops.len() - 1;
        Ok((self.hops[0].leg(self.mode)?, self.hops[last].leg(self.mode)?))
    }
}

impl Hop {
    fn leg(&self, mode: TransportMode) -> Result<Leg, Error> {
        Ok(Leg {
            mode,
            from: self.from.locode()?,
            to: self.to.locode()?,
            departs: Some(self.from.time(self.departs)?),
            arrives: Some(self.to.time(self.arrives)?),
            flight: self.flight.clone(),
            conveyance: self.conveyance.clone(),
        })
    }
}

fn conveyance(dice: &mut Dice, mode: TransportMode) -> Result<Option<Line>, Error> {
    let number = dice.between(10, 99);
    let text = match mode {
        TransportMode::Sea => format!("MV Sample Trader {number}, voyage {number}E"),
        TransportMode::Rail => format!("goods train X{number}"),
        TransportMode::Road => format!("goods vehicle of Sample Haulage, trip {number}"),
        _ => return Ok(None),
    };
    read(&text).map(Some)
}
