//! Drafts of every kind in which every text is a marker: made along the schema of drafts, so that a text that is added to
//! a message gets one too, or fails the story.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use sealpost_domain::alert::{Alert, Content, Draft, DraftParts, Enclosed, Forward};
use sealpost_domain::message::MessageId;
use sealpost_wire::json::{draft_schema, draft_to_string, parse_draft};
use serde_json::{Map, Value, json};

/// Free texts: whatever an officer writes.
const TEXTS: &[&str] = &["Line", "Text"];
/// Bytes that are enclosed.
const BYTES: &[&str] = &["Base64", "Salt"];
/// Where a value can be one of several forms, this many drafts of a kind show all of them.
const FORMS: usize = 2;

/// The markers of one run.
pub(super) struct Canaries {
    /// Every marker begins with it, and nothing else in the world.
    pub(super) prefix: String,
    documents: Vec<Value>,
}

impl Canaries {
    pub(super) fn new() -> Self {
        let prefix = format!("CANARY{:012x}-", rand::random::<u64>() >> 16);
        let content = resolved(&draft_schema()["$defs"]["Content"]);
        let kinds = content["oneOf"].as_array().unwrap().iter().map(|branch| variant(branch).0);
        let documents = kinds
            .flat_map(|kind| (0..FORMS).map(move |form| (kind, form)))
            .map(|(kind, form)| Author { prefix: &prefix, kind, form }.draft())
            .collect();
        Self { prefix, documents }
    }

    /// The message that others answer.
    pub(super) fn first(&self, to: &[&str]) -> Draft {
        self.draft(&self.documents[0], to, None)
    }

    /// Those of all kinds that may be about a message of one's own.
    pub(super) fn about_own(&self, to: &[&str], first: MessageId) -> Vec<Draft> {
        let own = self.documents[1..].iter().filter(|document| {
            ["compliance", "forward"].iter().all(|kind| document["content"].get(kind).is_none())
        });
        own.map(|document| self.draft(document, to, Some(first))).collect()
    }

    /// Those of one kind.
    pub(super) fn of_kind(&self, kind: &str, to: &[&str], about: Option<MessageId>) -> Vec<Draft> {
        let of_kind = self.documents.iter().filter(|document| document["content"].get(kind).is_some());
        of_kind.map(|document| self.draft(document, to, about)).collect()
    }

    /// A permission that a message goes on to an agency, for the same purpose.
    pub(super) fn grant(&self, to: &str, message: MessageId, onward: &str) -> Draft {
        let of_kind = |document: &&Value| document["content"].get("permission").is_some();
        let mut document = self.documents.iter().find(of_kind).unwrap().clone();
        document["purpose"] = self.documents[0]["purpose"].clone();
        document["content"]["permission"]["decision"] = json!("granted");
        document["content"]["permission"]["agencies"] = json!([onward]);
        self.draft(&document, &[to], Some(message))
    }

    /// Forwards of a message with the permission of its originator: for the purpose of both, and as restricted.
    pub(super) fn forwards(
        &self,
        to: &[&str],
        message: &Enclosed,
        grant: (MessageId, &Enclosed),
    ) -> Vec<Draft> {
        let original = self.first(to).into_parts().alert.into_parts();
        let enclosing = |draft: Draft| {
            let parts = draft.into_parts();
            let mut alert = parts.alert.clone().into_parts();
            let Content::Forward(Forward { note, .. }) = alert.content else { panic!("it is a forward") };
            let Enclosed { header, signatures, salt, body } = message.clone();
            let (permission, grant) = (Some(grant.0), Some(grant.1.clone()));
            alert.content =
                Content::Forward(Forward { header, signatures, salt, body, permission, note, grant });
            alert.purpose = original.purpose.clone();
            alert.handling_text.clone_from(&original.handling_text);
            Draft::new(DraftParts { alert: Alert::new(alert).unwrap(), ..parts }).unwrap()
        };
        self.of_kind("forward", to, None).into_iter().map(enclosing).collect()
    }

    fn draft(&self, document: &Value, to: &[&str], answered: Option<MessageId>) -> Draft {
        let mut document = document.clone();
        document["recipients"] = json!(to);
        match answered {
            Some(answered) => document["in_reply_to"] = json!(answered.to_string()),
            None => drop(document.as_object_mut().unwrap().remove("in_reply_to")),
        }
        let draft =
            parse_draft(document.to_string()).unwrap_or_else(|faults| panic!("{faults}\n{document:#}"));
        // The domain has taken over all of them.
        let taken = draft_to_string(&draft);
        for (path, text) in strings(&document) {
            assert!(!text.starts_with(&self.prefix) || taken.contains(text), "{path} is lost");
        }
        draft
    }

