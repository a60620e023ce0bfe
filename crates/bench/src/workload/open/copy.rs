//! Copies of ledgers that cost little: only the last segment is ever written to, so that the others are linked.

use std::fs::{self, File};
use std::path::Path;

use anyhow::Context as _;

use crate::workload::segments;

/// Fills the folder `to`, on the same file system, with the ledger in `from`. The copy is on the disk when this returns.
pub(super) fn of(from: &Path, to: &Path) -> anyhow::Result<()> {
    let files = segments(from)?;
    let (last, sealed) = files.split_last().context("no segment")?;
    let copy = |file: &Path, whole: bool| {
        let place = to.join(file.file_name().unwrap_or_default());
        if whole {
            fs::copy(file, &place)?;
            File::open(&place)?.sync_all()
        } else {
            fs::hard_link(file, &place)
        }
    };
    sealed
        .iter()
        .try_for_each(|file| copy(file, false))
        .and_then(|()| copy(last, true))
        .with_context(|| format!("cannot copy the ledger in {} to {}", from.display(), to.display()))
}
