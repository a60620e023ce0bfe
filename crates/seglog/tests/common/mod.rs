//! What the tests of the log share.

#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub(crate) mod script;
pub(crate) mod watched;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealpost_seglog::disk::Disk;
use sealpost_seglog::{Log, Options, Reader, Record, Recovery, open};

/// Directory of the log on a simulated disk.
pub(crate) const DIR: &str = "log";
/// Bytes of a segment's header.
pub(crate) const HEADER_BYTES: usize = 44;
/// Bytes of a frame around leaf and body.
pub(crate) const FRAME_BYTES: usize = 36;

pub(crate) fn options() -> Options {
    Options::new([7; 16], *b"saltsalt")
}

pub(crate) fn open_with(
    disk: &(impl Disk + Clone),
    options: Options,
) -> Result<(Log, Recovery), open::Error> {
    Log::open(Arc::new(disk.clone()), Path::new(DIR), options)
}

/// The file of the segment that starts with record `first`.
pub(crate) fn segment(first: u64) -> PathBuf {
    Path::new(DIR).join(format!("{first:020}.seg"))
}

/// Appends the records as one group and syncs.
pub(crate) fn commit(log: &mut Log, records: &[Record]) {
    log.append(records).unwrap();
    log.sync().unwrap();
}

pub(crate) fn read_all(reader: &Reader) -> Vec<Record> {
    reader.scan(reader.first()).map(|entry| entry.unwrap().record).collect()
}
