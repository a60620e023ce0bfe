//! The content keys of a bucket that go on under another key of it, since other bodies of the bucket ended before them.
//!
//! One file beside the key: a head of magic (8 bytes) ‖ id of that key (32) ‖ the secret of its idempotency keys,
//! kept under it (60); then for each body the digest of its header (32) ‖ its content key, kept under it (60), ascending, so
//! that it is searched where it lies.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use sealpost_crypto::bucket::KEPT_KEY_SIZE;
use sealpost_domain::digest::{Digest, KeyId};

const MAGIC: &[u8; 8] = b"SPREWRAP";
const HEAD_SIZE: usize = 8 + 32 + KEPT_KEY_SIZE;
const ENTRY_SIZE: usize = 32 + KEPT_KEY_SIZE;

/// A content key, or the secret of a bucket, under a bucket key.
pub(super) type Kept = [u8; KEPT_KEY_SIZE];

/// The file, open.
pub(super) struct Rewrapped {
    file: File,
    /// The key under which everything in it is kept.
    pub(super) key: KeyId,
    /// The secret of its idempotency keys.
    pub(super) secret: Kept,
    count: u64,
}

impl Rewrapped {
    /// Opens the file; `None` where there is none.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let bytes = file.metadata()?.len();
        let mut head = [0; HEAD_SIZE];
        file.read_exact_at(&mut head, 0)?;
        let (magic, rest) = head.split_at(MAGIC.len());
        let (key, secret) = rest.split_at(32);
        let entries = bytes.saturating_sub(HEAD_SIZE as u64);
        if magic != MAGIC || !entries.is_multiple_of(ENTRY_SIZE as u64) {
            let fault = "it is no file of rewrapped keys, or it is cut off: restore it from the backup of the key folder";
            return Err(io::Error::new(io::ErrorKind::InvalidData, fault));
        }
        Ok(Some(Self {
            file,
            key: KeyId::new(std::array::from_fn(|at| key[at])),
            secret: std::array::from_fn(|at| secret[at]),
            count: entries / ENTRY_SIZE as u64,
        }))
    }

    /// The kept key of the body with this header.
    pub(super) fn find(&self, header: &Digest) -> io::Result<Option<Kept>> {
        let (mut first, mut end) = (0, self.count);
        let mut entry = [0; ENTRY_SIZE];
        while first < end {
            let middle = first + (end - first) / 2;
            self.file.read_exact_at(&mut entry, HEAD_SIZE as u64 + middle * ENTRY_SIZE as u64)?;
            let (found, kept) = entry.split_at(32);
            match found.cmp(header.as_bytes()) {
                std::cmp::Ordering::Less => first = middle + 1,
                std::cmp::Ordering::Greater => end = middle,
                std::cmp::Ordering::Equal => return Ok(Some(std::array::from_fn(|at| kept[at]))),
            }
        }
        Ok(None)
    }

    /// Writes a new file, durably; what an attempt before left there is replaced.
    pub(super) fn write(
        path: &Path,
        key: KeyId,
        secret: &Kept,
        mut entries: Vec<(Digest, Kept)>,
    ) -> io::Result<()> {
        entries.sort_unstable_by_key(|(header, _)| *header);
        entries.dedup_by_key(|(header, _)| *header);
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let mut out = BufWriter::new(file);
        for part in [&MAGIC[..], key.as_bytes(), secret] {
            out.write_all(part)?;
        }
        for (header, kept) in &entries {
            out.write_all(header.as_bytes())?;
            out.write_all(kept)?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}
