//! The two clocks that measure ages.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The source of wall-clock and monotonic time. Tests replace both.
#[derive(Debug, Clone, Default)]
pub(crate) enum Clock {
    /// The clocks of the system.
    #[default]
    System,
    /// Times that a test sets.
    #[cfg(test)]
    Set(std::sync::Arc<std::sync::Mutex<(SystemTime, Instant)>>),
}

impl Clock {
    /// Returns the wall-clock time in milliseconds since 1970, or 0 if the clock shows an earlier time.
    pub(super) fn wall(&self) -> u64 {
        let time = match self {
            Self::System => SystemTime::now(),
            #[cfg(test)]
            Self::Set(times) => times.lock().unwrap().0,
        };
        millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// Returns the monotonic time, which never jumps.
    pub(super) fn monotonic(&self) -> Instant {
        match self {
            Self::System => Instant::now(),
            #[cfg(test)]
            Self::Set(times) => times.lock().unwrap().1,
        }
    }
}

/// Converts a duration to whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
