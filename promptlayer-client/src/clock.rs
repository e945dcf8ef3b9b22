//! Deadlines that cannot overflow, and wall-clock times that can be true.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The longest time that a setting may name: ten years. Longer ones are taken as this. Instants, of which some systems
/// can count only decades, can be added to it, and sums of it do not overflow.
pub const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Wall-clock times before this are those of a clock that was never set: the start of 1971, since 1970.
const EARLIEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Wall-clock times from this on are those of a broken clock: the start of 2200, since 1970.
const LATEST: Duration = Duration::from_secs(7_258_118_400);
/// What is sent where no clock tells the time: the start of 2025, since 1970. No release of this crate is older.
const UNKNOWN: Duration = Duration::from_secs(1_735_689_600);

/// The instant after a time, at most [`LONGEST`] from now.
pub fn deadline_in(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout.min(LONGEST)).unwrap_or(now)
}

/// The present, or the start of 2025 where the clock tells a time that cannot be.
pub fn now() -> SystemTime {
    start_of(SystemTime::now(), Duration::ZERO, SystemTime::now)
}

/// When something started that took so long and has just ended: as its clock had it or, if that cannot be, as the
/// clock has it now, or else the start of 2025.
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
    fn a_time_that_cannot_be_is_replaced_by_the_best_known() {
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
    fn a_deadline_is_never_out_of_reach_or_in_the_past() {
        let begun = Instant::now();
        for timeout in [Duration::ZERO, Duration::from_secs(1), LONGEST, Duration::MAX] {
            assert!(deadline_in(timeout) >= begun + timeout.min(LONGEST));
        }
    }
}
