//! What mail leaves of the disk, so that there is room for what makes room again, and what settlements leave of that for the
//! directory. Decided purely, by the free space that is passed in.

use sealpost_server::pool::Lane;

/// Bytes of the disk that batches leave free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    bytes: u64,
}

/// The least that is for versions of the directory alone: two of the largest.
const DIRECTORY_BYTES_MIN: u64 = 8 << 20;

/// When what is settled may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settling {
    /// As it comes.
    AtOnce,
    /// All that came in a while together.
    Seldom,
    /// Not before there is more room.
    NotNow,
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

    /// When settlements may be written while so much is free.
    pub(super) fn settling(self, free: u64) -> Settling {
        let half = self.bytes / 2;
        let of_directory = (self.bytes / 4).max(DIRECTORY_BYTES_MIN).min(half);
        if free >= half {
            Settling::AtOnce
        } else if free >= of_directory {
            Settling::Seldom
        } else {
            Settling::NotNow
        }
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

    #[test]
    fn settlements_become_few_in_the_lower_half_and_leave_a_quarter_to_the_directory() {
        const MIB: u64 = 1 << 20;
        let settling = |reserve: u64, free: u64| Reserve::of(reserve * MIB).settling(free * MIB);
        assert_eq!([settling(64, 32), settling(64, 31)], [Settling::AtOnce, Settling::Seldom]);
        assert_eq!([settling(64, 16), settling(64, 15)], [Settling::Seldom, Settling::NotNow]);
        assert_eq!(
            [settling(24, 8), settling(24, 7)],
            [Settling::Seldom, Settling::NotNow],
            "8 MiB at least"
        );
        assert_eq!(settling(0, 0), Settling::AtOnce);
    }
}
