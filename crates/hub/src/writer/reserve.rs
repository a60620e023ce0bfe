//! What mail leaves of the disk, so that there is room for what makes room again. Decided purely, by the free space that is
//! passed in.

use sealpost_server::pool::Lane;

/// Bytes of the disk that batches leave free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    bytes: u64,
}

impl Reserve {
    /// So many for all mail but FLASH, which may take half of them.
    pub fn of(bytes: u64) -> Self {
        Self { bytes }
    }

    /// What is left of the free space when a batch is written; `None`: it would go into the reserve.
    pub(super) fn after(self, free: u64, lane: Lane, batch: usize) -> Option<u64> {
        let reserved = match lane {
            Lane::Express => self.bytes / 2,
            Lane::Ordinary => self.bytes,
        };
        free.checked_sub(batch as u64).filter(|left| *left >= reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_stops_before_the_reserve_and_flash_in_the_midst_of_it() {
        let after = |free, lane| Reserve::of(100).after(free, lane, 10);
        assert_eq!([after(110, Lane::Ordinary), after(109, Lane::Ordinary)], [Some(100), None]);
        assert_eq!([after(60, Lane::Express), after(59, Lane::Express)], [Some(50), None]);
        assert_eq!(Reserve::of(0).after(9, Lane::Ordinary, 10), None);
    }
}
