//! Part `threads`: calls a second on several threads.

use harness::Error;
use harness::work::{self, Work};

use crate::args::Options;
use crate::rounds::interleaved;
use crate::subjects::{self, Role};
use crate::table::{Summary, Table, number};

const THREADS: [usize; 3] = [1, 4, 100];
const WORK: &str = "call_1k";
/// The calls of a round, of all threads together.
const CALLS: usize = 20_000;

pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let subjects: Vec<_> = subjects::built(options, Role::Calls)?;
    let work = Work { burst: CALLS, bursts: 1, ..*work::named(WORK).ok_or("the table lacks the workload")? };
    let subjects: Vec<_> = subjects.into_iter().filter(|subject| subject.has(&work)).collect();
    let columns = || std::iter::once("threads").chain(subjects.iter().map(|subject| subject.name));
    let mut rates = Table::new("Call of 1 KiB on several threads: calls a second, median", columns());
    let mut times =
        Table::new("Call of 1 KiB on several threads: processor time of a call, ns, median", columns());
    for threads in THREADS {
        eprintln!("  {threads} threads");
        let rounds = interleaved(&subjects, &work, threads, options.rounds);
        let median = |of: fn(&harness::protocol::Round) -> f64| {
            rounds
                .iter()
                .map(move |rounds| Some(number(Summary::of(rounds.iter().flatten().map(of))?.median)))
        };
        rates.row(&threads.to_string(), median(|round| round.calls_per_second));
        times.row(&threads.to_string(), median(|round| round.cpu_ns));
    }
    rates.print();
    times.print();
    Ok(())
}
