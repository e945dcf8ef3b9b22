//! The two clocks that ages are measured by.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Reads the wall clock and the monotonic clock. Tests replace both.
#[derive(Debug, Clone, Default)]
pub(crate) enum Clock {
    /// The clocks of the system.
    #[default]
    System,
    /// The times that a test has set.
    #[cfg(test)]
    Set(std::sync::Arc<std::sync::Mutex<(SystemTime, Instant)>>),
}

impl Clock {
    /// The wall clock in milliseconds since 1970; 0 if it shows an earlier time.
    pub(super) fn wall(&self) -> u64 {
        let time = match self {
            Self::System => SystemTime::now(),
            #[cfg(test)]
            Self::Set(times) => times.lock().unwrap().0,
        };
        millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// The clock that never jumps.
    pub(super) fn monotonic(&self) -> Instant {
        match self {
            Self::System => Instant::now(),
            #[cfg(test)]
            Self::Set(times) => times.lock().unwrap().1,
        }
    }
}

/// A duration in whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
