//! Records that wait on disk until they can be sent.
//!
//! Pure storage: it knows files, records and limits, and nothing of what the records say, who sends
//! them or who counts them.
//!
//! ```text
//! append ──> the newest segment      next <── the oldest segment
//!                                    set_sent, done         ──> its marks; the last `done` removes both files
//! ```
//!
//! - What was appended survives the end of the process by whatever means, as the system holds it.
//!   Only what was also [synced](Spool::sync) surely survives the end of the system.
//! - What is done is not given again. A kill between the delivery and [`Spool::done`], a mark that
//!   was damaged or could not be written gives a record again, and nothing else does.
//! - What was [marked as sent](Spool::set_sent) before its request was written says so when it is given again, so that
//!   all other records can be sent without asking the service for them first.
//! - Records of this process and the backlog of earlier ones are given apart.
//! - Each process has a directory of its own under the path, and adopts those of processes that have
//!   ended: see `directory`. Limits are those of each process; what it adopts counts.
//! - Files are their owner's alone on Unix, and hold what the caller wrote, as it was: no secret may
//!   be in it.

mod age;
mod aside;
mod clock;
mod directory;
mod file;
mod record;
mod recover;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub(crate) use self::record::{Record, RecordKind};

use self::age::Age;
use self::aside::Aside;
use self::clock::Clock;
use self::directory::{Claim, Orphans};
use self::record::Preamble;
use self::recover::recover;
use self::segment::Segment;

/// What the spool could not do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    /// The system refused something.
    #[error("cannot {action} `{}`: {source}", .path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// Why it could not be done.
        source: io::Error,
    },
    /// A record can never be kept, however empty the spool is.
    #[error(
        "a record of {size} bytes has no place in the spool `{}`, which holds {limit}: give it more",
        .path.display()
    )]
    TooLarge {
        /// Where the spool is.
        path: PathBuf,
        /// The bytes that the record would take on disk.
        size: u64,
        /// The bytes that the spool may take.
        limit: u64,
    },
    /// An earlier run left what is not as it was written.
    #[error("{count} files, or parts of files, of the spool `{}` could not be read and are set aside", .path.display())]
    SetAside {
        /// Where the spool is.
        path: PathBuf,
        /// How many they are.
        count: u64,
    },
}

impl SpoolError {
    /// Tells of an error what was to be done, and with what.
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

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

    fn add(&mut self, kind: RecordKind) {
        match kind {
            RecordKind::Span => self.spans += 1,
            RecordKind::Track => self.tracks += 1,
        }
    }

    fn add_all(&mut self, other: Self) {
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

/// What was found when the spool was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// Records of processes that have ended, which this spool gives.
    pub(crate) records: Tally,
    /// Files and parts of files that could not be read. They are in the folder `set-aside`, if they
    /// could be moved, until they are older than a record may be or take more bytes than the spool.
    pub(crate) set_aside: u64,
}

/// A record in its spool, for as long as that is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordId {
    segment: u64,
    index: usize,
}

/// A record that the spool gives. It stays there until it is [done](Spool::done).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// Its place in the spool.
    pub(crate) id: RecordId,
    /// What was appended.
    pub(crate) record: Record,
    /// How long ago the pipeline accepted it. See [`age`].
    pub(crate) age: Duration,
    /// How it was selected.
    pub(crate) selection: Selection,
}

/// Which records are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Selection {
    pub(crate) kind: RecordKind,
    /// Whether an earlier process wrote them.
    pub(crate) is_adopted: bool,
    /// Whether a request with them may have left this machine, in this process or an earlier one.
    pub(crate) may_have_been_sent: bool,
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
    clock: Clock,
    /// The own directory; last, so that no file is open in it when it is removed.
    own: Arc<Claim>,
}

impl Spool {
    /// Opens a spool, with the records of processes that have ended. They are all read once, to know
    /// which are intact.
    ///
    /// # Errors
    ///
    /// The path cannot be made, written to or locked. What is found there is never a reason.
    pub(crate) fn open(
        path: impl Into<PathBuf>,
        limits: SpoolLimits,
    ) -> Result<(Self, Recovered), SpoolError> {
        Self::open_with(path.into(), limits, Clock::System)
    }

