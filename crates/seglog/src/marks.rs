//! The highest durable mark behind a damage, wherever a whole frame starts there.
//!
//! The bytes there may be a sender's: a body full of what looks like frames, each as long as the rest of the file. So
//! the checksum of a large payload is not computed but taken from sums over the file up to its start and its end. Each
//! false start then costs the same few microseconds, and one pass over the file in all. Memory: one block, and 4 bytes
//! for each 16 KiB searched.

use std::io;

use crate::disk::File;
use crate::frame::{self, HEADER_BYTES, Header};

/// How much is searched at once.
const BLOCK_BYTES: usize = 64 << 10;
/// Every so many bytes a sum is kept.
const SUM_EVERY_BYTES: usize = 16 << 10;
/// The checksum of a payload up to this is simply computed.
const DIRECT_BYTES_MAX: usize = 4 << 10;

/// The highest mark above `mark` in any whole frame that starts at or after `from`; `mark` when there is none.
pub(crate) fn highest(file: &dyn File, seed: u32, from: u64, mark: u64) -> io::Result<u64> {
    let mut search = Search::new(file, seed, from)?;
    let mut mark = mark;
    let mut offset = from;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let read = file.read_at(&mut block, offset)?;
        let mut behind = 0;
        for at in frame::starts(&block[..read]) {
            let Some(chunk) = block[at..].first_chunk::<HEADER_BYTES>() else { break };
            // Others change nothing.
            let higher = Header::parse(chunk).ok().filter(|header| header.durable_mark > mark);
            if at >= behind
                && let Some(header) = higher
                && search.is_whole(&header, chunk, offset + at as u64)?
            {
                mark = header.durable_mark;
                behind = at + header.frame_bytes();
            }
        }
        if read < block.len() {
            return Ok(mark);
        }
        // A frame may start in the last bytes of this block.
        offset += behind.max(read - HEADER_BYTES + 1) as u64;
    }
}

pub(crate) struct Search<'a> {
    file: &'a dyn File,
    seed: u32,
    /// Where the file ends.
    end: u64,
    sums: Sums<'a>,
}

impl<'a> Search<'a> {
    /// A search for whole frames from one place on.
    pub(crate) fn new(file: &'a dyn File, seed: u32, from: u64) -> io::Result<Self> {
        Ok(Self { file, seed, end: file.bytes()?, sums: Sums { file, from, kept: vec![0] } })
    }

    /// Whether the frame at `offset` has all its bytes and the right checksum.
    pub(crate) fn is_whole(
        &mut self,
        header: &Header,
        chunk: &[u8; HEADER_BYTES],
        offset: u64,
    ) -> io::Result<bool> {
        let (start, end) = (offset + HEADER_BYTES as u64, offset + header.frame_bytes() as u64);
        if end > self.end {
            return Ok(false);
        }
        let bytes = header.payload_bytes();
        if bytes > DIRECT_BYTES_MAX {
            // Checksums are linear: what was before the payload cancels out.
            let before = frame::covered(self.seed, chunk) ^ self.sums.up_to(start)?;
            return Ok(crc32c::crc32c_combine(before, self.sums.up_to(end)?, bytes) == header.crc);
        }
        let mut payload = vec![0; bytes];
        let whole = self.file.read_at(&mut payload, start)? == bytes;
        Ok(whole && frame::verify(self.seed, chunk, &payload).is_ok())
    }
}

/// CRC-32C over the file from one place on.
struct Sums<'a> {
    file: &'a dyn File,
    from: u64,
    /// Up to each multiple of [`SUM_EVERY_BYTES`] behind `from`, as far as they were needed.
    kept: Vec<u32>,
}

