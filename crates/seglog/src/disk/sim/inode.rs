//! The contents of one simulated file: what a program sees, what is on the platter, and what lies between.

use super::fate::Fate;

/// The unit in which unsynced writes are lost.
const PAGE_BYTES: u64 = 4096;

#[derive(Clone, Default)]
pub(super) struct Inode {
    pub(super) now: Vec<u8>,
    pub(super) synced: Vec<u8>,
    /// Of one page at most, in the order in which they were made.
    pub(super) pending: Vec<Change>,
}

#[derive(Clone)]
pub(super) enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Truncate { bytes: u64 },
}

impl Inode {
    /// Writes what `fate` leaves of each page.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8], fate: &mut Fate) {
        for (offset, page) in pages(offset, bytes) {
            let kept = fate.kept(page.len());
            if kept > 0 {
                self.change(Change::Write { offset, bytes: page[..kept].to_vec() });
            }
        }
    }

    pub(super) fn truncate(&mut self, bytes: u64) {
        self.change(Change::Truncate { bytes });
    }

    /// Brings to the platter what `fate` leaves of the unsynced changes, and forgets the rest.
    pub(super) fn sync(&mut self, fate: &mut Fate) {
        for change in self.pending.drain(..) {
            match change {
                Change::Write { offset, mut bytes } => {
                    bytes.truncate(fate.kept(bytes.len()));
                    if !bytes.is_empty() {
                        apply(&Change::Write { offset, bytes }, &mut self.synced);
                    }
                }
                Change::Truncate { .. } => {
                    if fate.happens() {
                        apply(&change, &mut self.synced);
                    }
                }
            }
        }
    }

    pub(super) fn lose_power(&mut self, fate: &mut Fate) {
        self.sync(fate);
        self.now.clone_from(&self.synced);
    }

    fn change(&mut self, change: Change) {
        apply(&change, &mut self.now);
        self.pending.push(change);
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
