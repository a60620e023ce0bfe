//! Why a key file is not written or not used.

use std::io;
use std::path::{Path, PathBuf};

use sealpost_domain::digest::KeyId;

use super::Kind;
use super::encrypted::Refusal;
use crate::secret;

/// Why a key file is not written or not used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Never overwritten: what it holds may be the only copy.
    #[error("key file {} exists already and is never overwritten: move it away, or give another path", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others may read it.
    #[error(
        "key file {} has mode {mode:04o}: others may read it; make a new key, or run `chmod 600 {}`",
        path.display(), path.display()
    )]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds something else.
    #[error("key file {} does not hold {expected}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// It is encrypted, and there is no passphrase.
    #[error("key file {} is encrypted, and its passphrase cannot be had", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: secret::Error,
    },
    /// It is encrypted, where only a plain one is taken.
    #[error("key file {} is encrypted, and only a plain one is taken here", path.display())]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// It does not open.
    #[error(
        "key file {} does not open: the passphrase is another one's, or the file was changed; \
         `sealpost-admin key show` tells which key it says to hold", path.display()
    )]
    Closed {
        /// The file.
        path: PathBuf,
    },
    /// It is encrypted in another way.
    #[error(
        "key file {} is encrypted in a way that is not read: expected is PBES2 with scrypt or PBKDF2 with SHA-2, and \
         AES; `sealpost-admin key encrypt` writes it so", path.display()
    )]
    Scheme {
        /// The file.
        path: PathBuf,
    },
    /// It asks for too much work.
    #[error(
        "key file {} asks for {found}, which would take too long or too much memory: somebody may have changed it; \
         take another copy, or encrypt the key anew", path.display()
    )]
    Cost {
        /// The file.
        path: PathBuf,
        /// What it asks for.
        found: String,
    },
    /// It opens as another key than it says.
    #[error(
        "key file {} says to hold key {noted}, and holds another one: the file was changed; take another copy",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// What it says.
        noted: KeyId,
    },
    /// Not the file itself.
    #[error(
        "{} is a symbolic link: replaced, it would leave the key where it points to; give the path of the file itself",
        path.display()
    )]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A file of several names.
    #[error(
        "key file {} has {names} names (hard links): replaced under this one, the key would stay under the others; \
         remove those first", path.display()
    )]
    Names {
        /// The file.
        path: PathBuf,
        /// How many.
        names: u64,
    },
    /// The file system refused.
    #[error("cannot {action} key file {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    pub(super) fn content(path: &Path, expected: Kind) -> Self {
        Self::Content { path: path.to_owned(), expected: expected.name() }
    }

    pub(super) fn no_key(path: &Path, expected: Option<Kind>) -> Self {
        let expected =
            expected.map_or("a private key (PKCS#8 version 1, PEM: Ed25519 or X-Wing)", Kind::name);
        Self::Content { path: path.to_owned(), expected }
    }

    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    pub(super) fn refused(path: &Path, refusal: Refusal) -> Self {
        let path = path.to_owned();
        match refusal {
            Refusal::Scheme => Self::Scheme { path },
            Refusal::Cost { found } => Self::Cost { path, found },
            Refusal::Closed => Self::Closed { path },
        }
    }
}
