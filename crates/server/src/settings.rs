//! The sections that the configurations of hub and node have in common.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sealpost_crypto::keyfile::{self, Outside, Unlock};
use sealpost_crypto::secret::{Purpose, Source};
use sealpost_crypto::tls::{self, Credentials, KeyExchange};
use sealpost_crypto::x509;

use crate::config::{Field, Reader, Section};
use crate::telemetry::{self, Format};

/// `[tls]`: who this program is.
#[derive(Clone, Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    /// With which key exchange.
    pub exchange: KeyExchange,
}

impl Tls {
    /// Asks for the section's keys.
    pub fn read(reader: &mut Reader<'_>) -> Field<Self> {
        let mut section = reader.section("tls", "The certificate that this program shows to its peers. Both files are looked at again while it runs: a renewed \
             certificate of the same identity is shown from the next handshake on, without a restart.");
        let certificate = section.required("certificate", "The certificate, PEM.");
        let key = section.required("key", "Its private key, PEM (PKCS#8), plain or encrypted, mode 0600.");
        let post_quantum = section.or(
            "require_post_quantum",
            "Whether peers without the post-quantum key exchange X25519MLKEM768 are refused. It is preferred in any case.",
            false,
        );
        Field::build(|| {
            let exchange = if post_quantum.take()? { KeyExchange::PostQuantum } else { KeyExchange::Any };
            Some(Self { certificate: certificate.take()?, key: key.take()?, exchange })
        })
    }

    /// Reads both files.
    pub fn credentials(&self, unlock: &Unlock) -> Result<Credentials, tls::Error> {
        Credentials::read_with(&self.certificate, &self.key, unlock)
    }

    /// Reads them again. Where nothing opens an encrypted key file, since its passphrase was typed at the start, the key that
    /// it names has to be the present one, which goes on.
    pub fn renewed(&self, present: &Credentials, unlock: &Unlock) -> Result<Credentials, tls::Error> {
        match self.credentials(unlock) {
            Err(tls::Error::Key(keyfile::Error::Locked { .. } | keyfile::Error::Encrypted { .. }))
                if Outside::read(&self.key)?.noted == Some(present.certificate().public_key.key_id()) =>
            {
                present.with_chain(x509::read_certificates(&self.certificate)?)
            }
            read => read,
        }
    }

    /// The files of certificate and key.
    pub fn files(&self) -> [&Path; 2] {
        [&self.certificate, &self.key]
    }
}

/// `[keys] passphrase_file`: what opens the program's encrypted key files, those of `[tls]` among them.
#[derive(Clone, Debug)]
pub struct Passphrase(Option<PathBuf>);

impl Passphrase {
    /// Asks for the key, in the section of the keys.
    pub fn read(keys: &mut Section<'_, '_>) -> Field<Self> {
        let file = keys.optional(
            "passphrase_file",
            "A file of mode 0600 with the passphrase of all encrypted key files, those of [tls] among them. Without it, \
             the variable SEALPOST_PASSPHRASE, or a prompt where there is a terminal.",
        );
        Field::build(|| Some(Self(file.take()?)))
    }

    /// Opens key files with it. To be dropped when all are read.
    pub fn unlock(&self) -> Unlock {
        Unlock::from(Source::new(Purpose::Passphrase, self.0.clone()))
    }

    /// The same while the program runs: nobody is asked.
    pub fn unlock_unattended(&self) -> Unlock {
        Unlock::from(Source::unattended(Purpose::Passphrase, self.0.clone()))
    }
}

/// `[log]`: what is told, and how.
#[derive(Clone, Debug)]
pub struct Log {
    format: Format,
    level: String,
}

impl Log {
    /// Asks for the section's keys.
    pub fn read(reader: &mut Reader<'_>) -> Field<Self> {
        let mut section = reader.section("log", "The log, on stderr.");
        let format = section.choice(
            "format",
            "Lines for people, or JSON for machines.",
            [("text", Format::Text), ("json", Format::Json)],
        );
        let level = section.or(
            "level",
            "error, warn, info, debug or trace, also per module: \"info,sealpost_hub=debug\".",
            "info".to_owned(),
        );
        Field::build(|| Some(Self { format: format.take()?, level: level.take()? }))
    }

    /// Starts the log.
    pub fn start(&self) -> Result<(), telemetry::Error> {
        telemetry::init(self.format, &self.level)
    }
}

/// `[shutdown]`: how the program ends.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// How long streams may take to end.
    pub grace: Duration,
}

impl Ending {
    /// Asks for the section's keys.
    pub fn read(reader: &mut Reader<'_>) -> Field<Self> {
        let mut section = reader.section("shutdown", "How the program ends on SIGTERM.");
        let second = Duration::from_secs(1);
        let grace = section.within(
            "grace",
            "How long streams may take to end before they are cut.",
            20 * second,
            second..=600 * second,
        );
        Field::build(|| Some(Self { grace: grace.take()? }))
    }
}
