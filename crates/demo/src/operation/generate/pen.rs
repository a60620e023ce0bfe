//! Writes the messages of a case: what every message needs is added here, so that the stories only say what happens.

use jiff::{SignedDuration, Timestamp};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::fault::Collector;
use sealpost_domain::alert::{Alert, AlertParts, Content, Draft, DraftParts, Grading, GradingScale};
use sealpost_domain::handling::{Handling, HandlingCode, Tlp};
use sealpost_domain::message::{Category, MessageId, Priority, SharingMode};
use sealpost_domain::time::{Date, OffsetTime};

use super::dice::Dice;
use super::places::Place;
use super::{Error, read};
use crate::operation::Message;

/// The joint operation to which every message belongs, as the sample roster names it.
const OPERATION: &str = "OP-MARKER-2023";
/// For how long messages may be kept, in days.
const RETENTION_DAYS: i64 = 180;

/// A case while it is being told.
pub(super) struct Pen<'a> {
    pub(super) dice: &'a mut Dice,
    /// `case-012`.
    pub(super) case: String,
    pub(super) category: Category,
    handling: Handling,
    handling_text: Option<&'static str>,
    grading: Grading,
    written: Vec<Message>,
}

/// What one message says, and to whom.
pub(super) struct Note {
    pub(super) step: &'static str,
    pub(super) from: Place,
    /// Nobody in particular: every member of the operation.
    pub(super) to: Vec<Place>,
    pub(super) at: Timestamp,
    pub(super) priority: Priority,
    pub(super) act_before: Option<OffsetTime>,
    pub(super) answers: Option<MessageId>,
    pub(super) content: Content,
}

impl<'a> Pen<'a> {
    pub(super) fn new(dice: &'a mut Dice, number: usize, category: Category) -> Result<Self, Error> {
        let (handling, handling_text) = handling(dice);
        let grading = grading(dice)?;
        let case = format!("case-{number:03}");
        Ok(Self { dice, case, category, handling, handling_text, grading, written: Vec::new() })
    }

    /// Writes a message down and gives its id.
    pub(super) fn write(&mut self, note: Note) -> Result<MessageId, Error> {
        let Note { step, from, to, at, priority, act_before, answers, content } = note;
        let at = from.time(at)?;
        let sent_at_ms =
            u64::try_from(at.instant().as_millis()).map_err(|source| Error::invalid(at, source))?;
        let id = MessageId::new(sent_at_ms, self.dice.ten_bytes());
        let sharing = match answers {
            Some(_) if matches!(content, Content::Reply(_)) => SharingMode::OnRequest,
            _ => SharingMode::Spontaneous,
        };
        let alert = Alert::new(AlertParts {
            grading: self.grading,
            purpose: read("detection and investigation of smuggling (invented sample)")?,
            handling_text: self.handling_text.map(read).transpose()?,
            retention_until: days_after(at, RETENTION_DAYS)?,
            content,
        })
        .map_err(|source| Error::invalid(&self.case, source))?;
        let draft = Draft::new(DraftParts {
            recipients: offices(&to)?,
            operation: Some(read(OPERATION)?),
            priority,
            act_before,
            category: self.category,
            handling: self.handling.clone(),
            sharing,
            in_reply_to: answers,
            alert,
        })
        .map_err(|source| Error::invalid(&self.case, source))?;
        let from = from.office()?.ok_or_else(|| Error::UnknownPlace { airport: from.airport.to_owned() })?;
        let reference = self.reference(step);
        self.written.push(Message { reference, id, from, at, draft });
        Ok(id)
    }

    /// The messages written so far.
    pub(super) fn finish(self) -> Vec<Message> {
        self.written
    }

    /// The case and the step, counted where a step comes more than once.
    fn reference(&self, step: &str) -> String {
        let first = format!("{}/{step}", self.case);
        let same = self.written.iter().filter(|message| {
            let counted = message.reference.strip_prefix(&first);
            counted.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        });
        match same.count() {
            0 => first,
            earlier => format!("{first}-{}", earlier + 1),
        }
    }
}

fn offices(places: &[Place]) -> Result<Vec<AgencyId>, Error> {
    let mut agencies = Vec::new();
    for place in places {
        agencies.extend(place.office()?);
    }
    agencies.sort();
    Ok(agencies)
}

fn handling(dice: &mut Dice) -> (Handling, Option<&'static str>) {
    let tlp = dice.pick(&[Tlp::Amber, Tlp::Amber, Tlp::Amber, Tlp::AmberStrict, Tlp::Green, Tlp::Red]);
    match dice.below(10) {
        0 => (
            Handling::new(tlp, [HandlingCode::H1, HandlingCode::H3]),
            Some("Ask the originator before anyone outside the airport team is told."),
        ),
        1..4 => (Handling::new(tlp, [HandlingCode::H1, HandlingCode::H2]), None),
        4..7 => (Handling::new(tlp, [HandlingCode::H1]), None),
        _ => (Handling::new(tlp, [HandlingCode::H0]), None),
    }
}

fn grading(dice: &mut Dice) -> Result<Grading, Error> {
    let (scale, source, information) = if dice.percent(75) {
        (GradingScale::Europol, dice.pick(&["A", "B", "C", "X"]), dice.between(1, 4))
    } else {
        (GradingScale::Admiralty, dice.pick(&["A", "B", "C", "D", "E", "F"]), dice.between(1, 6))
    };
    let collector = Collector::default();
    let grading = Grading::read(&collector.root(), scale, source, information);
    let valid = collector.finish(grading.map(Some)).map_err(|source| Error::invalid(scale, source))?;
    valid.ok_or_else(|| Error::Grading { scale })
}

/// A date so many days after a time's own.
fn days_after(time: OffsetTime, days: i64) -> Result<Date, Error> {
    let date = time.date().civil();
    let later = date
        .checked_add(SignedDuration::from_hours(24 * days))
        .map_err(|source| Error::invalid(date, source))?;
    read(&later.to_string())
}
