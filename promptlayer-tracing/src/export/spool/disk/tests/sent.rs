//! Marks of sent records, and the order in which records are returned.

use super::*;
use crate::export::spool::disk::record::Mark;

/// Returns the numbers of the backlog: those that were not sent, and those that may have been sent.
fn backlog(path: &Path) -> [Vec<u64>; 2] {
    let (mut spool, _) = open(path);
    let mut take = |sent| {
        let given = std::iter::from_fn(|| spool.next_backlog(sent).unwrap());
        given
            .map(|given| (given.selection.may_have_been_sent == sent, number(&given.record)))
            .map(|(alike, number)| {
                assert!(alike);
                number
            })
            .collect()
    };
    [take(false), take(true)]
}

/// Returns the only marks file.
fn marks(path: &Path) -> PathBuf {
    only_segment(path).with_extension(MARKS)
}

#[test]
fn next_run_knows_which_records_were_sent() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    let ids = append(&mut spool, 0..6);
    spool.set_sent([ids[1], ids[2], ids[5]], true).unwrap();
    spool.set_sent([ids[2]], false).unwrap();
    spool.keep(&Record { is_ambiguous: true, ..record(6) }).unwrap();
    spool.done(ids[5]).unwrap();
    drop(spool);
    assert_eq!(backlog(&path), [vec![0, 2, 3, 4], vec![1, 6]]);
    // A run that sends nothing changes nothing.
    assert_eq!(backlog(&path), [vec![0, 2, 3, 4], vec![1, 6]]);
}

#[test]
fn last_mark_of_a_record_holds() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    let ids = append(&mut spool, 0..2);
    for is_sent in [true, false, true] {
        spool.set_sent([ids[0]], is_sent).unwrap();
        spool.set_sent([ids[1]], !is_sent).unwrap();
    }
    drop(spool);
    assert_eq!(backlog(&path), [vec![1], vec![0]]);
    let (mut spool, _) = open(&path);
    let Given { id, .. } = spool.next_backlog(true).unwrap().unwrap();
    spool.set_sent([id], false).unwrap();
    drop(spool);
    assert_eq!(backlog(&path), [vec![0, 1], vec![]]);
}

#[test]
fn mark_is_with_the_system_when_set_sent_returns() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    let ids = append(&mut spool, 0..100);
    spool.set_sent(ids.iter().copied(), true).unwrap();
    let len = fs::metadata(marks(&path)).unwrap().len();
    assert_eq!(len, 100 * Mark::SIZE as u64);
    // A mark that does not change anything is not written again.
    spool.set_sent(ids, true).unwrap();
    assert_eq!(fs::metadata(marks(&path)).unwrap().len(), len);
}

#[test]
fn sent_marks_of_several_segments_are_all_written() {
    let (_folder, path) = folder();
    let (mut spool, _) = open_with(&path, SpoolLimits { segment_bytes: 80, ..ROOMY }).unwrap();
    let ids = append(&mut spool, 0..9);
    assert!(files(&path, RECORDS).len() > 3);
    spool.set_sent(ids.into_iter().skip(1).step_by(2), true).unwrap();
    drop(spool);
    assert_eq!(backlog(&path), [vec![0, 2, 4, 6, 8], vec![1, 3, 5, 7]]);
}

#[test]
fn mark_that_cannot_be_written_is_written_with_the_next() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    let ids = append(&mut spool, 0..3);
    // A folder where the file should be.
    fs::create_dir(marks(&path)).unwrap();
    spool.set_sent([ids[0]], true).unwrap_err();
    fs::remove_dir(marks(&path)).unwrap();
    spool.set_sent([ids[1]], true).unwrap();
    drop(spool);
    assert_eq!(backlog(&path), [vec![2], vec![0, 1]]);
}

#[test]
fn damaged_mark_makes_all_of_its_segment_maybe_sent() {
    for at in 0..2 * Mark::SIZE {
        let (_folder, path) = folder();
        let (mut spool, _) = open(&path);
        let ids = append(&mut spool, 0..3);
        spool.set_sent([ids[0], ids[1]], true).unwrap();
        drop(spool);
        let mut bytes = fs::read(marks(&path)).unwrap();
        bytes[at] ^= 1;
        fs::write(marks(&path), bytes).unwrap();
        assert_eq!(backlog(&path), [vec![], vec![0, 1, 2]], "byte {at}");
    }
}

#[test]
fn unreadable_marks_make_all_of_a_segment_maybe_sent() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    append(&mut spool, 0..3);
    drop(spool);
    fs::create_dir(marks(&path)).unwrap();
    let (mut spool, recovered) = open(&path);
    assert_eq!((recovered.records, spool.next_backlog(false).unwrap()), (spans(3), None));
    assert!(spool.next_backlog(true).unwrap().unwrap().selection.is_adopted);
}

#[test]
fn new_records_do_not_wait_behind_a_backlog() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    append(&mut spool, 0..1_000);
    drop(spool);
    let (mut spool, _) = open(&path);
    append(&mut spool, 1_000..1_002);
    let take = |given: Option<Given>| given.map(|given| (number(&given.record), given.selection.is_adopted));
    assert_eq!(take(spool.next_new(false).unwrap()), Some((1_000, false)));
    assert_eq!(take(spool.next_backlog(false).unwrap()), Some((0, true)));
    assert_eq!(take(spool.next_new(false).unwrap()), Some((1_001, false)));
    assert_eq!(take(spool.next_new(false).unwrap()), None);
    append(&mut spool, [1_002]);
    assert_eq!(take(spool.next_new(true).unwrap()), None);
    assert_eq!(take(spool.next_new(false).unwrap()), Some((1_002, false)));
    assert_eq!(take(spool.next_backlog(false).unwrap()), Some((1, true)));
}

#[test]
fn record_that_was_put_back_is_for_the_next_run() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    append(&mut spool, 0..2);
    let Given { id, .. } = spool.next_new(false).unwrap().unwrap();
    spool.set_sent([id], true).unwrap();
    assert!(spool.put_back(id));
    assert_eq!(spool.next_new(true).unwrap(), None);
    assert_eq!(number(&spool.next_new(false).unwrap().unwrap().record), 1);
    drop(spool);
    assert_eq!(backlog(&path), [vec![1], vec![0]]);
}

#[cfg(target_os = "linux")]
#[test]
fn records_of_before_a_reboot_may_all_have_been_sent() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    append(&mut spool, 0..3);
    let lock = spool.own.folder().with_extension("lock");
    drop(spool);
    fs::write(lock, "the boot before").unwrap();
    // The last marks may have been lost in a crash of the system.
    for _ in 0..2 {
        assert_eq!(backlog(&path), [vec![], vec![0, 1, 2]]);
    }
}
