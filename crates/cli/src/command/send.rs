//! `sealpost send`: messages from a file or a pipe, each answered by its line.
//!
//! A line that is wrong is refused whole and told with its place; the other lines are sent. Every message has an
//! idempotency key, from its content or its line, so that the same command may be repeated after any failure. When the
//! reader of the answers goes away, the rest is sent all the same.

mod read;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::thread;

use futures::{Stream, StreamExt as _, stream};
use sealpost_client::gateway::{Answer, Gateway, Outgoing, Pace};
use sealpost_crypto::digest::sha256;
use sealpost_domain::alert::{Draft, Faults};
use sealpost_domain::view::{IdempotencyKey, Published, Refusal};
use sealpost_wire::json as form;
use serde_json::json;
use tokio::sync::mpsc;

use self::read::Document;
use crate::arguments::SendArguments;
use crate::failure::{Exit, Failure};
use crate::output::{Output, talk};
use crate::text;

/// How many documents are read ahead of the gateway.
const AHEAD: usize = 64;

/// Checks the messages and sends nothing.
pub(super) fn check(asked: &SendArguments, out: &mut Output) -> Result<(), Failure> {
    let mut report = Report::new(out, "well-formed");
    let source = open(&asked.file)?;
    let mut told = Ok(());
    read::documents(source, &mut |document| {
        told = match draft(&document) {
            Ok(_) => report.well_formed(&document),
            Err(refusals) => report.refused(document.line, &refusals),
        };
        told.is_ok()
    })
    .map_err(|error| unreadable(&asked.file, &error))?;
    told?;
    report.finish(&asked.file)
}

/// Sends the messages, and tells what became of each.
pub(super) async fn run(gateway: &Gateway, asked: SendArguments, out: &mut Output) -> Result<(), Failure> {
    let source = open(&asked.file)?;
    let (read, documents) = mpsc::channel(AHEAD);
    // A thread of its own: nobody can take back a read of a terminal or a pipe, and the process does not wait for it.
    thread::spawn(move || {
        let wanted = &mut |document| read.blocking_send(Ok(document)).is_ok();
        if let Err(error) = read::documents(source, wanted) {
            // Nobody waits for it when the sending has failed before.
            let _ = read.blocking_send(Err(error));
        }
    });
    let (notes, mut noted) = mpsc::channel(AHEAD);
    let messages = messages(documents, notes, asked.idempotency_prefix.clone());
    let mut answers = std::pin::pin!(gateway.publish(messages, Pace::default()));
    let mut told = Told { report: Report::new(out, "published"), lines: VecDeque::new(), broken: None };
    let ended = loop {
        tokio::select! {
            biased;
            Some(note) = noted.recv() => told.note(note)?,
            answer = answers.next() => {
                // What was noted while the answers were waited for comes before them; the end of the answers comes
                // in the very moment in which the last documents are refused.
                while let Ok(note) = noted.try_recv() {
                    told.note(note)?;
                }
                match answer {
                    Some(Ok(answer)) => told.answer(&answer)?,
                    Some(Err(error)) => break Err(error.into()),
                    None => break Ok(()),
                }
            }
        }
    };
    let Told { report, broken, .. } = told;
    let broken = broken.map_or(Ok(()), |error| Err(unreadable(&asked.file, &error)));
    match ended.and(broken) {
        Err(failure) => {
            report.summary();
            Err(failure)
        }
        Ok(()) => report.finish(&asked.file),
    }
}

/// What was told of the messages so far.
struct Told<'a> {
    report: Report<'a>,
    /// The lines of what was handed in and is not answered yet.
    lines: VecDeque<u64>,
    /// Why the documents end before their end.
    broken: Option<io::Error>,
}

impl Told<'_> {
    fn note(&mut self, note: Note) -> Result<(), Failure> {
        match note {
            Note::HandedIn(line) => self.lines.push_back(line),
            Note::Refused(line, refusals) => self.report.refused(line, &refusals)?,
            Note::Unreadable(error) => self.broken = Some(error),
        }
        Ok(())
    }

    fn answer(&mut self, answer: &Answer) -> Result<(), Failure> {
        let line = self.lines.pop_front().unwrap_or(answer.sequence);
        self.report.answered(line, answer)
    }
}

/// What the stream of messages says beside them.
enum Note {
    HandedIn(u64),
    Refused(u64, Vec<Refusal>),
    Unreadable(io::Error),
}

/// The well-formed documents, to be sent; everything is noted in the order of the lines.
fn messages(
    documents: mpsc::Receiver<io::Result<Document>>,
    notes: mpsc::Sender<Note>,
    prefix: Option<String>,
) -> impl Stream<Item = Outgoing> {
    stream::unfold((documents, notes, prefix), |(mut documents, notes, prefix)| async move {
        loop {
            let (note, outgoing) = match documents.recv().await? {
                Ok(document) => match outgoing(&document, prefix.as_deref()) {
                    Ok(outgoing) => (Note::HandedIn(document.line), Some(outgoing)),
                    Err(refusals) => (Note::Refused(document.line, refusals), None),
                },
                Err(error) => (Note::Unreadable(error), None),
            };
            notes.send(note).await.ok()?;
            if let Some(outgoing) = outgoing {
                return Some((outgoing, (documents, notes, prefix)));
            }
        }
    })
}

