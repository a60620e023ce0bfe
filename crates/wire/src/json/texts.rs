//! The schemas of values that are written as texts.

use schemars::{Schema, json_schema};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::{
    Action, ComplianceAnswer, Decimal, Decision, GradingScale, Instruction, Line, Movement, OutcomeResult,
    ReplyResult, Residence, Stage, Text, Unit,
};
use sealpost_domain::answer::Effect;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::handling::{HandlingCode, Tlp};
use sealpost_domain::identifier::{
    BaggageTag, Concealment, Country, Currency, DrugGroup, Flight, HsCode, IdentifierType, TransportMode,
    UnLocode,
};
use sealpost_domain::message::{Category, Kind, MessageId, OperationId, Priority, SharingMode};
use sealpost_domain::time::{BirthDate, Date, OffsetTime};
use sealpost_domain::view::{DeliveryState, Direction};

use super::form::TextSchema;

macro_rules! closed_lists {
    ($($type:ident: $description:literal,)+) => {
        $(impl TextSchema for $type {
            const NAME: &'static str = stringify!($type);

            fn text_schema() -> Schema {
                let names: Vec<&str> = $type::ALL.iter().map(|name| name.as_str()).collect();
                json_schema!({ "description": $description, "type": "string", "enum": names })
            }
        })+
    };
}

closed_lists! {
    Action: "What is being done about what was seen.",
    Category: "What a message is about, as agreements list it.",
    ComplianceAnswer: "What a recipient did about a recall or an amendment.",
    Concealment: "How goods are hidden.",
    Decision: "A decision on onward sharing.",
    DeliveryState: "How far a message came on its way to one recipient.",
    Direction: "Which way a message went, seen from the node that shows it.",
    DrugGroup: "A group of drugs.",
    Effect: "What a later message of its sender did to a message.",
    GradingScale: "A scale of source and information grading.",
    HandlingCode: "A handling code of Europol.",
    IdentifierType: "What an identifier identifies.",
    Instruction: "What is asked of those who act.",
    Kind: "The kind of a message.",
    Movement: "Which way someone passes a border.",
    OutcomeResult: "Whether acting on an alert led to anything.",
    Priority: "How urgent a message is.",
    ReplyResult: "What came of a request.",
    Residence: "Whether someone lives where something happened.",
    SharingMode: "On whose initiative a message is shared.",
    Stage: "The stage of a journey at which something happened.",
    TransportMode: "A mode of transport of UN/ECE Recommendation 19.",
    Unit: "The unit in which a quantity was reported.",
}

impl TextSchema for Tlp {
    const NAME: &'static str = "Tlp";

    fn text_schema() -> Schema {
        let mut names: Vec<&str> = Self::ALL.iter().map(|name| name.as_str()).collect();
        names.push("WHITE");
        json_schema!({
            "description": "A label of the Traffic Light Protocol 2.0. WHITE is read as CLEAR and never written.",
            "type": "string",
            "enum": names,
        })
    }
}

macro_rules! written {
    ($($type:ident: $description:literal, $example:literal;)+) => {
        $(impl TextSchema for $type {
            const NAME: &'static str = stringify!($type);

            fn text_schema() -> Schema {
                json_schema!({ "description": $description, "type": "string", "examples": [$example] })
            }
        })+
    };
}

written! {
    AgencyId: "Two capitals, a hyphen, two to eight capitals or digits.", "HK-CED";
    BaggageTag: "The ten digits of a baggage tag.", "0160123456";
    BirthDate: "A birth date as far as it is known: year, year and month, or all.", "1974-08-12";
    Country: "A country of ISO 3166-1, two letters.", "HK";
    Currency: "A currency of ISO 4217, three letters.", "HKD";
    Date: "A calendar date.", "2026-10-03";
    Decimal: "A decimal number: up to nine digits, a point and up to six decimals.", "12.450";
    Digest: "A SHA-256 digest, 64 hexadecimal digits.",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    Flight: "A flight number, `/`, and its date of origin.", "CX123/2026-10-03";
    HsCode: "A code of the Harmonized System, 6 to 12 digits.", "2939.71";
    KeyId: "The id of a key, 64 hexadecimal digits.",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    MessageId: "The id of a message, a UUID of version 7.", "018f2b6e-7c2a-7b3e-9d52-0a1b2c3d4e5f";
    OffsetTime: "A time of RFC 3339 with seconds and its offset, as the clock showed it there.",
        "2026-10-03T14:05:00+08:00";
    OperationId: "The name of a joint operation: 1 to 64 of A-Z, 0-9 and hyphen.", "OP-MARKER-2023";
    UnLocode: "A UN/LOCODE: country and place.", "HKHKG";
}

macro_rules! free_text {
    ($($type:ident: $description:literal;)+) => {
        $(impl TextSchema for $type {
            const NAME: &'static str = stringify!($type);

            fn text_schema() -> Schema {
                json_schema!({
                    "description": $description,
                    "type": "string",
                    "minLength": 1,
                    "maxLength": $type::CHARS_MAX,
                })
            }
        })+
    };
}

free_text! {
    Line: "One line of text without control characters.";
    Text: "Text of one or more lines, without other control characters than line breaks and tabs.";
}
