//! The end of a process that drops nothing: `std::process::exit`.
//!
//! The standard library has no way to be told of it, so this is, beside [`fork`](crate::fork), the one place where the
//! crate calls C.

use std::ffi::c_int;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::thread;

use super::guard::{Ender, Guard};
use crate::hook;
use promptlayer_client::exporter::clock::deadline_in;

/// The pipelines that are to be shut down.
static ENDERS: Mutex<Vec<Weak<Ender>>> = Mutex::new(Vec::new());
static REGISTERED: Once = Once::new();

/// Has a pipeline shut down when the process ends.
pub(super) fn register(ender: &Arc<Ender>) {
    if ender.is_forked() {
        return;
    }
    let mut enders = ENDERS.lock().unwrap_or_else(PoisonError::into_inner);
    enders.retain(|ender| ender.strong_count() > 0);
    enders.push(Arc::downgrade(ender));
    drop(enders);
    REGISTERED.call_once(at_exit);
}

/// Shuts down what has been registered. The lock is not held meanwhile: a hook may end the process too.
extern "C" fn shut_down() {
    // No panic may cross into the C library.
    let _ = catch_unwind(|| {
        let enders = std::mem::take(&mut *ENDERS.lock().unwrap_or_else(PoisonError::into_inner));
        end_all(enders.iter().filter_map(Weak::upgrade));
    });
}

/// Ends pipelines side by side, within one timeout for all of them.
fn end_all(enders: impl Iterator<Item = Arc<Ender>>) {
    let deadline = deadline_in(Guard::SHUTDOWN_TIMEOUT);
    let in_hook = hook::is_hook_thread();
    let (mut threads, mut here) = (Vec::new(), Vec::new());
    for ender in enders {
        if here.is_empty() {
            here.push(ender);
            continue;
        }
        let ended = Arc::clone(&ender);
        match thread::Builder::new().spawn(move || ended.end(deadline, in_hook)) {
            Ok(thread) => threads.push(thread),
            // Then after the others, and within the same deadline all the same.
            Err(_) => here.push(ender),
        }
    }
    for ender in here {
        ender.end(deadline, in_hook);
    }
    // Not `thread::scope`: it parks, and by now the locals of this thread that parking needs may be gone.
    for thread in threads {
        let _ = thread.join();
    }
}

#[allow(unsafe_code, reason = "`atexit` is the only way to be told that the process ends by `exit`")]
fn at_exit() {
    unsafe extern "C" {
        /// C99, 7.20.4.2: runs `function` at the normal end of the process; not zero if there is no room.
        fn atexit(function: extern "C" fn()) -> c_int;
    }
    // SAFETY: the declaration is the C standard's. The function takes nothing, gives nothing, does not
    // unwind, and lives as long as the program.
    let _no_room = unsafe { atexit(shut_down) };
}
