//! Several processes on one path.
//!
//! A file lock belongs to the open file, so two spools in one process behave like those of two processes.

use std::sync::Barrier;

use super::*;

#[test]
fn two_spools_on_one_path_leave_each_other_alone() {
    let (_folder, path) = folder();
    let (mut one, _) = open(&path);
    append(&mut one, 0..3);
    let (mut other, recovered) = open(&path);
    assert_eq!(recovered, Recovered::default());
    append(&mut other, 10..13);
    assert_eq!(given(&mut one), [0, 1, 2]);
    assert_eq!(given(&mut other), [10, 11, 12]);
}

#[test]
fn records_of_ended_process_are_adopted_while_another_runs() {
    let (_folder, path) = folder();
    let (mut living, _) = open(&path);
    append(&mut living, [0]);
    let (mut ended, _) = open(&path);
    append(&mut ended, 10..12);
    drop(ended);
    let (mut heir, recovered) = open(&path);
    assert_eq!(recovered, found(spans(2), 0));
    assert_eq!(given(&mut heir), [10, 11]);
    append(&mut living, [1]);
    assert_eq!(given(&mut living), [0, 1]);
    // Adopted records cannot be adopted again.
    assert_eq!(open(&path).1, Recovered::default());
    drop(heir);
    assert_eq!(reopened(&path).0, [10, 11]);
    drop(living);
    let mut all = reopened(&path).0;
    all.sort_unstable();
    assert_eq!(all, [0, 1, 10, 11]);
}

#[test]
fn adopted_directory_is_removed_with_its_last_record() {
    let (_folder, path) = folder();
    let (mut ended, _) = open(&path);
    append(&mut ended, 0..2);
    drop(ended);
    let (mut heir, _) = open(&path);
    // The two directories and their locks.
    assert_eq!(fs::read_dir(home(&path)).unwrap().count(), 4);
    while let Some((id, _)) = heir.next().unwrap() {
        heir.done(id).unwrap();
    }
    assert_eq!(fs::read_dir(home(&path)).unwrap().count(), 2);
}

#[test]
fn racing_adopters_get_each_record_once() {
    let (_folder, path) = folder();
    for round in 0..20 {
        let mut ended: Vec<_> = (0..4).map(|_| open(&path).0).collect();
        for (spool, first) in ended.iter_mut().zip([0, 10, 20, 30]) {
            append(spool, first..first + 10);
        }
        drop(ended);
        let barrier = Barrier::new(6);
        let (mut all, set_aside) = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..6)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        let (mut spool, recovered) = open(&path);
                        let mut numbers = Vec::new();
                        while let Some((id, record)) = spool.next().unwrap() {
                            numbers.push(number(&record));
                            spool.done(id).unwrap();
                        }
                        assert_eq!(recovered.records, spans(numbers.len() as u64));
                        // Wait until all threads are done.
                        barrier.wait();
                        (numbers, recovered.left.set_aside)
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).fold((Vec::new(), 0), |mut all, one| {
                all.0.extend(one.0);
                (all.0, all.1 + one.1)
            })
        });
        all.sort_unstable();
        assert_eq!(all, (0..40).collect::<Vec<_>>(), "round {round}");
        assert_eq!(set_aside, 0);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "round {round}");
    }
}

#[test]
fn concurrent_open_and_close_do_not_interfere() {
    let (_folder, path) = folder();
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let path = &path;
            scope.spawn(move || {
                for round in 0..100 {
                    // All records are settled, so none is adopted.
                    let (mut spool, recovered) = open(path);
                    assert_eq!(recovered, Recovered::default());
                    append(&mut spool, [thread * 1_000 + round]);
                    let (id, record) = spool.next().unwrap().unwrap();
                    assert_eq!(number(&record), thread * 1_000 + round);
                    spool.done(id).unwrap();
                    assert!(spool.next().unwrap().is_none());
                }
            });
        }
    });
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn leftover_lock_or_directory_is_removed() {
    let (_folder, path) = folder();
    fs::create_dir_all(home(&path).join("v2-1-a-b")).unwrap();
    fs::write(home(&path).join("v2-2-a-b.lock"), "").unwrap();
    let (spool, recovered) = open(&path);
    assert_eq!(recovered, Recovered::default());
    drop(spool);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn unknown_folders_are_left_untouched() {
    let (_folder, path) = folder();
    for folder in ["mine", "v3-1-a-b", "v2-1-a", "v2-1-a-b-c", "v2-x-y-z", "v2---"] {
        fs::create_dir_all(home(&path).join(folder)).unwrap();
        fs::write(home(&path).join(folder).join("0.records"), "mine").unwrap();
    }
    fs::write(home(&path).join("notes.txt"), "mine").unwrap();
    fs::write(home(&path).join("other.lock"), "mine").unwrap();
    let (mut spool, recovered) = open(&path);
    append(&mut spool, [0]);
    // The folder of another version is reported.
    let left = LeftAlone { other_versions: 1, ..LeftAlone::default() };
    assert_eq!(recovered, Recovered { left, ..Recovered::default() });
    let (id, _) = spool.next().unwrap().unwrap();
    spool.done(id).unwrap();
    drop(spool);
    assert_eq!(fs::read_dir(home(&path)).unwrap().count(), 8);
    assert_eq!(fs::read(home(&path).join("v3-1-a-b/0.records")).unwrap(), b"mine");
}
