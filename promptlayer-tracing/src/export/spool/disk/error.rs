//! Errors of the spool.

use std::io;
use std::path::{Path, PathBuf};

use super::left_alone::LeftAlone;

/// An error of the spool.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    /// A file operation failed.
    #[error("cannot {action} `{}`: {source}", .path.display())]
    Io {
        /// The action that failed.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A record is larger than the spool, even an empty one.
    #[error(
        "a record of {size} bytes has no place in the spool `{}`, which holds {limit}: give it more",
        .path.display()
    )]
    TooLarge {
        /// The path of the spool.
        path: PathBuf,
        /// The size of the record on disk, in bytes.
        size: u64,
        /// The limit of the spool, in bytes.
        limit: u64,
    },
    /// The spool contains data that this process does not send.
    #[error("the spool `{}` has more than this program can send: {left}", .path.display())]
    LeftAlone {
        /// The path of the spool.
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
        /// The path of the spool.
        path: PathBuf,
        /// The number of records in them.
        records: u64,
    },
    /// This process was forked from the one that opened the spool.
    #[error(
        "the spool `{}` belongs to the process that opened it: after a fork, build a layer in the new process",
        .path.display()
    )]
    OtherProcess {
        /// The path of the spool.
        path: PathBuf,
    },
}

impl SpoolError {
    /// Adds the action and the path to an I/O error.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
