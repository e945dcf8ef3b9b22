//! What is in the spool's folder when it is opened: what is given, and what is left alone.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::Path;

use super::directory::{self, Claim};
use super::segment::RECORDS;
use super::tally::Tally;

/// What was found when the spool was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// Records of processes that have ended, which this spool gives.
    pub(crate) records: Tally,
    /// What it does not give.
    pub(crate) left: LeftAlone,
}

/// What is in the spool's folder and is not given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LeftAlone {
    /// Files and parts of files that could not be read. They are in the folder `set-aside`, if they
    /// could be moved, until they are older than a record may be or take more bytes than the spool.
    pub(crate) set_aside: u64,
    /// Folders of processes that have ended and that had another base URL or another key.
    pub(crate) other_destinations: u64,
    /// Folders that an earlier version wrote, which did not note the destination.
    pub(crate) unknown_destinations: u64,
    /// Folders and segments that another version wrote.
    pub(crate) other_versions: u64,
}

impl LeftAlone {
    /// Whether there is nothing of the kind.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Counts what lies beside this process's destination.
    pub(super) fn look_beside(&mut self, root: &Path, own: &Claim) {
        for folder in folders(root) {
            if !directory::have_one_owner(&folder, own.folder()) || own.home() == folder {
                continue;
            }
            if directory::is_home(&folder) {
                let left = folders(&folder).filter(|folder| is_left(folder)).count();
                self.other_destinations += left as u64;
            } else if directory::is_of_a_process(&folder) && is_left(&folder) {
                self.unknown_destinations += 1;
            }
        }
    }

    /// Counts the folders of processes of another version which had the same destination.
    pub(super) fn look_at_versions(&mut self, own: &Claim) {
        let is_other = |folder: &Path| {
            directory::is_of_a_process(folder)
                && !directory::is_of_this_version(folder)
                && directory::have_one_owner(folder, own.folder())
        };
        let left = folders(own.home()).filter(|folder| is_other(folder) && is_left(folder)).count();
        self.other_versions += left as u64;
    }
}

impl fmt::Display for LeftAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { set_aside, other_destinations, unknown_destinations, other_versions } = *self;
        let parts = [
            (set_aside, "files, or parts of files, could not be read and are in the folder `set-aside`"),
            (
                other_destinations,
                "folders are of another base URL or API key and wait for a program that has these",
            ),
            (
                unknown_destinations,
                "folders are of an earlier version, which did not note the base URL and the API key: delete \
                 them, or have that version send them",
            ),
            (other_versions, "folders or files are of another version and wait for a program that has it"),
        ];
        let mut separator = "";
        for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{count} {what}")?;
            separator = "; ";
        }
        Ok(())
    }
}

/// The folders in a folder, links to folders not included.
fn folders(folder: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

/// Whether the process of a folder has ended and left records.
fn is_left(folder: &Path) -> bool {
    let is_of_records = |path: &Path| path.extension().and_then(OsStr::to_str) == Some(RECORDS);
    let has_records =
        fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| is_of_records(&entry.path()));
    has_records && !directory::is_held(folder)
}
