//! What a journal of the hub promises, asked of the one on the local disk. `tests/jetstream` asks the same of the other one.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../../crates/hub/src/fixture.rs"]
#[expect(dead_code, reason = "made for the hub's own tests, of which this is a part")]
mod fixture;
mod suite;

use std::path::Path;
use std::sync::Arc;

use sealpost_domain::link::Incarnation;
use sealpost_hub::core::State;
use sealpost_hub::journal::Journal;
use sealpost_hub::journal::local::{Fresh, Local};
use sealpost_seglog::disk::{Disk, Real};
use suite::Subject;
use tempfile::TempDir;

/// A folder of this machine.
struct OnDisk(TempDir);

impl Subject for OnDisk {
    fn open(&self) -> (Box<dyn Journal>, State) {
        let disk: Arc<dyn Disk> = Arc::new(Real);
        let fresh =
            Fresh { incarnation: Incarnation(rand::random()), entries_salt: [1; 8], bodies_salt: [2; 8] };
        let (journal, state) = Local::open(&disk, Path::new(self.0.path()), fresh).unwrap();
        (Box::new(journal.syncing_together().unwrap()), state)
    }
}

suite::of!(OnDisk(tempfile::tempdir().unwrap()));
