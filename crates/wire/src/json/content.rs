//! What a message says, in JSON: one object with the kind as its only key.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert;
use sealpost_domain::alert::{Instruction, Line, Movement, Text};
use sealpost_domain::identifier::{
    BaggageTag, Concealment, Country, DrugGroup, Flight, TransportMode, UnLocode,
};
use sealpost_domain::time::{BirthDate, OffsetTime};

use super::answers::{Amendment, Compliance, Forward, Outcome, Permission, Recall, Reply, Request, Sighting};
use super::form::{Value, choice, form};
use super::parts::{DeclaredCode, Document, Identifier, Money, Quantity};

choice! {
    /// What a message says: exactly one kind.
    Content for alert::Content {
        /// A consignment that should be examined.
        SuspectShipment("suspect_shipment"): SuspectShipment,
        /// A person arriving, leaving or in transit.
        SuspectTraveller("suspect_traveller"): SuspectTraveller,
        /// Goods or a person passing through a third jurisdiction.
        TransitCase("transit_case"): TransitCase,
        /// Replaces the earlier message that `in_reply_to` names.
        Amendment("amendment"): Amendment,
        /// Withdraws the earlier message that `in_reply_to` names.
        Recall("recall"): Recall,
        /// A question to named agencies.
        Request("request"): Request,
        /// An answer to the request that `in_reply_to` names.
        Reply("reply"): Reply,
        /// A decision on onward sharing of the message that `in_reply_to` names.
        Permission("permission"): Permission,
        /// An answer to the recall or amendment that `in_reply_to` names.
        Compliance("compliance"): Compliance,
        /// An earlier message, enclosed exactly as it came.
        Forward("forward"): Forward,
        /// 'We saw it.'
        Sighting("sighting"): Sighting,
        /// The result of acting.
        Outcome("outcome"): Outcome,
    }
}

form! {
    /// A consignment that should be examined; it has at least one identifier, a consignor or a consignee.
    SuspectShipment for alert::SuspectShipment {
        /// How it travels.
        mode: Value<TransportMode>,
        /// Why it is suspect.
        suspicion: Suspicion,
        ;
        /// Containers, waybills, postal items, references, vehicles and vessels.
        identifiers: Vec<Identifier>,
        /// What was declared.
        goods: Vec<DeclaredGoods>,
        /// Who sends it.
        consignor: Option<Party>,
        /// To whom it goes.
        consignee: Option<Party>,
        /// Its way, in the order of travel.
        route: Vec<Leg>,
    }
}

form! {
    /// Goods as declared to customs.
    DeclaredGoods for alert::DeclaredGoods {
        /// What they are called.
        description: Value<Line>,
        ;
        /// Their code of the Harmonized System.
        hs: Option<DeclaredCode>,
        /// How much was declared.
        quantity: Option<Quantity>,
        /// The declared value.
        value: Option<Money>,
    }
}

form! {
    /// A person or company that consigns or receives goods.
    Party for alert::Party {
        /// The name as declared.
        name: Value<Line>,
        ;
        /// The address as declared.
        address: Option<Value<Line>>,
        /// The country.
        country: Option<Value<Country>>,
        /// A registration or customs number, as declared.
        reference: Option<Value<Line>>,
    }
}

form! {
    /// One leg of a journey; it arrives after it departs.
    Leg for alert::Leg {
        /// How.
        mode: Value<TransportMode>,
        /// From where.
        from: Value<UnLocode>,
        /// To where.
        to: Value<UnLocode>,
        ;
        /// When it leaves, by the clock there.
        departs: Option<Value<OffsetTime>>,
        /// When it arrives, by the clock there.
        arrives: Option<Value<OffsetTime>>,
        /// The flight, if by air.
        flight: Option<Value<Flight>>,
        /// The vessel, voyage, train or vehicle in words.
        conveyance: Option<Value<Line>>,
    }
}

form! {
    /// What is suspected, and why.
    Suspicion for alert::Suspicion {
        /// The reasons.
        reason: Value<Text>,
        ;
        /// Which drugs, if drugs are suspected.
        drugs: Vec<Value<DrugGroup>>,
        /// How it is thought to be hidden.
        concealment: Vec<Value<Concealment>>,
    }
}

form! {
    /// A person arriving, leaving or in transit.
    SuspectTraveller for alert::SuspectTraveller {
        /// Who.
        person: Person,
        /// Which way the person passes the recipients' border.
        movement: Value<Movement>,
        /// Why the person is suspect.
        suspicion: Suspicion,
        ;
        /// In the order of travel.
        flights: Vec<Value<Flight>>,
        /// The journey where it is not by air alone, in the order of travel.
        route: Vec<Leg>,
        /// Tags of checked baggage.
        baggage_tags: Vec<Value<BaggageTag>>,
        /// Who travels along.
        companions: Vec<Person>,
    }
}

form! {
    /// A person, as far as known: at least a surname, given names or a document.
    Person for alert::Person {
        ;
        /// Family name.
        surname: Option<Value<Line>>,
        /// Given names.
        given_names: Option<Value<Line>>,
        /// Names in other scripts, and aliases.
        other_names: Vec<Value<Line>>,
        /// Birth date, as far as known.
        birth_date: Option<Value<BirthDate>>,
        /// Nationality.
        nationality: Option<Value<Country>>,
        /// Travel documents.
        documents: Vec<Document>,
    }
}

form! {
    /// Goods or a person passing through a third jurisdiction.
    TransitCase for alert::TransitCase {
        /// What or who passes through.
        subject: TransitSubject,
        /// Where it passes through.
        transit_point: Value<UnLocode>,
        /// How it comes there.
        inbound: Leg,
        /// How it leaves.
        outbound: Leg,
        /// When action is possible.
        window: Window,
        /// What is asked for.
        instruction: Value<Instruction>,
        /// Why.
        suspicion: Suspicion,
        ;
        /// Who should act.
        acts: Vec<Value<AgencyId>>,
        /// Who must not act; none of those who should.
        stands_off: Vec<Value<AgencyId>>,
    }
}

choice! {
    /// What or who passes through.
    TransitSubject for alert::TransitSubject {
        /// Goods.
        Goods("goods"): TransitGoods,
        /// A person.
        Person("person"): Person,
    }
}

form! {
    /// Goods in transit.
    TransitGoods for alert::TransitGoods {
        /// What they are called.
        description: Value<Line>,
        ;
        /// Containers, waybills, bags and the like.
        identifiers: Vec<Identifier>,
    }
}

form! {
    /// The time in which action is possible.
    Window for alert::Window {
        /// When it opens, usually on arrival.
        opens: Value<OffsetTime>,
        /// When it closes, usually on departure of the outbound leg.
        closes: Value<OffsetTime>,
    }
}
