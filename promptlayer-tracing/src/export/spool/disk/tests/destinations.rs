//! Programs with different base URLs or API keys on one path.

use super::*;

/// Another destination.
const OTHER: &str = "fedcba9876543210";

fn open_for(path: &Path, destination: &str) -> (Spool, Recovered) {
    Spool::open(path, destination, &[], ROOMY).unwrap()
}

#[test]
fn records_of_another_destination_are_left_alone() {
    let (_folder, path) = folder();
    for _ in 0..2 {
        let (mut other, _) = open_for(&path, OTHER);
        append(&mut other, 0..3);
    }
    let (mut spool, recovered) = open(&path);
    let left = LeftAlone { other_destinations: 2, ..LeftAlone::default() };
    assert_eq!(recovered, Recovered { left, ..Recovered::default() });
    append(&mut spool, [7]);
    assert_eq!(given(&mut spool), [7]);
    drop(spool);
    let (mut other, recovered) = open_for(&path, OTHER);
    assert_eq!(given(&mut other), [0, 1, 2, 0, 1, 2]);
    assert_eq!(recovered.records, spans(6));
    assert_eq!(recovered.left.other_destinations, 1);
}

#[test]
fn records_of_a_running_program_are_not_reported() {
    let (_folder, path) = folder();
    let (mut other, _) = open_for(&path, OTHER);
    append(&mut other, 0..3);
    assert_eq!(open(&path).1, Recovered::default());
    drop(other);
    assert_eq!(open(&path).1.left.other_destinations, 1);
}

#[test]
fn records_of_unknown_destination_are_left_alone() {
    let (_folder, path) = folder();
    let directory = path.join("v1-1-a-b");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("0.records"), "of an earlier version").unwrap();
    fs::write(path.join("v1-1-a-b.lock"), "").unwrap();
    fs::create_dir_all(path.join("v1-2-a-b")).unwrap();
    let (spool, recovered) = open(&path);
    let left = LeftAlone { unknown_destinations: 1, ..LeftAlone::default() };
    assert_eq!(recovered, Recovered { left, ..Recovered::default() });
    drop(spool);
    assert_eq!(fs::read(directory.join("0.records")).unwrap(), b"of an earlier version");
}

#[test]
fn error_describes_data_that_is_left_alone() {
    let path = PathBuf::from("/spool");
    let left = LeftAlone { set_aside: 1, other_destinations: 2, unknown_destinations: 3, other_versions: 4 };
    let text = SpoolError::LeftAlone { path: path.clone(), left }.to_string();
    assert!(
        ["`/spool`", "1 files", "2 folders", "3 folders", "4 folders"].iter().all(|part| text.contains(part)),
        "{text}"
    );
    let left = LeftAlone { other_destinations: 2, ..LeftAlone::default() };
    let text = SpoolError::LeftAlone { path, left }.to_string();
    assert!(text.contains("2 folders are of another base URL or API key") && !text.contains("0 "), "{text}");
}

#[test]
fn empty_destination_folder_is_removed() {
    let (_folder, path) = folder();
    let (other, _) = open_for(&path, OTHER);
    let (spool, _) = open(&path);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 2);
    drop((other, spool));
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}
