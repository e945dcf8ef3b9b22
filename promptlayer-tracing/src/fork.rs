//! Detects that this process is a fork of another one.
//!
//! A forked child has the memory of its parent but only one of its threads. The id generators are in the same
//! state as those of the parent, the pipeline's threads are missing, and a lock that one of them held is
//! never released. Ids and pipelines therefore remember the process that created them, as a number that is
//! cheap to compare. (`getpid` is a system call.)
//!
//! This is one of two places where the crate calls C, because the standard library does not report forks.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// Counts the forks between the first process and this one.
static GENERATION: AtomicU32 = AtomicU32::new(1);

/// Returns the generation of this process, which is never 0. A child has a different generation than its
/// parents, if [`watch`] was called before the fork.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Relaxed)
}

/// Starts to count forks.
pub(crate) fn watch() {
    #[cfg(unix)]
    unix::watch();
}

#[cfg(unix)]
mod unix {
    use std::ffi::c_int;
    use std::sync::Once;
    use std::sync::atomic::Ordering::Relaxed;

    static WATCHED: Once = Once::new();

    type Handler = Option<extern "C" fn()>;

    /// Runs in the child, on its only thread, before `fork` returns there.
    extern "C" fn in_child() {
        // Only async-signal-safe operations are allowed here, and an atomic addition is one. Skips 0, which
        // means "none".
        if super::GENERATION.fetch_add(1, Relaxed) == u32::MAX {
            super::GENERATION.store(1, Relaxed);
        }
    }

    #[allow(
        unsafe_code,
        reason = "`pthread_atfork` is the only way to learn of a fork without a system call each time"
    )]
    pub(super) fn watch() {
        unsafe extern "C" {
            /// POSIX: registers handlers that run around each `fork`. Returns non-zero if there is no memory.
            fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> c_int;
        }
        WATCHED.call_once(|| {
            // SAFETY: the declaration is the one of POSIX. The handler has no arguments and no return value,
            // does not unwind, accesses only an atomic, and lives as long as the code that contains it: when
            // a library is unloaded, its handlers are removed too.
            let _no_room = unsafe { pthread_atfork(None, None, Some(in_child)) };
        });
    }
}
