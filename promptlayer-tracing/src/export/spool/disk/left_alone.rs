//! Counts of what a spool leaves alone.

use std::fmt;

/// Counts of data in the spool's folder that is not sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LeftAlone {
    /// Files and parts of files that could not be read. If they could be moved, they are in the folder
    /// `set-aside` until they exceed the maximum age of a record or the size limit of the spool.
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
