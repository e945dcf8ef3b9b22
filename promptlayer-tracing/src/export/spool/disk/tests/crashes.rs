//! Processes that are killed or run out of disk space.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::*;

/// Environment variables for the child process: the path of its spool, and the number of its first record.
const PATH: &str = "PROMPTLAYER_TEST_SPOOL_PATH";
const FIRST: &str = "PROMPTLAYER_TEST_SPOOL_FIRST";
/// Limits with segments of a few records, so that each round creates and removes many.
const LIMITS: SpoolLimits = SpoolLimits { segment_bytes: 300, ..ROOMY };

/// Returns the arguments that run a test of this file in its own process.
fn test(name: &str) -> [String; 4] {
    let module = module_path!().split_once("::").unwrap().1;
    [format!("{module}::{name}"), "--exact".into(), "--ignored".into(), "--nocapture".into()]
}

/// Writes a line to stdout. It arrives before the call returns.
fn say(what: char, number: u64) {
    std::io::stdout().lock().write_all(format!("\n> {what} {number}\n").as_bytes()).unwrap();
}

#[test]
#[ignore = "is run, and killed, by kill_keeps_waiting_records_and_settled_ones_stay_settled"]
fn process() {
    let Some(path) = env::var_os(PATH) else { return };
    let first: u64 = env::var(FIRST).unwrap().parse().unwrap();
    let (mut spool, _) = open_with(path, LIMITS).unwrap();
    for new in first.. {
        append(&mut spool, [new]);
        say('+', new);
        for _ in 0..fastrand::u32(0..3) {
            let Some((id, record)) = spool.next().unwrap() else { break };
            say('?', number(&record));
            spool.done(id).unwrap();
            say('-', number(&record));
        }
        if fastrand::u32(0..20) == 0 {
            // Read but never settled: the next process reads it again.
            let _ = spool.next().unwrap();
        }
    }
}

/// The messages of a process until it was killed.
#[derive(Default)]
struct Reported {
    kept: BTreeSet<u64>,
    /// Records that it was about to settle.
    settling: BTreeSet<u64>,
    done: BTreeSet<u64>,
}

impl Reported {
    fn hear(&mut self, line: &str) {
        let Some((what, number)) = line.strip_prefix("> ").and_then(|line| line.split_once(' ')) else {
            return;
        };
        // The last line may be incomplete.
        let Ok(number) = number.parse() else { return };
        match what {
            "+" => self.kept.insert(number),
            "?" => self.settling.insert(number),
            _ => self.done.insert(number),
        };
    }
}

fn start(path: &OsStr, first: u64) -> (Child, BufReader<ChildStdout>) {
    let mut process = Command::new(env::current_exe().unwrap())
        .args(test("process"))
        .env(PATH, path)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    (process, output)
}

#[test]
fn kill_keeps_waiting_records_and_settled_ones_stay_settled() {
    let (_folder, path) = folder();
    let mut waiting = BTreeSet::new();
    let mut first = 0;
    let mut settled = 0;
    for round in 0..50 {
        let (mut process, mut lines) = start(path.as_os_str(), first);
        let mut reported = Reported::default();
        let mut line = String::new();
        for _ in 0..fastrand::u32(10..300) {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "round {round}: it ended by itself");
            reported.hear(line.trim_end());
        }
        for _ in 0..fastrand::u32(0..20_000) {
            std::hint::spin_loop();
        }
        process.kill().unwrap();
        process.wait().unwrap();
        lines.lines().for_each(|line| reported.hear(&line.unwrap()));

        let last = reported.kept.last().copied().unwrap_or(first);
        waiting.extend(&reported.kept);
        let (mut spool, _) = open_with(&path, LIMITS).unwrap();
        let numbers = given(&mut spool);
        assert_eq!(spool.take_lost(), Lost::default(), "round {round}");
        let found: BTreeSet<_> = numbers.iter().copied().collect();
        assert_eq!(found.len(), numbers.len(), "round {round}: none twice");
        assert!(found.is_disjoint(&reported.done), "round {round}: what is done stays done");
        let missing: Vec<_> =
            waiting.difference(&found).filter(|number| !reported.settling.contains(number)).collect();
        assert!(missing.is_empty(), "round {round}: lost {missing:?}");
        let new: Vec<_> = found.difference(&waiting).copied().collect();
        // One record may have been written without time to report it.
        assert!(new.iter().all(|number| *number <= last + 1) && new.len() <= 1, "round {round}: {new:?}");
        settled += reported.done.len();
        waiting = found;
        first = last + 2;
    }
    assert!(settled > 500, "{settled}");
}

#[cfg(unix)]
#[test]
#[ignore = "is run, with room for small files alone, by full_disk_costs_only_records_without_room"]
fn process_without_room() {
    let Some(path) = env::var_os(PATH) else { return };
    let (mut spool, _) = open(Path::new(&path));
    let huge = Record { body: vec![b'1'; 100_000].into(), ..record(0) };
    spool.keep(&huge).unwrap_err();
    assert!(files(Path::new(&path), RECORDS).is_empty());
    let large = Record { body: vec![b'1'; 300].into(), ..record(0) };
    let mut kept = 0;
    let error = loop {
        match spool.keep(&large) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, SpoolError::Io { source, .. } if source.kind() == std::io::ErrorKind::FileTooLarge)
    );
    let segment = only_segment(Path::new(&path));
    // The partial record was removed.
    assert_eq!(fs::metadata(&segment).unwrap().len(), spool.bytes());
    assert_eq!(spool.len(), kept);
    // A record smaller than the removed part still fits.
    append(&mut spool, [7]);
    for _ in 0..kept {
        let (id, record) = spool.next().unwrap().unwrap();
        assert_eq!(record.body, large.body);
        spool.done(id).unwrap();
    }
    assert_eq!(given(&mut spool), [7]);
    say('=', 0);
}

#[cfg(unix)]
#[test]
fn full_disk_costs_only_records_without_room() {
    let (_folder, path) = folder();
    // At the file size limit, the system writes the part of an entry that fits, and then fails.
    let output = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 4; exec "$@""#, "sh"])
        .arg(env::current_exe().unwrap())
        .args(test("process_without_room"))
        .env(PATH, &path)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("> = 0"),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
