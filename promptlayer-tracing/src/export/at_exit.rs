//! Shutdown at the end of a process by `std::process::exit`, which runs no destructors.
//!
//! The standard library has no hook for the end of a process. This module and [`fork`](crate::fork) are the
//! only places where the crate calls C.

use std::ffi::c_int;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::thread;

use promptlayer_client::exporter::clock::deadline_in;

use crate::export::shutdown::{self, Shutdown};
use crate::hooks;

/// The pipelines to shut down.
static SHUTDOWNS: Mutex<Vec<Weak<Shutdown>>> = Mutex::new(Vec::new());
static REGISTERED: Once = Once::new();

/// Registers a pipeline to be shut down when the process ends.
pub(crate) fn register(shutdown: &Arc<Shutdown>) {
    if shutdown.is_forked() {
        return;
    }
    let mut shutdowns = SHUTDOWNS.lock().unwrap_or_else(PoisonError::into_inner);
    shutdowns.retain(|shutdown| shutdown.strong_count() > 0);
    shutdowns.push(Arc::downgrade(shutdown));
    drop(shutdowns);
    REGISTERED.call_once(at_exit);
}

/// Shuts down all registered pipelines. It does not hold the lock meanwhile, because a hook may end the
/// process too.
extern "C" fn shut_down() {
    // A panic must not unwind into the C library.
    let _ = catch_unwind(|| {
        let shutdowns = std::mem::take(&mut *SHUTDOWNS.lock().unwrap_or_else(PoisonError::into_inner));
        end_all(shutdowns.iter().filter_map(Weak::upgrade));
    });
}

/// Shuts pipelines down in parallel, within one timeout for all of them.
fn end_all(shutdowns: impl Iterator<Item = Arc<Shutdown>>) {
    let deadline = deadline_in(shutdown::TIMEOUT);
    let in_hook = hooks::is_hook_thread();
    let (mut threads, mut here) = (Vec::new(), Vec::new());
    for shutdown in shutdowns {
        if here.is_empty() {
            here.push(shutdown);
            continue;
        }
        let ended = Arc::clone(&shutdown);
        match thread::Builder::new().spawn(move || ended.end(deadline, in_hook)) {
            Ok(thread) => threads.push(thread),
            // Without a thread, it runs after the others, within the same deadline.
            Err(_) => here.push(shutdown),
        }
    }
    for shutdown in here {
        shutdown.end(deadline, in_hook);
    }
    // `thread::scope` parks the thread. The thread-locals that parking needs may already be destroyed here.
    for thread in threads {
        let _ = thread.join();
    }
}

#[allow(unsafe_code, reason = "`atexit` is the only way to be told that the process ends by `exit`")]
fn at_exit() {
    unsafe extern "C" {
        /// Registers `function` for the normal end of the process (C99, 7.20.4.2). Returns non-zero if it
        /// cannot be registered.
        fn atexit(function: extern "C" fn()) -> c_int;
    }
    // SAFETY: the declaration matches the C standard. The function takes no arguments, returns nothing, does
    // not unwind, and lives as long as the program.
    let _no_room = unsafe { atexit(shut_down) };
}
