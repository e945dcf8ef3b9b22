//! Measures what the attribute and the layer cost, beside other ways to record calls. Prints Markdown.
//!
//!     cargo run --release -- --help

mod args;
mod calls;
mod child;
mod compile;
mod export;
mod generated;
mod instructions;
mod latency;
mod memory;
mod rounds;
mod size;
mod subjects;
mod table;
mod threads;

use harness::Error;

use crate::args::Options;

/// A group of tables.
struct Part {
    name: &'static str,
    what: &'static str,
    /// Whether it runs only if it is asked for.
    is_slow: bool,
    run: fn(&Options) -> Result<(), Error>,
}

const PARTS: &[Part] = &[
    Part {
        name: "calls",
        what: "time and allocations of the calling thread",
        is_slow: false,
        run: calls::run,
    },
    Part {
        name: "threads",
        what: "calls a second on 1, 4 and 100 threads",
        is_slow: false,
        run: threads::run,
    },
    Part {
        name: "instructions",
        what: "instructions of the calling thread, by callgrind",
        is_slow: false,
        run: instructions::run,
    },
    Part {
        name: "export",
        what: "speed, processor time and memory of the export",
        is_slow: false,
        run: export::run,
    },
    Part {
        name: "memory",
        what: "memory of a queued call, and its growth over many calls",
        is_slow: false,
        run: memory::run,
    },
    Part { name: "latency", what: "percentiles of the close of a span", is_slow: false, run: latency::run },
    Part { name: "compile", what: "compile time of the attribute", is_slow: true, run: compile::run },
    Part {
        name: "size",
        what: "size and crates of a program with the library",
        is_slow: true,
        run: size::run,
    },
];

fn main() -> Result<(), Error> {
    let Some(options) = Options::read(std::env::args().skip(1))? else {
        print!("{}", args::usage());
        return Ok(());
    };
    for part in PARTS.iter().filter(|part| options.runs(part)) {
        eprintln!("part {}: {}", part.name, part.what);
        (part.run)(&options)?;
    }
    Ok(())
}
