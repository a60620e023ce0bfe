//! What keeps keys and clear text from outliving their use in a program: memory is wiped when it is given back, and no
//! core dump is written.
//!
//! A message passes many buffers that nobody names: of the network, of decoders, of the log. Wiping the ones that are known
//! to hold something would miss the rest; the allocator wipes all. What it does not reach is said in docs/erasure.md.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// An allocator that wipes what it is given back, on top of another one.
///
/// A program takes it over as `#[global_allocator] static ALLOCATOR: Wiping = Wiping::new();`.
pub struct Wiping<A = System>(A);

impl Wiping {
    /// On top of the system's allocator.
    #[expect(clippy::new_without_default, reason = "a static needs a const function")]
    pub const fn new() -> Self {
        Self(System)
    }
}

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe by its trait; each block was given out by the one below"
)]
// SAFETY: blocks come from the allocator below and go back to it unchanged but for their content. `realloc` is the
// trait's own, which takes a new block, copies and gives the old one back, so that a block that moves is wiped too.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Wiping<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives back a block of `layout.size()` bytes, which nobody uses any more. Unlike a plain
        // write before it is freed, this one is never optimised away.
        unsafe {
            libc::explicit_bzero(block.cast(), layout.size());
            self.0.dealloc(block, layout);
        }
    }
}

/// From here on this process writes no core dump, and only root may read its memory.
pub fn forbid_dumps() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    /// Counts the bytes that come back, and those that are not wiped.
    #[derive(Default)]
    struct Counting {
        returned: AtomicUsize,
        dirty: AtomicUsize,
    }

    #[expect(unsafe_code, reason = "an allocator is unsafe by its trait")]
    // SAFETY: it passes everything on to the system's allocator.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: passed on.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: the block has that many bytes, and is passed on.
            unsafe {
                let bytes = std::slice::from_raw_parts(block, layout.size());
                self.returned.fetch_add(bytes.len(), Relaxed);
                self.dirty.fetch_add(bytes.iter().filter(|byte| **byte != 0).count(), Relaxed);
                System.dealloc(block, layout);
            }
        }
    }

    #[test]
    #[expect(unsafe_code, reason = "an allocator is used by hand")]
    fn a_block_is_wiped_before_it_goes_back_also_when_it_moves() {
        let wiping = Wiping(Counting::default());
        let layout = Layout::from_size_align(64, 8).unwrap();
        // SAFETY: the block is written within its size, and given back once with the layout that it has then.
        unsafe {
            let block = wiping.alloc(layout);
            block.write_bytes(0xA5, 64);
            let moved = wiping.realloc(block, layout, 4096);
            assert_eq!(moved.read(), 0xA5, "what it holds moves along");
            assert_eq!((wiping.0.returned.load(Relaxed), wiping.0.dirty.load(Relaxed)), (64, 0));
            moved.write_bytes(0xA5, 4096);
            wiping.dealloc(moved, Layout::from_size_align(4096, 8).unwrap());
        }
        assert_eq!((wiping.0.returned.load(Relaxed), wiping.0.dirty.load(Relaxed)), (4160, 0));
    }

    #[test]
    fn a_process_that_forbids_dumps_writes_none() {
        forbid_dumps().unwrap();
        let status = std::fs::read_to_string("/proc/self/limits").unwrap();
        let core = status.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
        assert_eq!(rustix::process::dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
