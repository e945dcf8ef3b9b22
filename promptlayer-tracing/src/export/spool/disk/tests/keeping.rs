//! Appending, reading and settling records.

use super::*;

#[test]
fn record_round_trips_unchanged() {
    let (_folder, path) = folder();
    let span = Record { body: br#"{"a":"\u00e4"}"#[..].into(), ..record(0) };
    let track = Record {
        kind: RecordKind::Track,
        is_of_hook: true,
        is_ambiguous: true,
        key: "/rest/track-scöre".into(),
        body: Box::default(),
    };
    let limits = SpoolLimits { max_age: Duration::MAX, ..ROOMY };
    let (mut spool, recovered) = open_with(&path, limits).unwrap();
    assert_eq!(recovered, Recovered::default());
    let ids = [spool.keep(&span).unwrap(), spool.keep(&track).unwrap()];
    assert_eq!(spool.next().unwrap(), Some((ids[0], span.clone())));
    assert_eq!(spool.next().unwrap(), Some((ids[1], track.clone())));
    assert_eq!(spool.next().unwrap(), None);
    drop(spool);
    let (mut spool, recovered) = open_with(&path, limits).unwrap();
    assert_eq!(recovered, found(Tally { spans: 1, tracks: 1 }, 0));
    assert_eq!(spool.next().unwrap().unwrap().1, span);
    assert_eq!(spool.next().unwrap().unwrap().1, track);
}

#[test]
fn records_are_given_oldest_first_and_once() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    append(&mut spool, 0..3);
    assert_eq!(given(&mut spool), [0, 1, 2]);
    append(&mut spool, 3..5);
    assert_eq!(given(&mut spool), [3, 4]);
    assert!(given(&mut spool).is_empty());
    assert_eq!(spool.len(), 5);
}

#[test]
fn order_is_kept_across_segments_and_restarts() {
    let (_folder, path) = folder();
    let small = SpoolLimits { segment_bytes: 100, ..ROOMY };
    let (mut spool, _) = open_with(&path, small).unwrap();
    append(&mut spool, 0..10);
    assert!(files(&path, RECORDS).len() > 3);
    drop(spool);
    let (mut spool, recovered) = open_with(&path, small).unwrap();
    assert_eq!(recovered.records, spans(10));
    append(&mut spool, 10..20);
    assert_eq!(given(&mut spool), (0..20).collect::<Vec<_>>());
}

#[test]
fn done_record_is_not_returned_again_by_any_process() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    let ids = append(&mut spool, 0..6);
    spool.done(ids[1]).unwrap();
    assert_eq!(given(&mut spool), [0, 2, 3, 4, 5]);
    spool.done(ids[0]).unwrap();
    spool.done(ids[4]).unwrap();
    spool.done(ids[4]).unwrap();
    assert_eq!(spool.len(), 3);
    drop(spool);
    assert_eq!(reopened(&path).0, [2, 3, 5]);
    let (mut spool, recovered) = open(&path);
    assert_eq!((recovered.records, spool.len()), (spans(3), 3));
    let (id, _) = spool.next().unwrap().unwrap();
    spool.done(id).unwrap();
    drop(spool);
    assert_eq!(reopened(&path).0, [3, 5]);
}

#[test]
fn unsettled_record_is_returned_again_after_a_restart() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    let ids = append(&mut spool, 0..3);
    assert_eq!(spool.next().unwrap().unwrap().0, ids[0]);
    assert_eq!(given(&mut spool), [1, 2]);
    drop(spool);
    assert_eq!(reopened(&path).0, [0, 1, 2]);
}

#[test]
fn segment_files_are_removed_with_its_last_record() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    let ids = append(&mut spool, 0..2);
    spool.done(ids[0]).unwrap();
    assert_eq!((files(&path, RECORDS).len(), files(&path, MARKS).len()), (1, 1));
    let on_disk: u64 = [files(&path, RECORDS), files(&path, MARKS)]
        .concat()
        .iter()
        .map(|file| fs::metadata(file).unwrap().len())
        .sum();
    assert_eq!(spool.bytes(), on_disk);
    assert!(!spool.is_empty());
    spool.done(ids[1]).unwrap();
    assert_eq!((files(&path, RECORDS).len(), files(&path, MARKS).len()), (0, 0));
    assert!(spool.is_empty());
    assert_eq!((spool.len(), spool.bytes()), (0, 0));
    append(&mut spool, [2]);
    assert_eq!(given(&mut spool), [2]);
}

#[test]
fn id_stays_valid_while_other_records_change() {
    let (_folder, path) = folder();
    let (mut spool, _) = open_with(&path, SpoolLimits { segment_bytes: 1, ..ROOMY }).unwrap();
    let ids = append(&mut spool, 0..5);
    for gone in [2, 0, 4] {
        spool.done(ids[gone]).unwrap();
    }
    append(&mut spool, [5]);
    spool.done(ids[3]).unwrap();
    assert_eq!(given(&mut spool), [1, 5]);
}

#[test]
fn append_after_newest_segment_is_removed_starts_another() {
    let (_folder, path) = folder();
    let (mut spool, _) = open_with(&path, SpoolLimits { segment_bytes: 80, ..ROOMY }).unwrap();
    let ids = append(&mut spool, 0..3);
    assert_eq!(files(&path, RECORDS).len(), 2);
    spool.done(ids[2]).unwrap();
    append(&mut spool, [3]);
    drop(spool);
    assert_eq!(reopened(&path).0, [0, 1, 3]);
}

#[test]
fn empty_spool_leaves_no_files() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    let ids = append(&mut spool, 0..2);
    for id in ids {
        spool.done(id).unwrap();
    }
    drop(spool);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn sync_does_not_change_returned_records() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    spool.sync().unwrap();
    let ids = append(&mut spool, 0..3);
    spool.sync().unwrap();
    spool.done(ids[1]).unwrap();
    spool.sync().unwrap();
    spool.sync().unwrap();
    assert_eq!(given(&mut spool), [0, 2]);
}

#[cfg(unix)]
#[test]
fn files_and_folders_are_private_to_their_owner() {
    use std::os::unix::fs::PermissionsExt;

    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    let ids = append(&mut spool, 0..3);
    spool.done(ids[0]).unwrap();
    drop(spool);
    let segment = only_segment(&path);
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(open(&path).1, found(spans(1), 1));
    let mut modes = Vec::new();
    let mut folders = vec![path];
    while let Some(folder) = folders.pop() {
        modes.push((true, fs::metadata(&folder).unwrap().permissions().mode() & 0o777));
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                modes.push((false, fs::metadata(&path).unwrap().permissions().mode() & 0o777));
            }
        }
    }
    // Folders: the root, the destination, the directory, the quarantine. Files: the lock, the segment, its
    // marks, the quarantined record.
    assert_eq!(modes.iter().filter(|mode| **mode == (true, 0o700)).count(), 4, "{modes:?}");
    assert_eq!(modes.iter().filter(|mode| **mode == (false, 0o600)).count(), 4, "{modes:?}");
    assert_eq!(modes.len(), 8);
}

#[test]
fn error_names_the_path() {
    let (folder, _) = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open_with(&file, ROOMY).unwrap_err();
    assert!(error.to_string().starts_with("cannot make the spool's folder"), "{error}");
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
}
