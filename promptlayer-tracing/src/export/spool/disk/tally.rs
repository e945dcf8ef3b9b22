//! Counts of records.

use super::RecordKind;

/// Counts of records, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Spans.
    pub(crate) spans: u64,
    /// Tracking calls.
    pub(crate) tracks: u64,
}

impl Tally {
    /// Returns the total of all kinds.
    pub(crate) fn total(self) -> u64 {
        self.spans + self.tracks
    }

    pub(super) fn add(&mut self, kind: RecordKind) {
        match kind {
            RecordKind::Span => self.spans += 1,
            RecordKind::Track => self.tracks += 1,
        }
    }

    pub(super) fn add_all(&mut self, other: Self) {
        self.spans += other.spans;
        self.tracks += other.tracks;
    }
}

/// Counts of records that were in the spool and are not returned any more, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Records that were evicted for newer ones.
    pub(crate) evicted: Tally,
    /// Records that exceeded the maximum age.
    pub(crate) expired: Tally,
    /// Records that could not be read any more.
    pub(crate) damaged: Tally,
}
