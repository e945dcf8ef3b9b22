//! Numbers of records.

use super::RecordKind;

/// A number of records, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Spans.
    pub(crate) spans: u64,
    /// Tracking calls.
    pub(crate) tracks: u64,
}

impl Tally {
    /// All of them.
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

/// Records that the spool had and that will not be given, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// They gave way to newer ones.
    pub(crate) evicted: Tally,
    /// They were older than they may be.
    pub(crate) expired: Tally,
    /// They could not be read any more.
    pub(crate) damaged: Tally,
}
