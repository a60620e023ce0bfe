//! What a good run tells at its end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use sealpost_demo::history::{Expected, Found};
use sealpost_demo::operation::Figures;
use sealpost_demo::verify::Verified;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::view::DeliveryState;

use crate::show::Away;

/// Numbers of a run.
pub(crate) struct Summary {
    messages: usize,
    senders: usize,
    deliveries: usize,
    read: usize,
    ledgers: usize,
    records: u64,
    signatures: u64,
    hub_away: Option<Away>,
    /// Of the agency that heard of most.
    figures: Figures,
    duration: Duration,
}

impl Summary {
    pub(crate) fn new(
        expected: &Expected,
        found: &BTreeMap<AgencyId, Found>,
        verified: &[Verified],
        hub_away: Option<Away>,
        duration: Duration,
    ) -> Self {
        let senders: std::collections::BTreeSet<_> =
            expected.messages.values().map(|message| &message.sender).collect();
        let states = found.values().flat_map(|found| found.states.values()).flat_map(BTreeMap::values);
        let most =
            found.values().filter_map(|found| found.figures.as_ref()).max_by_key(|figures| figures.counted);
        Self {
            messages: expected.messages.len(),
            senders: senders.len(),
            deliveries: expected.messages.values().map(|message| message.addressees.len()).sum(),
            read: states.filter(|state| **state == DeliveryState::Read).count(),
            ledgers: verified.len(),
            records: verified.iter().map(|verified| verified.records).sum(),
            signatures: verified.iter().map(|verified| verified.signed).sum(),
            hub_away,
            figures: most.map(|figures| Figures::of(&figures.total)).unwrap_or_default(),
            duration,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, senders, deliveries, read, ledgers, records, signatures, .. } = self;
        writeln!(f, "  messages    {messages} published by {senders} agencies")?;
        writeln!(
            f,
            "  deliveries  {deliveries}, each once in the ledger of its addressee and of nobody else"
        )?;
        writeln!(
            f,
            "  receipts    {deliveries} back at their senders, {read} of them for messages that were read"
        )?;
        writeln!(f, "  ledgers     {ledgers} verified: {records} records, {signatures} signatures")?;
        if let Some(Away { after, duration, meanwhile }) = &self.hub_away {
            let seconds = duration.as_secs();
            writeln!(
                f,
                "  hub         killed after {after} messages, back after {seconds} s; {meanwhile} published meanwhile"
            )?;
        }
        writeln!(f, "  figures     {}", self.figures)?;
        write!(f, "All checks passed in {:.1} s.", self.duration.as_secs_f64())
    }
}
