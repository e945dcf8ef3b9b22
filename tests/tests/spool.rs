//! The folder of a spool: which program owns the records in it, and what other programs do to it. See
//! `tests::process`.
//!
//! Each test is a row, or a part of one, of the table in `docs/reliability.md`.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

use tempfile::TempDir;
use tests::pipeline::eventually;
use tests::process::{Counts, Ended, Plan, Process, Scenario, taken};
use tests::{Recorder, Reply};

const PROGRAM: &str = env!("CARGO_BIN_EXE_program");

fn run(plan: &Plan) -> Ended {
    Process::start(PROGRAM, plan).unwrap().end().unwrap()
}

/// Starts a service that is down and runs a program that leaves calls for it in the spool.
fn outage(folder: &Path, calls: u64) -> (Recorder, Plan) {
    let recorder = Recorder::start().unwrap();
    recorder.decide(|_| Some(Reply::status(503)));
    let plan = Plan::log(recorder.url(), calls).spool(folder, "write-ahead");
    let ledger = run(&plan.clone().timeout(Duration::from_secs(1))).ledger();
    assert_eq!((ledger.accepted, ledger.left), (calls, calls));
    (recorder, Plan { calls: 0, ..plan })
}

fn numbers(recorder: &Recorder) -> Vec<u64> {
    let taken = taken(recorder);
    assert!(taken.values().all(|times| *times == 1), "twice: {taken:?}");
    taken.into_keys().collect()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { segments(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "records"))
        .collect()
}

#[test]
fn records_of_another_key_or_url_wait_for_their_program() {
    let folder = TempDir::new().unwrap();
    let (recorder, plan) = outage(folder.path(), 10);
    recorder.decide(|_| None);
    let elsewhere = Recorder::start().unwrap();
    let others =
        [plan.clone().key("pl_another_key"), Plan { url: elsewhere.url().to_owned(), ..plan.clone() }];
    for other in others {
        let ended = run(&Plan { calls: 5, is_quiet: false, ..other });
        let ledger = ended.ledger();
        assert_eq!((ledger.accepted, ledger.delivered), (5, 5), "{ended:#?}");
        let lines: Vec<&str> = ended.errors.lines().collect();
        assert!(lines.len() == 1 && lines[0].contains("another base URL or API key"), "{lines:#?}");
        assert!(!lines[0].contains("pl_"), "{lines:#?}");
    }
    assert_eq!(taken(&elsewhere).len(), 5);
    assert_eq!(run(&plan).ledger(), Counts { accepted: 10, delivered: 10, ..Counts::default() });
}

#[test]
fn deleted_spool_folder_is_recreated() {
    for mode in ["synchronous", "write-ahead"] {
        let folder = TempDir::new().unwrap();
        let spool = folder.path().join("spool");
        let recorder = Recorder::start().unwrap();
        recorder.decide(|_| Some(Reply::status(503)));
        let plan = Plan::log(recorder.url(), 0).spool(&spool, mode);
        let mut process = Process::start(PROGRAM, &plan.clone().scenario(Scenario::Forever)).unwrap();
        process.wait_for(20).unwrap();
        // Retries because the program may create files in the folder at the same time.
        eventually(|| fs::remove_dir_all(&spool).is_ok());
        // Continues to read the output, because the program blocks on a full pipe.
        for lines in (30..).step_by(10) {
            process.wait_for(lines).unwrap();
            assert!(lines < 100_000, "{mode}: it is not made again");
            // A segment is created empty. Its first record is written with the next system call.
            if segments(&spool).iter().any(|path| path.metadata().is_ok_and(|segment| segment.len() > 0)) {
                break;
            }
        }
        process.kill().unwrap();
        recorder.decide(|_| None);
        let ledger = run(&plan).ledger();
        assert!(ledger.accepted > 0 && ledger.accepted == ledger.delivered, "{mode}: {ledger:?}");
        assert_eq!(numbers(&recorder).len() as u64, ledger.delivered, "{mode}");
    }
}

#[test]
fn relative_spool_path_holds_in_another_working_directory() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    recorder.decide(|_| Some(Reply::status(503)));
    for mode in ["synchronous", "write-ahead", "on-failure"] {
        let plan = Plan::log(recorder.url(), 30).spool(Path::new("spool"), mode);
        let plan = plan.scenario(Scenario::LogElsewhere).timeout(Duration::from_secs(1));
        let mut command = Command::new(PROGRAM);
        command.args(plan.arguments()).current_dir(&folder);
        let ledger = Process::start_command(&mut command).unwrap().end().unwrap().ledger();
        assert_eq!(ledger.accepted, ledger.left, "{mode}: {ledger:?}");
        assert!(!segments(&folder.path().join("spool")).is_empty(), "{mode}");
    }
}

#[cfg(unix)]
#[test]
fn pipe_in_a_spool_folder_does_not_block_build() {
    let folder = TempDir::new().unwrap();
    let (recorder, plan) = outage(folder.path(), 10);
    recorder.decide(|_| None);
    for segment in segments(folder.path()) {
        for kind in ["done", "marks"] {
            let pipe = segment.with_extension(kind);
            let _ = fs::remove_file(&pipe);
            assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        }
    }
    let process = Process::start(PROGRAM, &plan).unwrap();
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(process.end().unwrap()));
    let ended = end.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!((ended.ledger().accepted, ended.ledger().delivered), (10, 10), "{ended:#?}");
    assert_eq!(numbers(&recorder), (0..10).collect::<Vec<_>>());
}
