//! A segment: one file of records, with its marks file.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::age::Age;
use super::directory::Claim;
use super::entry::{Entry, State};
use super::file::{FileId, Tail, is_deleted, open_regular, private, sync};
use super::marks::{MARKS, Marks};
use super::record::{Head, Mark, Preamble, Record};
use super::{RecordId, Selection, SpoolError, Tally};

/// The file extension of a segment.
pub(super) const RECORDS: &str = "records";

/// A file of records. It keeps sixteen bytes in memory for each record, and no bodies.
#[derive(Debug)]
pub(super) struct Segment {
    /// The position among all segments of this spool. Lower is older.
    pub(super) serial: u64,
    age: Age,
    path: PathBuf,
    /// The identity of the file, if this process created it.
    id: Option<FileId>,
    /// The size of the preamble and the complete records, in bytes.
    len: u64,
    /// The end of the file, while this process appends to it.
    tail: Option<Tail>,
    entries: Vec<Entry>,
    /// The number of entries that are not done.
    undone: usize,
    marks: Marks,
    /// Whether the file was removed while some of its records were in use.
    gone: bool,
    /// Whether data was written that may not have reached the disk.
    dirty: bool,
    /// The last field, so that no file in the directory is open when it is removed.
    #[cfg_attr(not(test), allow(dead_code, reason = "it is held, and dropped"))]
    claim: Arc<Claim>,
}

impl Segment {
    /// Creates a segment with its first record, with one system call.
    pub(super) fn create(
        claim: &Arc<Claim>,
        serial: u64,
        age: Age,
        record: &Record,
        frame: &[u8],
    ) -> Result<Self, SpoolError> {
        let path = claim.folder().join(format!("{serial:016x}.{RECORDS}"));
        let mut bytes = Preamble { created: age.created() }.encode();
        bytes.extend_from_slice(frame);
        let (tail, id) = begin(&path, &bytes).map_err(SpoolError::io("write", &path))?;
        let mut segment = Self::new(Arc::clone(claim), path, age);
        segment.serial = serial;
        segment.id = Some(id);
        segment.add(Entry::new(Preamble::SIZE as u64, record));
        segment.len = tail.len();
        segment.dirty = true;
        segment.tail = Some(tail);
        Ok(segment)
    }

    /// Returns a segment without records.
    pub(super) fn new(claim: Arc<Claim>, path: PathBuf, age: Age) -> Self {
        let marks = Marks::new(path.with_extension(MARKS));
        Self {
            serial: 0,
            age,
            path,
            id: None,
            len: Preamble::SIZE as u64,
            tail: None,
            entries: Vec::new(),
            undone: 0,
            marks,
            gone: false,
            dirty: false,
            claim,
        }
    }

    /// Adds the entries that were read from an existing segment.
    pub(super) fn recovered(mut self, entries: Vec<Entry>, len: u64, marks_len: u64) -> Self {
        self.len = len;
        self.marks.go_on_from(marks_len);
        for entry in entries {
            self.add(entry);
        }
        self
    }

    fn add(&mut self, entry: Entry) {
        self.undone += usize::from(entry.state != State::Done);
        self.entries.push(entry);
    }

    /// Returns `true` if records can be appended.
    pub(super) fn is_open(&self) -> bool {
        self.tail.is_some()
    }

    /// Closes the segment to further records.
    pub(super) fn close(&mut self) {
        self.tail = None;
    }

    /// Appends a record. Returns `None` if the segment is closed. If a failed write leaves a partial record
    /// that cannot be removed, the segment is closed.
    pub(super) fn append(&mut self, record: &Record, frame: &[u8]) -> Option<Result<RecordId, SpoolError>> {
        let tail = self.tail.as_mut()?;
        let id = RecordId { segment: self.serial, index: self.entries.len() };
        let offset = tail.len();
        let appended = tail.append(frame).map_err(SpoolError::io("write to", &self.path));
        self.len = tail.len();
        self.dirty = true;
        if !tail.is_sound() {
            self.tail = None;
        }
        Some(appended.map(|()| {
            self.add(Entry::new(offset, record));
            id
        }))
    }

    /// Returns the directory of the segment.
    #[cfg(test)]
    pub(super) fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Replaces the file that is appended to.
    #[cfg(test)]
    pub(super) fn write_to(&mut self, file: File) {
        self.tail = Some(Tail::new(file, self.len));
    }

