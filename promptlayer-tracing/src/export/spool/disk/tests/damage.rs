//! Damaged files.

use super::*;
use crate::export::spool::disk::record::{Head, Mark, Preamble};

/// Numbers whose records have different lengths.
const NUMBERS: [u64; 4] = [1, 22, 333, 4_444];

/// Returns an intact segment, and the end of each part: the preamble, and each record.
fn segment() -> (Vec<u8>, Vec<usize>) {
    let mut bytes = Preamble { created: Clock::System.wall() }.encode();
    let mut ends = vec![bytes.len()];
    for number in NUMBERS {
        bytes.extend(record(number).encode(0).unwrap());
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// Writes files as an ended process leaves them.
fn plant(path: &Path, segment: &[u8], marks: Option<&[u8]>) {
    let directory = home(path).join("v2-1-a-b");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("0.records"), segment).unwrap();
    if let Some(marks) = marks {
        fs::write(directory.join("0.marks"), marks).unwrap();
    }
}

/// Returns the records that are complete in the first `len` bytes of a segment.
fn whole(ends: &[usize], len: usize) -> Vec<u64> {
    NUMBERS.into_iter().zip(&ends[1..]).filter(|(_, end)| **end <= len).map(|(number, _)| number).collect()
}

#[test]
fn torn_segment_keeps_whole_records_and_quarantines_the_rest() {
    let (bytes, ends) = segment();
    for len in 0..=bytes.len() {
        let (_folder, path) = folder();
        plant(&path, &bytes[..len], None);
        let (numbers, recovered) = reopened(&path);
        assert_eq!(numbers, whole(&ends, len), "torn at {len}");
        assert_eq!(recovered.records.total(), numbers.len() as u64);
        let torn_from = ends.iter().copied().rfind(|end| *end <= len).unwrap_or_default();
        let torn: Vec<_> =
            Some(bytes[torn_from..len].to_vec()).filter(|torn| !torn.is_empty()).into_iter().collect();
        assert_eq!(recovered.left.set_aside, torn.len() as u64, "torn at {len}");
        assert_eq!(set_aside(&path), torn, "torn at {len}");
        // It is found only once.
        assert_eq!(
            reopened(&path),
            (numbers, Recovered { left: LeftAlone::default(), ..recovered }),
            "torn at {len}"
        );
    }
}

#[test]
fn flipped_bit_never_yields_an_unwritten_record() {
    let (bytes, ends) = segment();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let (_folder, path) = folder();
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            plant(&path, &flipped, None);
            let (numbers, recovered) = reopened(&path);
            // The part that contains the bit. 0 is the preamble.
            let part = ends.iter().position(|end| at < *end).unwrap();
            let in_head = part > 0 && at - ends[part - 1] < Head::SIZE;
            let expected: Vec<_> = (1..)
                .zip(NUMBERS)
                .filter(|(index, _)| part > 0 && (*index < part || (*index > part && !in_head)))
                .map(|(_, number)| number)
                .collect();
            assert_eq!(numbers, expected, "bit {bit} of byte {at}");
            assert_eq!(recovered.left.set_aside, 1, "bit {bit} of byte {at}");
            let quarantine = match part {
                0 => &flipped[..],
                _ if in_head => &flipped[ends[part - 1]..],
                _ => &flipped[ends[part - 1]..ends[part]],
            };
            assert_eq!(set_aside(&path), [quarantine], "bit {bit} of byte {at}");
            if bit == 0 {
                assert_eq!(
                    reopened(&path),
                    (expected, Recovered { left: LeftAlone::default(), ..recovered })
                );
            }
        }
    }
}

#[test]
fn garbage_is_quarantined() {
    let mut random = fastrand::Rng::with_seed(7);
    for len in 1..200 {
        let (_folder, path) = folder();
        let garbage: Vec<_> = (0..len).map(|_| random.u8(..)).collect();
        plant(&path, &garbage, Some(&garbage));
        assert!(reopened(&path).0.is_empty());
        assert!(set_aside(&path).contains(&garbage));
        assert_eq!(reopened(&path).1, Recovered::default());
    }
}

#[test]
fn trailing_zeroes_are_quarantined() {
    let (_folder, path) = folder();
    let (mut bytes, ends) = segment();
    bytes.extend([0; 4_096]);
    plant(&path, &bytes, Some(&[0; 48]));
    let (numbers, recovered) = reopened(&path);
    assert_eq!(numbers, NUMBERS);
    assert_eq!(recovered.left.set_aside, 2);
    assert_eq!(set_aside(&path), [&bytes[ends[4]..]]);
}

