//! `[limits]` of `hub.toml`: each key with its default and its bounds.

use sealpost_server::acceptor;
use sealpost_server::config::{ByteSize, Field, Reader};

use super::Limits;
use crate::rates::{Rate, Rates};

/// What nodes say to one another, for each agency: a thousand times what a node says that has much to say. Not to be
/// configured: nothing is lost above it.
const CONTROL: Rate = Rate { items: 1000, bytes: 4 << 20 };

impl Limits {
    pub(super) fn read(reader: &mut Reader<'_>) -> Field<Self> {
        let (door, waiting, mail, flash) = (door(reader), Waiting::read(reader), mail(reader), flash(reader));
        Field::build(|| {
            let waiting = waiting.take()?;
            Some(Self {
                door: door.take()?,
                batch_bytes: waiting.batch_bytes,
                backlog_envelopes: waiting.backlog_envelopes,
                sender_bytes: waiting.sender_bytes,
                mail: mail.take()?,
                flash: flash.take()?,
                control: CONTROL,
                disk_reserve: waiting.disk_reserve,
            })
        })
    }

    /// The rates of every agency.
    pub fn rates(&self) -> Rates {
        Rates { flash: self.flash, mail: self.mail, control: self.control }
    }
}

fn door(reader: &mut Reader<'_>) -> Field<acceptor::Limits> {
    let mut section = reader.section("limits", "How much the hub takes.");
    // A node needs two, and as many again until the hub has noticed that its line broke.
    acceptor::Limits::read(&mut section, 4096, 8, acceptor::Peers::Agencies)
}

/// What may wait.
struct Waiting {
    batch_bytes: usize,
    backlog_envelopes: usize,
    sender_bytes: u64,
    disk_reserve: u64,
}

impl Waiting {
    fn read(reader: &mut Reader<'_>) -> Field<Self> {
        let mut section = reader.section("limits", "How much the hub takes.");
        let batch_bytes = section.within(
            "batch_bytes",
            "The most that is delivered in one batch, unless a single envelope is larger.",
            ByteSize::new(64 << 10),
            ByteSize::new(1 << 10)..=ByteSize::new(64 << 10),
        );
        let backlog_envelopes = section.within(
            "backlog_envelopes",
            "Envelopes that wait for one recipient, and an eighth as many of FLASH beside them; further ones are refused for it alone, until there is room: senders keep them. Half of it is for whoever comes; above that each agency has an equal part of the other half.",
            1_000_000_usize,
            1000..=100_000_000,
        );
        let sender_bytes = section.within(
            "sender_bytes",
            "Bytes of one sender's bodies that wait, each once for every recipient. Above that the sender is refused for those recipients for whom more than a sixty-fourth of it waits, until there is room: it keeps its mail.",
            ByteSize::new(4 << 30),
            ByteSize::new(1 << 20)..=ByteSize::new(1 << 40),
        );
        let disk_reserve = section.within(
            "disk_reserve",
            "What mail leaves free of the disk of [hub] data, FLASH half of it: what was fetched is noted there, and versions of the directory, so that mail which nobody waits for can be deleted. A quarter of it, but 8 MiB at least, is for the directory alone.",
            ByteSize::new(64 << 20),
            ByteSize::new(16 << 20)..=ByteSize::new(1 << 40),
        );
        Field::build(|| {
            Some(Self {
                batch_bytes: usize::try_from(batch_bytes.take()?.bytes()).ok()?,
                backlog_envelopes: backlog_envelopes.take()?,
                sender_bytes: sender_bytes.take()?.bytes(),
                disk_reserve: disk_reserve.take()?.bytes(),
            })
        })
    }
}

fn mail(reader: &mut Reader<'_>) -> Field<Rate> {
    let mut section = reader.section("limits", "How much the hub takes.");
    let envelopes = section.within(
        "envelopes_per_second",
        "Envelopes that one agency may submit in a second, FLASH apart. Ten seconds' worth may come at once; whoever goes on faster is slowed down.",
        2000_usize,
        1..=1_000_000,
    );
    let bytes = section.within(
        "bytes_per_second",
        "The same in bytes.",
        ByteSize::new(32 << 20),
        ByteSize::new(1 << 10)..=ByteSize::new(16 << 30),
    );
    rate(envelopes, bytes)
}

fn flash(reader: &mut Reader<'_>) -> Field<Rate> {
    let mut section = reader.section("limits", "How much the hub takes.");
    let envelopes = section.within(
        "flash_envelopes_per_second",
        "FLASH that one agency may submit in a second, a budget of its own: ten seconds' worth may come at once.",
        200_usize,
        1..=1_000_000,
    );
    let bytes = section.within(
        "flash_bytes_per_second",
        "The same in bytes.",
        ByteSize::new(4 << 20),
        ByteSize::new(1 << 10)..=ByteSize::new(16 << 30),
    );
    rate(envelopes, bytes)
}

fn rate(envelopes: Field<usize>, bytes: Field<ByteSize>) -> Field<Rate> {
    Field::build(|| Some(Rate { items: envelopes.take()? as u64, bytes: bytes.take()?.bytes() }))
}
