//! Tells a process from the copies that `fork` makes of it.
//!
//! A forked child has the parent's memory and only one of its threads: the generators of ids are in the same state as
//! the parent's, the pipeline's threads are gone, and a lock that one of them held is never given up. So ids and
//! pipelines remember in which process they were made, as a number that is cheap to compare. (`getpid` is a system call.)
//!
//! This is one of two places where the crate calls C: the standard library does not say that a process was forked.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Counts the forks on the way to this process.
static GENERATION: AtomicU32 = AtomicU32::new(1);

/// The number of this process, never 0. It differs in a child from what it is in its parents, if [`watch`] was called
/// there before.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Relaxed)
}

/// Counts every fork from now on.
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
        // An atomic addition is all that is safe here, and all that is needed. It skips 0, which says "none".
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
            /// POSIX: has the handlers run around each `fork`; not zero if there is no room.
            fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> c_int;
        }
        WATCHED.call_once(|| {
            // SAFETY: the declaration is POSIX's. The handler takes nothing, gives nothing, does not unwind, touches
            // nothing but an atomic, and lives as long as the code that it is part of: a library that is unloaded
            // takes its handlers with it.
            let _no_room = unsafe { pthread_atfork(None, None, Some(in_child)) };
        });
    }
}
