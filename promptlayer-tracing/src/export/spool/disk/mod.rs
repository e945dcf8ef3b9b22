//! A spool of records that wait on disk until they can be sent.
//!
//! This module is storage only. It knows files, records and limits. It does not know what the records
//! contain, who sends them or who counts them.
//!
//! ```text
//! append ──> the newest segment      next_of <── the oldest segment
//!                                    set_sent, done ──> its marks; the last `done` removes both files
//! ```
//!
//! - An appended record survives any end of the process, including a kill, because the operating system holds
//!   the data. A record is only guaranteed to survive a crash of the system after a [sync](Spool::sync).
//! - A record that is done is not returned again. There are three exceptions: a kill between the delivery and
//!   [`Spool::done`], a damaged mark, and a mark that could not be written.
//! - A record that was [marked as sent](Spool::set_sent) before its request was written carries that mark
//!   when it is returned again. All other records can be sent without reading them back from the service
//!   first.
//! - Records are read by [`Selection`], so that new ones do not wait behind a backlog.
//! - Each process has its own directory under the path. It adopts the directories of ended processes that had
//!   the same destination: see `directory`. Limits apply to each process, and adopted records count towards
//!   them.
//! - On Unix, only the owner can read the files. They contain the bytes of the caller unchanged, so records
//!   must not contain secrets.

mod age;
mod clock;
mod directory;
mod entry;
mod error;
mod file;
mod found;
mod give;
mod left_alone;
mod marks;
mod quarantine;
mod record;
mod recover;
mod segment;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::age::Age;
use self::clock::Clock;
use self::directory::{Claim, Orphans};
pub(crate) use self::error::SpoolError;
pub(crate) use self::found::Recovered;
pub(crate) use self::give::{Given, Selection};
pub(crate) use self::left_alone::LeftAlone;
use self::quarantine::Quarantine;
use self::record::Preamble;
pub(crate) use self::record::{Record, RecordKind};
use self::recover::recover;
use self::segment::Segment;
pub(crate) use self::tally::{Lost, Tally};

/// Limits for the size and the age of the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpoolLimits {
    /// The maximum number of bytes on disk. An append beyond it evicts the oldest segments.
    pub(crate) bytes: u64,
    /// The size in bytes at which a segment is closed. It is limited to an eighth of `bytes`, so that an
    /// eviction loses no more than that.
    pub(crate) segment_bytes: u64,
    /// The maximum age of a record that is still returned.
    pub(crate) max_age: Duration,
}

impl SpoolLimits {
    /// The default of `bytes`: 256 MiB.
    pub(crate) const DEFAULT_BYTES: u64 = 256 << 20;
    /// The default of `segment_bytes`: 4 MiB.
    pub(crate) const DEFAULT_SEGMENT_BYTES: u64 = 4 << 20;
    /// The default of `max_age`: seven days.
    pub(crate) const DEFAULT_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    fn segment_bytes(&self) -> u64 {
        self.segment_bytes.min(self.bytes / 8)
    }
}

impl Default for SpoolLimits {
    fn default() -> Self {
        Self {
            bytes: Self::DEFAULT_BYTES,
            segment_bytes: Self::DEFAULT_SEGMENT_BYTES,
            max_age: Self::DEFAULT_MAX_AGE,
        }
    }
}

/// The id of a record. It is valid while its spool is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordId {
    segment: u64,
    index: usize,
}

/// A spool of records on disk. See the [module](self).
///
/// It keeps sixteen bytes in memory for each record, and the record that is being read.
#[derive(Debug)]
pub(crate) struct Spool {
    root: PathBuf,
    limits: SpoolLimits,
    /// Oldest first. Only the last one is appended to.
    segments: VecDeque<Segment>,
    /// The file of the segment that is being read.
    reader: Option<(u64, File)>,
    /// The position of the next read, by selection.
    cursors: BTreeMap<Selection, RecordId>,
    next_serial: u64,
    /// How many segments existed when the spool was opened. They have the lowest serial numbers.
    adopted: u64,
    lost: Lost,
    /// The number of records in files that another process or user deleted, if it was not reported yet.
    deleted: Option<u64>,
    clock: Clock,
    /// The directory of this process. It is the last field, so that no file in it is open when it is removed.
    own: Arc<Claim>,
}

impl Spool {
    /// Opens the spool of a destination, with the records that ended processes left for the same destination.
    ///
    /// All of these records are read once, to check that they are intact. `destination` is a hash in
    /// hexadecimal digits. `siblings` are the destinations that this program sends to as well. A relative path is resolved against the current directory.
    ///
    /// # Errors
    ///
    /// Returns an error if the path cannot be created, written to or locked. Existing content never causes an
    /// error.
    pub(crate) fn open(
        path: impl AsRef<Path>,
        destination: &str,
        siblings: &[&str],
        limits: SpoolLimits,
    ) -> Result<(Self, Recovered), SpoolError> {
        Self::open_by(path.as_ref(), destination, siblings, limits, Clock::System)
    }

