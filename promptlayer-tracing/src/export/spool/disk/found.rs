//! The inventory of the spool's folder at opening: what is sent, and what is left alone.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::directory::{self, Claim};
use super::left_alone::LeftAlone;
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

impl LeftAlone {
    /// Counts the folders of other destinations than this one and its siblings, and of versions that did not record one.
    pub(super) fn look_beside(&mut self, root: &Path, own: &Claim, siblings: &[&str]) {
        let siblings: Vec<_> = siblings.iter().map(|hash| directory::home(root, hash)).collect();
        for folder in folders(root) {
            if siblings.contains(&folder) {
                continue;
            }
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
