//! One file of records, with the file that tells which of them were sent and which are done.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::age::Age;
use super::directory::Claim;
use super::file::{FileId, Tail, is_deleted, open_regular, private, sync};
use super::marks::{MARKS, Marks};
use super::record::{Head, Mark, Preamble, Record, RecordKind};
use super::{RecordId, Selection, SpoolError, Tally};

/// What the name of a segment ends with.
pub(super) const RECORDS: &str = "records";

/// What is to be done about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is to be given.
    Waiting,
    /// It was given, and has no end yet.
    Given,
    /// It was given and put back. It is given again after a rewind, or by the next process.
    Left,
    /// It is not given again.
    Done,
}

/// Where a record is, and what is known of it without reading it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) kind: RecordKind,
    pub(super) state: State,
    /// Whether a request with it may have left this machine.
    pub(super) may_have_been_sent: bool,
}

impl Entry {
    /// The entry of a record that was just written.
    fn new(offset: u64, record: &Record) -> Self {
        let Record { kind, is_in_doubt, .. } = *record;
        Self { offset, kind, state: State::Waiting, may_have_been_sent: is_in_doubt }
    }

    /// Whether the record is in the file and not with the caller.
    fn is_here(&self) -> bool {
        matches!(self.state, State::Waiting | State::Left)
    }
}

/// A file of records. In memory are sixteen bytes for each, and none of their bodies.
#[derive(Debug)]
pub(super) struct Segment {
    /// Its place among all segments of this spool: the lower, the older.
    pub(super) serial: u64,
    age: Age,
    path: PathBuf,
    /// The file that this process made.
    id: Option<FileId>,
    /// The bytes of the preamble and the whole records.
    len: u64,
    /// The end of the file, as long as this process appends to it.
    tail: Option<Tail>,
    entries: Vec<Entry>,
    /// How many of them are not done.
    undone: usize,
    marks: Marks,
    /// Whether the file was removed while records of it were given.
    gone: bool,
    /// Whether something was written that may not have reached the disk.
    dirty: bool,
    /// Last, so that no file is open in the directory when that is removed.
    #[cfg_attr(not(test), allow(dead_code, reason = "it is held, and dropped"))]
    claim: Arc<Claim>,
}

impl Segment {
    /// Makes a new segment that begins with a record, by one call to the system.
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

    /// A segment without records.
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

    /// What was read of a segment that was there.
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

    /// Whether records can be appended.
    pub(super) fn is_open(&self) -> bool {
        self.tail.is_some()
    }

    /// Lets no more records be appended.
    pub(super) fn close(&mut self) {
        self.tail = None;
    }

    /// Appends a record; nothing if it is closed. One whose end cannot be mended after a failure closes
    /// itself.
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

    /// The directory that it is in.
    #[cfg(test)]
    pub(super) fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Puts another file in the place of the one that is appended to.
    #[cfg(test)]
    pub(super) fn write_to(&mut self, file: File) {
        self.tail = Some(Tail::new(file, self.len));
    }

    /// Oldest first. Segments of one directory keep the order in which they were made, even if their
    /// times are the same.
    pub(super) fn by_age(&self, other: &Self) -> Ordering {
        self.age.created().cmp(&other.age.created()).then_with(|| self.path.cmp(&other.path))
    }

    /// How many records it has had.
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    /// How many of them are not done.
    pub(super) fn undone(&self) -> usize {
        self.undone
    }

    /// The bytes on disk.
    pub(super) fn bytes(&self) -> u64 {
        if self.gone { 0 } else { self.len + self.marks.len() }
    }

    /// The bytes of its records.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// How old it is, and with it its records.
    pub(super) fn age(&self) -> &Age {
        &self.age
    }

