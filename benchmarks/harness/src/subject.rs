//! The interface of a subject, and the process that runs it.

use std::io::{BufRead, Write};

use serde::Serialize;

use crate::measure::Measured;
use crate::protocol::{Command, LIST, Listed};
use crate::work::Work;
use crate::{Error, content, measure, work};

/// Makes one call with this prompt.
pub type Run = fn(&str);

/// A way to record calls.
pub struct Subject {
    pub name: &'static str,
    /// Installs the subject in this process.
    pub start: fn(&Setup<'_>) -> Result<Box<dyn Session>, Error>,
    /// The workloads that it has, by name.
    pub runs: &'static [(&'static str, Run)],
}

/// What a subject needs to know to start.
pub struct Setup<'a> {
    pub work: &'a Work,
    /// The address of the server that takes exports.
    pub sink: &'a str,
}

/// An installed subject.
pub trait Session {
    /// Waits until all spans are exported.
    fn flush(&self) -> Result<(), Error>;

    /// Ends the subject. Returns how many spans it exported, or `None` if it exports none.
    fn end(self: Box<Self>) -> Result<Option<u64>, Error>;
}

/// A subject that exports nothing.
pub struct NoExport;

impl Session for NoExport {
    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }

    fn end(self: Box<Self>) -> Result<Option<u64>, Error> {
        Ok(None)
    }
}

/// The `main` of a subject's program.
pub fn run(subjects: &[Subject]) -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [LIST] => answer(&subjects.iter().map(list).collect::<Vec<_>>()),
        [subject, work, sink] => serve(find(subjects, subject)?, work, sink),
        _ => Err("usage: <subject> <workload> <address>, started by the program `benchmarks`".into()),
    }
}

fn list(subject: &Subject) -> Listed {
    let works = subject.runs.iter().map(|(name, _)| (*name).to_owned()).collect();
    Listed { subject: subject.name.to_owned(), works }
}

fn find<'a>(subjects: &'a [Subject], name: &str) -> Result<&'a Subject, Error> {
    subjects.iter().find(|subject| subject.name == name).ok_or_else(|| format!("no subject `{name}`").into())
}

fn answer(value: &impl Serialize) -> Result<(), Error> {
    println!("{}", serde_json::to_string(value)?);
    Ok(std::io::stdout().flush()?)
}

fn serve(subject: &Subject, name: &str, sink: &str) -> Result<(), Error> {
    let work = work::named(name).ok_or_else(|| format!("no workload `{name}`"))?;
    let (_, run) = subject.runs.iter().find(|(of, _)| *of == name).ok_or("the subject lacks the workload")?;
    let prompt = content::text(work.bytes);
    content::prepare();
    let setup = Setup { work, sink };
    let session = if work.is_listening { (subject.start)(&setup)? } else { Box::new(NoExport) };
    let mut made = 0;
    for line in std::io::stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            Command::Round { bursts, calls, threads } => {
                let mut measured = Measured::default();
                for _ in 0..bursts {
                    measured.burst(*run, &prompt, calls, threads);
                    session.flush()?;
                }
                made += measured.calls() as u64;
                answer(&measured.round())?;
            }
            Command::Record { calls } => {
                let mut measured = Measured::default();
                measured.burst(*run, &prompt, calls, 1);
                made += measured.calls() as u64;
                answer(&measured.round())?;
            }
            Command::Export { calls } => {
                made += calls as u64;
                answer(&measure::export(*run, &prompt, calls, &*session)?)?;
            }
        }
    }
    match session.end()? {
        Some(exported) if exported != made => Err(format!("{made} calls, {exported} spans exported").into()),
        _ => Ok(()),
    }
}
