//! The progress of the pipeline, for callers that wait for it.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
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
    /// The threads that wait for progress.
    waiting: usize,
    holds: Holds,
}

/// The [`Hold`]s that exist.
#[derive(Debug, Default)]
struct Holds {
    count: usize,
    /// `true` if there was progress during a hold, so waiting threads are to be woken after it.
    has_progress: bool,
}

impl State {
    /// Returns `true` if all hooks with a number below `before` are done, or if the hook thread has ended.
    pub(crate) fn hooks_are_through(&self, before: u64) -> bool {
        self.hooks_gone || self.open_hooks.first().is_none_or(|first| *first >= before)
    }
}

/// Delays the wakes of waiting threads until it is dropped, so that many outcomes cost one wake.
///
/// The thread that has it must not wait for a thread that waits for progress.
#[derive(Debug)]
pub(crate) struct Hold<'a>(&'a Progress);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.holds.count -= 1;
        if state.holds.count == 0 && std::mem::take(&mut state.holds.has_progress) {
            self.0.wake(state);
        }
    }
}

/// The state behind its lock. The lock is held only for short updates, never while other code runs.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes all waiting threads.
    pub(crate) fn update(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        self.wake(state);
    }

    /// Wakes all waiting threads, for changes outside of the state that they also wait for.
    pub(crate) fn notify(&self) {
        // Takes the lock first. Otherwise a thread that has just checked its condition and is about to wait
        // would miss the notification.
        self.wake(self.lock());
    }

    /// Delays wakes while many changes follow each other.
    pub(crate) fn hold(&self) -> Hold<'_> {
        self.lock().holds.count += 1;
        Hold(self)
    }

    /// Wakes all waiting threads, unless a hold delays it. Without waiting threads, there is no system call.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        if state.waiting == 0 {
            return;
        }
        if state.holds.count > 0 {
            state.holds.has_progress = true;
            return;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Reads the state.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        read(&self.lock())
    }

    /// Waits until `reached` returns `true`. Returns `false` if the deadline passes first.
    pub(crate) fn wait_until(&self, deadline: Instant, reached: impl Fn(&State) -> bool) -> bool {
        let mut state = self.lock();
        loop {
            if reached(&state) {
                return true;
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
            else {
                return false;
            };
            state.waiting += 1;
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Waits until a thread waits for progress.
    fn wait_for_waiting_thread(progress: &Progress) {
        while progress.read(|state| state.waiting == 0) {
            thread::yield_now();
        }
    }

    #[test]
    fn hold_delays_the_wake_until_it_is_dropped() {
        let progress = Arc::new(Progress::default());
        let waits = thread::spawn({
            let progress = Arc::clone(&progress);
            move || progress.wait_until(Instant::now() + Duration::from_secs(60), |state| state.ended)
        });
        wait_for_waiting_thread(&progress);
        let (first, second) = (progress.hold(), progress.hold());
        for _ in 0..100 {
            progress.notify();
        }
        progress.update(|state| state.ended = true);
        drop(first);
        assert!(progress.read(|state| state.holds.has_progress));
        drop(second);
        assert!(waits.join().unwrap());
        assert!(progress.read(|state| state.waiting == 0 && !state.holds.has_progress));
    }

    #[test]
    fn wake_without_a_waiting_thread_is_not_kept() {
        let progress = Progress::default();
        let hold = progress.hold();
        progress.notify();
        assert!(progress.read(|state| !state.holds.has_progress));
        drop(hold);
        assert!(!progress.wait_until(Instant::now(), |state| state.ended));
    }
}
