//! Whole programs that exit, are killed, cannot start threads, or run in parallel. See `tests::process`.
//!
//! Each test is a row, or a part of one, of the table in `docs/reliability.md`.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "processes/forks.rs"]
mod forks;
#[path = "../../promptlayer-client/src/redact/leaks.rs"]
mod leaks;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tests::process::{Counts, Ended, Plan, Process, Scenario, taken};
use tests::random::Random;
use tests::rustc::Rustc;
use tests::{Gate, Recorder, Reply};

const PROGRAM: &str = env!("CARGO_BIN_EXE_program");
/// A port that refuses connections: the system does not assign it to programs.
const NOWHERE: &str = "http://127.0.0.1:1";

fn run(plan: &Plan) -> Ended {
    Process::start(PROGRAM, plan).unwrap().end().unwrap()
}

fn numbers(times: &BTreeMap<u64, usize>) -> Vec<u64> {
    assert!(times.values().all(|times| *times == 1), "twice: {times:?}");
    times.keys().copied().collect()
}

#[test]
fn program_killed_200_times_loses_no_returned_call() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    let mut random = Random::new(0x5eed);
    let (mut first, mut called) = (0, Vec::new());
    for _ in 0..200 {
        let plan =
            Plan::log(recorder.url(), 0).scenario(Scenario::Forever).spool(folder.path(), "synchronous");
        let mut process = Process::start(PROGRAM, &Plan { first, ..plan }).unwrap();
        process.wait_for(random.below(40)).unwrap();
        let killed = process.kill().unwrap().called();
        // One call may have been recorded before the program could report it.
        first = killed.last().map_or(first, |last| last + 1) + 1;
        called.extend(killed);
    }
    // Each run takes over the folders of at most 64 earlier runs.
    let heirs = 1 + 200 / 64;
    for _ in 0..heirs {
        let ledger = run(&Plan::log(recorder.url(), 0).spool(folder.path(), "synchronous")).ledger();
        let delivered = ledger.delivered;
        assert_eq!(ledger, Counts { accepted: delivered, delivered, ..Counts::default() });
    }
    let there = numbers(&taken(&recorder));
    let missing: Vec<&u64> = called.iter().filter(|number| there.binary_search(number).is_err()).collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    assert!(called.len() > 1_000, "{}", called.len());
    // Calls that were recorded but not reported: at most one per kill.
    assert!(there.len() - called.len() <= 200, "{} and {}", there.len(), called.len());
    // The disk contains only lock files and torn records. The next run removes the lock of the last run. The
    // system writes in pages, so a kill can interrupt the write of a record between two pages. The call of such
    // a record had not returned.
    let left = files_below(folder.path());
    let is_torn = |path: &Path| {
        let torn_from =
            path.file_name().and_then(|name| name.to_str()?.rsplit('-').next()?.parse::<u64>().ok());
        path.parent().is_some_and(|folder| folder.ends_with("set-aside"))
            && torn_from.is_some_and(|from| (from + fs::metadata(path).unwrap().len()).is_multiple_of(4096))
    };
    let is_lock = |path: &Path| path.extension().is_some_and(|kind| kind == "lock");
    assert!(left.iter().all(|path| is_lock(path) || is_torn(path)), "{left:#?}");
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn next_program_delivers_spans_left_in_a_shared_spool() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    recorder.decide(|_| Some(Reply::status(503)));
    let plan = Plan::log(recorder.url(), 40).spool(folder.path(), "on-failure");
    let down = plan.timeout(Duration::from_secs(2));
    let programs: Vec<Process> = (0..4)
        .map(|number| Process::start(PROGRAM, &Plan { first: number * 100, ..down.clone() }).unwrap())
        .collect();
    let left: u64 = programs
        .into_iter()
        .map(|program| program.end().unwrap().ledger())
        .map(|ledger| {
            assert_eq!(ledger.accepted, ledger.left, "{ledger:?}");
            ledger.left
        })
        .sum();
    // A program that started after another one ended may have taken over its items.
    assert!((160..=160 * 4).contains(&left), "{left}");

    recorder.decide(|_| None);
    let heirs: Vec<Process> = (0..3)
        .map(|_| {
            let plan = Plan::log(recorder.url(), 0).spool(folder.path(), "on-failure");
            Process::start(PROGRAM, &plan).unwrap()
        })
        .collect();
    let delivered: u64 = heirs.into_iter().map(|heir| heir.end().unwrap().ledger().delivered).sum();
    assert_eq!(delivered, 160);
    let expected: Vec<u64> = (0..4).flat_map(|program| program * 100..program * 100 + 40).collect();
    assert_eq!(numbers(&taken(&recorder)), expected);
}

#[test]
fn exit_with_flush_on_exit_sends_remaining_spans() {
    let recorder = Recorder::start().unwrap();
    let plan = Plan::log(recorder.url(), 25);
    let ended = run(&plan.clone().scenario(Scenario::ExitFlushed));
    assert!(ended.status.success());
    assert_eq!(numbers(&taken(&recorder)), (0..25).collect::<Vec<_>>());

    // The exit waits for a shutdown that is running on another thread.
    let recorder = Recorder::start().unwrap();
    let plan = Plan::log(recorder.url(), 25).scenario(Scenario::ExitWhileAnotherShutsDown);
    assert!(run(&plan).status.success());
    assert_eq!(numbers(&taken(&recorder)), (0..25).collect::<Vec<_>>());
}

