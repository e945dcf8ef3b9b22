//! What the spool could not do, or will not.

use std::io;
use std::path::{Path, PathBuf};

use super::found::LeftAlone;

/// What the spool could not do, or will not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    /// The system refused something.
    #[error("cannot {action} `{}`: {source}", .path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// Why it could not be done.
        source: io::Error,
    },
    /// A record can never be kept, however empty the spool is.
    #[error(
        "a record of {size} bytes has no place in the spool `{}`, which holds {limit}: give it more",
        .path.display()
    )]
    TooLarge {
        /// Where the spool is.
        path: PathBuf,
        /// The bytes that the record would take on disk.
        size: u64,
        /// The bytes that the spool may take.
        limit: u64,
    },
    /// There are records that this process does not give.
    #[error("the spool `{}` has more than this program can send: {left}", .path.display())]
    LeftAlone {
        /// Where the spool is.
        path: PathBuf,
        /// What it is, and why it is not sent.
        left: LeftAlone,
    },
    /// Files were deleted while the spool was in use.
    #[error(
        "files of the spool `{}` were deleted while in use, and {records} records with them; the spool goes on in new files",
        .path.display()
    )]
    Deleted {
        /// Where the spool is.
        path: PathBuf,
        /// How many records were in them.
        records: u64,
    },
    /// This process was forked from the one that opened the spool.
    #[error(
        "the spool `{}` belongs to the process that opened it: after a fork, build a layer in the new process",
        .path.display()
    )]
    OtherProcess {
        /// Where the spool is.
        path: PathBuf,
    },
}

impl SpoolError {
    /// Adds to an error what was to be done, and with what.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
