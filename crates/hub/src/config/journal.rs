//! `[journal]` of `hub.toml`: where the hub keeps what it has to remember.

use std::path::PathBuf;

use sealpost_server::config::{Few, Field, HostPort, Raw, Reader, Value};

use super::Journal;
use crate::journal::jetstream::Settings;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Seglog,
    JetStream,
}

/// Where a NATS server is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Address(String);

impl Value for Address {
    fn expected() -> String {
        "an address such as \"tls://nats-1.example:4222\", or nats:// without TLS; a user does not belong in it".to_owned()
    }

    fn read(raw: Raw<'_>) -> Option<Self> {
        let text = raw.text()?;
        let place = text.strip_prefix("tls://").or_else(|| text.strip_prefix("nats://"))?;
        place.parse::<HostPort>().is_ok().then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

/// A name of streams: letters, digits, hyphen and underscore.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name(String);

impl Value for Name {
    fn expected() -> String {
        "1 to 32 of A-Z, a-z, 0-9, hyphen and underscore".to_owned()
    }

    fn read(raw: Raw<'_>) -> Option<Self> {
        let text = raw.text()?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        ((1..=32).contains(&text.len()) && text.bytes().all(is_allowed)).then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

/// The certificate that the hub shows to the servers, with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    certificate: PathBuf,
    key: PathBuf,
}

impl Value for Identity {
    fn expected() -> String {
        "a table such as { certificate = \"nats.pem\", key = \"nats-key.pem\" }".to_owned()
    }

    fn read(raw: Raw<'_>) -> Option<Self> {
        let entries = raw.entries()?;
        let path = |name| {
            let (_, value) = entries.iter().find(|(entry, _)| *entry == name)?;
            PathBuf::read(*value)
        };
        let (certificate, key) = (path("certificate")?, path("key")?);
        (entries.len() == 2).then_some(Self { certificate, key })
    }

    fn show(&self) -> String {
        format!("{{ certificate = {}, key = {} }}", self.certificate.show(), self.key.show())
    }
}

impl Journal {
    pub(super) fn read(reader: &mut Reader<'_>) -> Field<Self> {
        let mut section = reader
            .section("journal", "Where the hub keeps its journal and the bodies that are on their way.");
        let kind = section.choice(
            "kind",
            "On the disk of this machine (seglog), or in streams of NATS JetStream, for several hubs that keep one journal \
             together (docs/jetstream.md). The keys below are for JetStream.",
            [("seglog", Kind::Seglog), ("jetstream", Kind::JetStream)],
        );
        let kind = kind.take();
        let servers = "The NATS servers, version 2.12.3 or later. Required for JetStream. All hubs of a network name the same cluster.";
        let servers = if kind == Some(Kind::JetStream) {
            let required = section.required::<Few<Address>>("servers", servers);
            Field::build(|| required.take().map(Some))
        } else {
            section.optional::<Few<Address>>("servers", servers)
        };
        let name = section.or(
            "name",
            "What the streams are called: NAME-journal, NAME-bodies and NAME-snapshots, on subjects that begin with NAME.",
            Name("sealpost".to_owned()),
        );
        let replicas = section.within(
            "replicas",
            "How many servers keep each stream. Streams with fewer are not used. With 1, its server stops all hubs when it stops, and \
             loses what was not delivered yet with its disk.",
            3,
            1..=5,
        );
        let domain = section.optional::<Name>("domain", "The JetStream domain, where the servers have one.");
        let credentials = section.optional("credentials", "A file of NATS credentials (.creds), mode 0600.");
        let ca = section.optional(
            "ca",
            "The roots of the servers' certificates, PEM. Without it those of the system count.",
        );
        let identity = section.optional::<Identity>(
            "identity",
            "The certificate that the hub shows to the servers, and its key, mode 0600.",
        );
        Field::build(|| {
            let (servers, name, replicas) = (servers.take()?, name.take()?.0, replicas.take()?);
            let (domain, credentials, ca) = (domain.take()?, credentials.take()?, ca.take()?);
            let identity = identity.take()?;
            Some(match kind? {
                Kind::Seglog => Self::Seglog,
                Kind::JetStream => Self::JetStream(Settings {
                    servers: servers?.0.into_iter().map(|address| address.0).collect(),
                    name,
                    replicas,
                    domain: domain.map(|domain| domain.0),
                    credentials,
                    ca,
                    identity: identity.map(|Identity { certificate, key }| (certificate, key)),
                }),
            })
        })
    }
}