    fn open_by(
        path: &Path,
        destination: &str,
        siblings: &[&str],
        limits: SpoolLimits,
        clock: Clock,
    ) -> Result<(Self, Recovered), SpoolError> {
        let root = std::path::absolute(path).map_err(SpoolError::io("find the spool's folder", path))?;
        let own = Arc::new(Claim::create(&directory::home(&root, destination))?);
        let orphans = Orphans::adopt(&own);
        let mut quarantine = Quarantine::new(&root);
        quarantine.left.set_aside = orphans.unreadable;
        let mut segments: Vec<_> =
            orphans.claims.into_iter().flat_map(|claim| recover(claim, &clock, &mut quarantine)).collect();
        segments.sort_by(Segment::by_age);
        quarantine.prune(limits.max_age, limits.bytes, &clock);
        let mut records = Tally::default();
        for (serial, segment) in (0..).zip(&mut segments) {
            segment.serial = serial;
            records.add_all(segment.tally());
        }
        let spool = Self {
            root,
            limits,
            next_serial: segments.len() as u64,
            adopted: segments.len() as u64,
            segments: segments.into(),
            reader: None,
            cursors: BTreeMap::new(),
            lost: Lost::default(),
            deleted: None,
            clock,
            own,
        };
        let mut left = quarantine.left;
        left.look_beside(&spool.root, &spool.own, siblings);
        left.look_at_versions(&spool.own);
        Ok((spool, Recovered { records, left }))
    }

    /// Writes a record that the pipeline accepted at the given instant. Records that are evicted for it are
    /// [lost](Self::take_lost).
    ///
    /// # Errors
    ///
    /// Returns [`SpoolError::TooLarge`] or [`SpoolError::OtherProcess`], or an error if the record could not
    /// be written. In that case no part of it is kept, and a later append may succeed.
    pub(crate) fn append(&mut self, record: &Record, accepted_at: Instant) -> Result<RecordId, SpoolError> {
        // The size of the record in a segment of its own.
        let size = record.size() + Preamble::SIZE as u64;
        let limit = self.limits.bytes;
        let too_large = |path: &Path| SpoolError::TooLarge { path: path.to_owned(), size, limit };
        if size > limit || !record.has_a_head() {
            return Err(too_large(&self.root));
        }
        self.check_process()?;
        if self.segments.back().is_some_and(Segment::is_deleted) {
            self.lose_deleted();
        }
        self.make_room(record.size());
        if let Some(newest) = self.segments.back_mut().filter(|newest| newest.is_open()) {
            let frame =
                record.encode(newest.age().offset_of(accepted_at)).ok_or_else(|| too_large(&self.root))?;
            if let Some(appended) = newest.append(record, &frame) {
                return appended;
            }
        }
        if !self.own.is_there() {
            self.lose_deleted();
            self.own = Arc::new(Claim::create(self.own.home())?);
        }
        let age = Age::new(&self.clock);
        let frame = record.encode(age.offset_of(accepted_at)).ok_or_else(|| too_large(&self.root))?;
        let serial = self.next_serial;
        self.segments.push_back(Segment::create(&self.own, serial, age, record, &frame)?);
        self.next_serial += 1;
        Ok(RecordId { segment: serial, index: 0 })
    }

    /// Counts the records in files that were deleted from outside. Returns `false` if there are no such
    /// files.
    fn lose_deleted(&mut self) -> bool {
        let mut lost = Tally::default();
        let mut is_deleted = false;
        for segment in self.segments.iter_mut().filter(|segment| !segment.is_gone() && !segment.is_there()) {
            lost.add_all(segment.vanish());
            is_deleted = true;
        }
        if is_deleted {
            // Close the file: a deleted file that is open still uses space on the disk.
            self.reader = None;
            self.segments.retain(|segment| segment.undone() > 0);
            self.lost.damaged.add_all(lost);
            *self.deleted.get_or_insert_default() += lost.total();
        }
        is_deleted
    }

    /// Returns the folder of the spool as an absolute path.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns a problem of the spool that no other method reports. Each one is returned once.
    pub(crate) fn take_trouble(&mut self) -> Option<SpoolError> {
        let records = self.deleted.take()?;
        Some(SpoolError::Deleted { path: self.root.clone(), records })
    }

