//! Who gives way where there is no room for one more. Decided purely, for handshakes and for connections alike; those who are
//! there are given by their parties, the oldest first, and whoever gives way is told by its place among them.

use std::collections::HashMap;
use std::hash::Hash;

/// Who gives way to a newcomer where so many may be there in all, and so many of one party; `None`: there is room. A party that
/// has as many as it may loses its own oldest; otherwise the party that has most does.
pub(crate) fn to_newcomer<'p, P: Eq + Hash + 'p>(
    mut present: impl Iterator<Item = &'p P> + Clone,
    newcomer: &P,
    all_max: usize,
    of_one_max: usize,
) -> Option<usize> {
    let is_own = |party: &&P| *party == newcomer;
    if present.clone().filter(is_own).count() >= of_one_max {
        present.position(|party| party == newcomer)
    } else if present.clone().count() >= all_max {
        of_heaviest(present, Some(newcomer))
    } else {
        None
    }
}

/// The oldest of the party that has most, once the newcomer is in. Of several, the newcomer's own: nobody takes a place from
/// one who has no more; otherwise the one that came first. `None`: nobody is there.
pub(crate) fn of_heaviest<'p, P: Eq + Hash + 'p>(
    mut present: impl Iterator<Item = &'p P> + Clone,
    newcomer: Option<&P>,
) -> Option<usize> {
    let mut counts = HashMap::<&P, usize>::new();
    for party in present.clone() {
        *counts.entry(party).or_default() += 1;
    }
    if let Some(own) = newcomer.and_then(|newcomer| counts.get_mut(newcomer)) {
        *own += 1;
    }
    let most = counts.values().copied().max()?;
    let has_most = |party: &P| counts.get(party) == Some(&most);
    let first = newcomer.filter(|newcomer| has_most(newcomer));
    present.position(|party| first.map_or_else(|| has_most(party), |newcomer| party == newcomer))
}
