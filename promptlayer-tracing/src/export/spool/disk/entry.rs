//! The records of a segment as they are known in memory.

use super::record::{Record, RecordKind};

/// The state of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is to be read.
    Waiting,
    /// It was read, and is not settled.
    Given,
    /// It was read and put back. It is read again after a rewind, or by the next process.
    Left,
    /// It is not read again.
    Done,
}

/// The position of a record, and what is known of it without reading it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) kind: RecordKind,
    pub(super) state: State,
    /// Whether a request with the record may have left this machine.
    pub(super) may_have_been_sent: bool,
}

impl Entry {
    /// Returns the entry of a record that was just written.
    pub(super) fn new(offset: u64, record: &Record) -> Self {
        let Record { kind, is_ambiguous, .. } = *record;
        Self { offset, kind, state: State::Waiting, may_have_been_sent: is_ambiguous }
    }

    /// Returns `true` if the record is in the file and not in use by the caller.
    pub(super) fn is_here(&self) -> bool {
        matches!(self.state, State::Waiting | State::Left)
    }
}
