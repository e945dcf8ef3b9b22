//! Retry delays: exponential backoff with full jitter, limited by age and not by the number of attempts.

use std::time::Duration;

use promptlayer_client::exporter::clock;
use tokio::time::Instant;

/// A policy for retries: how often and for how long a failed delivery is tried again.
///
/// Durations above ten years are reduced to ten years.
///
/// ```
/// use std::time::Duration;
///
/// use promptlayer_tracing::export::RetryPolicy;
///
/// // A command-line program: retry quickly, and give up after half a minute.
/// let policy = RetryPolicy::default()
///     .first_delay(Duration::from_millis(100))
///     .longest_delay(Duration::from_secs(5))
///     .max_age(Duration::from_secs(30))
///     .probe_interval(Duration::from_secs(10))
///     .settling_time(Duration::from_secs(1));
/// # let builder =
/// promptlayer_tracing::layer().retry(policy);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    pub(crate) first_delay: Duration,
    pub(crate) longest_delay: Duration,
    pub(crate) max_age: Duration,
    pub(crate) probe_interval: Duration,
    pub(crate) settling_time: Duration,
}

impl RetryPolicy {
    /// The default of [`first_delay`](Self::first_delay): 0.5 s.
    pub const DEFAULT_FIRST_DELAY: Duration = Duration::from_millis(500);
    /// The default of [`longest_delay`](Self::longest_delay): 30 s.
    pub const DEFAULT_LONGEST_DELAY: Duration = Duration::from_secs(30);
    /// The default of [`max_age`](Self::max_age): 5 minutes.
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(5 * 60);
    /// The default of [`probe_interval`](Self::probe_interval): 60 s.
    pub const DEFAULT_PROBE_INTERVAL: Duration = Duration::from_secs(60);
    /// The default of [`settling_time`](Self::settling_time): 2 s.
    pub const DEFAULT_SETTLING_TIME: Duration = Duration::from_secs(2);

    /// Sets the upper bound of the delay before the first retry, at least 1 ms. The bound doubles with each
    /// later retry.
    ///
    /// The delay is random, from zero to the bound ("full jitter"), so that programs that failed at the same
    /// time do not retry at the same time. Defaults to [`DEFAULT_FIRST_DELAY`](Self::DEFAULT_FIRST_DELAY).
    #[must_use]
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay.clamp(Duration::from_millis(1), clock::LONGEST);
        self
    }

    /// Sets the maximum delay between two attempts, at least 1 ms. PromptLayer can ask for a longer one
    /// (`Retry-After`). Defaults to [`DEFAULT_LONGEST_DELAY`](Self::DEFAULT_LONGEST_DELAY).
    #[must_use]
    pub fn longest_delay(mut self, delay: Duration) -> Self {
        self.longest_delay = delay.clamp(Duration::from_millis(1), clock::LONGEST);
        self
    }

    /// Sets the maximum age of an item before it is given up: written to the spool if there is one, else
    /// dropped and counted. Each item is tried at least once, even if it is older. Defaults to
    /// [`DEFAULT_MAX_AGE`](Self::DEFAULT_MAX_AGE).
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age.min(clock::LONGEST);
        self
    }

    /// Sets the interval between requests to a destination that rejects everything, for example because of a
    /// wrong key or base URL; at least 1 ms.
    ///
    /// Items that would exceed [`max_age`](Self::max_age) by then are given up immediately. Defaults to
    /// [`DEFAULT_PROBE_INTERVAL`](Self::DEFAULT_PROBE_INTERVAL).
    #[must_use]
    pub fn probe_interval(mut self, interval: Duration) -> Self {
        self.probe_interval = interval.clamp(Duration::from_millis(1), clock::LONGEST);
        self
    }

    /// Sets how long spans must be missing from their trace before they are sent again after a lost response.
    ///
    /// The trace is read back in the meantime, because PromptLayer may still be storing the spans. Defaults
    /// to [`DEFAULT_SETTLING_TIME`](Self::DEFAULT_SETTLING_TIME).
    #[must_use]
    pub fn settling_time(mut self, time: Duration) -> Self {
        self.settling_time = time.min(clock::LONGEST);
        self
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_delay: Self::DEFAULT_FIRST_DELAY,
            longest_delay: Self::DEFAULT_LONGEST_DELAY,
            max_age: Self::DEFAULT_MAX_AGE,
            probe_interval: Self::DEFAULT_PROBE_INTERVAL,
            settling_time: Self::DEFAULT_SETTLING_TIME,
        }
    }
}

/// The attempts at one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempts {
    /// The instant from which the age is measured.
    since: Instant,
    policy: RetryPolicy,
    /// The number of attempts so far.
    count: u32,
}

impl Attempts {
    pub(crate) fn since(since: Instant, policy: RetryPolicy) -> Self {
        Self { since, policy, count: 0 }
    }

    /// Returns the time until the maximum age is reached.
    pub(crate) fn time_left(&self) -> Duration {
        self.policy.max_age.saturating_sub(self.since.elapsed())
    }

    /// Returns how long to wait at the gate: until the maximum age is reached.
    ///
    /// An item that is already older but was never sent waits for its turn as well, at least for the longest
    /// delay, so that it gets one attempt.
    pub(crate) fn patience(&self, was_sent: bool) -> Duration {
        let least = if was_sent { Duration::ZERO } else { self.policy.longest_delay };
        self.time_left().max(least)
    }

    /// Counts an attempt that begins.
    pub(crate) fn begin(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// Returns a random delay before the next attempt, at least `asked`. Its bound doubles with each attempt.
    /// Returns `None` if the item would be too old by then.
    pub(crate) fn delay(&self, asked: Option<Duration>) -> Option<Duration> {
        let RetryPolicy { first_delay, longest_delay, .. } = self.policy;
        let retries = self.count.saturating_sub(1);
        let bound = first_delay.saturating_mul(2u32.saturating_pow(retries)).min(longest_delay);
        let delay = bound.mul_f64(fastrand::f64()).max(asked.unwrap_or_default());
        self.since.elapsed().checked_add(delay).filter(|age| *age <= self.policy.max_age).map(|_| delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_is_bounded_and_at_least_what_the_service_asks() {
        let policy = RetryPolicy::default();
        let mut attempts = Attempts::since(Instant::now(), policy);
        attempts.begin();
        for _ in 0..50 {
            assert!(attempts.delay(None).unwrap() <= policy.first_delay);
        }
        for _ in 0..50 {
            attempts.begin();
            assert!(attempts.delay(None).unwrap() <= policy.longest_delay);
        }
        let asked = Duration::from_secs(40);
        assert_eq!(attempts.delay(Some(asked)), Some(asked));
        assert_eq!(attempts.delay(Some(policy.max_age * 2)), None);
        assert_eq!(attempts.delay(Some(Duration::MAX)), None);
    }
}
