//! The end of a process that drops nothing: `std::process::exit`.
//!
//! The standard library has no way to be told of it, so this is the one place where the export pipeline
//! calls C.

use std::ffi::c_int;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

use super::guard::{Ender, Guard};

/// The pipelines that are to be shut down.
static ENDERS: Mutex<Vec<Weak<Ender>>> = Mutex::new(Vec::new());
static REGISTERED: Once = Once::new();

/// Has a pipeline shut down when the process ends.
pub(super) fn register(ender: &Arc<Ender>) {
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
        for ender in enders.iter().filter_map(Weak::upgrade) {
            ender.end(Guard::SHUTDOWN_TIMEOUT);
        }
    });
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