#[test]
fn damaged_records_of_a_segment_are_quarantined_together() {
    let (_folder, path) = folder();
    let (mut bytes, ends) = segment();
    bytes[ends[1] - 1] ^= 1;
    bytes[ends[3] - 1] ^= 1;
    plant(&path, &bytes, None);
    let (numbers, recovered) = reopened(&path);
    assert_eq!(numbers, [NUMBERS[1], NUMBERS[3]]);
    assert_eq!(recovered, found(spans(2), 2));
    assert_eq!(set_aside(&path), [[&bytes[ends[0]..ends[1]], &bytes[ends[2]..ends[3]]].concat()]);
}

#[test]
fn length_beyond_the_end_is_torn_and_allocates_nothing() {
    let (_folder, path) = folder();
    let (mut bytes, ends) = segment();
    let mut head = u32::MAX.to_le_bytes().to_vec();
    head.extend_from_slice(&bytes[ends[3] + 4..ends[3] + 20]);
    head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
    bytes.splice(ends[3]..ends[3] + Head::SIZE, head);
    plant(&path, &bytes, None);
    let (numbers, recovered) = reopened(&path);
    assert_eq!(numbers, NUMBERS[..3]);
    assert_eq!(recovered.left.set_aside, 1);
}

#[test]
fn record_of_unknown_kind_is_quarantined() {
    let (_folder, path) = folder();
    let (mut bytes, ends) = segment();
    bytes[ends[0] + 6] = 9;
    let checksum = crc32fast::hash(&bytes[ends[0]..ends[0] + 20]);
    bytes[ends[0] + 20..ends[0] + 24].copy_from_slice(&checksum.to_le_bytes());
    plant(&path, &bytes, None);
    let (numbers, recovered) = reopened(&path);
    assert_eq!(numbers, NUMBERS[1..]);
    assert_eq!(recovered.left.set_aside, 1);
    assert_eq!(set_aside(&path), [&bytes[ends[0]..ends[1]]]);
}

#[test]
fn segment_of_another_version_stays_where_it_is() {
    let (_folder, path) = folder();
    let (mut bytes, _) = segment();
    bytes[7] = 3;
    let checksum = crc32fast::hash(&bytes[..16]);
    bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
    plant(&path, &bytes, Some(b"marks"));
    let directory = home(&path).join("v2-1-a-b");
    fs::write(directory.join("0.what-is-new"), "new").unwrap();
    fs::write(directory.join("1.records"), segment().0).unwrap();
    let left = LeftAlone { other_versions: 1, ..LeftAlone::default() };
    for _ in 0..2 {
        let (mut spool, recovered) = open(&path);
        assert_eq!(recovered.left, left);
        while let Some((id, _)) = spool.next().unwrap() {
            spool.done(id).unwrap();
        }
        drop(spool);
        assert_eq!(fs::read(directory.join("0.records")).unwrap(), bytes);
        assert_eq!(fs::read(directory.join("0.marks")).unwrap(), b"marks");
        assert_eq!(fs::read(directory.join("0.what-is-new")).unwrap(), b"new");
        assert!(!directory.join("1.records").exists() && set_aside(&path).is_empty());
    }
}

#[test]
fn torn_marks_file_keeps_its_whole_marks() {
    let (bytes, ends) = segment();
    let mut marks = Vec::new();
    for index in [0, 2, 3] {
        Mark::Done(ends[index] as u64).encode(&mut marks);
    }
    for len in 0..=marks.len() {
        let (_folder, path) = folder();
        plant(&path, &bytes, Some(&marks[..len]));
        let expected = match len / Mark::SIZE {
            0 => &NUMBERS[..],
            1 => &[22, 333, 4_444],
            2 => &[22, 4_444],
            _ => &[22],
        };
        let (mut spool, recovered) = open(&path);
        assert_eq!(recovered, found(spans(expected.len() as u64), 0));
        // The next mark is separate from the incomplete mark before it.
        let (id, record) = spool.next().unwrap().unwrap();
        assert_eq!(number(&record), expected[0]);
        spool.done(id).unwrap();
        drop(spool);
        assert_eq!(reopened(&path).0, expected[1..], "torn at {len}");
    }
}

