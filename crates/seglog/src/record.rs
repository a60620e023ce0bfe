//! What is written, what is read back, and where it lies.

use std::path::PathBuf;

use bytes::Bytes;

use crate::frame::Fault;

/// What a caller writes: two byte strings that one sync makes durable together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The part that is kept for ever (and hashed into a tree, by those who keep one).
    pub leaf: Bytes,
    /// The part that may become unreadable one day.
    pub body: Bytes,
}

impl Record {
    /// A record of these parts.
    pub fn new(leaf: impl Into<Bytes>, body: impl Into<Bytes>) -> Self {
        Self { leaf: leaf.into(), body: body.into() }
    }
}

/// A record that was read, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the log.
    pub index: u64,
    /// Where it lies.
    pub location: Location,
    /// What it holds.
    pub record: Record,
}

/// A record that is listed as damaged ([`crate::salvage`]). Nothing of it is checked: whoever listed it knows how.
#[derive(Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its number in the log.
    pub index: u64,
    /// What lies where the leaf should; empty where it cannot be told from the body.
    pub leaf: Bytes,
    /// What lies where the body should.
    pub body: Bytes,
    /// What was noted when it was listed.
    pub note: Bytes,
}

impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { index, leaf, body, note } = self;
        let (leaf_bytes, body_bytes, note_bytes) = (leaf.len(), body.len(), note.len());
        write!(f, "Listed({index}, {leaf_bytes} + {body_bytes} bytes, a note of {note_bytes})")
    }
}

/// Where the frame of a record lies, to be read without a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Location {
    /// First index of the segment, which is also its file name.
    pub segment: u64,
    /// Byte offset of the frame in the file.
    pub offset: u64,
    /// Bytes of the whole frame.
    pub length: u32,
    /// The frame's own checksum.
    pub crc: u32,
}

/// What an append came to, once it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Index of the first record appended.
    pub first: u64,
    /// Index after the last record appended.
    pub next: u64,
    /// Where each record lies, in order.
    pub locations: Vec<Location>,
}

/// A record that cannot be read as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {index} is damaged: {} at byte {offset}: {fault}", file.display())]
pub struct Damage {
    /// The record.
    pub index: u64,
    /// The segment that holds it.
    pub file: PathBuf,
    /// Where its frame starts, or should start.
    pub offset: u64,
    /// What is wrong there.
    pub fault: Fault,
}
