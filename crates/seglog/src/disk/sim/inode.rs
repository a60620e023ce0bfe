//! The contents of one simulated file: what a program sees, what is on the platter, and what lies between.

/// The unit in which unsynced writes are lost.
const PAGE_BYTES: u64 = 4096;

#[derive(Default)]
pub(super) struct Inode {
    pub(super) now: Vec<u8>,
    pub(super) synced: Vec<u8>,
    pub(super) pending: Vec<Change>,
}

#[derive(Clone)]
pub(super) enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Truncate { bytes: u64 },
}

impl Inode {
    pub(super) fn change(&mut self, change: Change) {
        apply(&change, &mut self.now);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            apply(&change, &mut self.synced);
        }
    }

    pub(super) fn lose_power(&mut self, dice: &mut Dice) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Write { offset, bytes } => {
                    for (at, page) in pages(offset, &bytes) {
                        let kept = match dice.below(4) {
                            0 => 0,
                            1 => dice.below(page.len() as u64 + 1) as usize,
                            _ => page.len(),
                        };
                        if kept > 0 {
                            apply(
                                &Change::Write { offset: at, bytes: page[..kept].to_vec() },
                                &mut self.synced,
                            );
                        }
                    }
                }
                Change::Truncate { .. } if dice.one_in(2) => {}
                truncate @ Change::Truncate { .. } => apply(&truncate, &mut self.synced),
            }
        }
        self.now.clone_from(&self.synced);
    }
}

fn apply(change: &Change, file: &mut Vec<u8>) {
    match change {
        Change::Write { offset, bytes } => {
            let start = *offset as usize;
            let end = start + bytes.len();
            if file.len() < end {
                file.resize(end, 0);
            }
            file[start..end].copy_from_slice(bytes);
        }
        Change::Truncate { bytes } => file.resize(*bytes as usize, 0),
    }
}

/// The write cut at the page boundaries of the file.
fn pages(offset: u64, bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let mut pages = Vec::new();
    let (mut at, mut rest) = (offset, bytes);
    while !rest.is_empty() {
        let (page, after) = rest.split_at(rest.len().min((PAGE_BYTES - at % PAGE_BYTES) as usize));
        pages.push((at, page));
        at += page.len() as u64;
        rest = after;
    }
    pages
}

/// `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"): enough to decide what is lost.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(super) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}
