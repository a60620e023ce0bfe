//! Every fault in the structure of a document at once: serde stops at the first.
//!
//! Walks a document along the schema that is generated from the same types. It knows only what the schema of a draft
//! uses: objects, lists, texts, numbers below 2^32, optional values, and enums whose variants hold a value.

use sealpost_domain::alert::fault::{Place, quote};
use serde_json::{Map, Value};

/// Reports fields that are missing, unknown or of another type.
pub(super) fn check(schema: &Value, document: &Value, at: &Place<'_>) {
    Walk { root: schema }.value(schema, document, at);
}

struct Walk<'a> {
    root: &'a Value,
}

impl<'a> Walk<'a> {
    fn value(&self, schema: &'a Value, value: &Value, at: &Place<'_>) {
        let schema = self.resolve(schema);
        if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
            return self.choice(branches, value, at);
        }
        if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
            // The schema of an optional field: the value, or null.
            if let (Some(branch), false) = (branches.first(), value.is_null()) {
                self.value(branch, value, at);
            }
            return;
        }
        if !type_matches(schema, value) {
            return at.fault(shown(value), expected(schema));
        }
        match value {
            Value::Object(fields) => self.object(schema, fields, at),
            Value::Array(entries) => {
                if let Some(schema) = schema.get("items") {
                    entries
                        .iter()
                        .enumerate()
                        .for_each(|(index, entry)| self.value(schema, entry, &at.item(index)));
                }
            }
            _ => {}
        }
    }

    fn object(&self, schema: &'a Value, fields: &Map<String, Value>, at: &Place<'_>) {
        let Some(known) = schema.get("properties").and_then(Value::as_object) else { return };
        for name in
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            if !fields.contains_key(name) {
                let expected =
                    known.get(name).map_or_else(String::new, |schema| expected(self.resolve(schema)));
                at.field(name).fault("nothing", expected);
            }
        }
        for (name, value) in fields {
            match known.get(name) {
                Some(schema) => self.value(schema, value, &at.field(name)),
                None => at.fault(format!("the unknown field {}", quote(name)), one_of(known.keys())),
            }
        }
    }

    /// An enum whose variants hold a value: an object with one key, the variant's name.
    fn choice(&self, branches: &'a [Value], value: &Value, at: &Place<'_>) {
        let names = || branches.iter().filter_map(variant).map(|(name, _)| name.as_str());
        let expected = || format!("an object with exactly one of {}", names().collect::<Vec<_>>().join(", "));
        let Some(fields) = value.as_object() else { return at.fault(shown(value), expected()) };
        let (Some((name, value)), 1) = (fields.iter().next(), fields.len()) else {
            return at.fault(format!("an object with {} fields", fields.len()), expected());
        };
        match branches.iter().filter_map(variant).find(|(variant, _)| *variant == name) {
            Some((_, schema)) => self.value(schema, value, &at.field(name)),
            None => at.fault(quote(name), expected()),
        }
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let target = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.strip_prefix('#'))
            .and_then(|pointer| self.root.pointer(pointer));
        target.unwrap_or(schema)
    }
}

/// The name and the schema of a variant.
fn variant(branch: &Value) -> Option<(&String, &Value)> {
    branch.get("properties")?.as_object()?.iter().next()
}

fn type_matches(schema: &Value, value: &Value) -> bool {
    let matches = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.as_u64().is_some_and(|number| u32::try_from(number).is_ok()),
        _ => true,
    };
    match schema.get("type") {
        Some(Value::String(name)) => matches(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(matches),
        _ => true,
    }
}

/// What a schema expects, in words.
fn expected(schema: &Value) -> String {
    if let Some(names) = schema.get("enum").and_then(Value::as_array) {
        return one_of(names.iter().filter_map(Value::as_str));
    }
    let what = match schema.get("type") {
        Some(Value::String(name)) => name.as_str(),
        Some(Value::Array(names)) => names.first().and_then(Value::as_str).unwrap_or("value"),
        _ => "object",
    };
    let what = match what {
        "object" => "an object",
        "array" => "a list",
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number, not negative",
        _ => "a value",
    };
    let example = schema.get("examples").and_then(|examples| examples.get(0)).and_then(Value::as_str);
    match example {
        Some(example) => format!("{what} such as {}", quote(example)),
        None => what.to_owned(),
    }
}

fn one_of(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = names.map(|name| name.as_ref().to_owned()).collect();
    format!("one of {}", names.join(", "))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quote(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