impl Sums<'_> {
    /// Over the bytes before `end`, which the file has.
    fn up_to(&mut self, end: u64) -> io::Result<u32> {
        let bytes = usize::try_from(end - self.from).unwrap_or(usize::MAX);
        let mut block = vec![0; SUM_EVERY_BYTES];
        while self.kept.len() <= bytes / SUM_EVERY_BYTES {
            let sum = self.extended(self.kept.len() - 1, &mut block)?;
            self.kept.push(sum);
        }
        self.extended(bytes / SUM_EVERY_BYTES, &mut block[..bytes % SUM_EVERY_BYTES])
    }

    /// The sum that is kept at this place, and over as many bytes more as fit into `block`.
    fn extended(&self, at: usize, block: &mut [u8]) -> io::Result<u32> {
        let offset = self.from + (at * SUM_EVERY_BYTES) as u64;
        if self.file.read_at(block, offset)? < block.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(crc32c::crc32c_append(self.kept[at], block))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::Record;
    use crate::disk::sim::Sim;
    use crate::disk::{Access, Disk};

    const SEED: u32 = 99;

    fn file(bytes: &[u8]) -> Arc<dyn File> {
        let disk = Sim::new();
        disk.put(Path::new("dir/file"), bytes);
        disk.open(Path::new("dir/file"), Access::Read).unwrap()
    }

    #[test]
    fn frames_of_every_size_are_found_wherever_they_start() {
        for payload in [0, 1, DIRECT_BYTES_MAX, DIRECT_BYTES_MAX + 1, 16_000, 40_000, 200_000] {
            for before in [0, 1, SUM_EVERY_BYTES - 1, SUM_EVERY_BYTES, BLOCK_BYTES - 10, BLOCK_BYTES + 3] {
                let mut bytes = vec![0x93; before];
                let body = vec![7; payload];
                frame::encode(SEED, 50, 42, &Record::new("", body), &mut bytes);
                let whole = highest(file(&bytes).as_ref(), SEED, 0, 3).unwrap();
                assert_eq!(whole, 42, "{payload} bytes behind {before}");
                assert_eq!(highest(file(&bytes).as_ref(), SEED + 1, 0, 3).unwrap(), 3);
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
                assert_eq!(highest(file(&bytes).as_ref(), SEED, 0, 3).unwrap(), 3, "{payload}, {before}");
                bytes.pop();
                assert_eq!(highest(file(&bytes).as_ref(), SEED, 0, 3).unwrap(), 3, "{payload}, {before}");
            }
        }
    }

    #[test]
    fn a_body_full_of_false_starts_costs_a_little_for_each() {
        /// Counts what is read.
        struct Counting(Arc<dyn File>, std::sync::atomic::AtomicU64);
        impl File for Counting {
            fn bytes(&self) -> io::Result<u64> {
                self.0.bytes()
            }
            fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
                let read = self.0.read_at(buffer, offset)?;
                self.1.fetch_add(read as u64, std::sync::atomic::Ordering::Relaxed);
                Ok(read)
            }
            fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
                Err(io::ErrorKind::Unsupported.into())
            }
            fn sync_data(&self) -> io::Result<()> {
                Err(io::ErrorKind::Unsupported.into())
            }
            fn truncate(&self, _: u64) -> io::Result<()> {
                Err(io::ErrorKind::Unsupported.into())
            }
        }
        // Headers without an end, each of a payload that reaches far ahead.
        const STARTS: usize = 2000;
        let mut header = Vec::new();
        frame::encode(0, 50, 42, &Record::new("", vec![0; 300_000]), &mut header);
        let header = &header[..HEADER_BYTES];
        let mut bytes = header.repeat(STARTS);
        bytes.resize(bytes.len() + 300_000, 0);
        let counting = Counting(file(&bytes), std::sync::atomic::AtomicU64::default());
        assert_eq!(highest(&counting, SEED, 0, 3).unwrap(), 3);
        let read = counting.1.into_inner();
        let limit = (STARTS * 2 * SUM_EVERY_BYTES + 3 * bytes.len()) as u64;
        assert!(read <= limit, "{read} bytes read, more than {limit}");
    }
}
