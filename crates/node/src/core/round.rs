//! What one round of decisions amounts to: records to be appended together, and statements to be sent once they are
//! durable.

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::record::Record;
use sealpost_domain::statement::{ControlType, Signed};
use sealpost_ledger::Draft;

use super::Env;

/// A round of decisions. Nothing in it has happened before its records are durable.
#[derive(Default)]
pub struct Round {
    records: Vec<Draft>,
    bytes: usize,
    outgoing: Vec<Outgoing>,
    alarms: Vec<String>,
}

/// A statement for a peer, to be handed to the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// For whom.
    pub to: AgencyId,
    /// Which statement.
    pub kind: ControlType,
    /// The statement.
    pub statement: Signed,
}

impl Round {
    /// Adds a record; its place within the round.
    pub(super) fn record(&mut self, env: &mut Env<'_>, record: Record, body: Bytes) -> usize {
        let mut salt = [0; 32];
        env.rng.fill_bytes(&mut salt);
        self.bytes += body.len();
        self.records.push(Draft { recorded_at: env.now, salt, record, body });
        self.records.len() - 1
    }

    /// Adds a statement that is sent once the records are durable.
    pub(super) fn send(&mut self, to: AgencyId, kind: ControlType, statement: Signed) {
        self.outgoing.push(Outgoing { to, kind, statement });
    }

    /// Notes, for the log, what an alarm in it says.
    pub(super) fn alarmed(&mut self, told: String) {
        self.alarms.push(told);
    }

    /// What its alarms say.
    pub fn alarms(&self) -> &[String] {
        &self.alarms
    }

    /// The records, in the order in which they have to be appended.
    pub fn records(&self) -> &[Draft] {
        &self.records
    }

    /// Bytes of all bodies in it.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes out the statements that may be sent once the records are durable.
    pub fn take_outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outgoing)
    }
}
