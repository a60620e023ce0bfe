//! In place of `drive` where the client is not built in: nothing is found then, and so nothing driven.

use std::future::{Ready, ready};
use std::path::Path;

use anyhow::anyhow;

use super::{Plan, Sync, Way};

pub(super) fn run(program: &Path, _: &Plan, sync: Sync, way: Way) -> Ready<anyhow::Result<f64>> {
    let what = format!("{}, {sync:?}, {way:?}", program.display());
    ready(Err(anyhow!(
        "{what}: this program was built without the peer's client (--features sealpost-bench/peer)"
    )))
}
