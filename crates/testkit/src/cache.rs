//! Ledgers that are made once and kept.
//!
//! A kept ledger lies in a folder named after its plan and [`FORMAT`]. It is built beside its place and renamed when it
//! is whole, so that a run that was interrupted leaves no half of one. Whoever uses it leaves it as it is.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use sealpost_seglog::disk::Real;

use crate::Network;
use crate::ledger::{Error, FORMAT, Made, Plan};

/// The ledger of the plan, from `cache` if it is there; else made now and kept.
pub fn ledger(cache: &Path, plan: Plan, progress: &mut dyn FnMut(u64)) -> Result<Made, Error> {
    let Plan { records, seed, body_bytes } = plan;
    let dir = cache.join(format!("ledger-v{FORMAT}-{records}-{body_bytes}-{seed}"));
    if !dir.exists() {
        let failed = |operation, path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| Error::Folder { operation, path, source }
        };
        fs::create_dir_all(cache).map_err(failed("create", cache))?;
        let making =
            tempfile::Builder::new().prefix("making-").tempdir_in(cache).map_err(failed("create", cache))?;
        plan.write(Arc::new(Real), &making.path().join("ledger"), progress)?;
        let renamed = fs::rename(making.path().join("ledger"), &dir);
        // Another run may have been quicker with the same one.
        if let Err(error) = renamed
            && !dir.exists()
        {
            return Err(failed("rename to", &dir)(error));
        }
    }
    let directory = Network::new(seed)?.version.digest;
    Ok(Made { dir, plan, directory })
}
