//! A key that signs, wherever it is. A file that holds something else is told by what it holds.

use std::path::Path;
use std::sync::Arc;

use sealpost_crypto::dsse::Signer;
use sealpost_crypto::keyfile::{self, Key, Unlock};
use sealpost_crypto::signing::{self, Signing};
use sealpost_crypto::x509;

use super::Error;

/// Reads the file, or opens the token.
pub fn open(key: &Signing, unlock: &Unlock) -> Result<Arc<dyn Signer>, Error> {
    key.open(unlock).map_err(|error| match (key, error) {
        (Signing::File(path), signing::Error::File(error)) => refusal(path, unlock, error),
        (_, error) => error.into(),
    })
}

fn refusal(path: &Path, unlock: &Unlock, error: keyfile::Error) -> Error {
    use keyfile::Error as File;
    let mistaken = matches!(error, File::Readable { .. } | File::Content { .. });
    let found = if mistaken && x509::read_certificates(path).is_ok() {
        "a certificate, which is public"
    } else if matches!(error, File::Content { .. }) && matches!(Key::read(path, unlock), Ok(Key::Sealing(_)))
    {
        "a sealing key (X-Wing), to which others seal"
    } else {
        return error.into();
    };
    Error::NotASigner { path: path.to_owned(), found }
}
