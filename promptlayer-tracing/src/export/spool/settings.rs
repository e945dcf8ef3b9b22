//! The public settings of the spool.

use std::path::PathBuf;
use std::time::Duration;

use promptlayer_client::exporter::clock;

/// The mode of the spool: what is written to disk, and when. [`SpoolSettings`] has an example.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoolMode {
    /// Writes what cannot be delivered within the maximum age in memory, and what is left at shutdown.
    ///
    /// This costs nothing while requests succeed. If the program is killed, it loses what was in memory.
    #[default]
    OnFailure,
    /// Writes everything before it is sent, on the export thread.
    ///
    /// If the program is killed, it loses what was in the queue: at most what was recorded since the last
    /// batch interval.
    WriteAhead,
    /// Writes everything on the calling thread, before the call returns.
    ///
    /// If the program is killed, nothing is lost. Each call pays for the conversion of its span and one write
    /// to the file. The operating system may buffer that write, so a power failure can lose it.
    Synchronous,
}

/// A folder that keeps undelivered items on disk for the next run to send.
///
/// ```
/// use std::time::Duration;
///
/// use promptlayer_tracing::export::{SpoolMode, SpoolSettings};
///
/// // At most 64 MiB, for at most a day. Everything is written before it is sent.
/// let spool = SpoolSettings::new("/var/lib/my-service/promptlayer")
///     .mode(SpoolMode::WriteAhead)
///     .bytes(64 << 20)
///     .max_age(Duration::from_secs(24 * 60 * 60));
/// # let builder =
/// promptlayer_tracing::layer().spool(spool);
///
/// // A path alone is a spool with the default settings.
/// # let builder =
/// promptlayer_tracing::layer().spool("/var/lib/my-service/promptlayer");
/// ```
///
/// Any number of processes can share the path:
///
/// - Each base URL and API key has its own folder, named after a hash of the two. Records are sent only to
///   the destination that they were recorded for. Records of other destinations stay untouched, and
///   `on_error` reports their number once.
/// - In that folder, each process has its own folder, guarded by a file lock. A new process takes over the
///   records of ended processes with the same base URL and key. It takes over at most 64 of them, because
///   each needs an open file.
///
/// A relative path is resolved against the working directory at [`build`](crate::LayerBuilder::build). If the
/// folder is deleted while it is in use, it is created again. The records that were lost with it are counted
/// as [`SpoolDamaged`](crate::export::DropReason::SpoolDamaged) and reported once. A forked process does not use the
/// spool.
///
/// Files are readable only by their owner (0600). They contain prompts and responses as they would be sent,
/// and no API key. Only regular files are opened. Links, pipes and devices in their place are not followed,
/// and never block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    pub(crate) path: PathBuf,
    pub(crate) mode: SpoolMode,
    pub(crate) bytes: u64,
    pub(crate) max_age: Duration,
}

impl SpoolSettings {
    /// The default of [`bytes`](Self::bytes): 256 MiB.
    pub const DEFAULT_BYTES: u64 = 256 << 20;
    /// The default of [`max_age`](Self::max_age): 7 days.
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// Returns settings for a spool in this folder, which is created if it does not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            mode: SpoolMode::default(),
            bytes: Self::DEFAULT_BYTES,
            max_age: Self::DEFAULT_MAX_AGE,
        }
    }

    /// Sets what is written to disk, and when. Defaults to [`SpoolMode::OnFailure`].
    #[must_use]
    pub fn mode(mut self, mode: SpoolMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the maximum number of bytes on disk, for each process that uses the folder.
    ///
    /// Quarantined data in `set-aside` may take the same amount again. When the limit is reached, the oldest
    /// records are dropped and counted. A record that alone exceeds the limit is not written. Defaults to
    /// [`DEFAULT_BYTES`](Self::DEFAULT_BYTES).
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets the maximum age of a record before it is dropped and counted, at most ten years. Defaults to
    /// [`DEFAULT_MAX_AGE`](Self::DEFAULT_MAX_AGE).
    ///
    /// While a process runs, ages are measured with a monotonic clock. Across processes, they follow the wall
    /// clock, unless a time cannot be right: it is before 2024 or after 2100, or a record seems to come from
    /// the future or to be more than ten years old. Such records count as new, and are kept for at most the
    /// maximum age from then on.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age.min(clock::LONGEST);
        self
    }
}

impl<P: Into<PathBuf>> From<P> for SpoolSettings {
    fn from(path: P) -> Self {
        Self::new(path)
    }
}
