//! Bucket keys: the keys under which content keys lie at rest.
//!
//! One bucket holds the messages of one retention class whose retention ends in one month. Its key is a file of its
//! own (mode 0600, synced before the first body refers to it); when the file is destroyed every body of the bucket is
//! gone, while leaf, author and time stay provable. Key files are backed up apart from the ledger.

mod ending;
mod listed;
mod rewrapped;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ending::{remove, sync};
use listed::Listed;
use rand::CryptoRng;
use rewrapped::Rewrapped;
use sealpost_crypto::bucket::{self, BucketKey, IdempotencySecret};
use sealpost_crypto::keyfile;
use sealpost_crypto::seal::{self, ContentKey, open_content, seal_content};
use sealpost_domain::digest::Digest;
use sealpost_domain::record::StoredBody;
use sealpost_domain::time::Month;

/// The longest name of a retention class.
const CLASS_BYTES_MAX: usize = 24;

/// What ends together: a retention class and the month of its end, written `class.YYYY-MM`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    class: String,
    month: Month,
}

/// What the kept secret of a bucket's idempotency keys is bound to.
const SECRET_BINDING: Digest = Digest::new(*b"sealpost/idempotency-secret/kept");

/// The directory of bucket keys.
pub struct Buckets {
    dir: PathBuf,
    keys: Mutex<BTreeMap<Bucket, Arc<Keys>>>,
    listed: Mutex<Option<Listed>>,
}

/// What opens a bucket.
struct Keys {
    key: BucketKey,
    /// What of the bucket goes on, where the rest ended before.
    rewrapped: Option<Rewrapped>,
}

/// Why a key was not kept, or not given back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text that names no bucket.
    #[error(
        "`{found}` names no bucket, expected a class of 1 to 24 lower-case letters and hyphens, as in `message.2027-03`"
    )]
    Name {
        /// The text.
        found: String,
    },
    /// The bucket has no key (any more): what it held is gone.
    #[error(
        "the key of bucket {bucket} is not there: its bodies were erased, or the folder of keys is not in place"
    )]
    Erased {
        /// The bucket.
        bucket: Bucket,
    },
    /// The directory could not be made or changed.
    #[error("cannot read the folder {} or make a file in it", dir.display())]
    Directory {
        /// Which one.
        dir: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// The key file could not be written or read.
    #[error("the key file of bucket {bucket}")]
    File {
        /// The bucket.
        bucket: Bucket,
        /// Why.
        source: keyfile::Error,
    },
    /// A key that has ended is still on the disk, under a name that no key has.
    #[error("the key in {}, which has ended, cannot be overwritten", path.display())]
    Ended {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// Its key has ended for others, and the one under which it goes on could not be put in its place.
    #[error(
        "the key under which bucket {bucket} goes on is not in its place yet: it is tried again, and at the next start"
    )]
    Unconcluded {
        /// The bucket.
        bucket: Bucket,
    },
    /// The content keys that go on, where others of the bucket ended.
    #[error("the rewrapped keys of bucket {bucket}")]
    Rewrapped {
        /// The bucket.
        bucket: Bucket,
        /// What the disk said.
        source: io::Error,
    },
    /// The kept key is not one of this bucket and this record.
    #[error("in bucket {bucket}")]
    Kept {
        /// The bucket.
        bucket: Bucket,
        /// Why.
        source: bucket::Error,
    },
    /// The content does not open, or is too large to be sealed.
    #[error("the content in bucket {bucket}")]
    Content {
        /// The bucket.
        bucket: Bucket,
        /// Why.
        source: seal::Error,
    },
}

impl Error {
    fn rewrapped(bucket: &Bucket, source: io::Error) -> Self {
        Self::Rewrapped { bucket: bucket.clone(), source }
    }
}

impl Bucket {
    /// The bucket of a retention class and the month in which its retention ends.
    pub fn new(class: &str, month: Month) -> Result<Self, Error> {
        let fits = (1..=CLASS_BYTES_MAX).contains(&class.len());
        if !fits || !class.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
            return Err(Error::Name { found: class.to_owned() });
        }
        Ok(Self { class: class.to_owned(), month })
    }

    /// The retention class.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// The month in which the retention ends.
    pub fn month(&self) -> Month {
        self.month
    }

    /// As bodies at rest and records name it.
    pub fn to_bytes(&self) -> Bytes {
        self.to_string().into()
    }

    /// The bucket that a record names.
    pub fn named(name: &[u8]) -> Result<Self, Error> {
        String::from_utf8_lossy(name).parse()
    }

    /// The bucket of a body at rest.
    pub fn of(body: &StoredBody) -> Result<Self, Error> {
        Self::named(&body.bucket)
    }
}

