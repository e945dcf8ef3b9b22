//! How far the pipeline has come, for those who wait for it.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// How far each thread has come.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The number of the next hook, or error, that is announced.
    pub(crate) next_hook: u64,
    /// Those that were announced, and neither told nor found to be none.
    pub(crate) open_hooks: BTreeSet<u64>,
    /// Whether the export thread has ended.
    pub(crate) sender_gone: bool,
    /// Whether the hook thread has ended.
    pub(crate) hooks_gone: bool,
    /// Whether the shutdown is over, and everything has been counted.
    pub(crate) ended: bool,
}

impl State {
    /// Whether all hooks with smaller numbers are through, or nobody is left to run them.
    pub(crate) fn hooks_are_through(&self, before: u64) -> bool {
        self.hooks_gone || self.open_hooks.first().is_none_or(|first| *first >= before)
    }
}

/// The state behind its lock. Held for a few additions, never while other code runs.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

impl Progress {
    /// Changes the state and wakes those who wait.
    pub(crate) fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Wakes those who wait: what they wait for is not all in the state.
    pub(crate) fn notify(&self) {
        // Under the lock, or one who has just looked and is about to wait would miss it.
        drop(self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Reads the state.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        read(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the state is `reached`; `false` when the deadline came first.
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
