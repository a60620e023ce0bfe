//! What a message says, in JSON: one object with the kind as its only key.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert;
use sealpost_domain::alert::{
    Action, ComplianceAnswer, Decision, Instruction, Line, Movement, OutcomeResult, ReplyResult, Residence,
    Stage, Text,
};
use sealpost_domain::identifier::{
    BaggageTag, Concealment, Country, DrugGroup, Flight, TransportMode, UnLocode,
};
use sealpost_domain::message::{Category, MessageId};
use sealpost_domain::time::{BirthDate, Date, OffsetTime};

use super::form::{Value, choice, form};
use super::parts::{Base64, DeclaredCode, Document, Identifier, Money, Quantity, Salt, Signature};

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

form! {
    /// Replaces an earlier message of the same sender.
    Amendment for alert::Amendment {
        /// What it should have said, whole.
        replacement: Box<Content>,
        /// Why it is replaced.
        reason: Value<Text>,
    }
}

form! {
    /// Withdraws an earlier message of the same sender.
    Recall for alert::Recall {
        /// Why it is withdrawn.
        reason: Value<Text>,
    }
}

form! {
    /// A question to named agencies.
    Request for alert::Request {
        /// What is asked.
        question: Value<Text>,
        /// By when an answer is needed.
        due: Value<OffsetTime>,
        ;
        /// About which identifiers.
        identifiers: Vec<Identifier>,
        /// About which case, by its name at one of the agencies.
        case_reference: Option<Value<Line>>,
    }
}

form! {
    /// An answer to a request.
    Reply for alert::Reply {
        /// What came of it.
        result: Value<ReplyResult>,
        /// The answer.
        answer: Value<Text>,
        ;
        /// Identifiers that came to light.
        identifiers: Vec<Identifier>,
    }
}

form! {
    /// An originator's decision on onward sharing of its message.
    Permission for alert::Permission {
        /// Granted or not.
        decision: Value<Decision>,
        ;
        /// To whom it may be forwarded: at least one when granted, none when refused.
        agencies: Vec<Value<AgencyId>>,
        /// Until when.
        until: Option<Value<Date>>,
        /// Under which conditions.
        conditions: Option<Value<Text>>,
    }
}

form! {
    /// A recipient's answer to a recall or an amendment.
    Compliance for alert::Compliance {
        /// What was done.
        answer: Value<ComplianceAnswer>,
        ;
        /// In words.
        note: Option<Value<Text>>,
    }
}

form! {
    /// An earlier message, enclosed exactly as it came.
    Forward for alert::Forward {
        /// The exact bytes of its header.
        header: Base64,
        /// Over those bytes; at least one.
        signatures: Vec<Signature>,
        /// The salt of its plaintext digest, 32 bytes.
        salt: Salt,
        /// The exact bytes of its alert.
        body: Base64,
        ;
        /// The permission under which it is forwarded, where one is needed.
        permission: Option<Value<MessageId>>,
        /// Why it is forwarded.
        note: Option<Value<Text>>,
    }
}

form! {
    /// 'We saw it': at least one identifier or a note.
    Sighting for alert::Sighting {
        /// When, by the clock there.
        seen_at: Value<OffsetTime>,
        /// Where.
        place: Place,
        /// What is being done.
        action: Value<Action>,
        ;
        /// Which identifiers matched.
        identifiers: Vec<Identifier>,
        /// In words.
        note: Option<Value<Text>>,
    }
}

form! {
    /// A place: by code, in words, or both.
    Place for alert::Place {
        ;
        /// The port, airport or town.
        locode: Option<Value<UnLocode>>,
        /// In words.
        description: Option<Value<Line>>,
    }
}

form! {
    /// The result of acting.
    Outcome for alert::Outcome {
        /// Something was found, or the alert was wrong.
        result: Value<OutcomeResult>,
        /// When, by the clock there; decides the month of the statistics.
        occurred_at: Value<OffsetTime>,
        /// How many cases it counts for: 1 to 10000, 0 for a false positive.
        cases: u32,
        /// At which stage of the journey.
        stage: Value<Stage>,
        /// By which mode of transport.
        mode: Value<TransportMode>,
        ;
        /// Where.
        place: Option<Place>,
        /// How it was hidden.
        concealment: Option<Value<Concealment>>,
        /// Who was arrested.
        arrests: Vec<Arrest>,
        /// What was seized.
        seizures: Vec<Seizure>,
        /// In words.
        note: Option<Value<Text>>,
    }
}

form! {
    /// Arrested people who share age, nationality and residence.
    Arrest for alert::Arrest {
        /// How many: 1 to 10000.
        count: u32,
        /// Whether they live where they were arrested.
        residence: Value<Residence>,
        ;
        /// Age in completed years, at most 120.
        age: Option<u32>,
        /// Nationality.
        nationality: Option<Value<Country>>,
    }
}

form! {
    /// Something that was seized.
    Seizure for alert::Seizure {
        /// What.
        item: SeizedItem,
        /// How much, as reported.
        quantity: Quantity,
        ;
        /// In words.
        description: Option<Value<Line>>,
        /// The factor by which a weight is derived from litres or pieces; none for kilograms.
        kilograms_per_unit: Option<Value<alert::Decimal>>,
        /// The estimated value.
        value: Option<Money>,
    }
}

choice! {
    /// What kind of thing was seized.
    SeizedItem for alert::SeizedItem {
        /// A drug.
        Drug("drug"): Value<DrugGroup>,
        /// Goods of another category.
        Goods("goods"): Value<Category>,
    }
}