    /// Returns `true` if this process opened the spool. In a forked process nothing is written, read or
    /// removed.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.own.is_of_this_process()
    }

    fn check_process(&self) -> Result<(), SpoolError> {
        let is_ours = self.is_of_this_process();
        is_ours.then_some(()).ok_or_else(|| SpoolError::OtherProcess { path: self.root.clone() })
    }

    /// Closes the newest segment if it is full, and evicts the oldest segments until there is room.
    fn make_room(&mut self, frame: u64) {
        let most = self.limits.segment_bytes();
        if let Some(newest) = self.segments.back_mut().filter(|newest| newest.len() + frame > most) {
            newest.close();
        }
        let mut held = self.bytes();
        loop {
            let is_open = self.segments.back().is_some_and(Segment::is_open);
            let preamble = if is_open { 0 } else { Preamble::SIZE as u64 };
            if held + preamble + frame <= self.limits.bytes {
                return;
            }
            let Some(oldest) = self.segments.iter().position(|segment| !segment.is_gone()) else { return };
            held -= self.evict(oldest);
        }
    }

    /// Evicts a segment. Returns the number of bytes that it held.
    fn evict(&mut self, position: usize) -> u64 {
        let Some(segment) = self.segments.get_mut(position) else { return 0 };
        let bytes = segment.bytes();
        let serial = segment.serial;
        self.reader.take_if(|(read, _)| *read == serial);
        self.lost.evicted.add_all(segment.evict());
        // Records that were read from it are still to be settled.
        if segment.undone() == 0 {
            self.segments.remove(position);
        }
        bytes
    }

    /// Records on disk whether requests with these records may have left this machine.
    ///
    /// Pass `true` before a request is written to a connection, and `false` if it turns out that it certainly
    /// was not written. The last call for a record counts. This makes one system call per segment, and none
    /// if nothing changes.
    ///
    /// `false` also clears the ambiguity that an earlier request left. Pass it only if the record
    /// [was not sent](Selection::may_have_been_sent) before that request either, or is known not to have
    /// arrived.
    ///
    /// # Errors
    ///
    /// Returns an error if the mark could not be written. This process keeps it in memory and writes it with
    /// the next marks of the segment. If there are none, the next process does not see it.
    pub(crate) fn set_sent(
        &mut self,
        ids: impl IntoIterator<Item = RecordId>,
        is_sent: bool,
    ) -> Result<(), SpoolError> {
        self.check_process()?;
        let mut changed = BTreeSet::new();
        for id in ids {
            let Some(position) = self.position(id.segment) else { continue };
            if let Some(segment) = self.segments.get_mut(position) {
                segment.set_sent(id.index, is_sent);
                changed.insert(position);
            }
        }
        let mut written = Ok(());
        for position in changed {
            if let Some(segment) = self.segments.get_mut(position) {
                written = written.and(segment.write_marks());
            }
        }
        self.unless_deleted(written)
    }

    /// Settles a record. It is not returned again, by this process or by another.
    ///
    /// This has no effect on a record that is already settled or evicted.
    ///
    /// # Errors
    ///
    /// Returns an error if the mark could not be written. This process does not return the record again, and
    /// writes the mark with the next ones. If there are none, the next process returns the record again.
    pub(crate) fn done(&mut self, id: RecordId) -> Result<(), SpoolError> {
        self.check_process()?;
        let Some(position) = self.position(id.segment) else { return Ok(()) };
        let Some(segment) = self.segments.get_mut(position) else { return Ok(()) };
        let settled = segment.settle(id.index);
        if segment.undone() == 0 {
            self.reader.take_if(|(serial, _)| *serial == id.segment);
            self.segments.remove(position);
        }
        self.unless_deleted(settled)
    }

    /// Ignores a write error of marks if their segment was deleted.
    fn unless_deleted(&mut self, written: Result<(), SpoolError>) -> Result<(), SpoolError> {
        if written.is_err() && self.lose_deleted() { Ok(()) } else { written }
    }

    /// Returns the records that were lost since the last call.
    pub(crate) fn take_lost(&mut self) -> Lost {
        std::mem::take(&mut self.lost)
    }

    /// Returns how many records are neither done nor lost, including those that were read.
    #[cfg(test)]
    pub(crate) fn len(&self) -> u64 {
        self.segments.iter().map(|segment| segment.undone() as u64).sum()
    }

    /// Returns `true` if every record is done or lost.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Returns the size of the spool's files in bytes, without the quarantined ones.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum()
    }

    /// Waits until the disk has stored all appended records and marks.
    ///
    /// # Errors
    ///
    /// Returns an error if the disk cannot store them.
    pub(crate) fn sync(&mut self) -> Result<(), SpoolError> {
        self.check_process()?;
        self.lose_deleted();
        self.segments.iter_mut().try_for_each(Segment::sync)
    }

    /// Puts back a record that was read. This process returns it again only after a [`rewind`](Self::rewind).
    /// Returns `false` if the record no longer exists.
    pub(crate) fn put_back(&mut self, id: RecordId) -> bool {
        let is_ours = self.is_of_this_process();
        let segment = self.position(id.segment).and_then(|position| self.segments.get_mut(position));
        segment.is_some_and(|segment| is_ours && segment.put_back(id.index))
    }

    /// Makes the records that were put back available again.
    pub(crate) fn rewind(&mut self) {
        self.segments.iter_mut().for_each(Segment::give_left_again);
        self.cursors.clear();
    }

    /// Returns `true` if a record is not settled: it is still to be read, or was read and is not done.
    pub(crate) fn is_open(&self, id: RecordId) -> bool {
        let segment = self.position(id.segment).and_then(|position| self.segments.get(position));
        segment.is_some_and(|segment| segment.is_undone(id.index))
    }

    /// Returns the records that are still to be read.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = RecordId> {
        self.segments
            .iter()
            .flat_map(|segment| segment.waiting().map(|index| RecordId { segment: segment.serial, index }))
    }

    fn position(&self, serial: u64) -> Option<usize> {
        self.segments.binary_search_by_key(&serial, |segment| segment.serial).ok()
    }
}
