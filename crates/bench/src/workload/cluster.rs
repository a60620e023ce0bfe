//! `cluster`: `fanout` with the hub's journal on a cluster of three NATS servers that sync before they acknowledge, beside the same
//! servers by themselves.
//!
//! The hub adds what it adds on one disk: mutual TLS, signatures verified, its own wrap for every receiver. The servers alone store
//! a message of one delivery's size once, and give it to 16 durable pull consumers. What the journal alone costs, without connections
//! and deliveries, is measured apart (see `journal`), beside the servers with messages of the same bytes and one consumer.

mod journal;

use std::sync::Arc;

use anyhow::Context as _;
use sealpost_domain::message::Priority;
use sealpost_testkit::nats::{Options, Server};

use super::fanout::peer::{Found, Peer, Servers, find};
use super::fanout::{DELIVERIES, RECEIVERS, Round, round};
use crate::net::Net;
use crate::net::envelopes::Mail;
use crate::net::station::Expected;
use crate::report::Row;
use crate::samples::{Samples, figure, micros, rate};
use crate::screen::Bar;
use crate::workload::{Asked, Checked, Context as Workplace, Needs, Outcome, Workload, mib, runtime};
use journal::Letters;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "cluster",
    about: "fanout with the journal on three NATS servers, beside those servers alone",
    needs: Needs::Programs,
    asked: Asked::ByName,
    run,
};

/// What the journal alone is measured by.
const ACCEPTED: (&str, &str) = ("envelopes accepted by the journal alone", "envelopes/s");
/// So many envelopes for the journal alone, for each that is delivered.
const LETTERS: usize = 4;

fn run(context: &Workplace) -> anyhow::Result<Outcome> {
    let (rounds, count) = context.either((5, 5000), (3, 1000));
    let program = match find() {
        Found::Program(program) => program,
        Found::Nothing(why) => anyhow::bail!("the workload needs NATS servers: {why}"),
    };
    let net = Net::make(context, RECEIVERS + 1)?;
    let mail = Mail { net: &net, sender: 0, recipients: 1..=RECEIVERS, priority: Priority::Routine };
    let expected: Expected = Arc::new(mail.prepare(count)?);
    let deliveries = u64::try_from(count * RECEIVERS)?;
    let bytes: usize = expected.iter().map(|prepared| prepared.delivered_bytes).sum();
    let runtime = runtime()?;
    let message_bytes = u64::try_from(bytes / count)?;
    let mut peer = Peer::find(context, u64::try_from(count)?, message_bytes, RECEIVERS, Servers::Three)?;
    let letters = Letters::prepare(&net, count * LETTERS)?;
    let mut alone = Peer::find(context, letters.count(), letters.bytes(), 1, Servers::Three)?;
    let [mut value, mut busy, mut peak, mut accepted] = [(); 4].map(|()| Samples::default());
    let mut checked = Checked::default();
    let bar = Bar::new(rounds, "rounds");
    for number in 0..rounds {
        let folder = context.place.folder()?;
        let servers = Server::cluster(&program, folder.path(), &Options::default());
        let servers = servers.context("the servers do not start")?;
        let urls: Vec<String> = servers.iter().map(Server::url).collect();
        net.keep_journal(&format!("round-{number}"), &urls)?;
        let Round { elapsed, busy: used, peak_bytes } =
            runtime.block_on(round(&net, 0, RECEIVERS, &expected))?;
        value.push(rate(deliveries, elapsed));
        busy.push(micros(used) / figure(deliveries));
        peak.push(mib(peak_bytes));
        accepted.push(rate(letters.count(), runtime.block_on(letters.round(&servers))?));
        drop(servers);
        peer.round(&runtime)?;
        alone.round(&runtime)?;
        checked.records += deliveries + letters.count();
        bar.advance();
    }
    let name = WORKLOAD.name;
    let mut rows = peer.rows(name, DELIVERIES, &value);
    rows.extend(alone.rows(name, ACCEPTED, &accepted));
    rows.push(Row::new(name, "hub, processor time of a delivery", "µs", &busy));
    rows.push(Row::new(name, "hub, resident memory at the most", "MiB", &peak));
    let mut notes = peer.notes();
    notes.extend(alone.notes());
    Ok(Outcome { checked, notes, rows })
}
