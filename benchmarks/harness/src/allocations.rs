//! An allocator that counts what the current thread allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::iter::Sum;
use std::ops::{AddAssign, Sub};

/// Allocations of one thread. Growing a vector counts as one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allocations {
    pub count: u64,
    pub bytes: u64,
}

impl Allocations {
    /// Returns what this thread has allocated so far.
    pub fn of_this_thread() -> Self {
        SO_FAR.get()
    }

    const NONE: Self = Self { count: 0, bytes: 0 };
}

impl Sub for Allocations {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { count: self.count - earlier.count, bytes: self.bytes - earlier.bytes }
    }
}

impl AddAssign for Allocations {
    fn add_assign(&mut self, more: Self) {
        self.count += more.count;
        self.bytes += more.bytes;
    }
}

impl Sum for Allocations {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let mut sum = Self::default();
        all.for_each(|one| sum += one);
        sum
    }
}

thread_local! {
    static SO_FAR: Cell<Allocations> = const { Cell::new(Allocations::NONE) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: usize) {
    let so_far = SO_FAR.get();
    SO_FAR.set(Allocations { count: so_far.count + 1, bytes: so_far.bytes + bytes as u64 });
}

// SAFETY: everything is passed on to the allocator of the system. The counter has no destructor and allocates
// nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn a_growing_vector_is_counted_with_each_growth() {
        let before = Allocations::of_this_thread();
        let mut bytes = black_box(Vec::<u8>::with_capacity(10));
        bytes.reserve_exact(20);
        assert_eq!(Allocations::of_this_thread() - before, Allocations { count: 2, bytes: 30 });
    }

    #[test]
    fn other_threads_are_not_counted() {
        let before = Allocations::of_this_thread();
        std::thread::scope(|scope| {
            scope.spawn(|| drop(black_box(vec![0_u8; 1 << 20])));
        });
        assert!((Allocations::of_this_thread() - before).bytes < 1 << 20);
    }
}
