//! Part `calls`: time and allocations of the calling thread.

use harness::Error;
use harness::protocol::Round;

use crate::args::Options;
use crate::rounds::{Rounds, interleaved};
use crate::subjects::{self, OURS, Role};
use crate::table::{Summary, Table, number};

pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let subjects = subjects::built(options, Role::Calls)?;
    let names = || std::iter::once("per call").chain(subjects.iter().map(|subject| subject.name));
    let mut cpu = Table::new("Calling thread: processor time, ns, median (best)", names());
    let mut allocations = Table::new("Calling thread: allocations (KiB)", names());
    let ours = subjects.iter().position(|subject| subject.name == OURS);
    let mut ratios = Table::new("Calling thread: time of promptlayer ÷ time of …, medians", names());
    for work in options.works().filter(|work| subjects.iter().any(|subject| subject.has(work))) {
        eprintln!("  {}", work.name);
        let rounds = interleaved(&subjects, work, 1, options.rounds);
        let times = summaries(&rounds, |round| round.cpu_ns);
        cpu.row(work.title, times.iter().map(|time| time.map(|time| time.shown())));
        let medians =
            |of: fn(&Round) -> f64| summaries(&rounds, of).into_iter().map(|sum| sum.map(|sum| sum.median));
        let cells = medians(|round| round.allocations).zip(medians(|round| round.allocated_bytes / 1024.0));
        allocations.row(
            work.title,
            cells.map(|(count, kib)| Some(format!("{} ({})", number(count?), number(kib?)))),
        );
        let ours = ours.and_then(|ours| times[ours]);
        ratios
            .row(work.title, times.iter().map(|time| Some(format!("{:.2}", ours?.median / (*time)?.median))));
    }
    cpu.print();
    allocations.print();
    if ours.is_some() {
        ratios.print();
    }
    Ok(())
}

fn summaries(rounds: &Rounds, of: fn(&Round) -> f64) -> Vec<Option<Summary>> {
    rounds.iter().map(|rounds| Summary::of(rounds.iter().flatten().map(of))).collect()
}
