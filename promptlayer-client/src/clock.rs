//! Deadlines that cannot overflow, and plausible wall-clock times.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The maximum duration of a setting: ten years. Longer durations are capped to it. The cap is small enough
/// that sums do not overflow and that it can be added to an `Instant`, which on some systems counts only
/// decades.
pub const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The earliest plausible wall-clock time: the start of 1971, as a duration since 1970. Earlier times come
/// from a clock that was never set.
const EARLIEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The first implausible wall-clock time: the start of 2200, as a duration since 1970. It and later times
/// come from a broken clock.
const LATEST: Duration = Duration::from_secs(7_258_118_400);
/// The time that is sent if no clock is plausible: the start of 2025, as a duration since 1970. No release of
/// this crate is older.
const UNKNOWN: Duration = Duration::from_secs(1_735_689_600);

/// Returns the instant after `timeout`, at most [`LONGEST`] from now.
pub fn deadline_in(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout.min(LONGEST)).unwrap_or(now)
}

/// Returns the current time, or the start of 2025 if the system clock is not plausible.
pub fn now() -> SystemTime {
    start_of(SystemTime::now(), Duration::ZERO, SystemTime::now)
}

/// Returns the start time of an operation that has just ended after `took`. This is `started` if it is
/// plausible. Otherwise it is calculated from the current time, and if that is not plausible either, it is
/// the start of 2025.
pub fn start_of(started: SystemTime, took: Duration, now: impl FnOnce() -> SystemTime) -> SystemTime {
    if can_be(started) {
        return started;
    }
    let now = now();
    let start = now.checked_sub(took).filter(|start| can_be(*start) && can_be(now));
    start.unwrap_or(UNIX_EPOCH + UNKNOWN)
}

fn can_be(time: SystemTime) -> bool {
    time.duration_since(UNIX_EPOCH).is_ok_and(|since| (EARLIEST..LATEST).contains(&since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implausible_time_is_replaced_by_the_best_known() {
        let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        let (took, sane) = (Duration::from_secs(30), at(1_800_000_000));
        let before_1970 = UNIX_EPOCH - Duration::from_secs(5);
        for wrong in [before_1970, UNIX_EPOCH, at(86_400), at(7_258_118_400), at(1 << 40)] {
            assert_eq!(start_of(sane, took, || wrong), sane);
            assert_eq!(start_of(wrong, took, || sane), at(1_799_999_970));
            assert_eq!(start_of(wrong, took, || wrong), at(1_735_689_600));
            assert_eq!(start_of(wrong, Duration::MAX, || sane), at(1_735_689_600));
        }
    }

    #[test]
    fn deadline_never_overflows_or_lies_in_the_past() {
        let begun = Instant::now();
        for timeout in [Duration::ZERO, Duration::from_secs(1), LONGEST, Duration::MAX] {
            assert!(deadline_in(timeout) >= begun + timeout.min(LONGEST));
        }
    }
}
