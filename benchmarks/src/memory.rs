//! Part `memory`: what a call takes in the queue, and whether a process grows with its calls.

use std::thread::sleep;
use std::time::Duration;

use harness::Error;
use harness::protocol::{Command, Round};
use harness::work::{self, Work};

use crate::args::Options;
use crate::child::Child;
use crate::subjects::{self, Built, Role};
use crate::table::{Table, number};

const WORK: &str = "call_1k";
/// Calls before the measurement. Those that are exported first are in requests, which get no answer.
const WARM_UP: usize = 2_000;
/// How long these requests take to be sent.
const SETTLING: Duration = Duration::from_secs(1);
/// Calls that wait in the queue.
const QUEUED: usize = 20_000;
/// Rows of the second table.
const STEPS: usize = 10;
/// Calls at once. Then they are exported.
const BURST: usize = 1_000;

pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let subjects = subjects::built(options, Role::Export)?;
    let work = work::named(WORK).ok_or("the table lacks the workload")?;
    queued(&subjects, work)?;
    growth(&subjects, work, options.calls)
}

fn queued(subjects: &[Built], work: &Work) -> Result<(), Error> {
    let columns = ["subject", "bytes of memory a call", "÷ its content"];
    let mut table =
        Table::new(&format!("{QUEUED} calls in the queue, while no request is answered"), columns);
    for subject in subjects {
        eprintln!("  {} in the queue", subject.name);
        let mut child = Child::start_unanswered(subject, work)?;
        let _: Round = child.ask(Command::Record { calls: WARM_UP })?;
        sleep(SETTLING);
        let before = child.memory_kib()?;
        let _: Round = child.ask(Command::Record { calls: QUEUED })?;
        let grown = child.memory_kib()?.saturating_sub(before) as f64 * 1024.0;
        child.kill()?;
        let each = grown / QUEUED as f64;
        let content = (2 * work.bytes) as f64;
        let title = format!("{}: {}", subject.name, work.title);
        table.row(&title, [Some(number(each)), Some(number(each / content))]);
    }
    table.print();
    Ok(())
}

fn growth(subjects: &[Built], work: &Work, calls: usize) -> Result<(), Error> {
    let columns = std::iter::once("calls so far").chain(subjects.iter().map(|subject| subject.name));
    let mut table = Table::new("Memory of the process over many calls of 1 KiB, MiB", columns);
    let bursts = calls.div_ceil(STEPS * BURST);
    let mut children = Vec::new();
    for subject in subjects {
        children.push(Child::start(subject, work)?);
    }
    for step in 1..=STEPS {
        let mut cells = Vec::new();
        for child in &mut children {
            let _: Round = child.ask(Command::Round { bursts, calls: BURST, threads: 1 })?;
            cells.push(Some(number(child.memory_kib()? as f64 / 1024.0)));
        }
        let so_far = (step * bursts * BURST) as f64;
        eprintln!("  {} calls", number(so_far));
        table.row(&number(so_far), cells);
    }
    for child in children {
        child.end()?;
    }
    table.print();
    Ok(())
}
