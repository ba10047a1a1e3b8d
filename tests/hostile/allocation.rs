//! What a thread allocates, counted, with a bound at which it gets no more.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// More than this at once is refused, and the process ends with the allocator's own words before the machine does.
const MOST_BYTES: usize = 2 << 30;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator with a count for each thread.
pub(crate) struct Counting;

#[expect(unsafe_code, reason = "an allocator is unsafe by its nature; this one hands everything on")]
// SAFETY: every call is handed on to the system's allocator with what was given, or refused as an allocator may.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return core::ptr::null_mut();
        }
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        give_back(layout.size());
        // SAFETY: as the caller promised; it came from the same allocator.
        unsafe { System.dealloc(at, layout) };
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // While it moves, both are there.
        if !take(size) {
            return core::ptr::null_mut();
        }
        give_back(layout.size());
        // SAFETY: as the caller promised; it came from the same allocator.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Counts, where the thread is not about to end.
fn take(bytes: usize) -> bool {
    let held = HELD.try_with(|held| {
        held.set(held.get().saturating_add(bytes));
        held.get()
    });
    let Ok(held) = held else { return true };
    PEAK.try_with(|peak| peak.set(peak.get().max(held))).ok();
    CALLS.try_with(|calls| calls.set(calls.get().saturating_add(1))).ok();
    if held > MOST_BYTES {
        give_back(bytes);
        return false;
    }
    true
}

/// What another thread allocated may be given back here.
fn give_back(bytes: usize) {
    HELD.try_with(|held| held.set(held.get().saturating_sub(bytes))).ok();
}

/// What something allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allocated {
    /// Bytes that were held at once, beyond those held before.
    pub(crate) peak_bytes: usize,
    /// Allocations, which is work that no clock measures.
    pub(crate) calls: u64,
}

/// Runs this and says what it allocated on this thread.
pub(crate) fn allocated_by(run: impl FnOnce()) -> Allocated {
    let (before, calls) = (HELD.get(), CALLS.get());
    PEAK.set(before);
    run();
    Allocated { peak_bytes: PEAK.get().saturating_sub(before), calls: CALLS.get().saturating_sub(calls) }
}
