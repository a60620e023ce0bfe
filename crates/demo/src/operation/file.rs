//! An operation as lines of JSON: a heading that says what the file is, then one message on each line, its draft in
//! the form of `docs/schema/draft.schema.json`.

use std::fmt::Write;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::Faults;
use sealpost_domain::message::MessageId;
use sealpost_domain::time::OffsetTime;
use sealpost_wire::json;
use serde::{Deserialize, Serialize};

use super::{Figures, Message, Operation};

/// The sample operation, as it is shipped.
const SAMPLE: &str = include_str!("../../../../sample/operation.jsonl");

const NOTICE: &str = "Synthetic. Every person, company, consignment and case in this file is invented; \
                      only the figures are those of a real operation.";

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heading {
    notice: String,
    seed: u64,
    messages: usize,
    figures: Figures,
}

/// Every further line; the draft comes last.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "ref")]
    reference: &'a str,
    id: String,
    from: &'a str,
    at: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadLine {
    #[serde(rename = "ref")]
    reference: String,
    id: String,
    from: String,
    at: String,
    draft: serde_json::Value,
}

impl Operation {
    /// The sample operation that is shipped with the program.
    pub fn sample() -> Result<Self, Error> {
        Self::read(SAMPLE)
    }

    /// Reads a file.
    pub fn read(text: &str) -> Result<Self, Error> {
        let mut lines = text.lines();
        let heading = lines.next().unwrap_or_default();
        let heading: Heading =
            serde_json::from_str(heading).map_err(|source| Error::Line { line: 1, source })?;
        let messages: Vec<Message> =
            (2..).zip(lines).map(|(line, text)| message(line, text)).collect::<Result<_, _>>()?;
        if messages.len() != heading.messages {
            return Err(Error::Count { found: messages.len(), expected: heading.messages });
        }
        Ok(Self { seed: heading.seed, figures: heading.figures, messages })
    }

    /// The file.
    pub fn write(&self) -> Result<String, Error> {
        let heading = Heading {
            notice: NOTICE.to_owned(),
            seed: self.seed,
            messages: self.messages.len(),
            figures: self.figures,
        };
        let mut text = serde_json::to_string(&heading).map_err(|source| Error::Line { line: 1, source })?;
        text.push('\n');
        for (line, message) in (2..).zip(&self.messages) {
            let head = Line {
                reference: &message.reference,
                id: message.id.to_string(),
                from: message.from.as_str(),
                at: message.at.to_string(),
            };
            let head = serde_json::to_string(&head).map_err(|source| Error::Line { line, source })?;
            // The draft's own text, so that its fields keep their order.
            let (head, draft) = (head.trim_end_matches('}'), json::draft_to_string(&message.draft));
            writeln!(text, "{head},\"draft\":{draft}}}").map_err(|_| Error::Memory)?;
        }
        Ok(text)
    }
}

fn message(line: usize, text: &str) -> Result<Message, Error> {
    let read: ReadLine = serde_json::from_str(text).map_err(|source| Error::Line { line, source })?;
    let ReadLine { reference, id, from, at, draft } = read;
    let value = |field: &'static str| move |source| Error::Value { line, field, source };
    let id: MessageId = id.parse().map_err(boxed).map_err(value("id"))?;
    let from: AgencyId = from.parse().map_err(boxed).map_err(value("from"))?;
    let at: OffsetTime = at.parse().map_err(boxed).map_err(value("at"))?;
    let draft = json::parse_draft(draft.to_string()).map_err(|source| Error::Draft { line, source })?;
    Ok(Message { reference, id, from, at, draft })
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

fn boxed(error: impl std::error::Error + Send + Sync + 'static) -> Cause {
    Box::new(error)
}

/// Why a file is not an operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not JSON, or not of this form.
    #[error("line {line} is not of the form of an operation")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A field beside the draft.
    #[error("line {line}, field {field}")]
    Value {
        /// Which, from 1.
        line: usize,
        /// Its name.
        field: &'static str,
        /// What is wrong.
        source: Cause,
    },
    /// The draft.
    #[error("line {line}, field draft")]
    Draft {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        source: Faults,
    },
    /// Lines are missing, or there are too many.
    #[error("found {found} messages, the heading announces {expected}")]
    Count {
        /// Messages found.
        found: usize,
        /// Messages announced.
        expected: usize,
    },
    /// There is no more memory.
    #[error("the text does not fit into memory")]
    Memory,
}
