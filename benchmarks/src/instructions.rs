//! Part `instructions`: instructions of the calling thread, counted by callgrind.

use std::path::Path;
use std::process::{Command, Stdio};

use harness::Error;
use harness::protocol::{self, Round};
use harness::work::{WORKS, Work};

use crate::args::Options;
use crate::child::Child;
use crate::subjects::{self, Built, Role};
use crate::table::{Table, number};

const WORKLOADS: [&str; 5] = ["idle_sync", "idle_async", "span", "empty", "call_1k"];
/// Calls of the shorter run. The longer one makes twice as many, so their difference leaves out what only the
/// first call does.
const CALLS: usize = 500;

pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let subjects = subjects::built(options, Role::Calls)?;
    let columns = std::iter::once("per call").chain(subjects.iter().map(|subject| subject.name));
    let mut table = Table::new("Calling thread: instructions", columns);
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        table.row("valgrind is not installed", subjects.iter().map(|_| None));
        table.print();
        return Ok(());
    }
    let selected: Vec<_> = options.works().map(|work| work.name).collect();
    let works = WORKS.iter().filter(|work| WORKLOADS.contains(&work.name) && selected.contains(&work.name));
    for work in works.filter(|work| subjects.iter().any(|subject| subject.has(work))) {
        eprintln!("  {}", work.name);
        table.row(work.title, subjects.iter().map(|subject| subject.has(work).then(|| cell(subject, work))));
    }
    table.print();
    Ok(())
}

fn cell(subject: &Built, work: &Work) -> String {
    match a_call(subject, work) {
        Ok(instructions) => number(instructions),
        Err(error) => {
            eprintln!("{error}");
            "failed".to_owned()
        }
    }
}

fn a_call(subject: &Built, work: &Work) -> Result<f64, Error> {
    let (once, twice) = (counted(subject, work, CALLS)?, counted(subject, work, 2 * CALLS)?);
    Ok((twice as f64 - once as f64) / CALLS as f64)
}

/// Returns the instructions of so many calls, without those of other threads.
fn counted(subject: &Built, work: &Work, calls: usize) -> Result<u64, Error> {
    let file = std::env::temp_dir().join(format!("callgrind.{}", std::process::id()));
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--tool=callgrind", "--toggle-collect=*measured_calls*"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(&subject.program)
        .stderr(Stdio::null());
    let mut child = Child::start_in(command, subject, work)?;
    let _: Round = child.ask(protocol::Command::Round { bursts: 1, calls, threads: 1 })?;
    child.end()?;
    let total = total(&file);
    std::fs::remove_file(&file)?;
    total
}

fn total(file: &Path) -> Result<u64, Error> {
    let text = std::fs::read_to_string(file)?;
    let total =
        text.lines().find_map(|line| line.strip_prefix("totals:")).ok_or("callgrind wrote no total")?;
    Ok(total.trim().parse()?)
}
