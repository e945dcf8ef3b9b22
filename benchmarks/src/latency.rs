//! Part `latency`: percentiles of the close of a span. The program is in the package of the subject.

use std::process::Command;

use harness::Error;

use crate::args::Options;
use crate::subjects;

pub(crate) fn run(_: &Options) -> Result<(), Error> {
    let program = subjects::program("subject-promptlayer", "close_latency")?.ok_or("it does not build")?;
    println!("### How long a thread is blocked, by the wall clock and in processor time\n");
    let status = Command::new(program).status()?;
    println!();
    if status.success() { Ok(()) } else { Err(format!("close_latency ended with {status}").into()) }
}
