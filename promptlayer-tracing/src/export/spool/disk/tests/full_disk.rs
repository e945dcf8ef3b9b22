//! A full disk.

use std::io::{self, Write};

use super::*;
use crate::export::spool::disk::file::{Medium, Tail};

/// A disk with space for `room` bytes.
struct Disk {
    held: Vec<u8>,
    room: usize,
    can_cut: bool,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room - self.held.len());
        if taken == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.held.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Medium for &mut Disk {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        if !self.can_cut {
            return Err(io::ErrorKind::Other.into());
        }
        self.held.truncate(usize::try_from(len).unwrap());
        Ok(())
    }
}

#[test]
fn partial_entry_is_removed() {
    let mut disk = Disk { held: b"aaa".to_vec(), room: 8, can_cut: true };
    let mut tail = Tail::new(&mut disk, 3);
    tail.append(b"bbb").unwrap();
    assert_eq!(tail.append(b"cccc").unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(tail.is_sound());
    assert_eq!(tail.len(), 6);
    tail.append(b"dd").unwrap();
    assert_eq!(disk.held, b"aaabbbdd");
}

#[test]
fn leftover_partial_entry_is_removed_before_the_next_write() {
    let mut disk = Disk { held: Vec::new(), room: 4, can_cut: true };
    Tail::new(&mut disk, 0).append(b"aaa").unwrap();
    disk.can_cut = false;
    let mut tail = Tail::new(&mut disk, 3);
    assert_eq!(tail.append(b"b").unwrap_err().kind(), io::ErrorKind::Other);
    assert!(!tail.is_sound());
    disk.held.extend(b"b");
    disk.can_cut = true;
    Tail::new(&mut disk, 3).append(b"c").unwrap();
    assert_eq!(disk.held, b"aaac");
}

#[cfg(target_os = "linux")]
#[test]
fn unrepairable_full_segment_is_replaced_by_a_new_one() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    append(&mut spool, [0, 1]);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    spool.segments[0].write_to(full);
    let error = spool.keep(&record(2)).unwrap_err();
    assert!(error.to_string().contains(only_segment(&path).to_str().unwrap()), "{error}");
    assert_eq!(spool.len(), 2);
    append(&mut spool, [3]);
    assert_eq!(files(&path, RECORDS).len(), 2);
    assert_eq!(given(&mut spool), [0, 1, 3]);
    drop(spool);
    assert_eq!(reopened(&path), (vec![0, 1, 3], found(spans(3), 0)));
}

#[test]
fn failed_mark_is_written_with_the_next_mark() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    let ids = append(&mut spool, 0..4);
    let marks = only_segment(&path).with_extension(MARKS);
    // A folder where the file should be.
    fs::create_dir(&marks).unwrap();
    let error = spool.done(ids[0]).unwrap_err();
    assert!(error.to_string().contains(marks.to_str().unwrap()), "{error}");
    assert_eq!(spool.len(), 3);
    assert_eq!(given(&mut spool), [1, 2, 3]);
    fs::remove_dir(&marks).unwrap();
    spool.done(ids[2]).unwrap();
    drop(spool);
    assert_eq!(reopened(&path).0, [1, 3]);
}
