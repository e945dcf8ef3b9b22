//! A program that logs its calls. Process tests start, stop and kill it. See `tests::process`.

#![allow(clippy::print_stdout, reason = "the test that started it reads what it says")]

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use promptlayer_tracing::export::{SpoolMode, SpoolSettings};
use promptlayer_tracing::{ShutdownGuard, promptlayer};
use tests::pipeline::quick;
use tests::process::{Plan, Scenario};
use tracing_subscriber::prelude::*;

#[promptlayer]
fn ask(number: u64) -> u64 {
    number
}

/// Writes a line to the test and flushes it.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Ignore errors, because the test may have stopped reading.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Makes calls and writes the number of each one as soon as it has returned.
fn call(numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        let answer = ask(number);
        say(&format!("called {answer}"));
    }
}

fn main() -> ExitCode {
    let plan = Plan::of_arguments();
    let mut builder = promptlayer_tracing::layer()
        .api_key(&*plan.key)
        .base_url(&plan.url)
        .retry(quick())
        .timeout(Duration::from_secs(5));
    if plan.is_quiet {
        builder = builder.on_error(|_| {});
    }
    if let Some(spool) = &plan.spool {
        let mode = match plan.mode.as_str() {
            "synchronous" => SpoolMode::Synchronous,
            "write-ahead" => SpoolMode::WriteAhead,
            _ => SpoolMode::OnFailure,
        };
        builder = builder.spool(SpoolSettings::new(spool).mode(mode));
    }
    let (layer, guard) = match builder.build() {
        Ok(built) => built,
        Err(error) => {
            // The program continues without the layer.
            call(0..plan.calls);
            say(&format!("error {error}"));
            return ExitCode::from(3);
        }
    };
    tracing_subscriber::registry().with(layer).init();
    match plan.scenario {
        Scenario::Log | Scenario::LogElsewhere => {
            if plan.scenario == Scenario::LogElsewhere && std::env::set_current_dir("/").is_err() {
                return ExitCode::from(4);
            }
            call(plan.first..plan.first + plan.calls);
            end(guard, plan.timeout)
        }
        Scenario::Forever => {
            call(plan.first..);
            ExitCode::SUCCESS
        }
        Scenario::Exit => {
            call(plan.first..plan.first + plan.calls);
            std::process::exit(0)
        }
        Scenario::ExitFlushed => {
            let _guard = guard.flush_on_exit();
            call(plan.first..plan.first + plan.calls);
            std::process::exit(0)
        }
        Scenario::ExitWhileAnotherShutsDown => {
            let guard = guard.flush_on_exit();
            call(plan.first..plan.first + plan.calls);
            let timeout = plan.timeout;
            std::thread::spawn(move || guard.shutdown(timeout));
            std::process::exit(0)
        }
    }
}

/// Shuts the pipeline down and writes the counts of its ledger.
fn end(guard: ShutdownGuard, timeout: Duration) -> ExitCode {
    let stats = guard.shutdown(timeout);
    let spans = &stats.spans;
    say(&format!(
        "ledger {} {} {} {} {} {}",
        spans.accepted,
        spans.delivered,
        spans.total_rejected(),
        spans.total_dropped(),
        spans.outcome_unknown,
        spans.pending.spooled
    ));
    ExitCode::SUCCESS
}
