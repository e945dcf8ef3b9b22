//! The age of records, measured by clocks that may be wrong.
//!
//! - **Records of this process** are measured by the monotonic clock only. Setting the wall clock has no
//!   effect.
//! - **Records of an earlier process** are measured by the wall clock: the time when the segment was created,
//!   and the time when it is adopted. If both times are plausible, the age of the segment is the difference.
//!   After the adoption, the monotonic clock continues. The age of a record follows from that of its segment,
//!   because the time between the two was measured by the monotonic clock.
//! - **If a time is not plausible**, or the segment seems to come from the future, the age is unknown. The
//!   segment then has the age that it had when its last record was written, so a wrong clock never expires
//!   records. As soon as the clock is plausible, the segment is dated again on disk, so that later processes
//!   do not repeat this. Its records then live for at most one more [`max_age`](super::SpoolLimits::max_age).
//!   While the clock stays wrong, the limit of bytes applies.
//!
//! A time is plausible from 2024, when the spool was introduced, to 2100. An age is plausible up to ten
//! years. A longer age more likely comes from a clock that ran ahead, such as one at its 32-bit limit (2038).

use std::time::Duration;

use tokio::time::Instant;

use super::clock::{Clock, millis};

/// 2024-01-01, in milliseconds since 1970.
const FIRST: u64 = 1_704_067_200_000;
/// 2100-01-01, in milliseconds since 1970.
const LAST: u64 = 4_102_444_800_000;
/// The maximum plausible age: ten years, in milliseconds.
const LONGEST: u64 = 10 * 365 * 24 * 60 * 60 * 1000;

/// The age of a segment, from which the ages of its records follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    /// The wall-clock time of the creation on disk, in milliseconds since 1970.
    created: u64,
    /// The age at the instant `at`.
    then: Duration,
    at: Instant,
}

impl Age {
    /// Returns the age of a segment that is created now.
    pub(super) fn new(clock: &Clock) -> Self {
        Self { created: clock.wall(), then: Duration::ZERO, at: clock.monotonic() }
    }

    /// Returns the age of a segment from an earlier process. `newest` is the offset of its newest record from
    /// the creation, in milliseconds.
    ///
    /// If [`created`](Self::created) differs from the given time, the segment is to be dated again.
    pub(super) fn adopted(created: u64, newest: i64, clock: &Clock) -> Self {
        let now = clock.wall();
        let at = clock.monotonic();
        let is_plausible = |time: u64| (FIRST..LAST).contains(&time);
        let at_least = u64::try_from(newest).unwrap_or_default();
        let known = now
            .checked_sub(created)
            .filter(|age| is_plausible(created) && is_plausible(now) && *age <= LONGEST);
        let age = known.unwrap_or_default().max(at_least);
        // If only the age is too long, the clock of this process is probably wrong. Keep the date on disk.
        let is_wrong = !is_plausible(created) || created > now;
        let created = if is_wrong && is_plausible(now) { now.saturating_sub(age) } else { created };
        Self { created, then: Duration::from_millis(age), at }
    }

    /// Returns the wall-clock time of the creation in milliseconds since 1970.
    pub(super) fn created(&self) -> u64 {
        self.created
    }

    /// Returns the offset of an instant from the creation in milliseconds. It is negative for an earlier
    /// instant.
    pub(super) fn offset_of(&self, instant: Instant) -> i64 {
        let signed = |duration: Duration| i64::try_from(millis(duration)).unwrap_or(i64::MAX);
        let after = signed(instant.saturating_duration_since(self.at));
        let before = signed(self.at.saturating_duration_since(instant));
        (after - before).saturating_add(signed(self.then))
    }

    /// Returns the age of a record that was accepted at this offset from the creation.
    pub(super) fn of_record(&self, offset: i64, now: Instant) -> Duration {
        let age = self.then.saturating_add(now.saturating_duration_since(self.at));
        let offset_by = Duration::from_millis(offset.unsigned_abs());
        if offset < 0 { age.saturating_add(offset_by) } else { age.saturating_sub(offset_by) }
    }
}