    fn open_with(root: PathBuf, limits: SpoolLimits, clock: Clock) -> Result<(Self, Recovered), SpoolError> {
        let own = Arc::new(Claim::create(&root)?);
        let orphans = Orphans::adopt(&root, &own);
        let mut aside = Aside::new(&root);
        aside.count = orphans.unreadable;
        let mut segments: Vec<_> =
            orphans.claims.into_iter().flat_map(|claim| recover(claim, &clock, &mut aside)).collect();
        segments.sort_by(Segment::by_age);
        aside.prune(limits.max_age, limits.bytes);
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
            clock,
            own,
        };
        Ok((spool, Recovered { records, set_aside: aside.count }))
    }

    /// Keeps a record that the pipeline accepted at an instant. Those that must give way to it are
    /// [lost](Self::take_lost).
    ///
    /// # Errors
    ///
    /// [`SpoolError::TooLarge`]; or it could not be written, then nothing of it is kept, and the next
    /// may be.
    pub(crate) fn append(&mut self, record: &Record, accepted_at: Instant) -> Result<RecordId, SpoolError> {
        // As the only one of its segment.
        let size = record.size() + Preamble::SIZE as u64;
        let limit = self.limits.bytes;
        let too_large = |path: &Path| SpoolError::TooLarge { path: path.to_owned(), size, limit };
        if size > limit || !record.has_a_head() {
            return Err(too_large(&self.root));
        }
        self.make_room(record.size());
        if let Some(newest) = self.segments.back_mut().filter(|newest| newest.is_open()) {
            let frame =
                record.encode(newest.age().offset_of(accepted_at)).ok_or_else(|| too_large(&self.root))?;
            if let Some(appended) = newest.append(record, &frame) {
                return appended;
            }
        }
        let age = Age::new(&self.clock);
        let frame = record.encode(age.offset_of(accepted_at)).ok_or_else(|| too_large(&self.root))?;
        let serial = self.next_serial;
        self.segments.push_back(Segment::create(&self.own, serial, age, record, &frame)?);
        self.next_serial += 1;
        Ok(RecordId { segment: serial, index: 0 })
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

    /// The oldest record of those selected that was not given yet. It stays until it is [done](Self::done). Those that
    /// are too old, or are not what was written any more, are [lost](Self::take_lost).
    ///
    /// # Errors
    ///
    /// The system does not let it be read just now: it is the next one still.
    pub(crate) fn next_of(&mut self, selection: Selection) -> Result<Option<Given>, SpoolError> {
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
            // It is not given again by this process; by the next, it is lost again.
            let _ = self.done(id);
        }
    }

    /// The next record to be given, and the cursor behind it.
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

    /// Reads a record; nothing if it is not there as it was written.
    fn read(&mut self, position: usize, offset: u64) -> Result<Option<(Record, i64)>, SpoolError> {
        let Some(segment) = self.segments.get(position) else { return Ok(None) };
        let file = match &mut self.reader {
            Some((serial, file)) if *serial == segment.serial => file,
            other => match segment.open() {
                Ok(file) => &mut other.insert((segment.serial, file)).1,
                // It was removed by hand.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(SpoolError::io("open", segment.path())(error)),
            },
        };
        match segment.read(file, offset) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            read => read.map_err(SpoolError::io("read", segment.path())),
        }
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
        written
    }

    /// Settles a record: it is not given again, by this process or by another. One that is settled
    /// already, or evicted, stays so.
    ///
    /// # Errors
    ///
    /// That could not be written. This process does not give it again; it is written with what is done
    /// next, and if nothing is, the next process gives the record again.
    pub(crate) fn done(&mut self, id: RecordId) -> Result<(), SpoolError> {
        let Some(position) = self.position(id.segment) else { return Ok(()) };
        let Some(segment) = self.segments.get_mut(position) else { return Ok(()) };
        let settled = segment.settle(id.index);
        if segment.undone() == 0 {
            self.reader.take_if(|(serial, _)| *serial == id.segment);
            self.segments.remove(position);
        }
        settled
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
        self.segments.iter_mut().try_for_each(Segment::sync)
    }

    /// Takes back a record that was given, for the next process: this one does not give it again. `false` if it
    /// is not there any more.
    pub(crate) fn put_back(&mut self, id: RecordId) -> bool {
        let segment = self.position(id.segment).and_then(|position| self.segments.get_mut(position));
        segment.is_some_and(|segment| segment.put_back(id.index))
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
