//! Pipes, links, folders and sockets in place of the spool's files.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::mpsc;

use super::*;

/// A kind of file that is not regular.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Pipe,
    LinkToZeroes,
    LinkToNothing,
    LinkToRecords,
    Folder,
    Socket,
}

const KINDS: [Kind; 6] =
    [Kind::Pipe, Kind::LinkToZeroes, Kind::LinkToNothing, Kind::LinkToRecords, Kind::Folder, Kind::Socket];

/// Replaces a file with one of this kind.
fn put(kind: Kind, path: &Path, records: &Path) {
    let _ = fs::remove_file(path);
    match kind {
        Kind::Pipe => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        Kind::LinkToZeroes => symlink("/dev/zero", path).unwrap(),
        Kind::LinkToNothing => symlink(path.with_extension("nothing"), path).unwrap(),
        Kind::LinkToRecords => symlink(records, path).unwrap(),
        Kind::Folder => fs::create_dir(path).unwrap(),
        Kind::Socket => {
            // Bind a short path and move the socket: the length of a socket path is limited.
            let socket = records.with_file_name("socket");
            drop(UnixListener::bind(&socket).unwrap());
            fs::rename(socket, path).unwrap();
        }
    }
}

/// The files that a spool opens in the folder of an ended process.
#[derive(Debug, Clone, Copy)]
enum Place {
    Records,
    Marks,
    Lock,
    LockWithoutFolder,
    ProcessFolder,
    SetAside,
    LockOfAnotherDestination,
}

const PLACES: [Place; 7] = [
    Place::Records,
    Place::Marks,
    Place::Lock,
    Place::LockWithoutFolder,
    Place::ProcessFolder,
    Place::SetAside,
    Place::LockOfAnotherDestination,
];

#[test]
fn irregular_files_never_hang_the_spool() {
    for place in PLACES {
        for kind in KINDS {
            let (folder, path) = folder();
            let (mut spool, _) = open(&path);
            append(&mut spool, 0..3);
            let lock = spool.own.folder().with_extension("lock");
            drop(spool);
            let segment = only_segment(&path);
            let elsewhere = folder.path().join("elsewhere.records");
            fs::copy(&segment, &elsewhere).unwrap();
            let target = match place {
                Place::Records => segment.with_file_name("1.records"),
                Place::Marks => segment.with_extension(MARKS),
                Place::Lock => lock,
                Place::LockWithoutFolder => home(&path).join("v2-1-a-b.lock"),
                Place::ProcessFolder => home(&path).join("v2-1-a-b"),
                // The incomplete record is copied there.
                Place::SetAside => {
                    let mut bytes = fs::read(&segment).unwrap();
                    bytes.extend(*b"torn");
                    let torn_from = bytes.len() - 4;
                    fs::write(&segment, bytes).unwrap();
                    let owner = segment.parent().unwrap().file_name().unwrap().to_str().unwrap();
                    let name = segment.file_name().unwrap().to_str().unwrap();
                    fs::create_dir(path.join("set-aside")).unwrap();
                    path.join(format!("set-aside/{owner}-{name}-{torn_from}"))
                }
                Place::LockOfAnotherDestination => {
                    let other = path.join("destination-0/v2-1-a-b");
                    fs::create_dir_all(&other).unwrap();
                    fs::write(other.join("0.records"), "").unwrap();
                    other.with_extension("lock")
                }
            };
            put(kind, &target, &elsewhere);
            let (done, result) = mpsc::channel();
            let opened = path.clone();
            std::thread::spawn(move || {
                let (mut spool, recovered) = open(&opened);
                let numbers = given(&mut spool);
                append(&mut spool, [7]);
                spool.sync().unwrap();
                done.send((numbers, given(&mut spool), recovered)).unwrap();
            });
            let case = format!("{kind:?} in place of {place:?}");
            let ended = result.recv_timeout(Duration::from_secs(60));
            let (numbers, new, recovered) = ended.unwrap_or_else(|_| panic!("{case}: it hangs"));
            let expected: &[u64] = if matches!(place, Place::Lock) { &[] } else { &[0, 1, 2] };
            assert_eq!((&*numbers, &*new), (expected, &[7][..]), "{case}");
            // A folder in place of a folder is an empty directory, which is not reported.
            let is_reported = !matches!(
                (place, kind),
                (Place::LockOfAnotherDestination, _) | (Place::ProcessFolder, Kind::Folder)
            );
            assert_eq!(recovered.left.set_aside > 0, is_reported, "{case}: {recovered:?}");
            assert!(elsewhere.exists(), "{case}");
        }
    }
}

#[test]
fn pipe_in_the_place_of_marks_makes_all_maybe_sent() {
    let (_folder, path) = folder();
    let (mut spool, _) = open(&path);
    append(&mut spool, 0..3);
    drop(spool);
    put(Kind::Pipe, &only_segment(&path).with_extension(MARKS), &path);
    // The pipe is moved at the first opening. The effect on the records remains.
    for set_aside in [1, 0] {
        let (mut spool, recovered) = open(&path);
        assert_eq!(recovered, found(spans(3), set_aside));
        assert_eq!(spool.next_backlog(false).unwrap(), None);
        assert!(spool.next_backlog(true).unwrap().is_some());
    }
}