fn outgoing(document: &Document, prefix: Option<&str>) -> Result<Outgoing, Vec<Refusal>> {
    let draft = draft(document)?;
    let key = match prefix {
        Some(prefix) => format!("{prefix}-{}", document.line),
        None => sha256(form::draft_to_string(&draft).as_bytes()).to_string(),
    };
    let refuse = |error: sealpost_domain::view::IdempotencyKeyError| Refusal {
        path: "idempotency_key".to_owned(),
        rule: Refusal::MALFORMED.to_owned(),
        detail: error.to_string(),
    };
    let key: IdempotencyKey = key.parse().map_err(|error| vec![refuse(error)])?;
    Ok(Outgoing { key: Some(key), draft })
}

fn draft(document: &Document) -> Result<Draft, Vec<Refusal>> {
    let told = |faults: Faults| faults.as_slice().iter().map(Refusal::from).collect();
    form::parse_draft(&document.text).map_err(told)
}

fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    Ok(Box::new(BufReader::new(file)))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let what = format!("{} cannot be read: {error}", named(path));
    Failure::new(Exit::Usage, what, "name a file with JSON or JSON Lines, or - for stdin")
}

fn named(path: &Path) -> String {
    if path == Path::new("-") { "stdin".to_owned() } else { text::line(&path.display().to_string()) }
}

/// Whoever reads our output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    There,
    Gone,
}

/// Tells what became of each message, and counts.
struct Report<'a> {
    out: &'a mut Output,
    reader: Reader,
    success: &'static str,
    succeeded: u64,
    repeated: u64,
    refused: u64,
}

impl<'a> Report<'a> {
    fn new(out: &'a mut Output, success: &'static str) -> Self {
        Self { out, reader: Reader::There, success, succeeded: 0, repeated: 0, refused: 0 }
    }

    fn answered(&mut self, line: u64, answer: &Answer) -> Result<(), Failure> {
        match &answer.result {
            Ok(published) => self.published(line, published),
            Err(refusals) => self.refused(line, refusals),
        }
    }

    fn published(&mut self, line: u64, published: &Published) -> Result<(), Failure> {
        self.succeeded += 1;
        self.repeated += u64::from(published.repeated_key);
        let Published { id, index, at, recipients, repeated_key } = published;
        let recipients: Vec<String> = recipients.iter().map(ToString::to_string).collect();
        if self.out.is_json() {
            let answer = json!({
                "line": line,
                "result": "published",
                "id": id.to_string(),
                "ledger_index": index,
                "published_at": at.to_string(),
                "recipients": recipients,
                "repeated": repeated_key,
            });
            self.answer(&answer.to_string())
        } else {
            let before = if *repeated_key { ", sent before and not sent again" } else { "" };
            let recipients = recipients.join(", ");
            self.answer(&format!("line {line}: {id} published at index {index}, to {recipients}{before}"))
        }
    }

    fn well_formed(&mut self, document: &Document) -> Result<(), Failure> {
        self.succeeded += 1;
        if self.out.is_json() {
            return self.answer(&json!({ "line": document.line, "result": "well_formed" }).to_string());
        }
        Ok(())
    }

    fn refused(&mut self, line: u64, refusals: &[Refusal]) -> Result<(), Failure> {
        self.refused += 1;
        if self.out.is_json() {
            let fault = |refusal: &Refusal| json!({ "path": refusal.path, "rule": refusal.rule, "detail": refusal.detail });
            let faults: Vec<_> = refusals.iter().map(fault).collect();
            let answer = json!({ "line": line, "result": "refused", "faults": faults });
            return self.answer(&answer.to_string());
        }
        for refusal in refusals {
            talk(&format!("line {line}: {}", text::line(&refusal.to_string())));
        }
        Ok(())
    }

    /// One line of the output, at once. Without a reader the work goes on, and the exit code still tells.
    fn answer(&mut self, line: &str) -> Result<(), Failure> {
        if self.reader == Reader::Gone {
            return Ok(());
        }
        let written = if self.out.is_json() { self.out.json(line) } else { self.out.line(line) };
        match written.and_then(|()| self.out.flush()) {
            Err(Failure::ReaderGone) => {
                self.reader = Reader::Gone;
                Ok(())
            }
            other => other,
        }
    }

    fn summary(&self) {
        let Self { success, succeeded, repeated, refused, .. } = self;
        let before = if *repeated > 0 { format!(" ({repeated} of them before)") } else { String::new() };
        let plural = if succeeded + refused == 1 { "" } else { "s" };
        let total = succeeded + refused;
        talk(&format!("{total} message{plural}: {succeeded} {success}{before}, {refused} refused"));
    }

    fn finish(self, path: &Path) -> Result<(), Failure> {
        if self.succeeded + self.refused == 0 {
            let what = format!("there is no message in {}", named(path));
            return Err(Failure::new(Exit::Usage, what, "`sealpost example KIND` prints one to begin from"));
        }
        self.summary();
        if self.refused > 0 { Err(Failure::Told(Exit::Failed)) } else { Ok(()) }
    }
}
