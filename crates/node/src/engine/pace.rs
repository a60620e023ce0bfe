//! When receipts are made. Pure: what is owed and the time are arguments.
//!
//! A receipt costs a signature, a record and a sync at both ends, and one settles any number of messages. So they are
//! gathered while more keeps arriving. A message that comes alone gains nothing by waiting: its sender may well hand in
//! the next one only when it is receipted. Whether more keeps arriving is seen by what the last receipt settled and by
//! what waits now, so that nothing has to be waited for to know it. However much keeps arriving, nobody waits for a receipt
//! longer than a pause: what arrives may have nothing to do with who is owed one.
//!
//! Never here: who is owed a receipt, and what it says.

use std::time::Duration;

use tokio::time::Instant;

use crate::core::inbox::Owed;

/// The shortest time between two receipts while more keeps arriving.
const PAUSE: Duration = Duration::from_millis(20);
/// After how many settled messages a receipt is due even while more arrives.
const GATHERED_MAX: u64 = 64;

/// When receipts were made last, and for how much.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<(Instant, Owed)>,
    /// Since when something is owed.
    owed_since: Option<Instant>,
}

impl Pace {
    /// Receipts were made for all that was owed.
    pub(super) fn made(&mut self, owed: Owed, now: Instant) {
        self.last = Some((now, owed));
        self.owed_since = None;
    }

    /// From when on receipts are due; `None` where nothing is owed.
    pub(super) fn due(&self, owed: Owed, now: Instant) -> Option<Instant> {
        if !owed.is_any() {
            return None;
        }
        Some(match self.last {
            Some((at, before)) if !(owed.is_single() && before.is_single()) => at + PAUSE,
            _ => now,
        })
    }

    /// Whether receipts are made in the round that begins now. While more is `waiting` to be settled they are not, unless
    /// very much is owed, or something has been for a pause: since it was seen here first.
    pub(super) fn is_due(&mut self, owed: Owed, waiting: bool, now: Instant) -> bool {
        if !owed.is_any() {
            self.owed_since = None;
            return false;
        }
        let since = *self.owed_since.get_or_insert(now);
        let has_waited = now.saturating_duration_since(since) >= PAUSE;
        let is_time = self.due(owed, now).is_some_and(|due| due <= now);
        owed.all >= GATHERED_MAX || is_time && (has_waited || !waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Owed = Owed { all: 0, of_one: 0, repeats: false };

    fn from_one(count: u64) -> Owed {
        Owed { all: count, of_one: count, repeats: false }
    }

    /// A pace whose last receipts settled this, and when that was.
    fn after(owed: Owed) -> (Pace, Instant) {
        let (mut pace, at) = (Pace::default(), Instant::now());
        pace.made(owed, at);
        (pace, at)
    }

    #[test]
    fn nothing_is_due_while_nothing_is_owed() {
        let (mut pace, at) = after(from_one(1));
        assert_eq!(pace.due(NOTHING, at + PAUSE), None);
        assert!(!pace.is_due(NOTHING, false, at + PAUSE));
    }

    #[test]
    fn the_first_receipts_go_at_once() {
        let now = Instant::now();
        assert_eq!(Pace::default().due(from_one(7), now), Some(now));
    }

    #[test]
    fn messages_that_come_one_by_one_are_receipted_at_once() {
        let (mut pace, mut now) = after(from_one(1));
        for _ in 0..10 {
            now += Duration::from_millis(3);
            assert_eq!(pace.due(from_one(1), now), Some(now));
            pace.made(from_one(1), now);
        }
    }

    #[test]
    fn one_message_of_each_of_many_senders_is_not_more() {
        let of_many = Owed { all: 16, of_one: 1, repeats: false };
        let (mut pace, at) = after(of_many);
        assert!(pace.is_due(of_many, false, at));
    }

    #[test]
    fn more_is_gathered_for_a_pause_and_no_longer() {
        let (mut pace, at) = after(from_one(1));
        assert_eq!(pace.due(from_one(2), at), Some(at + PAUSE));
        assert!(!pace.is_due(from_one(2), false, at + PAUSE / 2));
        assert!(pace.is_due(from_one(2), false, at + PAUSE));
    }

    #[test]
    fn while_more_kept_arriving_the_first_of_the_next_waits_with_those_that_follow() {
        let (mut pace, at) = after(from_one(9));
        assert_eq!(pace.due(from_one(1), at), Some(at + PAUSE));
        // None followed: the next one is alone again.
        pace.made(from_one(1), at + PAUSE);
        assert_eq!(pace.due(from_one(1), at + PAUSE), Some(at + PAUSE));
    }

    #[test]
    fn repeats_wait_for_the_pause_so_that_nobody_makes_us_speak_without_end() {
        let repeats = Owed { repeats: true, ..NOTHING };
        let (pace, at) = after(NOTHING);
        assert_eq!(pace.due(repeats, at), Some(at + PAUSE));
        assert_eq!(pace.due(Owed { repeats: true, ..from_one(1) }, at), Some(at + PAUSE));
    }

    #[test]
    fn what_waits_to_be_settled_is_settled_first_unless_very_much_is_owed() {
        let mut pace = Pace::default();
        let now = Instant::now();
        assert!(!pace.is_due(from_one(GATHERED_MAX - 1), true, now));
        assert!(pace.is_due(from_one(GATHERED_MAX), true, now));
    }

    /// After how long receipts are made for what is owed from now on, while something waits in each of many short rounds.
    fn waits_under_load(pace: &mut Pace, owed: Owed, now: Instant) -> Duration {
        let step = Duration::from_millis(1);
        let rounds = (0..1000).map(|round| step * round);
        let made = rounds.into_iter().find(|after| pace.is_due(owed, true, now + *after));
        made.expect("they are made while the load lasts")
    }

    #[test]
    fn a_lone_message_is_receipted_after_a_pause_however_much_else_keeps_coming() {
        let (mut pace, at) = after(from_one(1));
        for owed in [from_one(1), from_one(2), Owed { all: 3, of_one: 1, repeats: false }] {
            let later = at + 10 * PAUSE;
            assert_eq!(waits_under_load(&mut pace, owed, later), PAUSE, "{owed:?}");
            pace.made(owed, later + PAUSE);
            assert_eq!(waits_under_load(&mut pace, owed, later + PAUSE), PAUSE, "{owed:?}: once more");
            pace.made(owed, at);
        }
    }

    #[test]
    fn repeats_go_under_load_and_a_pause_apart() {
        let repeats = Owed { repeats: true, ..NOTHING };
        let (mut pace, at) = after(NOTHING);
        assert_eq!(waits_under_load(&mut pace, repeats, at), PAUSE);
        pace.made(repeats, at + PAUSE);
        assert_eq!(waits_under_load(&mut pace, repeats, at + PAUSE), PAUSE);
    }

    #[test]
    fn what_was_not_owed_meanwhile_has_not_waited() {
        let (mut pace, at) = after(from_one(1));
        assert!(!pace.is_due(from_one(1), true, at + PAUSE));
        assert!(!pace.is_due(NOTHING, true, at + PAUSE * 2));
        assert!(!pace.is_due(from_one(1), true, at + PAUSE * 3));
        assert!(pace.is_due(from_one(1), true, at + PAUSE * 4));
    }
}