#[test]
fn exit_without_flush_on_exit_keeps_the_spool() {
    let folder = TempDir::new().unwrap();
    let (recorder, gate) = (Recorder::start().unwrap(), Gate::new());
    let hang = gate.clone();
    recorder.decide(move |_| Some(Reply::status(503).hang(&hang)));
    let plan = Plan::log(recorder.url(), 25).scenario(Scenario::Exit);
    assert!(run(&plan.clone().spool(folder.path(), "synchronous")).status.success());
    // Without a spool the items are lost. `flush_on_exit` prevents that.
    assert!(run(&plan).status.success());
    gate.open();
    recorder.decide(|_| None);
    let ledger = run(&Plan::log(recorder.url(), 0).spool(folder.path(), "synchronous")).ledger();
    assert_eq!((ledger.accepted, ledger.delivered), (25, 25));
    assert_eq!(numbers(&taken(&recorder)), (0..25).collect::<Vec<_>>());
}

#[test]
fn exit_with_a_hanging_server_respects_the_guard_timeout() {
    let (recorder, gate) = (Recorder::start().unwrap(), Gate::new());
    let hang = gate.clone();
    recorder.decide(move |_| Some(Reply::service().hang(&hang)));
    let begun = Instant::now();
    assert!(run(&Plan::log(recorder.url(), 25).scenario(Scenario::ExitFlushed)).status.success());
    // The timeout of the guard is five seconds. The rest is the time to start and end a program.
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    gate.open();
}

#[test]
fn failed_thread_start_is_a_build_error_and_program_continues() {
    // No address space has room for a stack of this size, so no thread can be started.
    let plan = Plan::log(NOWHERE, 5);
    let process = Process::start_with(PROGRAM, &plan, "RUST_MIN_STACK", "70368744177664").unwrap();
    let ended = process.end().unwrap();
    assert_eq!(ended.status.code(), Some(3), "{ended:#?}");
    assert_eq!(ended.called(), [0, 1, 2, 3, 4]);
    let error = ended.lines.last().unwrap();
    assert!(error.contains("cannot start the thread `pl-"), "{error}");
    assert!(!ended.errors.contains("panicked"), "{}", ended.errors);
}

#[cfg(unix)]
#[test]
fn full_disk_loses_no_span() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    for mode in ["synchronous", "write-ahead", "on-failure"] {
        let plan = Plan::log(recorder.url(), 50).spool(folder.path(), mode);
        let mut command = Command::new("sh");
        // No file may be larger than half a kilobyte, so no span fits into a file.
        command.args(["-c", r#"trap "" XFSZ; ulimit -f 1; exec "$@""#, "sh", PROGRAM]);
        command.args(plan.arguments());
        let ended = Process::start_command(&mut command).unwrap().end().unwrap();
        let ledger = ended.ledger();
        assert_eq!((ledger.accepted, ledger.delivered), (50, 50), "{mode}: {ended:#?}");
    }
    let times = taken(&recorder);
    assert_eq!(times.len(), 50);
    assert!(times.values().all(|times| *times == 3), "once of each program: {times:?}");
}

#[test]
fn error_output_of_a_program_hides_the_key() {
    let recorder = Recorder::start().unwrap();
    recorder.decide(|request| {
        let key = request.header("x-api-key").unwrap_or_default();
        Some(Reply::status(401).body(format!("{{\"message\":\"{key} is not known\"}}")))
    });
    let plan = Plan::log(recorder.url(), 30);
    let ended = run(&Plan { is_quiet: false, ..plan });
    assert_eq!(ended.ledger().rejected, 30, "{ended:#?}");
    let lines: Vec<&str> = ended.errors.lines().collect();
    assert!(lines.len() == 1 && lines[0].starts_with("promptlayer: "), "one line and no more: {lines:#?}");
    assert!(lines[0].contains("401") && lines[0].contains("[redacted]"), "{lines:#?}");
    assert_eq!(leaks::find(&ended.errors, tests::pipeline::KEY), None, "{lines:#?}");
}

/// A program that is compiled with `panic=abort`.
const ABORTING: &str = r#"
use promptlayer_tracing::export::{SpoolMode, SpoolSettings};
use promptlayer_tracing::promptlayer;
use tracing_subscriber::prelude::*;

#[promptlayer]
fn ask(number: u64) -> u64 {
    assert!(number < 20, "the program's own");
    number
}

fn main() {
    let spool = SpoolSettings::new(std::env::var("FOLDER").unwrap()).mode(SpoolMode::Synchronous);
    let builder = promptlayer_tracing::layer().api_key("any").base_url(std::env::var("URL").unwrap());
    let (layer, _guard) = builder.on_error(|_| {}).spool(spool).build().unwrap();
    tracing_subscriber::registry().with(layer).init();
    for number in 0..30 {
        println!("called {}", ask(number));
    }
}
"#;

#[test]
fn aborting_program_loses_no_returned_call() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    let rustc = Rustc::of("processes", &["promptlayer_tracing", "tracing", "tracing_subscriber"]);
    let program = rustc.build_program(folder.path(), "2024", ABORTING, &["-Cpanic=abort"]).unwrap();
    let spool = folder.path().join("spool");
    let mut command = Command::new(program);
    command.env("FOLDER", &spool).env("URL", recorder.url());
    let ended = Process::start_command(&mut command).unwrap().end().unwrap();
    assert!(!ended.status.success() && ended.status.code().is_none(), "it was ended by a signal: {ended:#?}");
    assert_eq!(ended.called(), (0..20).collect::<Vec<_>>());

    let ledger = run(&Plan::log(recorder.url(), 0).spool(&spool, "synchronous")).ledger();
    assert_eq!(ledger.accepted, ledger.delivered);
    // The call that aborted has no end, so it is not logged.
    assert_eq!(numbers(&taken(&recorder)), (0..20).collect::<Vec<_>>());
}
