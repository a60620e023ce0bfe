//! `hub.toml`. Every key is documented where it is read; deploy/hub.toml lists them all.

mod journal;
mod limits;

use std::net::SocketAddr;
use std::path::PathBuf;

use sealpost_crypto::signing::Signing;
use sealpost_server::acceptor;
use sealpost_server::config::{Config, Field, Reader};
use sealpost_server::settings::{Ending, Log, Passphrase, Tls};

use crate::journal::jetstream;
use crate::rates::Rate;

/// The configuration of a hub.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// The hub's name within the network.
    pub name: String,
    /// Where nodes connect.
    pub listen: SocketAddr,
    /// The folder of journal and bodies, where they are kept on this machine, and of the revocation lists.
    pub data: PathBuf,
    /// The certificate that the hub shows.
    pub tls: Tls,
    /// The key under which it signs.
    pub signing: Signing,
    /// What opens it, and the key of the certificate, where they are encrypted.
    pub passphrase: Passphrase,
    /// The directory to begin with.
    pub genesis: PathBuf,
    /// The folder of the revocation lists.
    pub crls: PathBuf,
    /// Where its journal is kept.
    pub journal: Journal,
    /// How much it takes.
    pub limits: Limits,
    /// What it tells.
    pub log: Log,
    /// How it ends.
    pub ending: Ending,
}

/// `[journal]`: where the journal is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Journal {
    /// On the disk of this machine.
    Seglog,
    /// In streams of NATS JetStream.
    JetStream(jetstream::Settings),
}

/// `[limits]`: how much the hub takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections and handshakes.
    pub door: acceptor::Limits,
    /// Bytes of a batch that is delivered.
    pub batch_bytes: usize,
    /// Envelopes that may wait for one recipient.
    pub backlog_envelopes: usize,
    /// Bytes of bodies that may wait of one sender, each once for every recipient.
    pub sender_bytes: u64,
    /// What one agency may submit, but FLASH.
    pub mail: Rate,
    /// What it may submit of FLASH.
    pub flash: Rate,
    /// What it may say to others, and to the hub.
    pub control: Rate,
    /// Bytes of the disk that mail leaves free, FLASH half of them.
    pub disk_reserve: u64,
}

impl Config for HubConfig {
    fn read(reader: &mut Reader<'_>) -> Field<Self> {
        let mut hub = reader.section("hub", "Which hub this is, and where it works.");
        let name = hub.required("name", "The hub's name within the network, as its certificate has it.");
        let listen =
            hub.required("listen", "Address and port on which nodes connect; port 0 takes a free one.");
        let data = hub.required(
            "data",
            "The folder of the journal and of the bodies that are on their way, and of the revocation lists.",
        );
        let tls = Tls::read(reader);
        let mut keys = reader.section("keys", "Private keys.");
        let signing = keys.required(
            "signing",
            "The Ed25519 key under which acceptances are signed: a file, or a key on a PKCS#11 token.",
        );
        let passphrase = Passphrase::read(&mut keys);
        let mut directory =
            reader.section("directory", "Who takes part, and whose certificates are believed.");
        let genesis = directory.required(
            "genesis",
            "A signed directory to begin with. It is believed as it is given, if the signatures in it hold.",
        );
        let crls = directory.required("crls", "The folder of the revocation lists, one *.crl for each root.");
        let (journal, limits) = (Journal::read(reader), Limits::read(reader));
        let (log, ending) = (Log::read(reader), Ending::read(reader));
        Field::build(|| {
            Some(Self {
                name: name.take()?,
                listen: listen.take()?,
                data: data.take()?,
                tls: tls.take()?,
                signing: signing.take()?,
                passphrase: passphrase.take()?,
                genesis: genesis.take()?,
                crls: crls.take()?,
                journal: journal.take()?,
                limits: limits.take()?,
                log: log.take()?,
                ending: ending.take()?,
            })
        })
    }
}
