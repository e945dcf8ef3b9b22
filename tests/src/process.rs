//! Starts, stops and kills a program that logs its calls.
//!
//! The program is `src/bin/program.rs`. A test refers to it as `env!("CARGO_BIN_EXE_program")`.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::Recorder;
use crate::pipeline::KEY;

/// The behavior of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Makes calls, shuts the pipeline down, and writes its counts.
    Log,
    /// Makes calls until it is killed.
    Forever,
    /// Makes calls, then calls `std::process::exit`.
    Exit,
    /// Makes calls, then calls `std::process::exit`, with `flush_on_exit`.
    ExitFlushed,
    /// Makes calls, then calls `std::process::exit` while another thread shuts the pipeline down.
    ExitWhileAnotherShutsDown,
    /// Does the same as [`Log`](Self::Log), after changing the working directory.
    LogElsewhere,
}

const SCENARIOS: [(&str, Scenario); 6] = [
    ("log", Scenario::Log),
    ("forever", Scenario::Forever),
    ("exit", Scenario::Exit),
    ("exit-flushed", Scenario::ExitFlushed),
    ("exit-while-another-shuts-down", Scenario::ExitWhileAnotherShutsDown),
    ("log-elsewhere", Scenario::LogElsewhere),
];

/// The arguments of the program.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The behavior of the program.
    pub scenario: Scenario,
    /// The URL of the server to log to.
    pub url: String,
    /// The API key that it sends.
    pub key: String,
    /// The number of its first call.
    pub first: u64,
    /// The number of calls.
    pub calls: u64,
    /// The time limit of the shutdown.
    pub timeout: Duration,
    /// The folder of its spool.
    pub spool: Option<PathBuf>,
    /// The mode of the spool: `on-failure`, `write-ahead` or `synchronous`.
    pub mode: String,
    /// `true` if it writes no errors to standard error.
    pub is_quiet: bool,
}

impl Plan {
    /// Creates a plan that makes calls and shuts down within a minute.
    pub fn log(url: &str, calls: u64) -> Self {
        Self {
            scenario: Scenario::Log,
            url: url.to_owned(),
            key: KEY.to_owned(),
            first: 0,
            calls,
            timeout: Duration::from_secs(60),
            spool: None,
            mode: "on-failure".to_owned(),
            is_quiet: true,
        }
    }

    /// Sets the scenario.
    #[must_use]
    pub fn scenario(self, scenario: Scenario) -> Self {
        Self { scenario, ..self }
    }

    /// Sets the folder and the mode of the spool.
    #[must_use]
    pub fn spool(self, folder: &Path, mode: &str) -> Self {
        Self { spool: Some(folder.to_owned()), mode: mode.to_owned(), ..self }
    }

    /// Sets the API key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self }
    }

    /// Sets the time limit of the shutdown.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Parses the arguments of the current process.
    ///
    /// # Panics
    ///
    /// Panics if the arguments are not a plan.
    pub fn of_arguments() -> Self {
        let arguments: BTreeMap<String, String> =
            env::args().skip(1).filter_map(|argument| argument.split_once('=').map(owned)).collect();
        let text = |name: &str| arguments.get(name).cloned().unwrap_or_default();
        let number = |name: &str| text(name).parse().unwrap_or_default();
        let Some((_, scenario)) = SCENARIOS.into_iter().find(|(name, _)| *name == text("scenario")) else {
            panic!("there is no scenario {:?}", text("scenario"));
        };
        Self {
            scenario,
            url: text("url"),
            key: text("key"),
            first: number("first"),
            calls: number("calls"),
            timeout: Duration::from_millis(number("timeout")),
            spool: arguments.get("spool").map(PathBuf::from),
            mode: text("mode"),
            is_quiet: arguments.contains_key("quiet"),
        }
    }

    /// Returns the plan as arguments for the program.
    pub fn arguments(&self) -> Vec<String> {
        let name =
            SCENARIOS.iter().find(|(_, scenario)| *scenario == self.scenario).map_or("", |(name, _)| name);
        let mut arguments = vec![
            format!("scenario={name}"),
            format!("url={}", self.url),
            format!("key={}", self.key),
            format!("first={}", self.first),
            format!("calls={}", self.calls),
            format!("timeout={}", self.timeout.as_millis()),
            format!("mode={}", self.mode),
        ];
        arguments.extend(self.spool.iter().map(|spool| format!("spool={}", spool.display())));
        arguments.extend(self.is_quiet.then(|| "quiet=".to_owned()));
        arguments
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// The result of a program.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The exit status.
    pub status: ExitStatus,
    /// The lines that it wrote to standard output.
    pub lines: Vec<String>,
    /// The text that it wrote to standard error.
    pub errors: String,
}