    /// The kinds of the records that were not given, or were put back.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.entries.iter().filter(|entry| entry.is_here()).for_each(|entry| tally.add(entry.kind));
        tally
    }

    /// The first record from a place on that is to be given, and of which a request was sent or not.
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

    /// What is known of a record.
    #[cfg(test)]
    pub(super) fn entry(&self, index: usize) -> Entry {
        self.entries[index]
    }

    /// Whether a record is not done.
    pub(super) fn is_undone(&self, index: usize) -> bool {
        self.entries.get(index).is_some_and(|entry| entry.state != State::Done)
    }

    /// The records that are to be given.
    pub(super) fn waiting(&self) -> impl Iterator<Item = usize> {
        (0..).zip(&self.entries).filter(|(_, entry)| entry.state == State::Waiting).map(|(index, _)| index)
    }

    /// Has the records that were taken back given again.
    pub(super) fn give_left_again(&mut self) {
        for entry in self.entries.iter_mut().filter(|entry| entry.state == State::Left) {
            entry.state = State::Waiting;
        }
    }

    /// Takes back a record that was given; `false` if it is not there any more.
    pub(super) fn put_back(&mut self, index: usize) -> bool {
        match self.entries.get_mut(index) {
            Some(entry) if !self.gone && entry.state == State::Given => {
                entry.state = State::Left;
                true
            }
            _ => false,
        }
    }

    /// Marks a record as given.
    pub(super) fn give(&mut self, index: usize) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.state = State::Given;
        }
    }

    /// Marks a record as done, here and on disk. If it is the last, the files go instead. Where the disk
    /// fails the record is still done for this process, and its mark is written with the next.
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

    /// Removes the files; gives the records that were never given. Those that are stay to be settled.
    pub(super) fn evict(&mut self) -> Tally {
        let lost = self.lose();
        self.remove();
        self.gone = true;
        lost
    }

    /// Whether somebody else deleted the file that is appended to.
    pub(super) fn is_deleted(&self) -> bool {
        self.tail.as_ref().is_some_and(|tail| is_deleted(tail.medium(), &self.path))
    }

    /// Returns `false` if somebody else removed the file, or put another in its place.
    pub(super) fn is_there(&self) -> bool {
        match FileId::at(&self.path) {
            Ok(Some(id)) => self.id.is_none_or(|own| own == id),
            Ok(None) => false,
            // It cannot be told just now.
            Err(_) => true,
        }
    }

    /// Notes that somebody else removed the file; gives the records that were lost with it. Those that were given stay to
    /// be settled.
    pub(super) fn vanish(&mut self) -> Tally {
        self.tail = None;
        self.marks.close();
        self.gone = true;
        self.lose()
    }

    /// Ends the records that are in the file.
    fn lose(&mut self) -> Tally {
        let lost = self.tally();
        for entry in self.entries.iter_mut().filter(|entry| entry.is_here()) {
            entry.state = State::Done;
            self.undone -= 1;
        }
        lost
    }

    /// Marks what is not among its records as done on disk, so that it is not found again.
    pub(super) fn forget(&mut self, offsets: impl Iterator<Item = u64>) {
        offsets.for_each(|offset| self.marks.add(Mark::Done(offset)));
        // Else it is found again.
        let _ = self.marks.write();
    }

    /// Writes to disk that all its records may have been sent.
    pub(super) fn mark_all_sent(&mut self) {
        let undone = self.entries.iter().filter(|entry| entry.state != State::Done);
        undone.for_each(|entry| self.marks.add(Mark::Sent(entry.offset)));
        // Else it is found again.
        let _ = self.marks.write();
    }

    /// Writes to disk when it counts as created.
    pub(super) fn date_anew(&mut self) {
        self.marks.add(Mark::Created(self.age.created()));
        // Else the next process does.
        let _ = self.marks.write();
    }

    /// Removes the files. The marks go last: without them the records would be given again.
    pub(super) fn remove(&mut self) -> bool {
        self.tail = None;
        self.marks.close();
        let gone = match fs::remove_file(&self.path) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if gone {
            // Marks without records are removed by the next to come.
            let _ = self.marks.remove();
            self.gone = true;
        }
        gone
    }

    /// Its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it to be read.
    pub(super) fn open(&self) -> io::Result<File> {
        open_regular(File::options().read(true), &self.path)
    }

    /// Notes whether a request with a record may have left this machine. [`Self::write_marks`] writes it to disk.
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

    /// Writes the marks that are not on disk yet by one call to the system.
    pub(super) fn write_marks(&mut self) -> Result<(), SpoolError> {
        if self.gone || !self.marks.has_unwritten() {
            return Ok(());
        }
        self.dirty = true;
        self.marks.write()
    }

    /// Reads a record, and when it was accepted, in milliseconds after the segment was created. `None` if it is damaged,
    /// or beyond the end.
    pub(super) fn read(&self, file: &mut File, offset: u64) -> io::Result<Option<(Record, i64)>> {
        let mut head = [0; Head::SIZE];
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut head)?;
        let Some(head) = Head::decode(&head) else { return Ok(None) };
        let start = offset + Head::SIZE as u64;
        if start + head.payload() > self.len {
            return Ok(None);
        }
        // No more than the file has.
        let mut payload = Vec::with_capacity(usize::try_from(head.payload()).unwrap_or_default());
        file.take(head.payload()).read_to_end(&mut payload)?;
        Ok(Record::decode(&head, &payload).map(|record| (record, head.accepted)))
    }

    /// Writes what the system still holds back to the disk.
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

/// Makes a file with what it begins with, or none.
fn begin(path: &Path, bytes: &[u8]) -> io::Result<(Tail, FileId)> {
    let file = private().write(true).create_new(true).open(path)?;
    let begun = file.metadata().and_then(|metadata| {
        let mut tail = Tail::new(file, 0);
        tail.append(bytes)?;
        Ok((tail, FileId::new(&metadata)))
    });
    if begun.is_err() {
        // Else the next to come does, or sets it aside.
        let _ = fs::remove_file(path);
    }
    begun
}
