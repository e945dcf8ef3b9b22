//! Rounds of several subjects, one after the other.

use harness::Error;
use harness::protocol::{Command, Round};
use harness::work::Work;

use crate::child::Child;
use crate::subjects::Built;

/// The rounds of each subject, in their order. `None` for a subject that does not have the workload or that
/// failed.
pub(crate) type Rounds = Vec<Option<Vec<Round>>>;

/// Runs rounds of a workload: one of each subject, then the next of each, so that what else the machine does
/// affects all of them. The first round of each subject is not counted.
pub(crate) fn interleaved(subjects: &[Built], work: &Work, threads: usize, rounds: usize) -> Rounds {
    let mut running: Vec<_> = subjects.iter().map(|subject| Running::start(subject, work)).collect();
    let command = Command::Round { bursts: work.bursts, calls: work.burst, threads };
    for _ in 0..=rounds {
        for running in &mut running {
            running.run(command);
        }
    }
    running.into_iter().map(Running::end).collect()
}

enum Running {
    No,
    Yes { child: Child, rounds: Vec<Round> },
}

impl Running {
    fn start(subject: &Built, work: &Work) -> Self {
        if !subject.has(work) {
            return Self::No;
        }
        match Child::start(subject, work) {
            Ok(child) => Self::Yes { child, rounds: Vec::new() },
            Err(error) => Self::failed(&error),
        }
    }

    fn run(&mut self, command: Command) {
        let Self::Yes { child, rounds } = self else { return };
        match child.ask(command) {
            Ok(round) => rounds.push(round),
            Err(error) => *self = Self::failed(&error),
        }
    }

    fn end(self) -> Option<Vec<Round>> {
        let Self::Yes { child, rounds } = self else { return None };
        match child.end() {
            Ok(()) => Some(rounds.into_iter().skip(1).collect()),
            Err(error) => {
                Self::failed(&error);
                None
            }
        }
    }

    /// Reports a failure. The subject has no figure in the table.
    fn failed(error: &Error) -> Self {
        eprintln!("{error}");
        Self::No
    }
}