/// The counts of spans that a program wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted spans.
    pub accepted: u64,
    /// Delivered spans.
    pub delivered: u64,
    /// Spans that the server rejected.
    pub rejected: u64,
    /// Dropped spans.
    pub dropped: u64,
    /// Spans whose outcome is unknown.
    pub unknown: u64,
    /// Spans that were left on disk.
    pub left: u64,
}

impl Ended {
    /// Returns the numbers of the calls that returned.
    pub fn called(&self) -> Vec<u64> {
        self.lines.iter().filter_map(|line| line.strip_prefix("called ")?.parse().ok()).collect()
    }

    /// Returns the counts of spans.
    ///
    /// # Panics
    ///
    /// Panics if the program wrote none.
    pub fn ledger(&self) -> Counts {
        let ledger = self.lines.iter().find_map(|line| line.strip_prefix("ledger "));
        let numbers: Vec<u64> =
            ledger.unwrap_or_default().split(' ').filter_map(|number| number.parse().ok()).collect();
        let [accepted, delivered, rejected, dropped, unknown, left] = numbers[..] else {
            panic!("it said no ledger: {self:#?}");
        };
        Counts { accepted, delivered, rejected, dropped, unknown, left }
    }
}

/// A running program. It is killed on drop.
#[derive(Debug)]
pub struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
    lines: Vec<String>,
}

impl Process {
    /// Starts the program.
    ///
    /// # Errors
    ///
    /// Returns an error if the program cannot be started.
    pub fn start(program: &str, plan: &Plan) -> io::Result<Self> {
        Self::start_command(Command::new(program).args(plan.arguments()))
    }

    /// Starts the program with an additional environment variable.
    ///
    /// # Errors
    ///
    /// Returns an error if the program cannot be started.
    pub fn start_with(program: &str, plan: &Plan, name: &str, value: &str) -> io::Result<Self> {
        Self::start_command(Command::new(program).args(plan.arguments()).env(name, value))
    }

    /// Starts a command that runs the program.
    ///
    /// # Errors
    ///
    /// Returns an error if the command cannot be started.
    pub fn start_command(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("it has no standard output"))?;
        Ok(Self { child, out: BufReader::new(out), lines: Vec::new() })
    }

    /// Waits until the program has written this number of lines, or has ended.
    ///
    /// # Errors
    ///
    /// Returns an error if the output cannot be read.
    pub fn wait_for(&mut self, lines: usize) -> io::Result<()> {
        while self.lines.len() < lines {
            let mut line = String::new();
            if self.out.read_line(&mut line)? == 0 {
                break;
            }
            self.lines.push(line.trim_end().to_owned());
        }
        Ok(())
    }

    /// Kills the program without a warning.
    ///
    /// # Errors
    ///
    /// Returns an error if the program cannot be killed or its output cannot be read.
    pub fn kill(mut self) -> io::Result<Ended> {
        self.child.kill()?;
        self.end()
    }

    /// Waits for the program to end.
    ///
    /// # Errors
    ///
    /// Returns an error if the output cannot be read.
    pub fn end(mut self) -> io::Result<Ended> {
        self.wait_for(usize::MAX)?;
        let mut errors = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            io::Read::read_to_string(&mut stderr, &mut errors)?;
        }
        let status = self.child.wait()?;
        Ok(Ended { status, lines: std::mem::take(&mut self.lines), errors })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the calls that a recorder accepted: the number of each call, with how often it was accepted.
pub fn taken(recorder: &Recorder) -> BTreeMap<u64, usize> {
    let mut times = BTreeMap::new();
    for span in recorder.accepted_spans() {
        let input = span["log_request"]["input"]["messages"][0]["content"][0]["text"].as_str();
        let output = span["log_request"]["output"]["messages"][0]["content"][0]["text"].as_str();
        let number = output.or(input).and_then(|text| text.parse().ok());
        *times.entry(number.unwrap_or_else(|| no_number(&span))).or_default() += 1;
    }
    times
}

fn no_number(span: &Value) -> u64 {
    panic!("a call without a number: {span:#}")
}
