//! How old records are, by clocks that may be wrong.
//!
//! - **Records of this process**: by the monotonic clock alone. Setting the wall clock changes nothing.
//! - **Records of an earlier process**: the only evidence is the wall clock, as it was when the segment was made and
//!   as it is when the segment is adopted. If both times are plausible, the segment is as old as the time between them;
//!   from the adoption on, the monotonic clock counts again. The age of a record follows from that of its segment,
//!   since the time between the two was measured by the monotonic clock.
//! - **If a time is not plausible**, or the segment seems to come from the future, the age cannot be told, and the segment
//!   counts as being as old as when its last record was written: a wrong clock never expires anything. So that this is
//!   not repeated by each process, the segment is dated anew on disk as soon as the clock is plausible: its records then
//!   live for at most one more [`max_age`](super::SpoolLimits::max_age). While the clock stays wrong, the spool's
//!   bytes are the bound.
//!
//! A time is plausible from 2024, before which there was no spool, to 2100. An age is plausible up to ten years: a longer
//! one more likely comes from a clock that ran ahead, such as one at its 32-bit limit (2038).

use std::time::Duration;

use tokio::time::Instant;

use super::clock::{Clock, millis};

/// 2024-01-01, in milliseconds since 1970.
const FIRST: u64 = 1_704_067_200_000;
/// 2100-01-01.
const LAST: u64 = 4_102_444_800_000;
/// The age beyond which a clock must be wrong: ten years.
const LONGEST: u64 = 10 * 365 * 24 * 60 * 60 * 1000;

/// How old a segment is, and with it its records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    /// The wall-clock time of its creation in milliseconds since 1970, as it is on disk.
    created: u64,
    /// How old it was at an instant.
    then: Duration,
    at: Instant,
}

impl Age {
    /// The age of a segment that is made now.
    pub(super) fn new(clock: &Clock) -> Self {
        Self { created: clock.wall(), then: Duration::ZERO, at: clock.monotonic() }
    }

    /// The age of a segment that an earlier process made, of which the newest record was accepted `newest` milliseconds
    /// after the creation. If [`created`](Self::created) differs from the given time, the segment is to be dated anew.
    pub(super) fn adopted(created: u64, newest: i64, clock: &Clock) -> Self {
        let now = clock.wall();
        let at = clock.monotonic();
        let is_plausible = |time: u64| (FIRST..LAST).contains(&time);
        let at_least = u64::try_from(newest).unwrap_or_default();
        let known = now
            .checked_sub(created)
            .filter(|age| is_plausible(created) && is_plausible(now) && *age <= LONGEST);
        let age = known.unwrap_or_default().max(at_least);
        // If the age is too long, this process's clock is the likely culprit, and the date on disk is the better one.
        let is_wrong = !is_plausible(created) || created > now;
        let created = if is_wrong && is_plausible(now) { now.saturating_sub(age) } else { created };
        Self { created, then: Duration::from_millis(age), at }
    }

    /// The wall-clock time of its creation in milliseconds since 1970.
    pub(super) fn created(&self) -> u64 {
        self.created
    }

    /// The place of an instant relative to the creation, in milliseconds; negative if before it.
    pub(super) fn offset_of(&self, instant: Instant) -> i64 {
        let signed = |duration: Duration| i64::try_from(millis(duration)).unwrap_or(i64::MAX);
        let after = signed(instant.saturating_duration_since(self.at));
        let before = signed(self.at.saturating_duration_since(instant));
        (after - before).saturating_add(signed(self.then))
    }

    /// The age of a record that was accepted at a place relative to the creation.
    pub(super) fn of_record(&self, offset: i64, now: Instant) -> Duration {
        let age = self.then.saturating_add(now.saturating_duration_since(self.at));
        let offset_by = Duration::from_millis(offset.unsigned_abs());
        if offset < 0 { age.saturating_add(offset_by) } else { age.saturating_sub(offset_by) }
    }
}
