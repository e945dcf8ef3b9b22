//! Model calls of other crates that wait for the end of the annotated function around them.
//!
//! A function may run for long, or never end. So the number, the size and the age of the waiting calls are
//! limited, and a shutdown releases all of them. A call that is released is logged as it is.

#![allow(clippy::vec_box, reason = "a finished span stays in its allocation up to the export thread")]

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use promptlayer_blueprint::SpanId;

use crate::fork;
use crate::span::finished::FinishedSpan;

/// The maximum number of waiting calls.
const MAX_CALLS: usize = 1024;
/// The maximum size of the waiting calls, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// The time after which a call no longer waits.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// The calls that wait.
pub(crate) struct HeldCalls {
    waiting: Mutex<Waiting>,
    /// The number of waiting calls, so that the lock is only taken if there are any.
    count: AtomicUsize,
    is_closed: AtomicBool,
    /// The process that created it. In a forked process the lock may be held forever.
    process: u32,
}

#[derive(Default)]
struct Waiting {
    /// The calls, the oldest first.
    calls: VecDeque<Held>,
    bytes: usize,
}

struct Held {
    /// The span of the function for which the call waits.
    function: SpanId,
    since: Instant,
    size: usize,
    call: Box<FinishedSpan>,
}

impl Default for HeldCalls {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            count: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            process: fork::generation(),
        }
    }
}

impl fmt::Debug for HeldCalls {
    /// Prints the number of calls, and none of the recorded content.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("HeldCalls").field(&self.count).finish()
    }
}

impl HeldCalls {
    /// Returns `true` if this process is a fork of the one that created the layer. No call waits there.
    pub(crate) fn is_forked(&self) -> bool {
        self.process != fork::generation()
    }

    /// Returns `true` if no call waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Lets a call wait for a function. Returns the calls that no longer wait because of the limits.
    pub(crate) fn hold(&self, function: SpanId, call: Box<FinishedSpan>) -> Vec<Box<FinishedSpan>> {
        let mut waiting = self.lock();
        let size = call.size();
        if self.is_closed.load(Ordering::SeqCst) || size > MAX_BYTES {
            return vec![call];
        }
        waiting.bytes += size;
        waiting.calls.push_back(Held { function, since: Instant::now(), size, call });
        let released = waiting
            .release(|waiting, _| waiting.calls.len() > MAX_CALLS || waiting.bytes > MAX_BYTES)
            .collect();
        self.count.store(waiting.calls.len(), Ordering::SeqCst);
        released
    }

    /// Removes and returns the call that waits for a function.
    pub(crate) fn take(&self, function: SpanId) -> Option<Box<FinishedSpan>> {
        let mut waiting = self.lock();
        let position = waiting.calls.iter().position(|held| held.function == function)?;
        let held = waiting.calls.remove(position)?;
        waiting.bytes -= held.size;
        self.count.store(waiting.calls.len(), Ordering::SeqCst);
        Some(held.call)
    }

    /// Removes and returns the calls that have waited for too long at this time.
    pub(crate) fn take_expired(&self, now: Instant) -> Vec<Box<FinishedSpan>> {
        if self.is_forked() {
            return Vec::new();
        }
        let mut waiting = self.lock();
        let is_old = |_: &Waiting, held: &Held| now.saturating_duration_since(held.since) >= MAX_AGE;
        let expired = waiting.release(is_old).collect();
        self.count.store(waiting.calls.len(), Ordering::SeqCst);
        expired
    }

    /// Removes and returns all calls. No call waits from now on.
    pub(crate) fn close(&self) -> Vec<Box<FinishedSpan>> {
        if self.is_forked() {
            return Vec::new();
        }
        let mut waiting = self.lock();
        self.is_closed.store(true, Ordering::SeqCst);
        let all = waiting.release(|_, _| true).collect();
        self.count.store(0, Ordering::SeqCst);
        all
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Removes the oldest calls for as long as `is_over` returns `true`.
    fn release(&mut self, is_over: impl Fn(&Self, &Held) -> bool) -> impl Iterator<Item = Box<FinishedSpan>> {
        std::iter::from_fn(move || {
            let oldest = self.calls.front()?;
            if !is_over(self, oldest) {
                return None;
            }
            let held = self.calls.pop_front()?;
            self.bytes -= held.size;
            Some(held.call)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::convert::tests::span;
    use crate::random;

    fn call(text: usize) -> Box<FinishedSpan> {
        let mut call = Box::new(span());
        call.fields.by_name_mut().insert("text".to_owned(), "x".repeat(text).into());
        call
    }

    #[test]
    fn call_is_returned_once_for_its_function() {
        let held = HeldCalls::default();
        let (mine, other) = (random::span_id(), random::span_id());
        assert!(held.hold(mine, call(1)).is_empty());
        assert!(held.take(other).is_none());
        assert!(held.take(mine).is_some() && held.take(mine).is_none());
    }

    #[test]
    fn oldest_calls_are_released_if_there_are_too_many() {
        let held = HeldCalls::default();
        let functions: Vec<_> = (0..=MAX_CALLS).map(|_| random::span_id()).collect();
        let released: usize = functions.iter().map(|function| held.hold(*function, call(1)).len()).sum();
        assert_eq!(released, 1);
        assert!(held.take(functions[0]).is_none() && held.take(functions[1]).is_some());
    }

    #[test]
    fn calls_are_released_if_they_are_too_large() {
        let held = HeldCalls::default();
        assert_eq!(held.hold(random::span_id(), call(MAX_BYTES)).len(), 1, "alone");
        assert_eq!(held.hold(random::span_id(), call(MAX_BYTES / 2)).len(), 0);
        assert_eq!(held.hold(random::span_id(), call(MAX_BYTES / 2)).len(), 1, "together");
    }

    #[test]
    fn calls_expire_and_a_closed_store_holds_none() {
        let held = HeldCalls::default();
        held.hold(random::span_id(), call(1));
        let now = Instant::now();
        assert!(held.take_expired(now).is_empty());
        assert_eq!(held.take_expired(now + MAX_AGE).len(), 1);
        held.hold(random::span_id(), call(1));
        assert_eq!(held.close().len(), 1);
        assert_eq!(held.hold(random::span_id(), call(1)).len(), 1, "it is returned at once");
    }
}
