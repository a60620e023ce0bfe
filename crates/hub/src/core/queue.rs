//! The mail of one priority that waits for one recipient.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use sealpost_domain::digest::Digest;
use sealpost_wire::hub::BodyLocation;

use super::held::Agency;
use super::place::Place;

/// One envelope that waits. Its header stays in the journal, its body in the body segments: a backlog costs about a
/// hundred bytes for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The digest of the header.
    pub header: Digest,
    /// Where the sealed content and the wraps lie.
    pub payload: BodyLocation,
    /// Whose it is.
    pub sender: Agency,
}

/// What waits, in the order of the journal, each header at most twice.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<Place, Waiting>,
    /// Where a header waits, by the first bytes of its digest. A sender can make two headers that begin alike: then
    /// the older one is no longer thinned, and that is all.
    places: HashMap<[u8; 8], Places>,
}

/// Where a header waits: first, and again by its latest repeat.
#[derive(Clone, Copy, Debug)]
struct Places {
    first: Place,
    repeat: Option<Place>,
}

impl Queue {
    /// Puts an envelope at the end, and returns what a repeat of the same header replaces: the repeat before it.
    ///
    /// The repeat has a place of its own: a stream that has passed the first one delivers it again, with its new wrap, and an
    /// acknowledgement of the first place does not settle it. The first keeps its place: what a sender repeats must not come
    /// behind all that it sent later.
    pub(super) fn push(&mut self, place: Place, waiting: Waiting) -> Option<Waiting> {
        let key = prefix(&waiting.header);
        let before =
            self.places.get(&key).copied().filter(|before| self.holds(before.first, &waiting.header));
        self.waiting.insert(place, waiting);
        let places = match before {
            None => Places { first: place, repeat: None },
            Some(Places { first, .. }) => Places { first, repeat: Some(place) },
        };
        self.places.insert(key, places);
        before.and_then(|before| self.waiting.remove(&before.repeat?))
    }

    /// Takes out everything up to a place.
    pub(super) fn settle(&mut self, up_to: Place) -> Vec<Waiting> {
        let later = match up_to.index().checked_add(1) {
            Some(next) => self.waiting.split_off(&Place::from_index(next)),
            None => BTreeMap::new(),
        };
        let settled = std::mem::replace(&mut self.waiting, later);
        for (place, waiting) in &settled {
            let Entry::Occupied(mut places) = self.places.entry(prefix(&waiting.header)) else { continue };
            if places.get().first == *place {
                match places.get().repeat {
                    Some(repeat) => drop(places.insert(Places { first: repeat, repeat: None })),
                    None => drop(places.remove()),
                }
            }
        }
        settled.into_values().collect()
    }

    /// Everything after a place (from the beginning: `None`), in order.
    pub(super) fn after(&self, place: Option<Place>) -> impl Iterator<Item = (Place, Waiting)> + '_ {
        let from = place.map_or(Some(0), |place| place.index().checked_add(1));
        let range = from.map(|from| self.waiting.range(Place::from_index(from)..));
        range.into_iter().flatten().map(|(place, waiting)| (*place, *waiting))
    }

    /// The place of the oldest.
    pub(super) fn first(&self) -> Option<Place> {
        self.waiting.first_key_value().map(|(place, _)| *place)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn holds(&self, place: Place, header: &Digest) -> bool {
        self.waiting.get(&place).is_some_and(|waiting| waiting.header == *header)
    }
}

fn prefix(digest: &Digest) -> [u8; 8] {
    let bytes = digest.as_bytes();
    std::array::from_fn(|at| bytes[at])
}

#[cfg(test)]
mod tests {
    use super::super::held::Held;
    use super::*;

    fn waiting(header: [u8; 32], segment: u64) -> Waiting {
        let payload = BodyLocation { segment, offset: 0, length: 0, checksum: 0, index: 0 };
        let sender = Held::default().number(&"HK-CED".parse().unwrap());
        Waiting { header: Digest::new(header), payload, sender }
    }

    fn places(queue: &Queue) -> Vec<u64> {
        queue.after(None).map(|(place, _)| place.entry()).collect()
    }

    #[test]
    fn a_repeat_has_a_place_of_its_own_and_replaces_the_repeat_before() {
        let mut queue = Queue::default();
        assert_eq!(queue.push(Place::new(1, 0), waiting([1; 32], 10)), None);
        assert_eq!(queue.push(Place::new(2, 0), waiting([2; 32], 20)), None);
        assert_eq!(queue.push(Place::new(3, 0), waiting([1; 32], 30)), None);
        assert_eq!(places(&queue), [1, 2, 3], "the first keeps its place");
        assert_eq!(queue.push(Place::new(4, 0), waiting([1; 32], 40)), Some(waiting([1; 32], 30)));
        assert_eq!(places(&queue), [1, 2, 4]);

        assert_eq!(queue.settle(Place::new(2, 9)).len(), 2, "the repeat is not settled");
        assert_eq!(places(&queue), [4]);
        assert_eq!(queue.push(Place::new(5, 0), waiting([1; 32], 50)), None);
        assert_eq!(queue.push(Place::new(6, 0), waiting([1; 32], 60)), Some(waiting([1; 32], 50)));
        assert_eq!(places(&queue), [4, 6]);
        assert_eq!(queue.settle(Place::new(6, 0)).len(), 2);
        assert!(queue.places.is_empty() && queue.len() == 0);
    }

    #[test]
    fn after_a_settlement_a_repeat_is_a_new_entry() {
        let mut queue = Queue::default();
        queue.push(Place::new(1, 0), waiting([1; 32], 10));
        queue.settle(Place::new(1, 0));
        assert_eq!(queue.push(Place::new(2, 0), waiting([1; 32], 20)), None);
        assert_eq!(places(&queue), [2]);
    }

    #[test]
    fn headers_whose_digests_begin_alike_are_kept_apart() {
        let mut queue = Queue::default();
        let mut alike = [1; 32];
        alike[31] = 9;
        queue.push(Place::new(1, 0), waiting([1; 32], 10));
        assert_eq!(queue.push(Place::new(2, 0), waiting(alike, 20)), None);
        assert_eq!(queue.settle(Place::from_index(u64::MAX)).len(), 2);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_queue_is_read_from_after_a_place() {
        let mut queue = Queue::default();
        for entry in 1..=3 {
            queue.push(Place::new(entry, 0), waiting([u8::try_from(entry).unwrap(); 32], entry));
        }
        let after = |place| queue.after(place).map(|(place, _)| place.entry()).collect::<Vec<_>>();
        assert_eq!(after(Some(Place::new(1, 0))), [2, 3]);
        assert_eq!(after(Some(Place::from_index(u64::MAX))), [0_u64; 0]);
    }
}
