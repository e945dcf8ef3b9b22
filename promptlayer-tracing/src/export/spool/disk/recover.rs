//! Recovery: reads what an ended process left behind.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::age::Age;
use super::clock::Clock;
use super::directory::Claim;
use super::entry::{Entry, State};
use super::file::{is_irregular, open_regular, private};
use super::marks::{MARKS, ReadMarks};
use super::quarantine::Quarantine;
use super::record::{Head, OtherVersion, Preamble};
use super::segment::{RECORDS, Segment};

/// The size of the read buffer in bytes.
const BUFFER: usize = 64 << 10;

/// Returns the segments of an adopted directory that contain records which are not done. All other segments
/// are removed, and data that cannot be read is quarantined.
///
/// Records stay in their files, under the lock of the directory. Nothing is copied, so a kill cannot
/// duplicate or lose records.
pub(super) fn recover(claim: Claim, clock: &Clock, quarantine: &mut Quarantine) -> Vec<Segment> {
    let claim = Arc::new(claim);
    let listing = match fs::read_dir(claim.folder()) {
        Ok(listing) => listing,
        Err(error) => {
            // A lock file without a directory is not a loss.
            quarantine.left.set_aside += u64::from(error.kind() != io::ErrorKind::NotFound);
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
        match segment(&claim, &path, clock, quarantine) {
            Ok(found) => segments.extend(found),
            Err(OtherVersion) => {
                quarantine.left.other_versions += 1;
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
            // If this fails, the next process removes it.
            let _ = fs::remove_file(path);
        } else {
            quarantine.whole(&path, claim.name());
        }
    }
    segments
}

/// Reads one segment. Returns `None` if it has no records to send. A segment of another version stays where
/// it is.
fn segment(
    claim: &Arc<Claim>,
    path: &Path,
    clock: &Clock,
    quarantine: &mut Quarantine,
) -> Result<Option<Segment>, OtherVersion> {
    let mut walk = match Walk::open(path) {
        Ok(Ok(Some(walk))) => walk,
        Ok(Ok(None)) => {
            // The process was stopped before it wrote anything.
            let _ = fs::remove_file(path);
            return Ok(None);
        }
        Ok(Err(version)) => return Err(version),
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            quarantine.whole(path, claim.name());
            return Ok(None);
        }
        Err(_) => {
            // It cannot be read at the moment. It stays where it is, for the next process.
            quarantine.left.set_aside += 1;
            return Ok(None);
        }
    };
    let marks = ReadMarks::read(claim, &path.with_extension(MARKS), quarantine);
    let Contents { entries, damaged, rest } = walk.read(&marks);
    let end = rest.as_ref().map_or(walk.end, |rest| rest.start);
    let created = marks.created.unwrap_or(walk.created);
    let age = Age::adopted(created, walk.newest, clock);
    let found = Segment::new(Arc::clone(claim), path.to_owned(), age);
    let mut segment = found.recovered(entries, end, marks.len);
    let parts: Vec<_> = damaged.iter().cloned().chain(rest).collect();
    if quarantine.parts(path, claim.name(), &parts).is_ok() {
        // If either step fails, the next process finds the same data and quarantines it again.
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

/// Truncates a segment to its intact length.
fn cut(path: &Path, len: u64, held: u64) -> io::Result<()> {
    if len == held {
        return Ok(());
    }
    open_regular(private().write(true), path)?.set_len(len)
}

/// The contents of a segment.
#[derive(Debug, Default)]
struct Contents {
    entries: Vec<Entry>,
    /// Records with a known end but damaged content.
    damaged: Vec<Range<u64>>,
    /// The rest of the file after a damaged or incomplete head.
    rest: Option<Range<u64>>,
}

/// The result of reading one record.
enum Step {
    Record(Entry),
    Damaged,
    /// The start of the next record is unknown.
    Lost,
}

/// A reader that moves through a segment from head to head. It checks bodies without holding a whole one in
/// memory.
struct Walk {
    file: BufReader<File>,
    created: u64,
    /// The latest time at which a record was accepted, in milliseconds after the creation.
    newest: i64,
    offset: u64,
    end: u64,
}

impl Walk {
    /// Opens a segment behind its preamble. Returns `None` if the file is empty.
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

    /// Reads all records that can be read.
    fn read(&mut self, marks: &ReadMarks) -> Contents {
        let mut contents = Contents::default();
        while self.offset < self.end {
            let start = self.offset;
            match self.step() {
                Ok(Step::Record(mut entry)) => {
                    marks.apply(&mut entry);
                    contents.entries.push(entry);
                }
                // A damaged record that is done was quarantined before, or is not needed.
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

    /// Reads one record. Returns an error if the file ends before the record does.
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
                let may_have_been_sent = head.is_ambiguous();
                Ok(Step::Record(Entry { offset, kind, state: State::Waiting, may_have_been_sent }))
            }
            _ => Ok(Step::Damaged),
        }
    }

    /// Returns the checksum of the next `left` bytes.
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
