//! From the contract to the domain: answers, sightings and outcomes. Every message is destructured whole.

use sealpost_domain::alert::fault::Place;
use sealpost_domain::alert::{
    Amendment, Arrest, Compliance, Enclosed, Forward, List, Outcome, Permission, Place as Whereabouts,
    Recall, Reply, Request, SeizedItem, Seizure, Sighting,
};
use sealpost_domain::digest::KeyId;
use sealpost_domain::envelope::Signature;
use sealpost_domain::message::MessageId;
use sealpost_proto::v1 as pb;

use super::names;
use super::read::{absent_or, content, identifiers, money, optional, quantity, required, texts};

pub(super) fn amendment(message: pb::Amendment, at: &Place<'_>) -> Option<Amendment> {
    let pb::Amendment { replacement, reason } = message;
    // An amendment within an amendment is refused before it is read, so that nesting has an end.
    if let Some(pb::alert_content::Kind::Amendment(_)) =
        replacement.as_ref().and_then(|content| content.kind.as_ref())
    {
        at.field("replacement").fault("an amendment", "the content that replaces the earlier one");
        return None;
    }
    let replacement = required(replacement.map(|content| *content), &at.field("replacement"), content);
    let reason = at.field("reason").parse(&reason);
    Some(Amendment { replacement: Box::new(replacement?), reason: reason? })
}

pub(super) fn recall(message: &pb::Recall, at: &Place<'_>) -> Option<Recall> {
    let pb::Recall { reason } = message;
    Some(Recall { reason: at.field("reason").parse(reason)? })
}

pub(super) fn request(message: pb::Request, at: &Place<'_>) -> Option<Request> {
    let pb::Request { question, identifiers, case_reference, due } = message;
    let question = at.field("question").parse(&question);
    let identifiers = self::identifiers(identifiers, at);
    let case_reference = optional(&case_reference, &at.field("case_reference"));
    let due = at.field("due").parse(&due);
    Some(Request {
        question: question?,
        identifiers: identifiers?,
        case_reference: case_reference?,
        due: due?,
    })
}

pub(super) fn reply(message: pb::Reply, at: &Place<'_>) -> Option<Reply> {
    let pb::Reply { result, answer, identifiers } = message;
    let result = names::reply_result(result, &at.field("result"));
    let answer = at.field("answer").parse(&answer);
    let identifiers = self::identifiers(identifiers, at);
    Some(Reply { result: result?, answer: answer?, identifiers: identifiers? })
}

pub(super) fn permission(message: pb::Permission, at: &Place<'_>) -> Option<Permission> {
    let pb::Permission { decision, agencies, until, conditions } = message;
    let decision = names::decision(decision, &at.field("decision"));
    let agencies = texts(agencies, &at.field("agencies"));
    let until = optional(&until, &at.field("until"));
    let conditions = optional(&conditions, &at.field("conditions"));
    Some(Permission { decision: decision?, agencies: agencies?, until: until?, conditions: conditions? })
}

pub(super) fn compliance(message: &pb::Compliance, at: &Place<'_>) -> Option<Compliance> {
    let pb::Compliance { answer, note } = message;
    let answer = names::compliance_answer(*answer, &at.field("answer"));
    let note = optional(note, &at.field("note"));
    Some(Compliance { answer: answer?, note: note? })
}

pub(super) fn forward(message: pb::Forward, at: &Place<'_>) -> Option<Forward> {
    let pb::Forward { header, signatures, salt, body, permission, note, grant } = message;
    let signatures = List::read(&at.field("signatures"), signatures, signature);
    let salt = array(&salt, &at.field("salt"));
    let permission = if permission.is_empty() {
        Some(None)
    } else {
        let shown = format!("{} bytes", permission.len());
        at.field("permission").take(&shown, MessageId::try_from(permission.as_ref())).map(Some)
    };
    let note = optional(&note, &at.field("note"));
    let grant = absent_or(grant, &at.field("grant"), enclosed);
    Some(Forward {
        header,
        signatures: signatures?,
        salt: salt?,
        body,
        permission: permission?,
        note: note?,
        grant: grant?,
    })
}

