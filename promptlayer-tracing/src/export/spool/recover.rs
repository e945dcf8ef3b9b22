//! What a process left behind, read again.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::age::Age;
use super::aside::Aside;
use super::clock::Clock;
use super::directory::Claim;
use super::record::{Head, Mark, Preamble};
use super::segment::{Entry, MARKS, RECORDS, Segment, State, whole_marks};

/// How much is read at once.
const BUFFER: usize = 64 << 10;

/// The segments of an adopted directory that hold records which are not done. All others are removed,
/// and what cannot be read is set aside.
///
/// Records stay in the files in which they are, under the lock of the directory: nothing is copied
/// that a kill could leave twice or not at all.
pub(super) fn recover(claim: Claim, clock: &Clock, aside: &mut Aside) -> Vec<Segment> {
    let claim = Arc::new(claim);
    let listing = match fs::read_dir(claim.folder()) {
        Ok(listing) => listing,
        Err(error) => {
            // A lock alone is no loss.
            aside.count += u64::from(error.kind() != io::ErrorKind::NotFound);
            return Vec::new();
        }
    };
    let mut segments = Vec::new();
    let mut marks = Vec::new();
    for entry in listing.flatten() {
        let path = entry.path();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        match path.extension().and_then(OsStr::to_str) {
            Some(RECORDS) if is_file => segments.extend(segment(&claim, &path, clock, aside)),
            Some(MARKS) if is_file => marks.push(path),
            _ => aside.whole(&path, claim.name()),
        }
    }
    for path in marks {
        if !path.with_extension(RECORDS).exists() {
            // Else the next to come does.
            let _ = fs::remove_file(path);
        }
    }
    segments
}

/// Reads one segment; nothing if nothing of it is to be given.
fn segment(claim: &Arc<Claim>, path: &Path, clock: &Clock, aside: &mut Aside) -> Option<Segment> {
    let mut walk = match Walk::open(path) {
        Ok(Some(walk)) => walk,
        Ok(None) => {
            // The process was stopped before it had written anything.
            let _ = fs::remove_file(path);
            return None;
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            aside.whole(path, claim.name());
            return None;
        }
        Err(_) => {
            // It cannot be read just now: it stays where it is, for the next to come.
            aside.count += 1;
            return None;
        }
    };
    let marks = read_marks(&path.with_extension(MARKS), aside);
    let Contents { entries, damaged, rest } = walk.read(&marks);
    let end = rest.as_ref().map_or(walk.end, |rest| rest.start);
    let created = marks.created.unwrap_or(walk.created);
    let age = Age::adopted(created, walk.newest, clock);
    let found = Segment::new(Arc::clone(claim), path.to_owned(), age);
    let mut segment = found.recovered(entries, end, marks.len);
    let parts: Vec<_> = damaged.iter().cloned().chain(rest).collect();
    if aside.parts(path, claim.name(), &parts).is_ok() {
        // Where either fails, the same is found and set aside again.
        segment.forget(damaged.iter().map(|part| part.start));
        let _ = cut(path, end, walk.end);
    }
    if segment.undone() == 0 {
        segment.remove();
        return None;
    }
    if segment.age().created() != created {
        segment.date_anew();
    }
    Some(segment)
}

/// Cuts a segment to its intact length.
fn cut(path: &Path, len: u64, held: u64) -> io::Result<()> {
    if len == held {
        return Ok(());
    }
    OpenOptions::new().write(true).open(path)?.set_len(len)
}

/// The marks of a segment.
#[derive(Debug, Default)]
struct ReadMarks {
    done: HashSet<u64>,
    /// Of the records that were marked, whether a request may have left this machine.
    sent: HashMap<u64, bool>,
    /// Whether some of the marks could not be read: any record may have been sent then.
    are_damaged: bool,
    /// When the segment counts as created, if not at the time of its preamble.
    created: Option<u64>,
    len: u64,
}

impl ReadMarks {
    /// Marks of which nothing can be read.
    fn unreadable() -> Self {
        Self { are_damaged: true, ..Self::default() }
    }

    /// Enters what the marks say of the record at `entry.offset`.
    fn apply(&self, entry: &mut Entry) {
        if self.done.contains(&entry.offset) {
            entry.state = State::Done;
        }
        if let Some(is_sent) = self.sent.get(&entry.offset) {
            entry.may_have_been_sent = *is_sent;
        }
        entry.may_have_been_sent |= self.are_damaged;
    }
}

