//! Records that wait on disk until they can be sent.
//!
//! Pure storage: it knows files, records and limits, and nothing of what the records say, who sends
//! them or who counts them.
//!
//! ```text
//! append ──> the newest segment      next_of <── the oldest segment
//!                                    set_sent, done ──> its marks; the last `done` removes both files
//! ```
//!
//! - What was appended survives any end of the process, a kill included, since the system holds it.
//!   Only what was also [synced](Spool::sync) surely survives a crash of the system.
//! - What is done is not given again. A kill between the delivery and [`Spool::done`], a mark that
//!   was damaged or could not be written gives a record again, and nothing else does.
//! - What was [marked as sent](Spool::set_sent) before its request was written says so when it is given again, so that
//!   all other records can be sent without asking the service for them first.
//! - Records are given by [`Selection`]: new ones do not wait behind a backlog.
//! - Each process has a directory of its own under the path, and adopts those of processes that have
//!   ended and had the same destination: see `directory`. Limits are those of each process; what it adopts counts.
//! - Files are their owner's alone on Unix, and hold what the caller wrote, as it was: no secret may
//!   be in it.

mod age;
mod aside;
mod clock;
mod directory;
mod error;
mod file;
mod found;
mod give;
mod marks;
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

pub(crate) use self::error::SpoolError;
pub(crate) use self::found::{LeftAlone, Recovered};
pub(crate) use self::give::{Given, Selection};
pub(crate) use self::record::{Record, RecordKind};
pub(crate) use self::tally::{Lost, Tally};

use self::age::Age;
use self::aside::Aside;
use self::clock::Clock;
use self::directory::{Claim, Orphans};
use self::record::Preamble;
use self::recover::recover;
use self::segment::Segment;

/// How much the spool keeps, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpoolLimits {
    /// The bytes on disk. What is appended beyond evicts the oldest segments.
    pub(crate) bytes: u64,
    /// The bytes from which on a segment is not appended to; at most an eighth of `bytes`, so that an
    /// eviction costs no more.
    pub(crate) segment_bytes: u64,
    /// How old a record may be to be given still.
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

/// A record in its spool, for as long as that is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordId {
    segment: u64,
    index: usize,
}

/// Records on disk. See the [module](self).
///
/// In memory are sixteen bytes for each record, and the one that is being read.
#[derive(Debug)]
pub(crate) struct Spool {
    root: PathBuf,
    limits: SpoolLimits,
    /// Oldest first. None but the last is appended to.
    segments: VecDeque<Segment>,
    /// The file of the segment that is being read.
    reader: Option<(u64, File)>,
    /// Where to look next, by selection.
    cursors: BTreeMap<Selection, RecordId>,
    next_serial: u64,
    /// How many segments were there when it was opened; their serial numbers are the lowest.
    adopted: u64,
    lost: Lost,
    /// The records that were lost with files that somebody else deleted, if that was not reported yet.
    deleted: Option<u64>,
    clock: Clock,
    /// The own directory; last, so that no file is open in it when it is removed.
    own: Arc<Claim>,
}

impl Spool {
    /// Opens the spool of a destination, with the records that processes which have ended left for the same one. They
    /// are all read once, to know which are intact. `destination` is a hash in hexadecimal digits. A relative path counts
    /// from where the process is now.
    ///
    /// # Errors
    ///
    /// The path cannot be made, written to or locked. What is found there is never a reason.
    pub(crate) fn open(
        path: impl AsRef<Path>,
        destination: &str,
        limits: SpoolLimits,
    ) -> Result<(Self, Recovered), SpoolError> {
        Self::open_by(path.as_ref(), destination, limits, Clock::System)
    }

    fn open_by(
        path: &Path,
        destination: &str,
        limits: SpoolLimits,
        clock: Clock,
    ) -> Result<(Self, Recovered), SpoolError> {
        let root = std::path::absolute(path).map_err(SpoolError::io("find the spool's folder", path))?;
        let own = Arc::new(Claim::create(&directory::home(&root, destination))?);
        let orphans = Orphans::adopt(&own);
        let mut aside = Aside::new(&root);
        aside.left.set_aside = orphans.unreadable;
        let mut segments: Vec<_> =
            orphans.claims.into_iter().flat_map(|claim| recover(claim, &clock, &mut aside)).collect();
        segments.sort_by(Segment::by_age);
        aside.prune(limits.max_age, limits.bytes, &clock);
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
        let mut left = aside.left;
        left.look_beside(&spool.root, &spool.own);
        left.look_at_versions(&spool.own);
        Ok((spool, Recovered { records, left }))
    }

