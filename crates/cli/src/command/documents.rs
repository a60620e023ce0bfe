//! `sealpost schema` and `sealpost example`: what a message looks like, without asking a node.

use sealpost_domain::message::Kind;
use sealpost_wire::json;

use crate::arguments::{Document, Example, Schema};
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Prints a schema.
pub(super) fn schema(asked: &Schema, out: &mut Output) -> Result<(), Failure> {
    let schema = match asked.document {
        Document::Draft => json::draft_schema(),
        Document::Message => json::message_schema(),
    };
    let text = serde_json::to_string_pretty(schema)
        .map_err(|error| Failure::new(Exit::Failed, error, "this is a fault of the program"))?;
    out.line(&text)
}

/// Prints a sample document, or lists the kinds.
pub(super) fn example(asked: &Example, out: &mut Output) -> Result<(), Failure> {
    match asked.kind {
        Some(kind) => out.line(sample(kind).trim_end()),
        None => Kind::ALL.iter().try_for_each(|kind| out.line(kind.as_str())),
    }
}

fn sample(kind: Kind) -> &'static str {
    macro_rules! file {
        ($name:literal) => {
            include_str!(concat!("../../../../sample/examples/", $name, ".json"))
        };
    }
    match kind {
        Kind::SuspectShipment => file!("suspect_shipment"),
        Kind::SuspectTraveller => file!("suspect_traveller"),
        Kind::TransitCase => file!("transit_case"),
        Kind::Amendment => file!("amendment"),
        Kind::Recall => file!("recall"),
        Kind::Request => file!("request"),
        Kind::Reply => file!("reply"),
        Kind::Permission => file!("permission"),
        Kind::Compliance => file!("compliance"),
        Kind::Forward => file!("forward"),
        Kind::Sighting => file!("sighting"),
        Kind::Outcome => file!("outcome"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_a_message_of_its_kind() {
        for kind in Kind::ALL {
            assert_eq!(json::parse_draft(sample(*kind)).unwrap().kind(), *kind);
        }
    }
}