    /// Orders segments from oldest to newest. Segments of one directory keep the order of their creation,
    /// even if their times are the same.
    pub(super) fn by_age(&self, other: &Self) -> Ordering {
        self.age.created().cmp(&other.age.created()).then_with(|| self.path.cmp(&other.path))
    }

    /// Returns the number of all records, including those that are done.
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    /// Returns the number of records that are not done.
    pub(super) fn undone(&self) -> usize {
        self.undone
    }

    /// Returns the size on disk in bytes, including the marks.
    pub(super) fn bytes(&self) -> u64 {
        if self.gone { 0 } else { self.len + self.marks.len() }
    }

    /// Returns the size of the preamble and the records in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Returns the age of the segment, from which the ages of its records follow.
    pub(super) fn age(&self) -> &Age {
        &self.age
    }

    /// Counts the records that were not read, or were put back, by kind.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.entries.iter().filter(|entry| entry.is_here()).for_each(|entry| tally.add(entry.kind));
        tally
    }

    /// Returns the first selected record from an index on, with its offset.
    pub(super) fn waiting_from(&self, from: usize, selection: Selection) -> Option<(usize, u64)> {
        let is_wanted = |entry: &Entry| {
            entry.state == State::Waiting
                && entry.kind == selection.kind
                && entry.may_have_been_sent == selection.may_have_been_sent
        };
        let (index, entry) =
            self.entries.iter().enumerate().skip(from).find(|(_, entry)| is_wanted(entry))?;
        Some((index, entry.offset))
    }

    /// Returns the entry of a record.
    #[cfg(test)]
    pub(super) fn entry(&self, index: usize) -> Entry {
        self.entries[index]
    }

    /// Returns `true` if a record is not done.
    pub(super) fn is_undone(&self, index: usize) -> bool {
        self.entries.get(index).is_some_and(|entry| entry.state != State::Done)
    }

    /// Returns the indexes of the records that are to be read.
    pub(super) fn waiting(&self) -> impl Iterator<Item = usize> {
        (0..).zip(&self.entries).filter(|(_, entry)| entry.state == State::Waiting).map(|(index, _)| index)
    }

    /// Makes the records that were put back available again.
    pub(super) fn give_left_again(&mut self) {
        for entry in self.entries.iter_mut().filter(|entry| entry.state == State::Left) {
            entry.state = State::Waiting;
        }
    }

    /// Puts back a record that was read. Returns `false` if it no longer exists.
    pub(super) fn put_back(&mut self, index: usize) -> bool {
        match self.entries.get_mut(index) {
            Some(entry) if !self.gone && entry.state == State::Given => {
                entry.state = State::Left;
                true
            }
            _ => false,
        }
    }

    /// Marks a record as read.
    pub(super) fn give(&mut self, index: usize) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.state = State::Given;
        }
    }

    /// Marks a record as done, in memory and on disk. If it is the last one, the files are removed instead.
    ///
    /// If the write fails, the record is still done for this process, and its mark is written with the next
    /// one.
    pub(super) fn settle(&mut self, index: usize) -> Result<(), SpoolError> {
        let Some(entry) = self.entries.get_mut(index).filter(|entry| entry.state != State::Done) else {
            return Ok(());
        };
        entry.state = State::Done;
        self.undone -= 1;
        if self.gone {
            return Ok(());
        }
        self.marks.add(Mark::Done(entry.offset));
        if self.undone == 0 && self.remove() {
            return Ok(());
        }
        self.dirty = true;
        self.marks.write()
    }

    /// Removes the files. Returns the records that were lost. Records that are in use are still to be
    /// settled.
    pub(super) fn evict(&mut self) -> Tally {
        let lost = self.lose();
        self.remove();
        self.gone = true;
        lost
    }

    /// Returns `true` if the file that is appended to was deleted from outside.
    pub(super) fn is_deleted(&self) -> bool {
        self.tail.as_ref().is_some_and(|tail| is_deleted(tail.medium(), &self.path))
    }

    /// Returns `true` unless the file was removed or replaced from outside.
    pub(super) fn is_there(&self) -> bool {
        match FileId::at(&self.path) {
            Ok(Some(id)) => self.id.is_none_or(|own| own == id),
            Ok(None) => false,
            // It cannot be determined at the moment.
            Err(_) => true,
        }
    }

    /// Records that the file was removed from outside. Returns the records that were lost with it. Records
    /// that are in use are still to be settled.
    pub(super) fn vanish(&mut self) -> Tally {
        self.tail = None;
        self.marks.close();
        self.gone = true;
        self.lose()
    }

    /// Marks all records in the file as done in memory, and counts them.
    fn lose(&mut self) -> Tally {
        let lost = self.tally();
        for entry in self.entries.iter_mut().filter(|entry| entry.is_here()) {
            entry.state = State::Done;
            self.undone -= 1;
        }
        lost
    }

    /// Marks damaged records, which have no entry, as done on disk, so that they are not found again.
    pub(super) fn forget(&mut self, offsets: impl Iterator<Item = u64>) {
        offsets.for_each(|offset| self.marks.add(Mark::Done(offset)));
        // If this fails, the next process finds them again.
        let _ = self.marks.write();
    }

    /// Records on disk that all records may have been sent.
    pub(super) fn mark_all_sent(&mut self) {
        let undone = self.entries.iter().filter(|entry| entry.state != State::Done);
        undone.for_each(|entry| self.marks.add(Mark::Sent(entry.offset)));
        // If this fails, the next process finds the unreadable marks again.
        let _ = self.marks.write();
    }

    /// Writes the new time of creation to disk.
    pub(super) fn date_anew(&mut self) {
        self.marks.add(Mark::Created(self.age.created()));
        // If this fails, the next process does it.
        let _ = self.marks.write();
    }

    /// Removes the files. The marks are removed last: without them, the records would be sent again.
    pub(super) fn remove(&mut self) -> bool {
        self.tail = None;
        self.marks.close();
        let gone = match fs::remove_file(&self.path) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if gone {
            // The next process removes marks without records.
            let _ = self.marks.remove();
            self.gone = true;
        }
        gone
    }

    /// Returns the path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file for reading.
    pub(super) fn open(&self) -> io::Result<File> {
        open_regular(File::options().read(true), &self.path)
    }

    /// Sets whether a request with a record may have left this machine. [`Self::write_marks`] writes it to
    /// disk.
    pub(super) fn set_sent(&mut self, index: usize, is_sent: bool) {
        let Some(entry) = self.entries.get_mut(index).filter(|entry| entry.state != State::Done) else {
            return;
        };
        if entry.may_have_been_sent == is_sent {
            return;
        }
        entry.may_have_been_sent = is_sent;
        if !self.gone {
            self.marks.add(if is_sent { Mark::Sent(entry.offset) } else { Mark::NotSent(entry.offset) });
        }
    }

    /// Writes all marks that are not on disk yet with one system call.
    pub(super) fn write_marks(&mut self) -> Result<(), SpoolError> {
        if self.gone || !self.marks.has_unwritten() {
            return Ok(());
        }
        self.dirty = true;
        self.marks.write()
    }

    /// Reads a record, and the time when it was accepted in milliseconds after the creation of the segment.
    /// Returns `None` if the record is damaged, or beyond the end.
    pub(super) fn read(&self, file: &mut File, offset: u64) -> io::Result<Option<(Record, i64)>> {
        let mut head = [0; Head::SIZE];
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut head)?;
        let Some(head) = Head::decode(&head) else { return Ok(None) };
        let start = offset + Head::SIZE as u64;
        if start + head.payload() > self.len {
            return Ok(None);
        }
        // Not larger than the file: the length was checked above.
        let mut payload = Vec::with_capacity(usize::try_from(head.payload()).unwrap_or_default());
        file.take(head.payload()).read_to_end(&mut payload)?;
        Ok(Record::decode(&head, &payload).map(|record| (record, head.accepted)))
    }

    /// Flushes the files to disk.
    pub(super) fn sync(&mut self) -> Result<(), SpoolError> {
        if self.gone || !self.dirty {
            return Ok(());
        }
        self.marks.write()?;
        sync(&self.path).map_err(SpoolError::io("sync", &self.path))?;
        self.marks.sync()?;
        self.dirty = false;
        Ok(())
    }
}

/// Creates a file with its first bytes, or no file.
fn begin(path: &Path, bytes: &[u8]) -> io::Result<(Tail, FileId)> {
    let file = private().write(true).create_new(true).open(path)?;
    let begun = file.metadata().and_then(|metadata| {
        let mut tail = Tail::new(file, 0);
        tail.append(bytes)?;
        Ok((tail, FileId::new(&metadata)))
    });
    if begun.is_err() {
        // If this fails, the next process removes or quarantines it.
        let _ = fs::remove_file(path);
    }
    begun
}