    /// Every free text of drafts.
    pub(super) fn markers(&self, drafts: &[Draft]) -> BTreeSet<String> {
        let mut markers = BTreeSet::new();
        for draft in drafts {
            let document: Value = serde_json::from_str(&draft_to_string(draft)).unwrap();
            let texts = strings(&document).into_iter().map(|(_, text)| text.to_owned());
            markers.extend(texts.filter(|text| text.starts_with(&self.prefix)));
        }
        markers
    }

    /// Where there are markers, as [`texts_in_schema`] names the places.
    pub(super) fn marked(&self) -> BTreeSet<String> {
        let encoded = BASE64.encode(self.prefix.as_bytes());
        // The last characters depend on what follows.
        let encoded = &encoded[..self.prefix.len() / 3 * 4];
        let marked = |text: &str| text.starts_with(&self.prefix) || text.starts_with(encoded);
        let all = self.documents.iter().flat_map(strings);
        all.filter(|(_, text)| marked(text)).map(|(path, _)| path).collect()
    }

    /// The kinds of which there are drafts.
    pub(super) fn kinds(&self) -> BTreeSet<&str> {
        let contents = self.documents.iter().map(|document| document["content"].as_object().unwrap());
        contents.flat_map(Map::keys).map(String::as_str).collect()
    }
}

/// Every place in a draft at which the schema has a text, or bytes: fields joined by points, without the places in lists.
/// A content that is replaced is a content like the others, and is looked at as one of those.
pub(super) fn texts_in_schema() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(draft_schema(), String::new(), &mut found);
    found.retain(|path| !path.contains(".replacement."));
    assert!(found.len() > 40, "{found:?}");
    found
}

fn collect(schema: &'static Value, path: String, found: &mut BTreeSet<String>) {
    if is_one_of(schema, TEXTS) || is_one_of(schema, BYTES) {
        found.insert(path);
        return;
    }
    if path.matches(".replacement.").count() > 0 {
        return;
    }
    let schema = resolved(schema);
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        collect(property, joined(&path, name), found);
    }
    for branch in ["oneOf", "anyOf"].iter().filter_map(|word| schema.get(*word)?.as_array()).flatten() {
        collect(branch, path.clone(), found);
    }
    if let Some(items) = schema.get("items") {
        collect(items, path, found);
    }
}