pub(super) fn enclosed(message: pb::Enclosed, at: &Place<'_>) -> Option<Enclosed> {
    let pb::Enclosed { header, signatures, salt, body } = message;
    let signatures = List::read(&at.field("signatures"), signatures, signature);
    let salt = array(&salt, &at.field("salt"));
    Some(Enclosed { header, signatures: signatures?, salt: salt?, body })
}

fn signature(message: pb::Signature, at: &Place<'_>) -> Option<Signature> {
    let pb::Signature { key_id, signature } = message;
    Some(Signature { key_id: KeyId::new(array(&key_id, &at.field("key_id"))?), bytes: signature })
}

fn array(bytes: &[u8], at: &Place<'_>) -> Option<[u8; 32]> {
    let array = bytes.try_into().ok();
    if array.is_none() {
        at.fault(format!("{} bytes", bytes.len()), "32 bytes");
    }
    array
}

pub(super) fn sighting(message: pb::Sighting, at: &Place<'_>) -> Option<Sighting> {
    let pb::Sighting { seen_at, place, identifiers, action, note } = message;
    let seen_at = at.field("seen_at").parse(&seen_at);
    let place = required(place, &at.field("place"), whereabouts);
    let identifiers = self::identifiers(identifiers, at);
    let action = names::action(action, &at.field("action"));
    let note = optional(&note, &at.field("note"));
    Some(Sighting {
        seen_at: seen_at?,
        place: place?,
        identifiers: identifiers?,
        action: action?,
        note: note?,
    })
}

fn whereabouts(message: pb::Place, at: &Place<'_>) -> Option<Whereabouts> {
    let pb::Place { locode, description } = message;
    let locode = optional(&locode, &at.field("locode"));
    let description = optional(&description, &at.field("description"));
    Some(Whereabouts { locode: locode?, description: description? })
}

pub(super) fn outcome(message: pb::Outcome, at: &Place<'_>) -> Option<Outcome> {
    let pb::Outcome { result, occurred_at, place, cases, stage, mode, concealment, arrests, seizures, note } =
        message;
    let result = names::outcome_result(result, &at.field("result"));
    let occurred_at = at.field("occurred_at").parse(&occurred_at);
    let place = absent_or(place, &at.field("place"), whereabouts);
    let stage = names::stage(stage, &at.field("stage"));
    let mode = names::transport_mode(mode, &at.field("mode"));
    let concealment = match concealment {
        0 => Some(None),
        value => names::concealment(value, &at.field("concealment")).map(Some),
    };
    let arrests = List::read(&at.field("arrests"), arrests, arrest);
    let seizures = List::read(&at.field("seizures"), seizures, seizure);
    let note = optional(&note, &at.field("note"));
    Some(Outcome {
        result: result?,
        occurred_at: occurred_at?,
        place: place?,
        cases,
        stage: stage?,
        mode: mode?,
        concealment: concealment?,
        arrests: arrests?,
        seizures: seizures?,
        note: note?,
    })
}

fn arrest(message: pb::Arrest, at: &Place<'_>) -> Option<Arrest> {
    let pb::Arrest { count, age, nationality, residence } = message;
    let nationality = optional(&nationality, &at.field("nationality"));
    let residence = names::residence(residence, &at.field("residence"));
    Some(Arrest { count, age, nationality: nationality?, residence: residence? })
}

fn seizure(message: pb::Seizure, at: &Place<'_>) -> Option<Seizure> {
    use pb::seizure::Item;
    let pb::Seizure { item, description, quantity, kilograms_per_unit, value } = message;
    let item = required(item, &at.field("item"), |item, at| match item {
        Item::Drug(drug) => names::drug_group(drug, &at.field("drug")).map(SeizedItem::Drug),
        Item::Goods(category) => names::category(category, &at.field("goods")).map(SeizedItem::Goods),
    });
    let description = optional(&description, &at.field("description"));
    let quantity = required(quantity, &at.field("quantity"), self::quantity);
    let kilograms_per_unit = optional(&kilograms_per_unit, &at.field("kilograms_per_unit"));
    let value = absent_or(value, &at.field("value"), money);
    Some(Seizure {
        item: item?,
        description: description?,
        quantity: quantity?,
        kilograms_per_unit: kilograms_per_unit?,
        value: value?,
    })
}
