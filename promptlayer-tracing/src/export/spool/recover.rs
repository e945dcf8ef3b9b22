//! What a process left behind, read again.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::age::Age;
use super::aside::Aside;
use super::clock::Clock;
use super::directory::Claim;
use super::file::{is_irregular, open_regular, private};
use super::marks::{MARKS, ReadMarks};
use super::record::{Head, OtherVersion, Preamble};
use super::segment::{Entry, RECORDS, Segment, State};

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
            aside.left.set_aside += u64::from(error.kind() != io::ErrorKind::NotFound);
            return Vec::new();
        }
    };
    let extension = |path: &Path| path.extension().and_then(OsStr::to_str).map(str::to_owned);
    let is_segment = |path: &PathBuf| extension(path).as_deref() == Some(RECORDS) && !is_irregular(path);
    let (records, others): (Vec<_>, Vec<_>) =
        listing.flatten().map(|entry| entry.path()).partition(is_segment);
    let mut segments = Vec::new();
    let mut of_other_versions = HashSet::new();
    for path in records {
        match segment(&claim, &path, clock, aside) {
            Ok(found) => segments.extend(found),
            Err(OtherVersion) => {
                aside.left.other_versions += 1;
                of_other_versions.extend(path.file_stem().map(OsStr::to_owned));
            }
        }
    }
    for path in others {
        let is_of_another_version = path.file_stem().is_some_and(|stem| of_other_versions.contains(stem));
        let are_marks = extension(&path).as_deref() == Some(MARKS);
        if is_of_another_version || (are_marks && path.with_extension(RECORDS).exists()) {
            continue;
        }
        if are_marks && !is_irregular(&path) {
            // Else the next to come does.
            let _ = fs::remove_file(path);
        } else {
            aside.whole(&path, claim.name());
        }
    }
    segments
}

/// Reads one segment; nothing if nothing of it is to be given. One of another version stays where it is.
fn segment(
    claim: &Arc<Claim>,
    path: &Path,
    clock: &Clock,
    aside: &mut Aside,
) -> Result<Option<Segment>, OtherVersion> {
    let mut walk = match Walk::open(path) {
        Ok(Ok(Some(walk))) => walk,
        Ok(Ok(None)) => {
            // The process was stopped before it had written anything.
            let _ = fs::remove_file(path);
            return Ok(None);
        }
        Ok(Err(version)) => return Err(version),
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            aside.whole(path, claim.name());
            return Ok(None);
        }
        Err(_) => {
            // It cannot be read just now: it stays where it is, for the next to come.
            aside.left.set_aside += 1;
            return Ok(None);
        }
    };
    let marks = ReadMarks::read(claim, &path.with_extension(MARKS), aside);
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
        return Ok(None);
    }
    if marks.are_unreadable {
        segment.mark_all_sent();
    }
    if segment.age().created() != created {
        segment.date_anew();
    }
    Ok(Some(segment))
}

/// Cuts a segment to its intact length.
fn cut(path: &Path, len: u64, held: u64) -> io::Result<()> {
    if len == held {
        return Ok(());
    }
    open_regular(private().write(true), path)?.set_len(len)
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
    fn open(path: &Path) -> io::Result<Result<Option<Self>, OtherVersion>> {
        let file = open_regular(File::options().read(true), path)?;
        let end = file.metadata()?.len();
        if end == 0 {
            return Ok(Ok(None));
        }
        let mut file = BufReader::with_capacity(BUFFER, file);
        let mut preamble = [0; Preamble::SIZE];
        file.read_exact(&mut preamble)?;
        let preamble =
            Preamble::decode(&preamble).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(preamble.map(|Preamble { created }| {
            Some(Self { file, created, newest: 0, offset: Preamble::SIZE as u64, end })
        }))
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
                Ok(Step::Damaged) if marks.is_done(start) => {}
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
