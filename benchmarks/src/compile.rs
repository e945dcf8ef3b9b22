//! Part `compile`: the compile time of 500 annotated async functions, compared with
//! `#[tracing::instrument(ret, err)]`.
//!
//! Each round checks (and builds) the same 500 functions with both attributes, one after the other, so that
//! noise of the machine affects both.

use std::fmt::Write as _;
use std::time::Instant;

use harness::Error;

use crate::args::Options;
use crate::generated::Generated;
use crate::table::{Summary, Table, number};

const FUNCTIONS: usize = 500;
/// A round takes many seconds.
const MOST_ROUNDS: usize = 5;
const INSTRUMENT: &str = "#[tracing::instrument(ret, err)]";
const PROMPTLAYER: &str = "#[promptlayer_tracing::promptlayer(tags = [\"bench\"])]";

pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let dependencies = format!("tracing = \"0.1\"\n{}", Generated::our_library()?);
    let package = Generated::new("compile", "compiled", &dependencies)?;
    let columns = ["s, median (best)", "#[promptlayer]", "#[instrument(ret, err)]", "ratio"];
    let mut table = Table::new(&format!("Compile time of {FUNCTIONS} async functions"), columns);
    for command in ["check", "build"] {
        // Compile the dependencies first.
        seconds(&package, command, "")?;
        let (mut promptlayer, mut instrument) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds.min(MOST_ROUNDS) {
            promptlayer.push(seconds(&package, command, PROMPTLAYER)?);
            instrument.push(seconds(&package, command, INSTRUMENT)?);
        }
        let (promptlayer, instrument) = (Summary::of(promptlayer), Summary::of(instrument));
        let ratio = promptlayer.zip(instrument).map(|(ours, theirs)| number(ours.median / theirs.median));
        let shown = |sum: Option<Summary>| sum.map(|sum| sum.shown());
        table.row(&format!("cargo {command}"), [shown(promptlayer), shown(instrument), ratio]);
    }
    table.print();
    Ok(())
}

/// Returns the time to compile the functions with the given attribute.
fn seconds(package: &Generated, command: &str, attribute: &str) -> Result<f64, Error> {
    let mut source = String::new();
    for number in 0..FUNCTIONS {
        writeln!(
            source,
            "{attribute}\n\
             pub async fn f{number}(question: &str, count: u32) -> Result<String, std::io::Error> {{\n\
             if count == 0 {{ return Err(std::io::Error::other(\"none\")); }}\n\
             std::future::ready(()).await;\n\
             Ok(question.repeat(count as usize))\n}}"
        )?;
    }
    package.write("lib.rs", &source)?;
    let begun = Instant::now();
    package.cargo(&[command, "--quiet"])?;
    Ok(begun.elapsed().as_secs_f64())
}
