//! How keys end: destroyed where they lie, and what is to go on rewrapped before that under a new one.
//!
//! A bucket of which something goes on gets a new key and a file of rewrapped keys. Both are written beside the present
//! ones and synced; the rename of the file is the moment from which on the new key counts. What a crash or a failing disk
//! leaves is brought to its end, or back, when the folder is opened and whenever somebody asks for it.

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
/// How many keys of one bucket may lie there under such names, all of which the disk does not let be overwritten.
const ENDED_MAX: u64 = 1000;

impl Buckets {
    /// The id of a bucket's present key.
    pub fn key_id(&self, bucket: &Bucket) -> Result<KeyId, Error> {
        Ok(self.key(bucket)?.key.id())
    }

    /// Destroys the key of a bucket: everything in it is gone.
    pub(super) fn end(&self, bucket: &Bucket) -> Result<(), Error> {
        let mut keys = self.keys();
        keys.remove(bucket);
        self.forget_list();
        let in_folder = |source| self.in_folder(source);
        let aside = set_aside(&self.path(bucket)).map_err(in_folder)?;
        remove(&self.rewrapped(bucket)).map_err(in_folder)?;
        sync(&self.dir).map_err(in_folder)?;
        aside.map_or(Ok(()), |aside| self.overwrite(&aside))
    }

    /// Prepares to destroy the present key of a bucket of which something goes on.
    pub fn ending<'b>(&'b self, rng: &mut dyn CryptoRng, bucket: &'b Bucket) -> Result<Ending<'b>, Error> {
        let (present, new) = (self.key(bucket)?, BucketKey::generate(rng));
        Ok(Ending { buckets: self, bucket, present, new, entries: Vec::new() })
    }

    /// Brings to its end what a crash or a failing disk left of endings, and takes back what had not begun to count. A key
    /// that cannot be overwritten is told when all else is done, and is tried again the next time.
    pub fn recover(&self) -> Result<(), Error> {
        // Held so that no ending is taken for a leftover while it is at work.
        let keys = self.keys();
        self.forget_list();
        let in_folder = |source| self.in_folder(source);
        let mut failed = None;
        for entry in fs::read_dir(&self.dir).map_err(in_folder)? {
            let name = entry.map_err(in_folder)?.file_name();
            let of =
                |suffix| name.to_str().and_then(|name| name.strip_suffix(suffix)?.parse::<Bucket>().ok());
            if name.to_string_lossy().ends_with(ENDED) {
                failed = self.overwrite(&self.dir.join(&name)).err().or(failed);
            } else if let Some(bucket) = of(".rewrapped.next") {
                remove(&self.next(&bucket)[1]).map_err(in_folder)?;
            } else if let Some(bucket) = of(".key.next") {
                failed = self.recover_next(&bucket)?.or(failed);
            }
        }
        sync(&self.dir).map_err(in_folder)?;
        drop(keys);
        failed.map_or(Ok(()), Err)
    }

    /// The same for one bucket that has a next key; a key that has ended and could not be overwritten.
    fn recover_next(&self, bucket: &Bucket) -> Result<Option<Error>, Error> {
        let failed = |source| Error::rewrapped(bucket, source);
        let [next_key, _] = self.next(bucket);
        let useless = match Rewrapped::open(&self.rewrapped(bucket)).map_err(failed)? {
            // Nothing counts on it, be it whole or half.
            None => next_key,
            Some(rewrapped) => match BucketKey::read(&next_key) {
                Ok(key) if key.id() == rewrapped.key => {
                    return match self.conclude(bucket) {
                        Err(error @ Error::Ended { .. }) => Ok(Some(error)),
                        concluded => concluded.map(|()| None),
                    };
                }
                // The present key holds everything: only then is it of no use.
                outcome => match BucketKey::read(&self.path(bucket)) {
                    Ok(_) => next_key,
                    Err(present) => {
                        let source = outcome.err().unwrap_or(present);
                        return Err(Error::File { bucket: bucket.clone(), source });
                    }
                },
            },
        };
        let aside = set_aside(&useless).map_err(|source| self.in_folder(source))?;
        Ok(aside.and_then(|aside| self.overwrite(&aside).err()))
    }

    /// The next key counts: it takes the place of the present one.
    fn conclude(&self, bucket: &Bucket) -> Result<(), Error> {
        let failed = |source| Error::rewrapped(bucket, source);
        let aside = set_aside(&self.path(bucket)).map_err(failed)?;
        // Before anything else may fail: what goes on must not be without its key.
        fs::rename(&self.next(bucket)[0], self.path(bucket)).map_err(failed)?;
        sync(&self.dir).map_err(failed)?;
        aside.map_or(Ok(()), |aside| self.overwrite(&aside))
    }

    /// Overwrites a key that has ended and was set aside, and removes it.
    fn overwrite(&self, aside: &Path) -> Result<(), Error> {
        let overwritten = overwrite(aside).and_then(|()| sync(&self.dir));
        overwritten.map_err(|source| Error::Ended { path: aside.to_owned(), source })
    }

    pub(super) fn rewrapped(&self, bucket: &Bucket) -> PathBuf {
        self.dir.join(format!("{bucket}.rewrapped"))
    }

    /// Whether a next key waits to take its place.
    pub(super) fn has_next(&self, bucket: &Bucket) -> io::Result<bool> {
        self.next(bucket)[0].try_exists()
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
        buckets.forget_list();
        let [next_key, next_rewrapped] = buckets.next(bucket);
        if let Some(aside) = set_aside(&next_key).map_err(failed)? {
            buckets.overwrite(&aside)?;
        }
        new.create(&next_key).map_err(|source| Error::File { bucket: bucket.clone(), source })?;
        Rewrapped::write(&next_rewrapped, new.id(), &secret, entries).map_err(failed)?;
        fs::rename(&next_rewrapped, buckets.rewrapped(bucket)).map_err(failed)?;
        sync(&buckets.dir).map_err(failed)?;
        keys.remove(bucket);
        buckets.conclude(bucket)
    }
}

/// Gives a key file that has ended a name under which no key is looked for, durably, so that a crash leaves none that cannot
/// be read; the name, which no other has: a rename over one that was not overwritten would leave its bytes on the disk.
fn set_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    let name = |attempt: u64| {
        let mut name = path.as_os_str().to_owned();
        name.push(if attempt == 0 { ENDED.to_owned() } else { format!(".{attempt}{ENDED}") });
        PathBuf::from(name)
    };
    let is_free = |name: &PathBuf| {
        fs::symlink_metadata(name).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let Some(aside) = (0..ENDED_MAX).map(name).find(is_free) else {
        return Err(io::Error::other("too many keys of it have ended and cannot be overwritten"));
    };
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        renamed => renamed?,
    }
    path.parent().map_or(Ok(()), sync)?;
    Ok(Some(aside))
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
