//! Selection of the next record.

use std::io;
use std::time::Duration;

use super::{Record, RecordId, RecordKind, Spool, SpoolError};

/// A record that was read from the spool. It stays there until it is [done](Spool::done).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// The id of the record.
    pub(crate) id: RecordId,
    /// The record as it was appended.
    pub(crate) record: Record,
    /// The time since the pipeline accepted the record. See [`age`](super::age).
    pub(crate) age: Duration,
    /// The selection that returned it.
    pub(crate) selection: Selection,
}

/// The criteria for the next record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Selection {
    pub(crate) kind: RecordKind,
    /// Whether an earlier process wrote the records.
    pub(crate) is_adopted: bool,
    /// Whether a request with the records may have left this machine, in this process or an earlier one.
    pub(crate) may_have_been_sent: bool,
}

impl Spool {
    /// Returns the oldest selected record that was not returned yet. It stays in the spool until it is
    /// [done](Self::done). Records that are too old or damaged are [lost](Self::take_lost).
    ///
    /// # Errors
    ///
    /// Returns an error if the record cannot be read at the moment. The next call tries the same record
    /// again.
    pub(crate) fn next_of(&mut self, selection: Selection) -> Result<Option<Given>, SpoolError> {
        if !self.is_of_this_process() {
            // The open file is shared with the parent, including its position.
            return Ok(None);
        }
        let now = self.clock.monotonic();
        loop {
            let Some((id, offset)) = self.advance(selection) else { return Ok(None) };
            let Some(position) = self.position(id.segment) else { return Ok(None) };
            let lost = match self.read(position, offset) {
                Err(error) => {
                    self.reader = None;
                    self.cursors.insert(selection, id);
                    return Err(error);
                }
                Ok(Some((record, accepted))) => {
                    let Some(segment) = self.segments.get_mut(position) else { return Ok(None) };
                    let age = segment.age().of_record(accepted, now);
                    if age <= self.limits.max_age {
                        segment.give(id.index);
                        return Ok(Some(Given { id, record, age, selection }));
                    }
                    &mut self.lost.expired
                }
                Ok(None) => &mut self.lost.damaged,
            };
            lost.add(selection.kind);
            // This process does not return it again. If this fails, the next process counts it as lost again.
            let _ = self.done(id);
        }
    }

    /// Finds the next record and moves the cursor behind it.
    fn advance(&mut self, selection: Selection) -> Option<(RecordId, u64)> {
        let mut cursor = self.cursors.get(&selection).copied().unwrap_or_default();
        let first_new = self.segments.partition_point(|segment| segment.serial < self.adopted);
        let from = self.segments.partition_point(|segment| segment.serial < cursor.segment);
        let range = if selection.is_adopted {
            from..first_new.max(from)
        } else {
            from.max(first_new)..self.segments.len()
        };
        let mut found = None;
        for segment in self.segments.range(range) {
            let serial = segment.serial;
            let index = if serial == cursor.segment { cursor.index } else { 0 };
            if let Some((index, offset)) = segment.waiting_from(index, selection) {
                cursor = RecordId { segment: serial, index: index + 1 };
                found = Some((RecordId { segment: serial, index }, offset));
                break;
            }
            cursor = RecordId { segment: serial, index: segment.count() };
        }
        self.cursors.insert(selection, cursor);
        found
    }

    /// Reads a record. Returns `None` if it is missing or damaged.
    fn read(&mut self, position: usize, offset: u64) -> Result<Option<(Record, i64)>, SpoolError> {
        let Some(segment) = self.segments.get(position) else { return Ok(None) };
        let file = match &mut self.reader {
            Some((serial, file)) if *serial == segment.serial => file,
            other => match segment.open() {
                Ok(file) => &mut other.insert((segment.serial, file)).1,
                // The file was removed by hand.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(SpoolError::io("open", segment.path())(error)),
            },
        };
        match segment.read(file, offset) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            read => read.map_err(SpoolError::io("read", segment.path())),
        }
    }
}
