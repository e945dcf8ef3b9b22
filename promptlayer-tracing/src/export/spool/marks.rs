//! The file of a segment's marks, written and read.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::SpoolError;
use super::aside::Aside;
use super::directory::Claim;
use super::file::{Tail, is_irregular, open_regular, private, sync};
use super::record::Mark;
use super::segment::{Entry, State};

/// What the name of the file ends with.
pub(super) const MARKS: &str = "marks";

/// The file that tells which records of a segment were sent and which are done, as it is written.
#[derive(Debug)]
pub(super) struct Marks {
    path: PathBuf,
    /// Opened with the first mark.
    tail: Option<Tail>,
    /// The bytes of the marks that are whole.
    len: u64,
    /// Marks that are not on disk yet.
    unwritten: Vec<u8>,
}

impl Marks {
    /// No marks, in a file that is made with the first.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, tail: None, len: 0, unwritten: Vec::new() }
    }

    /// Goes on after so many bytes of the file.
    pub(super) fn go_on_from(&mut self, len: u64) {
        self.len = len;
    }

    /// The bytes on disk.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Adds a mark to those that are to be [written](Self::write).
    pub(super) fn add(&mut self, mark: Mark) {
        mark.encode(&mut self.unwritten);
    }

    /// Whether there are marks that are not on disk yet.
    pub(super) fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Writes the marks that are not on disk yet by one call to the system. If that fails, they are written with the next.
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

    /// Writes what the system still holds back to the disk.
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

/// What the marks of a segment say.
#[derive(Debug, Default)]
pub(super) struct ReadMarks {
    done: HashSet<u64>,
    /// Of the records that were marked, whether a request may have left this machine.
    sent: HashMap<u64, bool>,
    /// Whether some of the marks are missing or could not be read: any record may have been sent then.
    are_incomplete: bool,
    /// Whether the file could not be read at all, and is written anew.
    pub(super) are_unreadable: bool,
    /// When the segment counts as created, if not at the time of its preamble.
    pub(super) created: Option<u64>,
    /// The bytes of the marks that are whole.
    pub(super) len: u64,
}

impl ReadMarks {
    /// Reads which records were sent and which are done. If a mark is damaged, the record that it was for is given
    /// again, and all records of the segment count as sent: the mark may have said so of any.
    pub(super) fn read(claim: &Claim, path: &Path, aside: &mut Aside) -> Self {
        let mut read = Self { are_incomplete: !claim.is_of_this_boot(), ..Self::default() };
        let unreadable = Self { are_incomplete: true, are_unreadable: true, ..Self::default() };
        if is_irregular(path) {
            aside.whole(path, claim.name());
            return unreadable;
        }
        let mut bytes = Vec::new();
        let file = open_regular(File::options().read(true), path);
        if let Err(error) = file.and_then(|mut file| file.read_to_end(&mut bytes)) {
            if error.kind() == io::ErrorKind::NotFound {
                return read;
            }
            aside.left.set_aside += 1;
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
        aside.left.set_aside += u64::from(are_damaged);
        read.are_incomplete |= are_damaged;
        read
    }

    /// Whether the record at an offset is done.
    pub(super) fn is_done(&self, offset: u64) -> bool {
        self.done.contains(&offset)
    }

    /// Enters what the marks say of the record at `entry.offset`.
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
