//! Part `export`: speed, processor time, bytes and memory of the export.

use harness::Error;
use harness::protocol::{Command, Exported, Round};
use harness::sink::Received;
use harness::work::{self, Work};

use crate::args::Options;
use crate::child::Child;
use crate::subjects::{self, Built, Role};
use crate::table::{Summary, Table, number};

/// The spans of one export. They are recorded at once, as fast as the calling thread can.
const SPANS: usize = 10_000;
/// Calls before the measurement, which open the connection.
const WARM_UP: usize = 100;
/// Each export is a process of its own, and makes many calls.
const MOST_ROUNDS: usize = 5;
const WORKLOADS: [&str; 2] = ["call_1k", "call_8k"];

/// A column of the table.
type Column = (&'static str, fn(&Measured) -> f64);

const COLUMNS: [Column; 6] = [
    ("spans a second, median", |one| SPANS as f64 / one.exported.seconds),
    ("processor time, µs a span", |one| one.exported.cpu_us),
    ("bytes on the wire a span", |one| one.received.bytes as f64 / SPANS as f64),
    ("spans a request", |one| SPANS as f64 / one.received.requests as f64),
    ("peak memory, MiB", |one| one.exported.peak_kib as f64 / 1024.0),
    ("of it the content, MiB", |one| (2 * one.work_bytes * SPANS) as f64 / f64::from(1 << 20)),
];

struct Measured {
    exported: Exported,
    received: Received,
    work_bytes: usize,
}

pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let subjects = subjects::built(options, Role::Export)?;
    let title = format!("Export of {SPANS} calls, recorded at once, on the threads of the subject");
    let columns = COLUMNS.iter().map(|(title, _)| *title);
    let mut table = Table::new(&title, std::iter::once("subject").chain(columns));
    for name in WORKLOADS {
        let work = work::named(name).ok_or("the table lacks the workload")?;
        for (subject, measured) in
            subjects.iter().zip(measured(&subjects, work, options.rounds.min(MOST_ROUNDS))?)
        {
            let median =
                |of: fn(&Measured) -> f64| Summary::of(measured.iter().map(of)).map(|sum| number(sum.median));
            table
                .row(&format!("{}: {}", subject.name, work.title), COLUMNS.iter().map(|(_, of)| median(*of)));
        }
    }
    table.print();
    Ok(())
}

/// Exports with each subject in turn. Each export has a process of its own, because the peak of its memory
/// counts.
fn measured(subjects: &[Built], work: &Work, rounds: usize) -> Result<Vec<Vec<Measured>>, Error> {
    let mut measured: Vec<Vec<Measured>> = subjects.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        eprintln!("  {} {round}", work.name);
        for (subject, measured) in subjects.iter().zip(&mut measured) {
            measured.push(one(subject, work)?);
        }
    }
    Ok(measured)
}

fn one(subject: &Built, work: &Work) -> Result<Measured, Error> {
    let mut child = Child::start(subject, work)?;
    let _: Round = child.ask(Command::Round { bursts: 1, calls: WARM_UP, threads: 1 })?;
    let before = child.received();
    let exported = child.ask(Command::Export { calls: SPANS })?;
    let after = child.received();
    child.end()?;
    let received = Received { requests: after.requests - before.requests, bytes: after.bytes - before.bytes };
    Ok(Measured { exported, received, work_bytes: work.bytes })
}