/// Reads which records were sent and which are done. If a mark is damaged, the record that it was for is given
/// again, and all records of the segment count as sent: the mark may have said so of any.
fn read_marks(path: &Path, aside: &mut Aside) -> ReadMarks {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            if error.kind() == io::ErrorKind::NotFound {
                return ReadMarks::default();
            }
            aside.count += 1;
            return ReadMarks::unreadable();
        }
    };
    let mut read = ReadMarks { len: whole_marks(bytes.len() as u64), ..ReadMarks::default() };
    let (marks, _torn) = bytes.as_chunks();
    for mark in marks {
        match Mark::decode(mark) {
            Some(Mark::Done(offset)) => drop(read.done.insert(offset)),
            Some(Mark::Sent(offset)) => drop(read.sent.insert(offset, true)),
            Some(Mark::NotSent(offset)) => drop(read.sent.insert(offset, false)),
            Some(Mark::Created(time)) => read.created = Some(time),
            None => read.are_damaged = true,
        }
    }
    aside.count += u64::from(read.are_damaged);
    read
}

/// What was read of a segment.
#[derive(Debug, Default)]
struct Contents {
    entries: Vec<Entry>,
    /// Records of which the end is known and the content damaged.
    damaged: Vec<Range<u64>>,
    /// What follows a head that is damaged or torn.
    rest: Option<Range<u64>>,
}

/// One step from a record to the next.
enum Step {
    Record(Entry),
    Damaged,
    /// Nobody knows where the next record begins.
    Lost,
}

/// A way through a segment, from head to head. Bodies are checked, and never held as a whole.
struct Walk {
    file: BufReader<File>,
    created: u64,
    /// The latest time at which a record was accepted, in milliseconds after the creation.
    newest: i64,
    offset: u64,
    end: u64,
}

impl Walk {
    /// Begins behind the preamble; nothing if the file is empty.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        let end = file.metadata()?.len();
        if end == 0 {
            return Ok(None);
        }
        let mut file = BufReader::with_capacity(BUFFER, file);
        let mut preamble = [0; Preamble::SIZE];
        file.read_exact(&mut preamble)?;
        let foreign = || io::Error::from(io::ErrorKind::InvalidData);
        let created = Preamble::decode(&preamble).ok_or_else(foreign)?.created;
        Ok(Some(Self { file, created, newest: 0, offset: Preamble::SIZE as u64, end }))
    }

    /// Reads all that can be.
    fn read(&mut self, marks: &ReadMarks) -> Contents {
        let mut contents = Contents::default();
        while self.offset < self.end {
            let start = self.offset;
            match self.step() {
                Ok(Step::Record(mut entry)) => {
                    marks.apply(&mut entry);
                    contents.entries.push(entry);
                }
                // One that is done was set aside before, or does not matter.
                Ok(Step::Damaged) if marks.done.contains(&start) => {}
                Ok(Step::Damaged) => contents.damaged.push(start..self.offset),
                Ok(Step::Lost) | Err(_) => {
                    contents.rest = Some(start..self.end);
                    break;
                }
            }
        }
        contents
    }

    /// Reads one record. If it is torn, the file ends before it does: an error.
    fn step(&mut self) -> io::Result<Step> {
        let offset = self.offset;
        let mut head = [0; Head::SIZE];
        self.file.read_exact(&mut head)?;
        let Some(head) = Head::decode(&head) else { return Ok(Step::Lost) };
        let intact = self.checksum(head.payload())? == head.checksum;
        self.offset = offset + Head::SIZE as u64 + head.payload();
        match head.kind() {
            Some(kind) if intact => {
                self.newest = self.newest.max(head.accepted);
                let may_have_been_sent = head.is_in_doubt();
                Ok(Step::Record(Entry { offset, kind, state: State::Waiting, may_have_been_sent }))
            }
            _ => Ok(Step::Damaged),
        }
    }

    /// The checksum of so many bytes.
    fn checksum(&mut self, mut left: u64) -> io::Result<u32> {
        let mut hasher = crc32fast::Hasher::new();
        while left > 0 {
            let held = self.file.fill_buf()?;
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(held.len());
            let Some(bytes) = held.get(..take).filter(|bytes| !bytes.is_empty()) else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            hasher.update(bytes);
            self.file.consume(take);
            left -= take as u64;
        }
        Ok(hasher.finalize())
    }
}
