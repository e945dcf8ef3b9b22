//! The inventory of the spool's folder at opening: what is sent, and what is left alone.

use std::ffi::OsStr;
use std::path::Path;
use std::{fmt, fs};

use super::directory::{self, Claim};
use super::segment::RECORDS;
use super::tally::Tally;

/// The inventory of the spool at opening.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// Records of ended processes, which this spool returns.
    pub(crate) records: Tally,
    /// Data that this spool does not return.
    pub(crate) left: LeftAlone,
}

/// Counts of data in the spool's folder that is not sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LeftAlone {
    /// Files and parts of files that could not be read. If they could be moved, they are in the folder
    /// `set-quarantine` until they exceed the maximum age of a record or the size limit of the spool.
    pub(crate) set_aside: u64,
    /// Folders of ended processes with another base URL or API key.
    pub(crate) other_destinations: u64,
    /// Folders of an earlier version, which did not record the destination.
    pub(crate) unknown_destinations: u64,
    /// Folders and segments of another version.
    pub(crate) other_versions: u64,
}

impl LeftAlone {
    /// Returns `true` if nothing is left alone.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Counts the folders of other destinations, and of versions that did not record one.
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

    /// Counts the folders of processes of other versions with the same destination.
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
                "folders are of an earlier version, which did not hook_payload the base URL and the API key: delete \
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

/// Returns the folders in a folder, without links to folders.
fn folders(folder: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

/// Returns `true` if the process of a folder has ended and left records.
fn is_left(folder: &Path) -> bool {
    let is_of_records = |path: &Path| path.extension().and_then(OsStr::to_str) == Some(RECORDS);
    let has_records =
        fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| is_of_records(&entry.path()));
    has_records && !directory::is_held(folder)
}
