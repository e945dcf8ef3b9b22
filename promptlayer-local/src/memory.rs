//! Returns freed memory to the operating system.
#![allow(unsafe_code, reason = "the allocator's own function has no safe wrapper; see its comment")]

/// Returns the unused pages of the allocator to the operating system.
///
/// The parser splits a large body into about a million small allocations. After these are freed, glibc keeps
/// most of their pages, because a single allocation after them is still in use. Other bodies are parsed on
/// other threads, which have their own heaps and cannot reuse these pages.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes no pointer, is documented as thread-safe, and releases only pages without
    // any allocation. If the program uses another allocator, glibc's heaps are small and nothing depends on
    // them.
    unsafe {
        libc::malloc_trim(0);
    }
}
