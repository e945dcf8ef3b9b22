//! Gives freed memory back to the operating system.
#![allow(unsafe_code, reason = "the allocator's own function has no safe wrapper; see its comment")]

/// Returns the pages that no allocation uses.
///
/// A large body is parsed into a million small allocations. glibc keeps most of their pages once they are freed, because
/// a single allocation behind them stays in use, and other bodies are parsed on other threads with heaps of their own.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes no pointer, is thread-safe by its documentation, and gives back only pages on which
    // nothing is allocated. If the program has another allocator, glibc's heaps are small and nothing depends on them.
    unsafe {
        libc::malloc_trim(0);
    }
}
