//! The machine of this run: what a ratio of another machine cannot be compared without.

mod file_system;

use std::fmt;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::{Signer as _, SigningKey};
use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::samples::{Samples, micros, rate};

/// What the machine does by itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    cores: usize,
    kernel: String,
    file_system: String,
    /// Of appending 4 KiB to a file and syncing it.
    fdatasync_p50_us: f64,
    fdatasync_p99_us: f64,
    /// On one core, `verify_strict`.
    ed25519_verifications_per_second: f64,
    /// On one core.
    sha256_bytes_per_second: f64,
}

impl Machine {
    pub(crate) fn measure(place: &Place, quick: bool) -> anyhow::Result<Self> {
        let file_system = file_system::of(place.root())?;
        let syncs = fdatasync(place, if quick { 200 } else { 1000 })?;
        let lasting = Duration::from_millis(if quick { 200 } else { 1000 });
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            file_system,
            fdatasync_p50_us: syncs.median(),
            fdatasync_p99_us: syncs.permille(990),
            ed25519_verifications_per_second: verifications(lasting)?,
            sha256_bytes_per_second: hashing(lasting),
        })
    }

    /// What makes the figures of this run worth less than they look.
    pub(crate) fn warning(&self) -> Option<String> {
        matches!(self.file_system.as_str(), "tmpfs" | "ramfs").then(|| {
            format!(
                "warning: the folder lies in memory ({}), where a sync costs nothing: choose a real disk with --dir",
                self.file_system
            )
        })
    }

    #[cfg(test)]
    pub(crate) fn invented() -> Self {
        Self {
            cores: 2,
            kernel: "6.1".to_owned(),
            file_system: "ext4".to_owned(),
            fdatasync_p50_us: 500.0,
            fdatasync_p99_us: 900.0,
            ed25519_verifications_per_second: 20_000.0,
            sha256_bytes_per_second: 1e9,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, kernel, file_system, fdatasync_p50_us, fdatasync_p99_us, .. } = self;
        write!(
            f,
            "{cores} cores, Linux {kernel}, {file_system}; fdatasync p50 {fdatasync_p50_us:.0} µs, p99 \
             {fdatasync_p99_us:.0} µs; on one core {:.0} Ed25519 verifications/s, SHA-256 {:.0} MB/s",
            self.ed25519_verifications_per_second,
            self.sha256_bytes_per_second / 1e6,
        )
    }
}

/// How long syncs take, in microseconds, each after 4 KiB were appended to a file.
pub(crate) fn fdatasync(place: &Place, count: u64) -> anyhow::Result<Samples> {
    let folder = place.folder()?;
    let path = folder.path().join("sync");
    let file = OpenOptions::new().write(true).create_new(true).open(&path);
    let file = file.with_context(|| format!("cannot make {}", path.display()))?;
    let block = [0x5a; 4096];
    let sync = |number: u64| {
        let begun = Instant::now();
        file.write_all_at(&block, number * block.len() as u64)?;
        file.sync_data()?;
        Ok(micros(begun.elapsed()))
    };
    (0..count).map(sync).collect::<Result<_, std::io::Error>>().context("the disk does not sync")
}

fn verifications(lasting: Duration) -> anyhow::Result<f64> {
    let key = SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let message = [7; 512];
    let signature = key.sign(&message)?;
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < lasting {
        key.verifying_key().verify(black_box(&message), &signature)?;
        count += 1;
    }
    Ok(rate(count, begun.elapsed()))
}

fn hashing(lasting: Duration) -> f64 {
    let block = vec![7; 1 << 20];
    let (begun, mut bytes) = (Instant::now(), 0);
    while begun.elapsed() < lasting {
        black_box(sha256(black_box(&block)));
        bytes += block.len() as u64;
    }
    rate(bytes, begun.elapsed())
}
