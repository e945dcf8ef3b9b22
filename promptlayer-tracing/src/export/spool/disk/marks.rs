//! The marks file of a segment: writing and reading.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::SpoolError;
use super::directory::Claim;
use super::entry::{Entry, State};
use super::file::{Tail, is_irregular, open_regular, private, sync};
use super::quarantine::Quarantine;
use super::record::Mark;

/// The file extension.
pub(super) const MARKS: &str = "marks";

/// The marks file of a segment, open for writing. It records which records were sent and which are done.
#[derive(Debug)]
pub(super) struct Marks {
    path: PathBuf,
    /// Opened with the first mark.
    tail: Option<Tail>,
    /// The size of all complete marks in bytes.
    len: u64,
    /// Marks that are not on disk yet.
    unwritten: Vec<u8>,
}

impl Marks {
    /// Returns an empty marks file, which is created with the first mark.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, tail: None, len: 0, unwritten: Vec::new() }
    }

    /// Continues after the first `len` bytes of the file.
    pub(super) fn go_on_from(&mut self, len: u64) {
        self.len = len;
    }

    /// Returns the size on disk in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Adds a mark. [`write`](Self::write) writes it to disk.
    pub(super) fn add(&mut self, mark: Mark) {
        mark.encode(&mut self.unwritten);
    }

    /// Returns `true` if there are marks that are not on disk yet.
    pub(super) fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Writes all marks that are not on disk yet with one system call. If that fails, the next call writes
    /// them.
    pub(super) fn write(&mut self) -> Result<(), SpoolError> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let tail = match &mut self.tail {
            Some(tail) => tail,
            none => {
                let file = open_regular(private().write(true).create(true).truncate(false), &self.path);
                none.insert(Tail::new(file.map_err(SpoolError::io("open", &self.path))?, self.len))
            }
        };
        tail.append(&self.unwritten).map_err(SpoolError::io("write to", &self.path))?;
        self.unwritten.clear();
        self.len = tail.len();
        Ok(())
    }

    /// Flushes the file to disk.
    pub(super) fn sync(&self) -> Result<(), SpoolError> {
        if self.len == 0 {
            return Ok(());
        }
        sync(&self.path).map_err(SpoolError::io("sync", &self.path))
    }

    /// Closes the file.
    pub(super) fn close(&mut self) {
        self.tail = None;
    }

    /// Removes the file.
    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// The marks that were read for a segment.
#[derive(Debug, Default)]
pub(super) struct ReadMarks {
    done: HashSet<u64>,
    /// For each marked record, whether a request with it may have left this machine.
    sent: HashMap<u64, bool>,
    /// Whether some marks are missing or could not be read. Any record may have been sent in that case.
    are_incomplete: bool,
    /// Whether the file could not be read at all, and is to be written again.
    pub(super) are_unreadable: bool,
    /// The time of creation that replaces the one in the preamble.
    pub(super) created: Option<u64>,
    /// The size of all complete marks in bytes.
    pub(super) len: u64,
}

impl ReadMarks {
    /// Reads the marks of a segment.
    ///
    /// If a mark is damaged, its record is returned again, and all records of the segment count as sent,
    /// because the mark may have been for any of them.
    pub(super) fn read(claim: &Claim, path: &Path, quarantine: &mut Quarantine) -> Self {
        let mut read = Self { are_incomplete: !claim.is_of_this_boot(), ..Self::default() };
        let unreadable = Self { are_incomplete: true, are_unreadable: true, ..Self::default() };
        if is_irregular(path) {
            quarantine.whole(path, claim.name());
            return unreadable;
        }
        let mut bytes = Vec::new();
        let file = open_regular(File::options().read(true), path);
        if let Err(error) = file.and_then(|mut file| file.read_to_end(&mut bytes)) {
            if error.kind() == io::ErrorKind::NotFound {
                return read;
            }
            quarantine.left.set_aside += 1;
            return unreadable;
        }
        let (marks, torn) = bytes.as_chunks();
        read.len = (bytes.len() - torn.len()) as u64;
        let mut are_damaged = false;
        for mark in marks {
            match Mark::decode(mark) {
                Some(Mark::Done(offset)) => drop(read.done.insert(offset)),
                Some(Mark::Sent(offset)) => drop(read.sent.insert(offset, true)),
                Some(Mark::NotSent(offset)) => drop(read.sent.insert(offset, false)),
                Some(Mark::Created(time)) => read.created = Some(time),
                None => are_damaged = true,
            }
        }
        quarantine.left.set_aside += u64::from(are_damaged);
        read.are_incomplete |= are_damaged;
        read
    }

    /// Returns `true` if the record at an offset is done.
    pub(super) fn is_done(&self, offset: u64) -> bool {
        self.done.contains(&offset)
    }

    /// Applies the marks to the record at `entry.offset`.
    pub(super) fn apply(&self, entry: &mut Entry) {
        if self.is_done(entry.offset) {
            entry.state = State::Done;
        }
        if let Some(is_sent) = self.sent.get(&entry.offset) {
            entry.may_have_been_sent = *is_sent;
        }
        entry.may_have_been_sent |= self.are_incomplete;
    }
}
