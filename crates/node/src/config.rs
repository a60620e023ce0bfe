//! `node.toml`. Every key is documented where it is read; deploy/node.toml lists them all.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sealpost_crypto::signing::Signing;
use sealpost_domain::agency::AgencyId;
use sealpost_server::acceptor;
use sealpost_server::config::{ByteSize, Config, Few, Field, HostPort, Reader};
use sealpost_server::settings::{Ending, Log, Passphrase, Tls};

use crate::core::outbox::Policy;
use crate::core::witness;

/// The configuration of a node.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Whose node.
    pub agency: AgencyId,
    /// The folder of ledger, bucket keys and indexes.
    pub data: PathBuf,
    /// Where the hub is.
    pub hub: Vec<String>,
    /// Where the agency's own connect.
    pub listen: SocketAddr,
    /// The certificate that the node shows at both ends.
    pub tls: Tls,
    /// The key under which it signs.
    pub signing: Signing,
    /// The keys to which others seal.
    pub sealing: Vec<PathBuf>,
    /// What opens them where they are encrypted.
    pub passphrase: Passphrase,
    /// The directory to begin with.
    pub genesis: PathBuf,
    /// The folder of the revocation lists.
    pub crls: PathBuf,
    /// How it sends.
    pub outbox: OutboxConfig,
    /// How it watches the ledgers of its peers.
    pub witness: witness::Policy,
    /// How much its gateway takes.
    pub limits: acceptor::Limits,
    /// What it tells.
    pub log: Log,
    /// How it ends.
    pub ending: Ending,
}

/// `[outbox]`: how the node sends.
#[derive(Clone, Copy, Debug)]
pub struct OutboxConfig {
    /// When it sends again.
    pub policy: Policy,
    /// Bytes of a batch.
    pub batch_bytes: usize,
}

impl Config for NodeConfig {
    fn read(reader: &mut Reader<'_>) -> Field<Self> {
        let mut node = reader.section("node", "Whose node this is, and where it works.");
        let agency = node.required("agency", "The agency whose node this is, as the directory lists it.");
        let data = node.required("data", "The folder of the ledger, its bucket keys and indexes.");
        let mut hub = reader.section("hub", "The hub of the network.");
        let addresses =
            hub.required::<Few<HostPort>>("addresses", "Where the hub is; several are tried in turn.");
        let mut gateway = reader.section("gateway", "The door for the agency's own systems and officers.");
        let listen = gateway.required("listen", "Address and port; port 0 takes a free one.");
        let tls = Tls::read(reader);
        let mut keys = reader.section("keys", "Private keys, each in a file of mode 0600.");
        let signing = keys.required(
            "signing",
            "The Ed25519 key under which the node signs: a file, or a key on a PKCS#11 token.",
        );
        let sealing = keys.required::<Few<PathBuf>>(
            "sealing",
            "The X-Wing keys to which others seal, one file for each epoch that may still arrive.",
        );
        let passphrase = Passphrase::read(&mut keys);
        let mut directory =
            reader.section("directory", "Who takes part, and whose certificates are believed.");
        let genesis = directory.required(
            "genesis",
            "A signed directory to begin with. It is believed as it is given, if the signatures in it hold.",
        );
        let crls = directory.required("crls", "The folder of the revocation lists, one *.crl for each root.");
        let (outbox, witness, limits) = (OutboxConfig::read(reader), witness(reader), limits(reader));
        let (log, ending) = (Log::read(reader), Ending::read(reader));
        Field::build(|| {
            Some(Self {
                agency: agency.take()?,
                data: data.take()?,
                hub: addresses.take()?.0.into_iter().map(|address| address.as_str().to_owned()).collect(),
                listen: listen.take()?,
                tls: tls.take()?,
                signing: signing.take()?,
                sealing: sealing.take()?.0,
                passphrase: passphrase.take()?,
                genesis: genesis.take()?,
                crls: crls.take()?,
                outbox: outbox.take()?,
                witness: witness.take()?,
                limits: limits.take()?,
                log: log.take()?,
                ending: ending.take()?,
            })
        })
    }
}

impl OutboxConfig {
    fn read(reader: &mut Reader<'_>) -> Field<Self> {
        let Policy { resend_after, resend_after_max, quiet, heads_every } = Policy::default();
        let (second, day) = (Duration::from_secs(1), Duration::from_hours(24));
        let mut section = reader.section("outbox", "How the node sends.");
        let resend_after = section.within(
            "resend_after",
            "How long an accepted message may stay without receipt before it is sent again, where its recipient was heard since and its receipts do not keep coming; each time twice as long.",
            resend_after,
            second..=day,
        );
        let resend_after_max = section.within(
            "resend_after_max",
            "The longest pause between two sendings of one message, or before it is looked at again.",
            resend_after_max,
            second..=7 * day,
        );
        let batch_bytes = section.within(
            "batch_bytes",
            "The most that is sent in one batch, unless a single envelope is larger.",
            ByteSize::new(64 << 10),
            ByteSize::new(1 << 10)..=ByteSize::new(64 << 10),
        );
        let quiet = section.within(
            "quiet",
            "How long a link is quiet before its last number is told to its recipient.",
            quiet,
            second / 10..=60 * second,
        );
        let heads_every = section.within(
            "heads_every",
            "How often the last numbers of links with messages without receipt are told to their recipients.",
            heads_every,
            second..=3600 * second,
        );
        Field::build(|| {
            let policy = Policy {
                resend_after: resend_after.take()?,
                resend_after_max: resend_after_max.take()?,
                quiet: quiet.take()?,
                heads_every: heads_every.take()?,
            };
            Some(Self { policy, batch_bytes: usize::try_from(batch_bytes.take()?.bytes()).ok()? })
        })
    }
}

/// `[witness]`: how the node watches the ledgers of its peers.
fn witness(reader: &mut Reader<'_>) -> Field<witness::Policy> {
    let (second, default) = (Duration::from_secs(1), witness::Policy::default());
    let mut section = reader.section("witness", "How the node watches the ledgers of its peers.");
    let demand_every = section.within(
        "demand_every",
        "The shortest time between two demands that a peer prove that its ledger only grew.",
        default.demand_every,
        second..=3600 * second,
    );
    Field::build(|| Some(witness::Policy { demand_every: demand_every.take()? }))
}

/// `[limits]`: how much the gateway takes.
fn limits(reader: &mut Reader<'_>) -> Field<acceptor::Limits> {
    let mut section = reader.section("limits", "How much the gateway takes.");
    acceptor::Limits::read(&mut section, 256, 32, acceptor::Peers::Identities)
}