/// Every text value of a document, with its place.
fn strings(document: &Value) -> Vec<(String, &str)> {
    fn walk<'v>(value: &'v Value, path: String, found: &mut Vec<(String, &'v str)>) {
        match value {
            Value::String(text) => found.push((path, text)),
            Value::Array(items) => items.iter().for_each(|item| walk(item, path.clone(), found)),
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| walk(value, joined(&path, name), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(document, String::new(), &mut found);
    found
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn name_of(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

fn is_one_of(schema: &Value, names: &[&str]) -> bool {
    name_of(schema).is_some_and(|name| names.contains(&name))
}

fn resolved(schema: &'static Value) -> &'static Value {
    name_of(schema).map_or(schema, |name| resolved(&draft_schema()["$defs"][name]))
}

/// The name and the schema of an enum's variant.
fn variant(branch: &'static Value) -> (&'static str, &'static Value) {
    let (name, schema) = branch["properties"].as_object().unwrap().iter().next().unwrap();
    (name, schema)
}

/// Writes a draft with everything in it that the schema knows.
struct Author<'a> {
    prefix: &'a str,
    kind: &'a str,
    /// Which form is taken where there are several.
    form: usize,
}

impl Author<'_> {
    fn draft(&self) -> Value {
        self.value(draft_schema(), "")
    }

    fn value(&self, schema: &'static Value, path: &str) -> Value {
        let field = path.rsplit('.').next().unwrap_or_default();
        if is_one_of(schema, TEXTS) {
            return json!(format!("{}{}-{}-{path}", self.prefix, self.kind, self.form));
        }
        if is_one_of(schema, BYTES) {
            // A salt has 32 bytes; nothing else here minds.
            let bytes = format!("{:.<32}", self.prefix);
            return json!(BASE64.encode(bytes.as_bytes()));
        }
        match name_of(schema) {
            Some("Content") => return self.content(path),
            Some("Identifier") => unreachable!("they stand in lists"),
            Some(name) if value_of(name).is_some() => return json!(value_of(name)),
            _ => {}
        }
        let schema = resolved(schema);
        if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
            return self.value(&branches[0], path);
        }
        if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
            let (name, schema) = variant(&branches[self.form % branches.len()]);
            return json!({ name: self.value(schema, &joined(path, name)) });
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return values[0].clone();
        }
        let of_type = |name: &str| match &schema["type"] {
            Value::Array(types) => types.iter().any(|known| known == name),
            known => known == name,
        };
        if of_type("object") {
            self.object(schema, path)
        } else if of_type("array") {
            self.list(field, &schema["items"], path)
        } else if of_type("integer") {
            // An age, a count of cases or of persons; HS codes have editions.
            json!(if field == "edition" { 2022 } else { 2 })
        } else {
            panic!(
                "{path} is of a type that this story does not know: decide whether it can hold a text: {schema:#}"
            )
        }
    }

    fn object(&self, schema: &'static Value, path: &str) -> Value {
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().unwrap() {
            let path = joined(path, name);
            let value = match (path.as_str(), name.as_str()) {
                // Documents have one form or the other.
                (_, "mrz") if self.form == 0 => continue,
                (_, "number") if self.form == 1 => continue,
                (_, "number") => json!("UTO/X00000025"),
                (_, "source") => json!("B"),
                (_, "amount") => json!("4000"),
                ("sharing_mode" | "operation", _) => continue,
                ("act_before" | "content.transit_case.window.closes", _) | (_, "arrives") => {
                    json!("2027-02-03T14:05:00+08:00")
                }
                _ => self.value(property, &path),
            };
            object.insert(name.clone(), value);
        }
        Value::Object(object)
    }

    fn list(&self, field: &str, items: &'static Value, path: &str) -> Value {
        match field {
            "mrz" => json!([
                "P<UTOMUSTERPERSON<<INVENTED<<<<<<<<<<<<<<<<<",
                "X000000171UTO9103041M3109018<<<<<<<<<<<<<<06"
            ]),
            "handling" => json!(["H1", "H3"]),
            "acts" => json!(["AU-ABF"]),
            _ if is_one_of(items, &["Identifier"]) => identifiers(),
            _ => json!([self.value(items, path)]),
        }
    }

    /// The content of this kind; an amendment is one of a shipment, and so is what it replaces.
    fn content(&self, path: &str) -> Value {
        let branches = resolved(&draft_schema()["$defs"]["Content"])["oneOf"].as_array().unwrap();
        let kind = match path {
            "content" => self.kind,
            _ => "suspect_shipment",
        };
        let (_, schema) = branches.iter().map(variant).find(|(name, _)| *name == kind).unwrap();
        json!({ kind: self.value(schema, &joined(path, kind)) })
    }
}

/// One of every type, with valid check digits.
fn identifiers() -> Value {
    let values = [
        ("container", "SLPU3041174"),
        ("air_waybill", "160-44109251"),
        ("postal_item", "RB205518733TH"),
        ("ucr", "6HK00000000-EXAMPLE1"),
        ("imo_number", "9074729"),
        ("vin", "1M8GDM9AXKP042788"),
        ("vehicle_plate", "DE/ZZAB123"),
        ("flight", "CX289/2026-10-03"),
        ("baggage_tag", "0160123456"),
        ("travel_document", "UTO/X00000025"),
        ("imei", "490154203237518"),
    ];
    values.iter().map(|(kind, value)| json!({ "type": kind, "value": value })).collect()
}

/// Values of closed or checked types, which hold no text of anybody's.
fn value_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "AgencyId" => "DE-ZKA",
        "BaggageTag" => "0160123456",
        "BirthDate" => "1991-03-04",
        "Category" => "narcotics",
        "Country" => "HK",
        "Currency" => "HKD",
        "Date" => "2027-03-31",
        "Decimal" => "0.25",
        "Flight" => "CX289/2026-10-03",
        "HsCode" => "6907.21",
        "KeyId" => "1717171717171717171717171717171717171717171717171717171717171717",
        "MessageId" => "0199a3f2-5b80-7c41-9f0e-2d5b7a1c4e61",
        "OffsetTime" => "2027-02-01T14:05:00+08:00",
        "Tlp" => "AMBER",
        "UnLocode" => "DEFRA",
        "Unit" => "unit",
        _ => return None,
    })
}
