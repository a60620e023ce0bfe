//! The reference: one thread, one file, write and fdatasync, nothing else.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sealpost_seglog::Reader;
use sealpost_seglog::disk::{Disk, Real};

use crate::samples::{Samples, micros};
use crate::workload::segments;

/// What a segment holds before its first record.
const HEADER_BYTES: usize = 44;

/// The bytes of a log's frames from record `first` on, as they lie in its files.
pub(super) fn bytes_from(dir: &Path, first: u64) -> anyhow::Result<Vec<u8>> {
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let (reader, _) = Reader::open(&disk, dir, 0)?;
    let place = reader.get(first)?.location;
    let mut bytes = Vec::new();
    for (number, file) in segments(dir)?.iter().enumerate() {
        let segment = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let skipped = if number == 0 { usize::try_from(place.offset)? } else { HEADER_BYTES };
        bytes.extend_from_slice(segment.get(skipped..).unwrap_or_default());
    }
    Ok(bytes)
}

/// Writes the bytes in these batches and syncs each; how long it took, and each batch in microseconds.
pub(super) fn write(path: &Path, bytes: &[u8], batches: &[usize]) -> anyhow::Result<(Duration, Samples)> {
    let noted: usize = batches.iter().sum();
    ensure!(noted == bytes.len(), "{noted} bytes were written to the log, {} are in it", bytes.len());
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let file = file.with_context(|| format!("cannot make {}", path.display()))?;
    // As with a segment, the file is there and has its header before the first record comes.
    file.write_all_at(&[0; HEADER_BYTES], 0)?;
    file.sync_all()?;
    let mut latencies = Samples::default();
    let (begun, mut rest, mut offset) = (Instant::now(), bytes, HEADER_BYTES as u64);
    for batch in batches {
        let (block, behind) = rest.split_at(*batch);
        let begun = Instant::now();
        file.write_all_at(block, offset)?;
        file.sync_data()?;
        latencies.push(micros(begun.elapsed()));
        (rest, offset) = (behind, offset + block.len() as u64);
    }
    Ok((begun.elapsed(), latencies))
}
