//! How keys end: destroyed where they lie, and what is to go on rewrapped before that under a new one.
//!
//! A bucket of which something goes on gets a new key and a file of rewrapped keys. Both are written beside the present
//! ones and synced; the rename of the file is the moment from which on the new key counts. What a crash leaves is brought
//! to its end, or back, when the folder is opened.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::CryptoRng;
use sealpost_crypto::bucket::BucketKey;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::record::StoredBody;

use super::rewrapped::{Kept, Rewrapped};
use super::{Bucket, Buckets, Error, Keys, SECRET_BINDING};

/// What the name of a key file ends with while it is destroyed.
const ENDED: &str = ".ended";

impl Buckets {
    /// The id of a bucket's present key.
    pub fn key_id(&self, bucket: &Bucket) -> Result<KeyId, Error> {
        Ok(self.key(bucket)?.key.id())
    }

    /// Destroys the key of a bucket: everything in it is gone.
    pub fn end(&self, bucket: &Bucket) -> Result<(), Error> {
        let mut keys = self.keys();
        keys.remove(bucket);
        let in_folder = |source| self.in_folder(source);
        destroy(&self.path(bucket)).map_err(in_folder)?;
        remove(&self.rewrapped(bucket)).map_err(in_folder)?;
        sync(&self.dir).map_err(in_folder)
    }

    /// Prepares to destroy the present key of a bucket of which something goes on.
    pub fn ending<'b>(&'b self, rng: &mut dyn CryptoRng, bucket: &'b Bucket) -> Result<Ending<'b>, Error> {
        let (present, new) = (self.key(bucket)?, BucketKey::generate(rng));
        Ok(Ending { buckets: self, bucket, present, new, entries: Vec::new() })
    }

    /// What a crash left of an ending is brought to its end; what had not begun to count is taken back.
    pub(super) fn recover(&self) -> Result<(), Error> {
        let in_folder = |source| self.in_folder(source);
        for entry in fs::read_dir(&self.dir).map_err(in_folder)? {
            let name = entry.map_err(in_folder)?.file_name();
            let of =
                |suffix| name.to_str().and_then(|name| name.strip_suffix(suffix)?.parse::<Bucket>().ok());
            if name.to_string_lossy().ends_with(ENDED) {
                overwrite(&self.dir.join(&name)).map_err(in_folder)?;
            } else if let Some(bucket) = of(".rewrapped.next") {
                remove(&self.next(&bucket)[1]).map_err(in_folder)?;
            } else if let Some(bucket) = of(".key.next") {
                let failed = |source| Error::rewrapped(&bucket, source);
                let [next_key, _] = self.next(&bucket);
                let rewrapped = Rewrapped::open(&self.rewrapped(&bucket)).map_err(failed)?;
                let Some(rewrapped) = rewrapped else {
                    // Nothing counts on it, be it whole or half.
                    destroy(&next_key).map_err(in_folder)?;
                    continue;
                };
                match BucketKey::read(&next_key) {
                    Ok(key) if key.id() == rewrapped.key => self.conclude(&bucket).map_err(failed)?,
                    // The present key holds everything: only then is it of no use.
                    outcome => match BucketKey::read(&self.path(&bucket)) {
                        Ok(_) => destroy(&next_key).map_err(in_folder)?,
                        Err(present) => {
                            let source = outcome.err().unwrap_or(present);
                            return Err(Error::File { bucket, source });
                        }
                    },
                }
            }
        }
        sync(&self.dir).map_err(in_folder)
    }

    /// The next key counts: the present one is destroyed, and the next takes its place.
    fn conclude(&self, bucket: &Bucket) -> io::Result<()> {
        let [next_key, _] = self.next(bucket);
        destroy(&self.path(bucket))?;
        fs::rename(next_key, self.path(bucket))?;
        sync(&self.dir)
    }

    pub(super) fn rewrapped(&self, bucket: &Bucket) -> PathBuf {
        self.dir.join(format!("{bucket}.rewrapped"))
    }

    /// What is going to be the key and the rewrapped keys.
    fn next(&self, bucket: &Bucket) -> [PathBuf; 2] {
        [".key.next", ".rewrapped.next"].map(|suffix| self.dir.join(format!("{bucket}{suffix}")))
    }
}

/// A bucket that is about to end, but for what goes on.
pub struct Ending<'b> {
    buckets: &'b Buckets,
    bucket: &'b Bucket,
    present: Arc<Keys>,
    new: BucketKey,
    entries: Vec<(Digest, Kept)>,
}

impl Ending<'_> {
    /// This body goes on. `header` is what its content key is bound to, as in [`Buckets::keep`].
    pub fn keep(&mut self, rng: &mut dyn CryptoRng, header: Digest, body: &StoredBody) -> Result<(), Error> {
        match self.present.content_key(self.bucket, body, &header) {
            Ok(key) => self.entries.push((header, self.new.wrap(rng, &key, &header))),
            // It ended before.
            Err(Error::Erased { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Destroys the key: all else is gone, also what was put into the bucket meanwhile.
    pub fn conclude(self, rng: &mut dyn CryptoRng) -> Result<(), Error> {
        let Self { buckets, bucket, present, new, entries } = self;
        if entries.is_empty() {
            return buckets.end(bucket);
        }
        let failed = |source| Error::rewrapped(bucket, source);
        let secret = new.wrap(rng, &present.idempotency_secret(bucket)?.to_key(), &SECRET_BINDING);

        let mut keys = buckets.keys();
        let [next_key, next_rewrapped] = buckets.next(bucket);
        destroy(&next_key).map_err(failed)?;
        new.create(&next_key).map_err(|source| Error::File { bucket: bucket.clone(), source })?;
        Rewrapped::write(&next_rewrapped, new.id(), &secret, entries).map_err(failed)?;
        fs::rename(&next_rewrapped, buckets.rewrapped(bucket)).map_err(failed)?;
        sync(&buckets.dir).map_err(failed)?;
        keys.remove(bucket);
        buckets.conclude(bucket).map_err(failed)
    }
}

/// Destroys a key file. It first gets a name under which no key is looked for, so that a crash leaves none that cannot be
/// read.
fn destroy(path: &Path) -> io::Result<()> {
    let mut ended = path.as_os_str().to_owned();
    ended.push(ENDED);
    let ended = PathBuf::from(ended);
    match fs::rename(path, &ended) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed?,
    }
    path.parent().map_or(Ok(()), sync)?;
    overwrite(&ended)
}

/// Overwrites a file where it lies, as far as the file system lets one, and removes it.
fn overwrite(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let zeros = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
    file.write_all(&zeros)?;
    file.sync_all()?;
    fs::remove_file(path)
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
