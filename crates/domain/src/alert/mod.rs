//! What an alert says, and what makes it valid.
//!
//! An [`Alert`] is the body that is sealed: nobody but its recipients reads it. Every field is valid by its type, and
//! the rules between fields hold. A [`Draft`] adds what the header will show. Nothing here knows a clock, so that old
//! messages can be read: whether a time is past is judged where time is known.

mod answer;
mod consignment;
mod content;
mod draft;
pub mod fault;
mod grading;
mod outcome;
mod person;
pub mod quantity;
mod rules;
#[cfg(test)]
mod rules_tests;
pub mod text;
mod transit;

pub use answer::{
    Action, Amendment, Compliance, ComplianceAnswer, Decision, Enclosed, Forward, Permission, Place, Recall,
    Reply, ReplyResult, Request, Sighting,
};
pub use consignment::{DeclaredCode, DeclaredGoods, Leg, Party, SuspectShipment, Suspicion};
pub use content::Content;
pub use draft::{Draft, DraftParts};
pub use fault::{Fault, Faults};
pub use grading::{Grading, GradingScale};
pub use outcome::{Arrest, Outcome, OutcomeResult, Residence, SeizedItem, Seizure, Stage};
pub use person::{Document, Movement, Person, SuspectTraveller};
pub use quantity::{Decimal, Money, Quantity, Unit};
pub use text::{LIST_MAX, Line, List, Text};
pub use transit::{Instruction, TransitCase, TransitGoods, TransitSubject, Window};

use crate::handling::Handling;
use crate::message::Kind;
use crate::time::Date;

/// The parts of an [`Alert`], while they are put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertParts {
    /// How far the source and its information can be relied on.
    pub grading: Grading,
    /// For what purpose it is shared, and may be used.
    pub purpose: Line,
    /// The restrictions of handling code H3, in words; there exactly when the header has H3.
    pub handling_text: Option<Text>,
    /// The last day on which recipients may keep it, in UTC.
    pub retention_until: Date,
    /// What it says.
    pub content: Content,
}

/// The sealed body of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert(AlertParts);

impl AsRef<AlertParts> for AlertParts {
    fn as_ref(&self) -> &AlertParts {
        self
    }
}

impl AsRef<AlertParts> for Alert {
    fn as_ref(&self) -> &AlertParts {
        &self.0
    }
}

impl Alert {
    /// Joins the parts; all broken rules are told, each with its path in the JSON form.
    pub fn new(parts: AlertParts) -> Result<Self, Faults> {
        let collector = fault::Collector::default();
        rules::check(&parts.content, &collector.root().field("content"));
        collector.finish(Some(Self(parts)))
    }

    /// How far the source and its information can be relied on.
    pub fn grading(&self) -> Grading {
        self.0.grading
    }

    /// For what purpose it is shared.
    pub fn purpose(&self) -> &Line {
        &self.0.purpose
    }

    /// The restrictions of handling code H3, in words.
    pub fn handling_text(&self) -> Option<&Text> {
        self.0.handling_text.as_ref()
    }

    /// The last day on which recipients may keep it, in UTC.
    pub fn retention_until(&self) -> Date {
        self.0.retention_until
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        &self.0.content
    }

    /// The parts, to be read.
    pub fn parts(&self) -> &AlertParts {
        &self.0
    }

    /// The parts, to be taken over.
    pub fn into_parts(self) -> AlertParts {
        self.0
    }

    /// Whether the body is the one that a header announces: of that kind, with a text exactly for H3. A recipient asks
    /// this after both were verified.
    pub fn agrees_with(&self, kind: Kind, handling: &Handling) -> Result<(), Faults> {
        let collector = fault::Collector::default();
        let own = self.content().kind();
        if own != kind {
            collector.root().field("content").fault(own.as_str(), format!("{kind}, as the header says"));
        }
        draft::check_handling_text(&self.0, handling, &collector.root());
        collector.finish(Some(()))
    }
}
