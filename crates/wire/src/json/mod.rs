//! The one JSON form of messages, used by the command line, REST and files.
//!
//! Names are in `snake_case`; values of closed lists are written as the field writes them (`FLASH`, `AMBER+STRICT`,
//! `H1`, `suspect_shipment`). Unknown fields are refused. One message stands on one line, so that files of many are
//! JSON Lines. What is written is canonical: reading and writing it again gives the same text. The schemas in
//! `docs/schema/` are generated from the types in this module.

mod answers;
mod change;
mod content;
mod draft;
mod form;
mod message;
mod parts;
mod structure;
mod texts;

use std::sync::OnceLock;

use sealpost_domain::alert::fault::Collector;
use sealpost_domain::alert::{Draft, Fault, Faults};
use serde::Serialize;

pub use message::Message;

/// The largest document that is read, in bytes: an enclosed message of 1 MiB grows by a third in base64.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Reads a draft from a JSON document; as many faults as possible are told, each with its path.
///
/// First the structure is read (all unknown, missing and mistyped fields), then the values (all wrong ones), then the
/// rules between them (all broken ones); faults of one step hide those of the next.
pub fn parse_draft(document: impl AsRef<[u8]>) -> Result<Draft, Faults> {
    let form: draft::Draft = read(document.as_ref(), draft_schema())?;
    let collector = Collector::default();
    let draft = form.read(&collector.root());
    collector.finish(draft)?
}

/// A draft as a JSON document on one line.
pub fn draft_to_string(draft: &Draft) -> String {
    to_string(&draft::Draft::write(draft))
}

/// A draft as a JSON document for people, on many lines.
pub fn draft_to_string_pretty(draft: &Draft) -> String {
    serde_json::to_string_pretty(&draft::Draft::write(draft)).expect(NO_FAILURE)
}

/// The JSON schema of a draft.
pub fn draft_schema() -> &'static serde_json::Value {
    static SCHEMA: OnceLock<serde_json::Value> = OnceLock::new();
    SCHEMA.get_or_init(|| schemars::schema_for!(draft::Draft).to_value())
}

/// The JSON schema of a message as it is shown.
pub fn message_schema() -> &'static serde_json::Value {
    static SCHEMA: OnceLock<serde_json::Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        schemars::generate::SchemaSettings::default()
            .for_serialize()
            .into_generator()
            .into_root_schema_for::<Message>()
            .to_value()
    })
}

/// Text and maps with text keys alone are written, into memory.
const NO_FAILURE: &str = "values of texts, numbers and lists can always be written";

fn to_string(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect(NO_FAILURE)
}

/// Reads a document into its serde type. When serde refuses it, all faults of its structure are told.
fn read<T: serde::de::DeserializeOwned>(document: &[u8], schema: &serde_json::Value) -> Result<T, Faults> {
    if document.len() > DOCUMENT_BYTES_MAX {
        let found = format!("{} bytes", document.len());
        return Err(Fault::new("", found, format!("a document of at most {DOCUMENT_BYTES_MAX} bytes")).into());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let form = serde_path_to_error::deserialize(&mut deserializer);
    if form.is_ok() {
        deserializer.end().map_err(|error| syntax_fault(&error))?;
    }
    // The structure is checked even when serde is content: it would take a list of values for an object.
    let value = serde_json::from_slice(document).map_err(|error| syntax_fault(&error))?;
    let collector = Collector::default();
    structure::check(schema, &value, &collector.root());
    match (form, collector.into_faults()) {
        (_, Some(faults)) => Err(faults),
        (form, None) => form.map_err(|error| single_fault(&error).into()),
    }
}

/// A document that is not JSON, with the line and column where that shows.
fn syntax_fault(error: &serde_json::Error) -> Fault {
    Fault::new("", error.to_string(), "one JSON document in UTF-8")
}

/// What serde says of the first fault, for those that the walk along the schema does not see, such as a field that
/// stands there twice.
fn single_fault(error: &serde_path_to_error::Error<serde_json::Error>) -> Fault {
    let path = error.path().to_string();
    Fault::new(
        if path == "." { String::new() } else { path },
        error.inner().to_string(),
        "the documented form",
    )
}
