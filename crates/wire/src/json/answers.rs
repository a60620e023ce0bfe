//! Messages that answer, change or carry others, and outcomes, in JSON.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert;
use sealpost_domain::alert::{
    Action, ComplianceAnswer, Decision, Line, OutcomeResult, ReplyResult, Residence, Stage, Text,
};
use sealpost_domain::identifier::{Concealment, Country, DrugGroup, TransportMode, UnLocode};
use sealpost_domain::message::{Category, MessageId};
use sealpost_domain::time::{Date, OffsetTime};

use super::content::Content;
use super::form::{Value, choice, form};
use super::parts::{Base64, Identifier, Money, Quantity, Salt, Signature};

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
        /// That permission itself, as it came, where one is needed.
        grant: Option<Enclosed>,
    }
}

form! {
    /// A message as it can be shown to others.
    Enclosed for alert::Enclosed {
        /// The exact bytes of its header.
        header: Base64,
        /// Over those bytes; at least one.
        signatures: Vec<Signature>,
        /// The salt of its plaintext digest, 32 bytes.
        salt: Salt,
        /// The exact bytes of its alert.
        body: Base64,
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
