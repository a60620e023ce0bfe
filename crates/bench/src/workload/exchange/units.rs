//! What a message cannot do without, and what each of that costs on this machine, on one core: signatures, verifications,
//! a seal, wraps, opened wraps and contents, syncs.

use std::fmt;
use std::hint::black_box;
use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::{Signer as _, SigningKey};
use sealpost_crypto::seal::{open_content, seal_content};
use sealpost_crypto::wrap::{SealingPrivateKey, WrapContext, unwrap, wrap};
use sealpost_domain::agency::AgencyId;

use crate::machine;
use crate::samples::{figure, micros};
use crate::workload::Context;

/// A header of one recipient has about as many bytes, a content too.
const SIGNED_BYTES: usize = 512;
const CONTENT_BYTES: usize = 1000;
const WRAPPED_BYTES: usize = 150;
const SYNCS: u64 = 50;

/// Microseconds of one core, and of the disk.
pub(crate) struct Units {
    sign: f64,
    verify: f64,
    seal: f64,
    wrap: f64,
    unwrap: f64,
    open: f64,
    sync: f64,
}

impl Units {
    pub(crate) fn measure(context: &Context) -> anyhow::Result<Self> {
        let lasting = context.either(Duration::from_millis(100), Duration::from_millis(30));
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (signing, sealing) = (SigningKey::generate(&mut rng), SealingPrivateKey::generate(&mut rng));
        let (message, content) = ([7; SIGNED_BYTES], [7; CONTENT_BYTES]);
        let signature = signing.sign(&message)?;
        let (sender, recipient): (AgencyId, AgencyId) = ("AA-N000".parse()?, "AA-N001".parse()?);
        let digest = sha256(&message);
        let context_of = WrapContext {
            message_id: &[1; 16],
            sender: &sender,
            recipient: &recipient,
            header_digest: &digest,
        };
        let wrapped = wrap(&mut rng, sealing.public_key(), &context_of, &[7; WRAPPED_BYTES])?;
        let sealed = seal_content(&mut rng, &content)?;
        let mut other = ChaCha20Rng::seed_from_u64(2);
        Ok(Self {
            sign: cost(lasting, || Ok(signing.sign(black_box(&message)).map(drop)?))?,
            verify: cost(lasting, || Ok(signing.verifying_key().verify(black_box(&message), &signature)?))?,
            seal: cost(lasting, || Ok(seal_content(&mut rng, black_box(&content)).map(drop)?))?,
            wrap: cost(lasting, || {
                Ok(wrap(&mut other, sealing.public_key(), &context_of, &[7; WRAPPED_BYTES]).map(drop)?)
            })?,
            unwrap: cost(lasting, || {
                Ok(unwrap(&sealing, &context_of, &wrapped.encapsulated, &wrapped.ciphertext).map(drop)?)
            })?,
            open: cost(lasting, || {
                Ok(open_content(&sealed.key, black_box(&sealed.bytes), &sealed.key_commitment).map(drop)?)
            })?,
            sync: machine::fdatasync(&context.place, SYNCS)?.median(),
        })
    }

    /// With all cores at work: at the sender one signature, one seal and a wrap for each recipient; at the hub one
    /// verification; at each recipient one verification, one wrap and one content opened.
    pub(crate) fn messages_per_second(&self, recipients: usize) -> f64 {
        let recipients = figure(recipients as u64);
        let each = self.wrap + self.received();
        per_second(self.sign + self.seal + self.verify + recipients * each)
    }

    /// What one recipient can take in, with all cores at work.
    pub(crate) fn received_per_second(&self) -> f64 {
        per_second(self.received())
    }

    /// One message alone: synced at the sender, the hub and the recipients, and its receipt synced at the sender. In a row: a
    /// signature, a seal, the wraps, a verification at the hub and at a recipient, which opens, signs the receipt; the
    /// sender verifies that. The recipients share the cores.
    pub(crate) fn lone_micros(&self, recipients: usize) -> f64 {
        let recipients = figure(recipients as u64);
        let at_recipients = recipients * (self.received() + self.sign) / cores().min(recipients);
        4.0 * self.sync
            + self.sign
            + self.seal
            + recipients * self.wrap
            + self.verify
            + at_recipients
            + recipients * self.verify
    }

    fn received(&self) -> f64 {
        self.verify + self.unwrap + self.open
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sign, verify, seal, wrap, unwrap, open, sync } = self;
        write!(
            f,
            "unit costs in µs: signature {sign:.0}, verification {verify:.0}, seal {seal:.1}, wrap {wrap:.0}, unwrap \
             {unwrap:.0}, open {open:.1}, sync {sync:.0}"
        )
    }
}

fn per_second(micros: f64) -> f64 {
    1e6 * cores() / micros
}

fn cores() -> f64 {
    figure(thread::available_parallelism().map_or(1, NonZero::get) as u64)
}

/// Microseconds of one piece of work.
fn cost(lasting: Duration, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < lasting {
        work()?;
        count += 1;
    }
    Ok(micros(begun.elapsed()) / figure(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_sum_of_what_each_recipient_adds() {
        let units =
            Units { sign: 1.0, verify: 2.0, seal: 4.0, wrap: 8.0, unwrap: 16.0, open: 32.0, sync: 64.0 };
        let micros = |per_second: f64| 1e6 * cores() / per_second;
        let same =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
        same(micros(units.messages_per_second(1)), 1.0 + 4.0 + 2.0 + (8.0 + 50.0));
        same(micros(units.messages_per_second(3)), 1.0 + 4.0 + 2.0 + 3.0 * (8.0 + 50.0));
        same(micros(units.received_per_second()), 50.0);
        same(units.lone_micros(1), 256.0 + 1.0 + 4.0 + 8.0 + 2.0 + 51.0 + 2.0);
    }
}
