//! The journal by itself: verified envelopes through a hub's writer, in this process, until every batch is accepted: durable on most
//! servers, read back and applied. No connections and no deliveries; the servers alone get messages of the same bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sealpost_demo::network::now;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::Priority;
use sealpost_domain::statement::Signed;
use sealpost_hub::hot::Hot;
use sealpost_hub::journal::jetstream::{Fresh, JetStream, Settings};
use sealpost_hub::verify::{Sender, Sound, verify};
use sealpost_hub::view::View;
use sealpost_hub::writer::{Reserve, Writer};
use sealpost_proto::v1 as pb;
use sealpost_server::clock::Clock;
use sealpost_server::pool::Lane;
use sealpost_testkit::nats::Server;
use sealpost_wire::hub::submission;

use crate::net::Net;
use crate::net::envelopes::{Mail, Prepared};

/// As the hub has it.
const HOT_BYTES: usize = 8 << 20;
/// Bytes of a batch, as nodes fill them.
const BATCH_BYTES: usize = 64 << 10;

/// Envelopes for one recipient, as they pass the hub's verification.
pub(super) struct Letters<'n> {
    net: &'n Net,
    genesis: Signed,
    prepared: Vec<Prepared>,
}

impl<'n> Letters<'n> {
    pub(super) fn prepare(net: &'n Net, count: usize) -> anyhow::Result<Self> {
        let mail = Mail { net, sender: 0, recipients: 1..=1, priority: Priority::Routine };
        let (genesis, _) = sealpost_crypto::directory::read(&net.network.directory)?;
        Ok(Self { net, genesis, prepared: mail.prepare(count)? })
    }

    /// Bytes of one of them.
    pub(super) fn bytes(&self) -> u64 {
        self.prepared.first().map_or(0, |prepared| prepared.bytes as u64)
    }

    pub(super) fn count(&self) -> u64 {
        self.prepared.len() as u64
    }

    /// How long it takes until all of them are accepted.
    pub(super) async fn round(&self, servers: &[Server]) -> anyhow::Result<Duration> {
        let settings = Settings {
            servers: servers.iter().map(Server::url).collect(),
            name: "journal".to_owned(),
            replicas: servers.len(),
            domain: None,
            credentials: None,
            ca: None,
            identity: None,
        };
        let fresh = Fresh { incarnation: Incarnation([7; 16]), proposer: [7; 16] };
        let (journal, state) = JetStream::open(&settings, fresh).await?;
        let view = Arc::new(View::new(state, Hot::new(HOT_BYTES)));
        let (writer, ending) =
            Writer::spawn(Box::new(journal), Arc::clone(&view), Clock::system(), Reserve::of(0))?;
        writer.publish(self.genesis.clone()).await?;
        let batches = self.batches()?;
        let sender = self.net.agency(0)?;
        let begun = Instant::now();
        let mut pending = Vec::with_capacity(batches.len());
        for batch in batches {
            pending.push(writer.submit(sender.clone(), Lane::Ordinary, batch).await?);
        }
        for pending in pending {
            let acceptance = pending.accepted().await?;
            ensure!(acceptance.refusals.is_empty(), "envelopes were refused");
        }
        let elapsed = begun.elapsed();
        let waiting = view.state().backlog();
        ensure!(waiting as u64 == self.count(), "{waiting} of {} wait", self.count());
        tokio::task::spawn_blocking(|| ending.close()).await?;
        Ok(elapsed)
    }

    fn batches(&self) -> anyhow::Result<Vec<Vec<Sound>>> {
        let (directory, agency) = (&self.net.directory, self.net.agency(0)?);
        let sender = Sender::new(&agency, directory, now());
        let envelopes = self.prepared.iter().map(|prepared| prepared.message.clone()).collect();
        let submitted = submission(pb::SubmitRequest { batch: 1, envelopes })?;
        let mut batches = vec![Vec::new()];
        let mut bytes = 0;
        for (envelope, prepared) in submitted.envelopes.into_iter().zip(&self.prepared) {
            let sound = verify(envelope, &sender).map_err(|rule| anyhow::anyhow!("refused: {rule}"))?;
            bytes += prepared.bytes;
            if bytes > BATCH_BYTES {
                batches.push(Vec::new());
                bytes = prepared.bytes;
            }
            batches.last_mut().context("there is one")?.push(sound);
        }
        Ok(batches)
    }
}
