//! Files and folders that are deleted from outside while the spool is in use.

use super::*;

/// Limits with segments of two records.
const SMALL: SpoolLimits = SpoolLimits { segment_bytes: 80, ..ROOMY };

/// The file or folder that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Root,
    SpanExporter,
    Process,
    Segment,
    /// The folder is moved elsewhere instead of deleted.
    Moved,
}

const ALL: [What; 5] = [What::Root, What::SpanExporter, What::Process, What::Segment, What::Moved];

fn delete(what: What, path: &Path) {
    let segments = files(path, RECORDS);
    match what {
        What::Root => fs::remove_dir_all(path).unwrap(),
        What::SpanExporter => fs::remove_dir_all(home(path)).unwrap(),
        What::Process => fs::remove_dir_all(segments[0].parent().unwrap()).unwrap(),
        What::Segment => segments.iter().for_each(|segment| fs::remove_file(segment).unwrap()),
        What::Moved => fs::rename(path, path.with_extension("moved")).unwrap(),
    }
}

fn reported(spool: &mut Spool) -> Option<u64> {
    match spool.take_trouble() {
        Some(SpoolError::Deleted { records, .. }) => Some(records),
        other => {
            assert!(other.is_none(), "{other:?}");
            None
        }
    }
}

#[test]
fn deleted_files_are_counted_and_made_again() {
    for limits in [ROOMY, SMALL] {
        // Only a sync detects that files were moved.
        for what in ALL.into_iter().filter(|what| *what != What::Moved) {
            let (_folder, path) = folder();
            let (mut spool, _) = open_with(&path, limits).unwrap();
            append(&mut spool, 0..5);
            let (given_before, _) = spool.next().unwrap().unwrap();
            delete(what, &path);
            append(&mut spool, 5..8);
            assert_eq!(spool.take_lost(), Lost { damaged: spans(4), ..Lost::default() }, "{what:?}");
            assert_eq!(reported(&mut spool), Some(4), "{what:?}");
            // The caller still holds this record. It can settle it, but not put it back.
            assert!(!spool.put_back(given_before));
            assert_eq!(spool.len(), 4);
            spool.done(given_before).unwrap();
            append(&mut spool, [8]);
            assert_eq!(reported(&mut spool), None, "{what:?}: once");
            spool.sync().unwrap();
            drop(spool);
            let (numbers, recovered) = reopened(&path);
            assert_eq!((numbers, recovered), (vec![5, 6, 7, 8], found(spans(4), 0)), "{what:?}");
        }
    }
}

#[test]
fn deletion_is_noticed_by_a_sync() {
    for what in ALL {
        let (_folder, path) = folder();
        let (mut spool, _) = open(&path);
        append(&mut spool, 0..3);
        delete(what, &path);
        spool.sync().unwrap();
        assert_eq!(spool.take_lost(), Lost { damaged: spans(3), ..Lost::default() }, "{what:?}");
        assert_eq!((reported(&mut spool), spool.len()), (Some(3), 0), "{what:?}");
        append(&mut spool, [3]);
        assert_eq!(given(&mut spool), [3], "{what:?}");
    }
}

#[test]
fn marks_of_deleted_records_are_no_error() {
    for what in ALL {
        let (_folder, path) = folder();
        let (mut spool, _) = open(&path);
        let ids = append(&mut spool, 0..4);
        spool.next().unwrap();
        spool.next().unwrap();
        delete(what, &path);
        spool.set_sent([ids[1]], true).unwrap();
        spool.done(ids[0]).unwrap();
        spool.done(ids[1]).unwrap();
        spool.sync().unwrap();
        assert_eq!((spool.take_lost().damaged, spool.len()), (spans(2), 0), "{what:?}");
    }
}

#[test]
fn new_folder_is_locked_like_the_first() {
    for what in [What::Root, What::SpanExporter, What::Process] {
        let (_folder, path) = folder();
        let (mut spool, _) = open(&path);
        append(&mut spool, [0]);
        delete(what, &path);
        append(&mut spool, [1]);
        let (mut other, recovered) = open(&path);
        assert_eq!((given(&mut other), recovered), (vec![], Recovered::default()), "{what:?}");
        assert_eq!(given(&mut spool), [1], "{what:?}");
    }
}

#[test]
fn deleted_adopted_records_are_counted_too() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    append(&mut spool, 0..3);
    drop(spool);
    let (mut spool, _) = open(&path);
    append(&mut spool, 3..5);
    fs::remove_dir_all(&path).unwrap();
    append(&mut spool, [5]);
    assert_eq!(spool.take_lost().damaged, spans(5));
    assert_eq!(reported(&mut spool), Some(5));
    assert_eq!(given(&mut spool), [5]);
}

#[test]
fn folder_that_cannot_be_made_again_is_an_error_until_it_can() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    append(&mut spool, [0]);
    fs::remove_dir_all(&path).unwrap();
    // A file where the folder should be.
    fs::write(&path, "").unwrap();
    assert!(matches!(spool.keep(&record(1)), Err(SpoolError::Io { .. })));
    assert_eq!((spool.take_lost().damaged, spool.len()), (spans(1), 0));
    fs::remove_file(&path).unwrap();
    append(&mut spool, [2]);
    assert_eq!(given(&mut spool), [2]);
}

#[test]
fn relative_path_is_made_absolute_when_the_spool_is_opened() {
    let (folder, _) = folder();
    let here = std::env::current_dir().unwrap();
    // The path goes up to the root and down to the folder. The working directory is shared by all tests of
    // this process, so it is not changed.
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up.join(folder.path().strip_prefix("/").unwrap_or(folder.path())).join("spool");
    if relative.is_absolute() {
        return;
    }
    let (spool, _) = open(&relative);
    assert!(spool.root.is_absolute() && spool.own.folder().is_absolute());
    assert!(spool.own.folder().is_dir() && folder.path().join("spool").is_dir());
}