#[test]
fn flipped_mark_returns_its_record_and_hides_no_other() {
    let (bytes, ends) = segment();
    let mut marks = Vec::new();
    for index in [0, 2] {
        Mark::Done(ends[index] as u64).encode(&mut marks);
    }
    for at in 0..marks.len() {
        for bit in 0..8 {
            let (_folder, path) = folder();
            let mut flipped = marks.clone();
            flipped[at] ^= 1 << bit;
            plant(&path, &bytes, Some(&flipped));
            let (numbers, recovered) = reopened(&path);
            let expected = if at < Mark::SIZE { &[1, 22, 4_444] } else { &[22, 333, 4_444] };
            assert_eq!(numbers, expected, "bit {bit} of byte {at}");
            assert_eq!(recovered.left.set_aside, 1, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn finished_segment_of_a_stopped_process_is_removed() {
    let (bytes, ends) = segment();
    let mut marks = Vec::new();
    ends[..4].iter().for_each(|end| Mark::Done(*end as u64).encode(&mut marks));
    let (_folder, path) = folder();
    plant(&path, &bytes, Some(&marks));
    // Marks whose segment was removed.
    fs::write(home(&path).join("v2-1-a-b/1.marks"), &marks).unwrap();
    assert_eq!(open(&path).1, Recovered::default());
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn unknown_files_in_a_spool_directory_are_quarantined() {
    let (_folder, path) = folder();
    plant(&path, &segment().0, None);
    let directory = home(&path).join("v2-1-a-b");
    fs::write(directory.join("notes.txt"), "mine").unwrap();
    fs::create_dir(directory.join("1.records")).unwrap();
    let (numbers, recovered) = reopened(&path);
    assert_eq!(numbers, NUMBERS);
    assert_eq!(recovered, found(spans(4), 2));
    assert_eq!(fs::read(path.join("set-aside/v2-1-a-b-notes.txt")).unwrap(), b"mine");
    assert!(path.join("set-aside/v2-1-a-b-1.records").is_dir());
    assert_eq!(reopened(&path).1.left.set_aside, 0);
}

#[test]
fn directory_that_cannot_be_locked_is_counted_and_untouched() {
    let (_folder, path) = folder();
    plant(&path, &segment().0, None);
    fs::create_dir(home(&path).join("v2-1-a-b.lock")).unwrap();
    let (mut spool, recovered) = open(&path);
    // The directory and the lock.
    assert_eq!(recovered, found(spans(0), 2));
    append(&mut spool, [7]);
    assert_eq!(given(&mut spool), [7]);
    fs::remove_dir(home(&path).join("v2-1-a-b.lock")).unwrap();
    assert_eq!(reopened(&path).0, NUMBERS);
}

#[test]
fn failed_quarantine_loses_no_intact_record() {
    let (_folder, path) = folder();
    let (bytes, _) = segment();
    plant(&path, &bytes[..bytes.len() - 1], None);
    fs::write(home(&path).join("v2-1-a-b/notes.txt"), "mine").unwrap();
    // A file where the folder should be.
    fs::write(path.join("set-aside"), "").unwrap();
    for _ in 0..2 {
        let (numbers, recovered) = reopened(&path);
        assert_eq!(numbers, NUMBERS[..3]);
        assert_eq!(recovered, found(spans(3), 2));
    }
}

#[test]
fn record_damaged_while_waiting_is_counted_and_skipped() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    append(&mut spool, [1, 2, 3]);
    spool.keep(&Record { kind: RecordKind::Track, ..record(4) }).unwrap();
    let segment = only_segment(&path);
    let mut bytes = fs::read(&segment).unwrap();
    let len = bytes.len();
    bytes[20 + 25 + 24] ^= 1;
    bytes[len - 1] ^= 1;
    fs::write(&segment, bytes).unwrap();
    assert_eq!(given(&mut spool), [1, 3]);
    assert_eq!(spool.take_lost(), Lost { damaged: Tally { spans: 1, tracks: 1 }, ..Lost::default() });
    assert_eq!(spool.len(), 2);
}

#[test]
fn records_whose_file_was_removed_or_cut_are_counted() {
    let (_folder, path) = folder();
    let (mut spool, _) = open_with(&path, SpoolLimits { segment_bytes: 80, ..ROOMY }).unwrap();
    append(&mut spool, 0..6);
    let segments = files(&path, RECORDS);
    assert_eq!(segments.len(), 3);
    fs::remove_file(&segments[0]).unwrap();
    fs::File::options().write(true).open(&segments[1]).unwrap().set_len(50).unwrap();
    assert_eq!(given(&mut spool), [2, 4, 5]);
    assert_eq!(spool.take_lost(), Lost { damaged: spans(3), ..Lost::default() });
}
