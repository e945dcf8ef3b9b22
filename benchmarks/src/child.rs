//! The process of a subject.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};

use harness::Error;
use harness::clock::resident_memory_kib;
use harness::protocol;
use harness::sink::{Received, Sink};
use harness::work::Work;
use serde::de::DeserializeOwned;

use crate::subjects::Built;

/// A subject that runs one workload, with a server of its own.
pub(crate) struct Child {
    name: &'static str,
    process: Process,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    sink: Sink,
}

impl Child {
    pub(crate) fn start(subject: &Built, work: &Work) -> Result<Self, Error> {
        Self::start_in(Command::new(&subject.program), subject, work)
    }

    /// Starts the subject with a server that never answers.
    pub(crate) fn start_unanswered(subject: &Built, work: &Work) -> Result<Self, Error> {
        Self::start_with(Sink::silent()?, Command::new(&subject.program), subject, work)
    }

    /// Starts the subject with a command that ends in its program.
    pub(crate) fn start_in(command: Command, subject: &Built, work: &Work) -> Result<Self, Error> {
        Self::start_with(Sink::start()?, command, subject, work)
    }

    fn start_with(sink: Sink, mut command: Command, subject: &Built, work: &Work) -> Result<Self, Error> {
        let mut process = command
            .args([subject.name, work.name, sink.url()])
            // Nothing but the subject decides what is recorded.
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let commands = process.stdin.take().ok_or("a process without input")?;
        let answers = BufReader::new(process.stdout.take().ok_or("a process without output")?);
        Ok(Self { name: subject.name, process, commands, answers, sink })
    }

    /// Sends a command and waits for its result.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, command: protocol::Command) -> Result<T, Error> {
        writeln!(self.commands, "{}", serde_json::to_string(&command)?)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        serde_json::from_str(&answer).map_err(|error| format!("{} has failed: {error}", self.name).into())
    }

    pub(crate) fn received(&self) -> Received {
        self.sink.received()
    }

    /// Returns the memory that the process uses now, in KiB.
    pub(crate) fn memory_kib(&self) -> Result<u64, Error> {
        resident_memory_kib(self.process.id())
    }

    /// Ends the process without an export of what it recorded.
    pub(crate) fn kill(mut self) -> Result<(), Error> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Ends the process.
    ///
    /// # Errors
    ///
    /// Returns an error if the subject lost a span.
    pub(crate) fn end(self) -> Result<(), Error> {
        let Self { name, mut process, commands, .. } = self;
        drop(commands);
        let status = process.wait()?;
        if status.success() { Ok(()) } else { Err(format!("{name} ended with {status}").into()) }
    }
}