impl FromStr for Bucket {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::Name { found: text.to_owned() };
        let (class, month) = text.split_once('.').ok_or_else(refuse)?;
        Self::new(class, month.parse().map_err(|_| refuse())?).map_err(|_| refuse())
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.class, self.month)
    }
}

impl Buckets {
    /// The keys in `dir`, which is made when it is not there.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|source| Error::Directory { dir: dir.to_owned(), source })?;
        let buckets = Self { dir: dir.to_owned(), keys: Mutex::default(), listed: Mutex::default() };
        match buckets.recover() {
            // Whoever looks after the keys tells it, and tries again: it is no reason to do without all others.
            Ok(()) | Err(Error::Ended { .. }) => Ok(buckets),
            Err(error) => Err(error),
        }
    }

    /// The keys in `dir`, to be read beside a running node.
    pub fn read_only(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), keys: Mutex::default(), listed: Mutex::default() }
    }

    /// The body of a message at rest: its content key wrapped under the key of the bucket, which is made when the
    /// bucket is new. `header` is the digest of the message's header.
    pub fn keep(
        &self,
        rng: &mut dyn CryptoRng,
        bucket: &Bucket,
        key: &ContentKey,
        header: &Digest,
        sealed: Bytes,
    ) -> Result<StoredBody, Error> {
        let kept = self.key_or_new(rng, bucket)?.key.wrap(rng, key, header);
        let (nonce, wrapped) = kept.split_at(12);
        Ok(StoredBody {
            sealed,
            bucket: bucket.to_bytes(),
            key_nonce: std::array::from_fn(|i| nonce[i]),
            wrapped_key: Bytes::copy_from_slice(wrapped),
        })
    }

    /// The content key of a message at rest.
    pub fn content_key(&self, body: &StoredBody, header: &Digest) -> Result<ContentKey, Error> {
        let bucket = Bucket::of(body)?;
        self.key(&bucket)?.content_key(&bucket, body, header)
    }

    /// A text of the node's own (a name, a search, evidence) as a body that ends with its bucket. `leaf_salt` is the
    /// salt of the leaf beside it: the text opens there alone.
    pub fn keep_text(
        &self,
        rng: &mut dyn CryptoRng,
        bucket: &Bucket,
        leaf_salt: [u8; 32],
        text: &[u8],
    ) -> Result<StoredBody, Error> {
        let content = |source| Error::Content { bucket: bucket.clone(), source };
        let sealed = seal_content(rng, text).map_err(content)?;
        self.keep(rng, bucket, &sealed.key, &Digest::new(leaf_salt), sealed.bytes.into())
    }

    /// A text that [`Buckets::keep_text`] kept. The bytes wipe themselves when dropped.
    pub fn text(
        &self,
        body: &StoredBody,
        leaf_salt: [u8; 32],
    ) -> Result<impl std::ops::Deref<Target = Vec<u8>> + use<>, Error> {
        let key = self.content_key(body, &Digest::new(leaf_salt))?;
        let opened = open_content(&key, &body.sealed, &key.commitment());
        opened.map_err(|source| match Bucket::of(body) {
            Ok(bucket) => Error::Content { bucket, source },
            Err(name) => name,
        })
    }

    /// What a leaf holds of a publisher's idempotency key for a message of this bucket, which has its key already.
    pub fn idempotency_digest(&self, bucket: &Bucket, key: &str) -> Result<Digest, Error> {
        Ok(self.key(bucket)?.idempotency_secret(bucket)?.digest(key))
    }

    /// What a leaf may hold of a publisher's idempotency key, in any bucket that did not end.
    pub fn idempotency_digests(&self, key: &str) -> Result<Vec<Digest>, Error> {
        let buckets = self.listed()?;
        let digests = buckets.iter().map(|bucket| self.idempotency_digest(bucket, key));
        // One that ends in this moment holds nothing any more.
        digests.filter(|digest| !matches!(digest, Err(Error::Erased { .. }))).collect()
    }

    /// Whether the key of a bucket is not there, and nobody said by a file `.lost` that it is lost for good.
    pub fn is_missing(&self, bucket: &Bucket) -> Result<bool, Error> {
        let is_there = |path: PathBuf| path.try_exists().map_err(|source| self.in_folder(source));
        Ok(!is_there(self.path(bucket))? && !is_there(self.dir.join(format!("{bucket}.lost")))?)
    }

    fn in_folder(&self, source: io::Error) -> Error {
        Error::Directory { dir: self.dir.clone(), source }
    }

    fn path(&self, bucket: &Bucket) -> PathBuf {
        self.dir.join(format!("{bucket}.key"))
    }

    fn key(&self, bucket: &Bucket) -> Result<Arc<Keys>, Error> {
        self.read(&mut self.keys(), bucket)
    }

    fn key_or_new(&self, rng: &mut dyn CryptoRng, bucket: &Bucket) -> Result<Arc<Keys>, Error> {
        // Held while a key is made, so that a bucket gets one key. Other processes are kept away by the ledger's lock.
        let mut keys = self.keys();
        match self.read(&mut keys, bucket) {
            Err(Error::Erased { .. }) => {
                self.forget_list();
                self.make(rng, bucket)?;
                self.read(&mut keys, bucket)
            }
            outcome => outcome,
        }
    }

    fn read(&self, keys: &mut BTreeMap<Bucket, Arc<Keys>>, bucket: &Bucket) -> Result<Arc<Keys>, Error> {
        if let Some(key) = keys.get(bucket) {
            return Ok(Arc::clone(key));
        }
        let path = self.path(bucket);
        if !path.try_exists().map_err(|source| self.in_folder(source))? {
            return Err(Error::Erased { bucket: bucket.clone() });
        }
        let key = BucketKey::read(&path).map_err(|source| Error::File { bucket: bucket.clone(), source })?;
        let rewrapped = Rewrapped::open(&self.rewrapped(bucket))
            .map_err(|source| Error::rewrapped(bucket, source))?
            // Those of another key ended with it.
            .filter(|rewrapped| rewrapped.key == key.id());
        let opening = Arc::new(Keys { key, rewrapped });
        keys.insert(bucket.clone(), Arc::clone(&opening));
        Ok(opening)
    }

    /// Makes the key file of a new bucket. It gets its name when it is whole, so that a crash leaves no half of a key
    /// under it.
    fn make(&self, rng: &mut dyn CryptoRng, bucket: &Bucket) -> Result<(), Error> {
        let path = self.path(bucket);
        let new = path.with_extension("key.new");
        let directory = |source| self.in_folder(source);
        if self.has_next(bucket).map_err(directory)? {
            // A new key under its name would be destroyed for it later, with what was put under it meanwhile.
            return Err(Error::Unconcluded { bucket: bucket.clone() });
        }
        remove(&new).map_err(directory)?;
        let made = BucketKey::generate(rng).create(&new);
        made.map_err(|source| Error::File { bucket: bucket.clone(), source })?;
        fs::rename(&new, &path).map_err(directory)?;
        sync(&self.dir).map_err(directory)
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<Bucket, Arc<Keys>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn content_key(&self, bucket: &Bucket, body: &StoredBody, header: &Digest) -> Result<ContentKey, Error> {
        let fault = |source| Error::Kept { bucket: bucket.clone(), source };
        let kept = [&body.key_nonce[..], &body.wrapped_key].concat();
        let Some(rewrapped) = &self.rewrapped else { return self.key.unwrap(&kept, header).map_err(fault) };
        let found = rewrapped.find(header);
        match found.map_err(|source| Error::rewrapped(bucket, source))? {
            Some(kept) => self.key.unwrap(&kept, header).map_err(fault),
            // It came after that, or ended with the key before.
            None => self.key.unwrap(&kept, header).map_err(|_| Error::Erased { bucket: bucket.clone() }),
        }
    }

    fn idempotency_secret(&self, bucket: &Bucket) -> Result<IdempotencySecret, Error> {
        let Some(rewrapped) = &self.rewrapped else { return Ok(self.key.idempotency_secret()) };
        let secret = self.key.unwrap(&rewrapped.secret, &SECRET_BINDING);
        let secret = secret.map_err(|source| Error::Kept { bucket: bucket.clone(), source })?;
        Ok(IdempotencySecret::from_key(&secret))
    }
}

#[cfg(test)]
mod tests;
