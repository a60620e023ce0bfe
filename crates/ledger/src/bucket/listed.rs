//! Which buckets have a key. Publishers ask for every message, so that a folder that did not change is not read again.

use std::fs;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use super::{Bucket, Buckets, Error};

/// What the folder held, and when it had changed last.
pub(super) struct Listed {
    changed: SystemTime,
    buckets: Arc<[Bucket]>,
}

impl Buckets {
    /// Every bucket that has a key, ascending.
    pub fn list(&self) -> Result<Vec<Bucket>, Error> {
        let unreadable = |source| self.in_folder(source);
        let mut buckets = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let bucket = name.to_str().and_then(|name| name.strip_suffix(".key")).map(str::parse);
            buckets.extend(bucket.and_then(Result::ok));
        }
        buckets.sort();
        Ok(buckets)
    }

    /// What [`Buckets::list`] tells, without reading a folder that did not change. Its time of change may be too coarse to
    /// tell two changes apart, so that what is changed here forgets the list besides.
    pub(super) fn listed(&self) -> Result<Arc<[Bucket]>, Error> {
        // Held so that nothing changes here between reading the folder and remembering it.
        let _keys = self.keys();
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = fs::metadata(&self.dir).and_then(|folder| folder.modified());
        let changed = changed.map_err(|source| self.in_folder(source))?;
        match &*listed {
            Some(listed) if listed.changed == changed => Ok(Arc::clone(&listed.buckets)),
            _ => {
                let buckets: Arc<[Bucket]> = self.list()?.into();
                *listed = Some(Listed { changed, buckets: Arc::clone(&buckets) });
                Ok(buckets)
            }
        }
    }

    /// Called with the keys held, by whoever changes the folder.
    pub(super) fn forget_list(&self) {
        *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
