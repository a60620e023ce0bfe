//! The sections that the configurations of hub and node have in common.

use std::path::PathBuf;
use std::time::Duration;

use sealpost_crypto::tls::{self, Credentials};

use crate::config::{Field, Reader};
use crate::telemetry::{self, Format};

/// `[tls]`: who this program is.
#[derive(Clone, Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
}

impl Tls {
    /// Asks for the section's keys.
    pub fn read(reader: &mut Reader<'_>) -> Field<Self> {
        let mut section = reader.section("tls", "The certificate that this program shows to its peers.");
        let certificate = section.required("certificate", "The certificate, PEM.");
        let key = section.required("key", "Its private key, PEM (PKCS#8), mode 0600.");
        Field::build(|| Some(Self { certificate: certificate.take()?, key: key.take()? }))
    }

    /// Reads both files; again for a renewal.
    pub fn credentials(&self) -> Result<Credentials, tls::Error> {
        Credentials::read(&self.certificate, &self.key)
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
