//! The requests to send the calls that have not ended, for the export thread.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The requests to send the open calls.
#[derive(Debug, Default)]
pub(crate) struct OpenCallRequests {
    /// The number of requests.
    pub(crate) asked: AtomicU64,
    /// The number of requests that the export thread has seen.
    pub(crate) seen: AtomicU64,
    timers: Mutex<Timers>,
}

#[derive(Debug, Default)]
struct Timers {
    next: u64,
    /// The numbers of the timers, and when they are due. An application has few at a time.
    running: Vec<(u64, Instant)>,
}

impl OpenCallRequests {
    fn timers(&self) -> MutexGuard<'_, Timers> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a timer and returns its number.
    pub(crate) fn start_timer(&self, due: Instant) -> u64 {
        let mut timers = self.timers();
        let number = timers.next;
        timers.next += 1;
        timers.running.push((number, due));
        number
    }

    pub(crate) fn stop_timer(&self, number: u64) {
        self.timers().running.retain(|(running, _)| *running != number);
    }

    /// Removes the timers that are due, and returns `true` if there are any.
    pub(crate) fn take_due(&self, now: Instant) -> bool {
        let mut timers = self.timers();
        let before = timers.running.len();
        timers.running.retain(|(_, due)| *due > now);
        timers.running.len() < before
    }

    /// Returns how long the export thread may wait: at most this time, and until the first timer is due.
    pub(crate) fn pause(&self, longest: Duration) -> Duration {
        let first = self.timers().running.iter().map(|(_, due)| *due).min();
        first.map_or(longest, |due| longest.min(due.saturating_duration_since(Instant::now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_running_timer_ends_the_pause() {
        let (requests, now) = (OpenCallRequests::default(), Instant::now());
        let (hour, minute) = (Duration::from_secs(3_600), Duration::from_secs(60));
        assert_eq!(requests.pause(hour), hour);
        let first = requests.start_timer(now + minute);
        let second = requests.start_timer(now + 2 * minute);
        assert!(requests.pause(hour) <= minute);
        assert_eq!(requests.pause(Duration::from_secs(1)), Duration::from_secs(1));
        assert!(!requests.take_due(now));
        requests.stop_timer(first);
        assert!(!requests.take_due(now + minute), "it was stopped");
        assert!(requests.pause(hour) > minute);
        assert!(requests.take_due(now + 2 * minute) && !requests.take_due(now + 2 * minute));
        requests.stop_timer(second);
        assert_eq!(requests.pause(hour), hour);
    }
}
