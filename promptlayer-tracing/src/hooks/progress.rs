//! The progress of the pipeline, for callers that wait for it.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// The progress of each thread.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The number that the next announced hook or error gets.
    pub(crate) next_hook: u64,
    /// The announced hooks and errors that are still open: neither run nor found to be unneeded.
    pub(crate) open_hooks: BTreeSet<u64>,
    /// `true` when the export thread has ended.
    pub(crate) sender_gone: bool,
    /// `true` when the hook thread has ended.
    pub(crate) hooks_gone: bool,
    /// `true` when the shutdown is complete and everything is counted.
    pub(crate) ended: bool,
}

impl State {
    /// Returns `true` if all hooks with a number below `before` are done, or if the hook thread has ended.
    pub(crate) fn hooks_are_through(&self, before: u64) -> bool {
        self.hooks_gone || self.open_hooks.first().is_none_or(|first| *first >= before)
    }
}

/// The state behind its lock. The lock is held only for short updates, never while other code runs.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

impl Progress {
    /// Changes the state and wakes all waiting threads.
    pub(crate) fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Wakes all waiting threads, for changes outside of the state that they also wait for.
    pub(crate) fn notify(&self) {
        // Takes the lock first. Otherwise a thread that has just checked its condition and is about to wait
        // would miss the notification.
        drop(self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Reads the state.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        read(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until `reached` returns `true`. Returns `false` if the deadline passes first.
    pub(crate) fn wait_until(&self, deadline: Instant, reached: impl Fn(&State) -> bool) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if reached(&state) {
                return true;
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
            else {
                return false;
            };
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
