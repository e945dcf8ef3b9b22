//! When to try again: full jitter over a doubling delay, bounded by age and never by a count.

use std::time::Duration;

use tokio::time::Instant;

use promptlayer_client::exporter::clock;

/// How long what could not be delivered is tried again, and how often. Times longer than ten years are taken as ten
/// years.
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

    /// The most that is waited before the second try; before each later one it is twice as much. How much
    /// it is, chance decides, from nothing to this ("full jitter"), so that programs which failed together
    /// do not come back together. At least 1 ms. Defaults to [`DEFAULT_FIRST_DELAY`](Self::DEFAULT_FIRST_DELAY).
    #[must_use]
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay.clamp(Duration::from_millis(1), clock::LONGEST);
        self
    }

    /// The most that is waited between two tries, unless the service asks for more (`Retry-After`); at least 1 ms.
    /// Defaults to [`DEFAULT_LONGEST_DELAY`](Self::DEFAULT_LONGEST_DELAY).
    #[must_use]
    pub fn longest_delay(mut self, delay: Duration) -> Self {
        self.longest_delay = delay.clamp(Duration::from_millis(1), clock::LONGEST);
        self
    }

    /// How old something may become before it is given up: put into the spool if there is one, else
    /// dropped and counted. It is tried once however old it is. Defaults to
    /// [`DEFAULT_MAX_AGE`](Self::DEFAULT_MAX_AGE).
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age.min(clock::LONGEST);
        self
    }

    /// How long to wait before asking again a service that refuses everything: a wrong key, a wrong
    /// address; at least 1 ms. What would be older than [`max_age`](Self::max_age) by then is given up at
    /// once. Defaults to [`DEFAULT_PROBE_INTERVAL`](Self::DEFAULT_PROBE_INTERVAL).
    #[must_use]
    pub fn probe_interval(mut self, interval: Duration) -> Self {
        self.probe_interval = interval.clamp(Duration::from_millis(1), clock::LONGEST);
        self
    }

    /// After a request whose answer was lost, how long its spans must be missing from the trace, as it is
    /// read back, before they are sent again: the service may still be storing them. Defaults to
    /// [`DEFAULT_SETTLING_TIME`](Self::DEFAULT_SETTLING_TIME).
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

/// The tries at one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempts {
    /// Since when the oldest of what is in it waits.
    since: Instant,
    policy: RetryPolicy,
    /// How many delays there were.
    delays: u32,
}

impl Attempts {
    pub(crate) fn since(since: Instant, policy: RetryPolicy) -> Self {
        Self { since, policy, delays: 0 }
    }

    /// How long it may still be tried.
    pub(crate) fn time_left(&self) -> Duration {
        self.policy.max_age.saturating_sub(self.since.elapsed())
    }

    /// How long to wait at the gate: until it is too old. What is old already and was never sent has its try all the
    /// same, when others have theirs.
    pub(crate) fn patience(&self, was_sent: bool) -> Duration {
        let least = if was_sent { Duration::ZERO } else { self.policy.longest_delay };
        self.time_left().max(least)
    }

    /// How long to wait before the next try, at least `asked`; `None` when it would be too old by then.
    pub(crate) fn next_delay(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let RetryPolicy { first_delay, longest_delay, .. } = self.policy;
        let bound = first_delay.saturating_mul(2u32.saturating_pow(self.delays)).min(longest_delay);
        self.delays = self.delays.saturating_add(1);
        let delay = bound.mul_f64(fastrand::f64()).max(asked.unwrap_or_default());
        self.since.elapsed().checked_add(delay).filter(|age| *age <= self.policy.max_age).map(|_| delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_within_its_bound_and_never_shorter_than_what_the_service_asks() {
        let policy = RetryPolicy::default();
        let mut attempts = Attempts::since(Instant::now(), policy);
        assert!(attempts.next_delay(None).unwrap() <= policy.first_delay);
        for _ in 0..50 {
            assert!(attempts.next_delay(None).unwrap() <= policy.longest_delay);
        }
        let asked = Duration::from_secs(40);
        assert_eq!(attempts.next_delay(Some(asked)), Some(asked));
        assert_eq!(attempts.next_delay(Some(policy.max_age * 2)), None);
        assert_eq!(attempts.next_delay(Some(Duration::MAX)), None);
    }
}
