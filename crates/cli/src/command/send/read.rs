//! Documents from a file or a pipe: one JSON document over many lines, or one on each line.
//!
//! The first line decides: when a document goes on after it, the whole input is that document; otherwise every line
//! is one. Nothing is held but the document that is being read, and no document is longer than the form allows.

use std::io::{self, BufRead, Read as _};

use sealpost_wire::json::DOCUMENT_BYTES_MAX;
use serde::de::IgnoredAny;

/// A document, and the line on which it begins, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    /// The line.
    pub(super) line: u64,
    /// Not checked yet. Longer than allowed by one byte when it was cut.
    pub(super) text: Vec<u8>,
}

/// Reads all documents, as long as `each` wants more.
pub(super) fn documents(mut source: impl BufRead, each: &mut dyn FnMut(Document) -> bool) -> io::Result<()> {
    let mut line = 0;
    loop {
        let Some(mut text) = next_line(&mut source)? else {
            return Ok(());
        };
        line += 1;
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let first = line;
        if first == 1 && goes_on(&text) {
            let room = (DOCUMENT_BYTES_MAX + 1).saturating_sub(text.len());
            source.by_ref().take(room as u64).read_to_end(&mut text)?;
            each(Document { line: first, text });
            return Ok(());
        }
        if !each(Document { line: first, text }) {
            return Ok(());
        }
    }
}

/// Whether a document begins here and ends on a later line.
fn goes_on(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_err_and(|error| error.is_eof())
}

/// A line without its end; one that is too long is cut, and its rest is passed over.
fn next_line(source: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    source.by_ref().take(DOCUMENT_BYTES_MAX as u64 + 1).read_until(b'\n', &mut text)?;
    if text.is_empty() {
        return Ok(None);
    }
    if text.last() == Some(&b'\n') {
        text.pop();
    } else if text.len() > DOCUMENT_BYTES_MAX {
        skip_line(source)?;
    }
    Ok(Some(text))
}

fn skip_line(source: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = source.fill_buf()?;
        let (used, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(position) => (position + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        source.consume(used);
        if ended {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u64, String)> {
        let mut found = Vec::new();
        documents(text.as_bytes(), &mut |document| {
            found.push((document.line, String::from_utf8(document.text).unwrap()));
            true
        })
        .unwrap();
        found
    }

    fn found(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
        expected.iter().map(|(line, text)| (*line, (*text).to_owned())).collect()
    }

    #[test]
    fn a_document_on_each_line_or_one_over_many() {
        assert_eq!(read("{\"a\":1}\n\n{\"a\":2}"), found(&[(1, "{\"a\":1}"), (3, "{\"a\":2}")]));
        let whole = "{\n  \"a\": 1\n}\n";
        assert_eq!(read(whole), [(1, "{  \"a\": 1\n}\n".to_owned())]);
        assert_eq!(read("\n \n"), []);
    }

    #[test]
    fn a_wrong_first_line_does_not_swallow_the_others() {
        assert_eq!(read("oops\n{\"a\":2}\n"), found(&[(1, "oops"), (2, "{\"a\":2}")]));
        assert_eq!(read("{\"a\":1}}\n{\"a\":2}\n"), found(&[(1, "{\"a\":1}}"), (2, "{\"a\":2}")]));
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_one_is_read() {
        let long = "x".repeat(2 * DOCUMENT_BYTES_MAX);
        let documents = read(&format!("1\n{long}\n3\n"));
        let lengths: Vec<(u64, usize)> = documents.iter().map(|(line, text)| (*line, text.len())).collect();
        assert_eq!(lengths, [(1, 1), (2, DOCUMENT_BYTES_MAX + 1), (3, 1)]);
    }

    #[test]
    fn reading_ends_when_nobody_wants_more() {
        let mut count = 0;
        documents(&b"1\n2\n3\n"[..], &mut |_| {
            count += 1;
            count < 2
        })
        .unwrap();
        assert_eq!(count, 2);
    }
}
