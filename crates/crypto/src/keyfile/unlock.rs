//! What opens the encrypted key files of a program: one passphrase for all of them, asked for when the first needs it.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::Error;
use crate::secret::{Secret, Source};

/// Opens encrypted key files. Dropped when all are read, so that the passphrase is wiped.
pub struct Unlock {
    source: Option<Source>,
    given: Mutex<Option<Secret>>,
}

impl Unlock {
    /// Plain files alone.
    pub fn nothing() -> Self {
        Self { source: None, given: Mutex::new(None) }
    }

    /// With this passphrase.
    pub fn with(passphrase: Secret) -> Self {
        Self { source: None, given: Mutex::new(Some(passphrase)) }
    }

    /// With the one that comes from there, once a file needs it.
    pub fn from(source: Source) -> Self {
        Self { source: Some(source), given: Mutex::new(None) }
    }

    pub(super) fn passphrase(&self, path: &Path) -> Result<Secret, Error> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(passphrase) = given.as_ref() {
            return Ok(passphrase.clone());
        }
        let source = self.source.as_ref().ok_or_else(|| Error::Encrypted { path: path.to_owned() })?;
        let asked = source.get(&format!("key file {}", path.display()));
        let passphrase = asked.map_err(|source| Error::Locked { path: path.to_owned(), source })?;
        Ok(given.insert(passphrase).clone())
    }
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unlock").field("source", &self.source).finish_non_exhaustive()
    }
}
