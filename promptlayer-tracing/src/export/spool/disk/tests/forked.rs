//! The spool in a process that was forked from the one that opened it.

use super::*;

/// Makes a spool behave as in a forked process.
fn fork(spool: &Spool) {
    spool.own.fork();
    spool.segments.iter().for_each(|segment| segment.claim().fork());
}

/// Returns all files with their contents.
fn contents(path: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut contents = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        contents.push((path.clone(), fs::read(&path).ok()));
        if path.is_dir() {
            contents.extend(self::contents(&path));
        }
    }
    contents.sort();
    contents
}

#[test]
fn forked_process_touches_no_file() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    append(&mut spool, 0..3);
    drop(spool);
    let (mut spool, _) = open(&path);
    let ids = append(&mut spool, 3..6);
    let adopted = spool.next_backlog(false).unwrap().unwrap().id;
    let before = contents(&path);
    fork(&spool);
    assert!(!spool.is_of_this_process());
    let is_refused = |result: Result<(), SpoolError>| matches!(result, Err(SpoolError::OtherProcess { .. }));
    assert!(is_refused(spool.keep(&record(6)).map(drop)));
    for id in [ids[0], adopted] {
        assert!(is_refused(spool.set_sent([id], true)));
        assert!(is_refused(spool.done(id)));
        assert!(!spool.put_back(id));
    }
    assert!(is_refused(spool.sync()));
    assert_eq!(spool.next_new(false).unwrap(), None);
    assert_eq!(spool.next_backlog(false).unwrap(), None);
    assert_eq!(spool.take_lost(), Lost::default());
    drop(spool);
    assert_eq!(contents(&path), before);
}

#[test]
fn end_of_a_forked_process_leaves_an_empty_folder_and_its_lock() {
    let (_folder, path) = folder();
    let (spool, _) = open(&path);
    let before = contents(&path);
    fork(&spool);
    drop(spool);
    assert_eq!(contents(&path), before);
}
