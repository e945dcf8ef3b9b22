//! What a user says of the spool.

use std::path::PathBuf;
use std::time::Duration;

use promptlayer_client::exporter::clock;

/// What is put on disk, and when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoolMode {
    /// What cannot be delivered for as long as one waits for it in memory, and what is left at the
    /// shutdown. Costs nothing while all is well; a program that is killed loses what was in memory.
    #[default]
    OnFailure,
    /// Everything, by the export thread, before it is sent. A program that is killed loses what was in the
    /// queue: at most what it recorded since the last batch interval.
    WriteAhead,
    /// Everything, by the thread that recorded it, before its call returns. A program that is killed loses
    /// nothing; each call pays for its conversion and one write to the file. (The system may hold the write
    /// back: a machine that loses its power may lose it.)
    Synchronous,
}

/// A folder where what cannot be delivered is kept, and delivered from by the next run.
///
/// ```no_run
/// use promptlayer_tracing::{SpoolMode, SpoolSettings};
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let spool = SpoolSettings::new("/var/lib/my-service/promptlayer").mode(SpoolMode::WriteAhead);
/// let (layer, guard) = promptlayer_tracing::layer().spool(spool).build()?;
/// # drop((layer, guard));
/// # Ok(())
/// # }
/// ```
///
/// Any number of processes can share the path:
///
/// - Each base URL and API key has a folder of its own, named for a hash of the two. Records are only sent where they were
///   meant to go; those of other programs are left alone, and `on_error` says once how many there are.
/// - In it, each process has a folder of its own, under a file lock. What a process left behind, the next one with the
///   same base URL and key takes over (of up to 64 others, each of which costs it an open file).
///
/// A relative path counts from the working directory at [`build`](crate::LayerBuilder::build). If the folder is deleted
/// while it is in use, it is made again; what was lost with it is counted as
/// [`SpoolDamaged`](crate::DropReason::SpoolDamaged) and reported once. After a fork, the new process does not use it.
///
/// Files are readable by their owner alone (0600), hold prompts and answers as they were to be sent, and no key. Only
/// regular files are opened: links, pipes and devices in their place are not followed or waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    pub(super) path: PathBuf,
    pub(super) mode: SpoolMode,
    pub(super) bytes: u64,
    pub(super) max_age: Duration,
}

impl SpoolSettings {
    /// The default of [`bytes`](Self::bytes): 256 MiB.
    pub const DEFAULT_BYTES: u64 = 256 << 20;
    /// The default of [`max_age`](Self::max_age): 7 days.
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// A spool in this folder, which is made if it does not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            mode: SpoolMode::default(),
            bytes: Self::DEFAULT_BYTES,
            max_age: Self::DEFAULT_MAX_AGE,
        }
    }

    /// What is put there, and when. Defaults to [`SpoolMode::OnFailure`].
    #[must_use]
    pub fn mode(mut self, mode: SpoolMode) -> Self {
        self.mode = mode;
        self
    }

    /// The greatest number of bytes on disk, of each process that uses the folder; what could not be read and is
    /// kept in `set-aside` may take as many again. When there would be more, the oldest are dropped and counted; what
    /// is larger alone is not put there.
    /// Defaults to [`DEFAULT_BYTES`](Self::DEFAULT_BYTES).
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// How old something may become there before it is dropped and counted, at most ten years. Defaults to
    /// [`DEFAULT_MAX_AGE`](Self::DEFAULT_MAX_AGE).
    ///
    /// While a process runs, ages are measured by a clock that cannot be set. Across processes they follow the wall
    /// clock, unless it shows a time that cannot be right (before 2024, after 2100, or a record from the future or of more
    /// than ten years): then records count as new, and live for at most this long from there on.
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