    /// Keeps a record that the pipeline accepted at an instant. Those that must give way to it are
    /// [lost](Self::take_lost).
    ///
    /// # Errors
    ///
    /// [`SpoolError::TooLarge`], [`SpoolError::OtherProcess`]; or it could not be written, then nothing of it is kept,
    /// and the next may be.
    pub(crate) fn append(&mut self, record: &Record, accepted_at: Instant) -> Result<RecordId, SpoolError> {
        // As the only one of its segment.
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

    /// Counts the records that were lost with files which somebody else deleted; `false` if there are no such files.
    fn lose_deleted(&mut self) -> bool {
        let mut lost = Tally::default();
        let mut is_deleted = false;
        for segment in self.segments.iter_mut().filter(|segment| !segment.is_gone() && !segment.is_there()) {
            lost.add_all(segment.vanish());
            is_deleted = true;
        }
        if is_deleted {
            // An open file would keep its room on the disk.
            self.reader = None;
            self.segments.retain(|segment| segment.undone() > 0);
            self.lost.damaged.add_all(lost);
            *self.deleted.get_or_insert_default() += lost.total();
        }
        is_deleted
    }

    /// Its folder, as an absolute path.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What happened to the spool that nothing else reports: once.
    pub(crate) fn take_trouble(&mut self) -> Option<SpoolError> {
        let records = self.deleted.take()?;
        Some(SpoolError::Deleted { path: self.root.clone(), records })
    }

    /// Returns `false` in a process that was forked from the one that opened the spool. There, nothing is written, read or
    /// removed.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.own.is_of_this_process()
    }

    fn check_process(&self) -> Result<(), SpoolError> {
        let is_ours = self.is_of_this_process();
        is_ours.then_some(()).ok_or_else(|| SpoolError::OtherProcess { path: self.root.clone() })
    }

    /// Ends the newest segment if it is full, and evicts the oldest until there is room.
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

    /// Evicts a segment; gives the bytes that it held.
    fn evict(&mut self, position: usize) -> u64 {
        let Some(segment) = self.segments.get_mut(position) else { return 0 };
        let bytes = segment.bytes();
        let serial = segment.serial;
        self.reader.take_if(|(read, _)| *read == serial);
        self.lost.evicted.add_all(segment.evict());
        // Those that were given are still to be settled.
        if segment.undone() == 0 {
            self.segments.remove(position);
        }
        bytes
    }

    /// Writes to disk whether requests with these records may have left this machine: with `true` before they are
    /// written to a connection, with `false` if it turned out that they surely were not. The last call for
    /// a record holds. One call to the system is made for each segment, and none if nothing changes.
    ///
    /// `false` also withdraws what an earlier request left in doubt: pass it only if the record
    /// [was not sent](Selection::may_have_been_sent) before that request either, or is known not to have arrived.
    ///
    /// # Errors
    ///
    /// It could not be written. This process knows it, and it is written with the next marks of its segment; if there
    /// are none, the next process does not know it.
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

    /// Settles a record: it is not given again, by this process or by another. One that is settled
    /// already, or evicted, stays so.
    ///
    /// # Errors
    ///
    /// That could not be written. This process does not give it again; it is written with what is done
    /// next, and if nothing is, the next process gives the record again.
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

    /// Drops the error of marks that could not be written because their segment was deleted.
    fn unless_deleted(&mut self, written: Result<(), SpoolError>) -> Result<(), SpoolError> {
        if written.is_err() && self.lose_deleted() { Ok(()) } else { written }
    }

    /// The records that were lost since this was last asked.
    pub(crate) fn take_lost(&mut self) -> Lost {
        std::mem::take(&mut self.lost)
    }

    /// How many records are neither done nor lost, those that were given included.
    #[cfg(test)]
    pub(crate) fn len(&self) -> u64 {
        self.segments.iter().map(|segment| segment.undone() as u64).sum()
    }

    /// Whether there is no record that is neither done nor lost.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The bytes of its files, those that were set aside not included.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum()
    }

    /// Waits until the disk has all that was appended and done.
    ///
    /// # Errors
    ///
    /// The disk does not take it.
    pub(crate) fn sync(&mut self) -> Result<(), SpoolError> {
        self.check_process()?;
        self.lose_deleted();
        self.segments.iter_mut().try_for_each(Segment::sync)
    }

    /// Takes back a record that was given. This process gives it again only after a [`rewind`](Self::rewind). `false` if
    /// it is not there any more.
    pub(crate) fn put_back(&mut self, id: RecordId) -> bool {
        let is_ours = self.is_of_this_process();
        let segment = self.position(id.segment).and_then(|position| self.segments.get_mut(position));
        segment.is_some_and(|segment| is_ours && segment.put_back(id.index))
    }

    /// Gives what was put back again.
    pub(crate) fn rewind(&mut self) {
        self.segments.iter_mut().for_each(Segment::give_left_again);
        self.cursors.clear();
    }

    /// Whether a record has no end yet: it is to be given, or was and is not done.
    pub(crate) fn is_open(&self, id: RecordId) -> bool {
        let segment = self.position(id.segment).and_then(|position| self.segments.get(position));
        segment.is_some_and(|segment| segment.is_undone(id.index))
    }

    /// The records that are to be given.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = RecordId> {
        self.segments
            .iter()
            .flat_map(|segment| segment.waiting().map(|index| RecordId { segment: segment.serial, index }))
    }

    fn position(&self, serial: u64) -> Option<usize> {
        self.segments.binary_search_by_key(&serial, |segment| segment.serial).ok()
    }
}
