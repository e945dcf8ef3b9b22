//! When to try again: full jitter over a doubling delay, bounded by age and never by a count.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The delay before the second attempt is at most this.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// No delay is longer, but for one that the service asks for.
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// What is older than this is given up.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// The attempts at one body.
#[derive(Debug)]
pub(crate) struct Attempts {
    since: Instant,
    delays: ExponentialBackoff,
}

impl Attempts {
    /// Starts with the first attempt.
    pub(crate) fn begin() -> Self {
        let delays = ExponentialBuilder::new()
            .with_min_delay(FIRST_DELAY)
            .with_max_delay(LONGEST_DELAY)
            .without_max_times()
            .build();
        Self { since: Instant::now(), delays }
    }

    /// How long to wait before the next attempt, at least `asked`; `None` when it is too old.
    pub(crate) fn next_delay(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let longest = self.delays.next().unwrap_or(LONGEST_DELAY);
        let delay = longest.mul_f64(fastrand::f64()).max(asked.unwrap_or_default());
        self.since.elapsed().checked_add(delay).filter(|age| *age <= MAX_AGE).map(|_| delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_within_its_bound_and_never_shorter_than_what_the_service_asks() {
        let mut attempts = Attempts::begin();
        assert!(attempts.next_delay(None).unwrap() <= FIRST_DELAY);
        for _ in 0..50 {
            assert!(attempts.next_delay(None).unwrap() <= LONGEST_DELAY);
        }
        let asked = Duration::from_secs(40);
        assert_eq!(attempts.next_delay(Some(asked)), Some(asked));
        assert_eq!(attempts.next_delay(Some(MAX_AGE * 2)), None);
        assert_eq!(attempts.next_delay(Some(Duration::MAX)), None);
    }
}
