//! A program that forks, or that exits with several pipelines. `tests/processes/forks.rs` starts it.

#![allow(clippy::print_stdout, reason = "the test that started it reads what it says")]
#![cfg_attr(unix, allow(unsafe_code, reason = "the standard library cannot fork"))]

use std::io::Write as _;
use std::time::Duration;

use promptlayer_tracing::export::Stats;
use promptlayer_tracing::{LayerBuilder, promptlayer};
use tests::pipeline::{dispatch, layer_to};
use tracing::dispatcher;

const LONG: Duration = Duration::from_secs(600);

#[promptlayer]
fn ask(number: u64) -> u64 {
    number
}

/// Writes a line to the test and flushes it.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Ignore errors, because the test may have ended.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn layer_for(url: &str) -> LayerBuilder {
    layer_to(url).timeout(LONG)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scenario, url, folder] = arguments.as_slice() else {
        panic!("give a scenario, a URL and a folder");
    };
    match scenario.as_str() {
        "exit" => exit_with_several(url),
        "panic" => panic_in_hooks(url),
        "panic-aborts" => abort_in_a_panic(url),
        #[cfg(unix)]
        "fork" => forks::fork_once(url, folder),
        #[cfg(unix)]
        "fork-client" => forks::fork_a_waiting_client(url),
        #[cfg(unix)]
        "fork-busy" => forks::fork_while_busy(url),
        #[cfg(unix)]
        "fork-keep" => forks::fork_while_traces_wait(url),
        other => panic!("there is no scenario {other:?} for {folder}"),
    }
}

/// Exits with five pipelines whose server hangs and one whose server answers.
fn exit_with_several(url: &str) {
    let mut guards = Vec::new();
    for key in ["pl_dead", "pl_dead", "pl_dead", "pl_dead", "pl_dead", tests::pipeline::KEY] {
        let (layer, guard) = layer_for(url).api_key(key).build().unwrap_or_else(|error| panic!("{error}"));
        guards.push(guard.flush_on_exit());
        dispatcher::with_default(&dispatch(layer), || ask(1));
    }
    std::process::exit(0)
}

/// Panics in every hook, after formatting its argument.
fn panic_in_hooks(url: &str) {
    let builder = layer_for(url)
        .on_request_id(|request| panic!("{request:?}"))
        .on_error(|error| panic!("{error} {error:?} {error:#?} {:?}", std::error::Error::source(error)));
    let (layer, guard) = builder.build().unwrap_or_else(|error| panic!("{error}"));
    dispatcher::with_default(&dispatch(layer), || ask(1));
    let stats = guard.shutdown(Duration::from_secs(1));
    say(&format!("panicked {}", stats.hooks.panicked));
}

/// Aborts in a panic of a call inside another one, after the panic hook of the guard.
fn abort_in_a_panic(url: &str) {
    #[promptlayer(kind = "agent")]
    fn agent(number: u64) {
        fails(number + 1);
    }
    #[promptlayer]
    fn fails(number: u64) {
        panic!("on purpose: {number}");
    }
    std::panic::set_hook(Box::new(|info| {
        let message = info.payload().downcast_ref::<String>().map_or("", String::as_str);
        say(&format!("panicked {message}"));
        std::process::abort();
    }));
    let builder = layer_for(url).open_calls(true).on_error(|_| {});
    let (layer, guard) = builder.build().unwrap_or_else(|error| panic!("{error}"));
    let _guard = guard.send_open_calls_on_panic(LONG);
    dispatcher::with_default(&dispatch(layer), || agent(1));
}

#[cfg(unix)]
mod forks {
    use std::collections::BTreeMap;
    use std::ffi::c_int;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::SystemTime;
    use std::{fs, thread};

    use promptlayer_tracing::ShutdownGuard;
    use promptlayer_tracing::client::blocking::Wait;
    use promptlayer_tracing::client::{Client, Env};
    use promptlayer_tracing::export::{KeepPolicy, SpoolMode, SpoolSettings};
    use tracing_subscriber::prelude::*;

    use super::*;

    unsafe extern "C" {
        fn fork() -> c_int;
        fn waitpid(process: c_int, status: *mut c_int, options: c_int) -> c_int;
    }

    /// Runs `run` in a child process and returns the exit status of the child.
    fn in_child(run: impl FnOnce()) -> c_int {
        // SAFETY: `fork` takes no arguments. The child does what forking programs commonly do: it allocates,
        // which the C library allows, and takes no lock that another thread may have held, which is what this
        // program tests.
        match unsafe { fork() } {
            0 => {
                run();
                std::process::exit(0)
            }
            child => {
                let mut status = -1;
                // SAFETY: `status` is borrowed for the whole call that writes it.
                let ended = unsafe { waitpid(child, &raw mut status, 0) };
                assert_eq!(ended, child);
                status
            }
        }
    }

    /// Returns the files below a folder with their length and modification time, to detect changes.
    fn files(folder: &Path) -> BTreeMap<PathBuf, (u64, Option<SystemTime>)> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() {
                found.extend(files(&path));
            }
            found.insert(path, (about.len(), about.modified().ok()));
        }
        found
    }

    fn describe(stats: &Stats) -> String {
        let spans = &stats.spans;
        format!("{} {} {:?} {}", spans.accepted, spans.delivered, spans.dropped, spans.total_pending())
    }

    pub(super) fn fork_once(url: &str, folder: &str) {
        let spool = SpoolSettings::new(folder).mode(SpoolMode::Synchronous);
        let builder = layer_for(url).spool(spool).on_error(|error| say(&format!("error {error}")));
        let (layer, guard) = builder.build().unwrap_or_else(|error| panic!("{error}"));
        let guard = guard.flush_on_exit();
        tracing_subscriber::registry().with(layer).init();
        (0..5).for_each(|number| assert_eq!(ask(number), number));
        // The first batch is marked as sent before it is sent. The server hangs, so the parent writes no more
        // after that.
        tests::pipeline::eventually(|| {
            let is_marks = |path: &Path| path.extension().is_some_and(|extension| extension == "marks");
            files(Path::new(folder)).iter().any(|(path, (len, _))| is_marks(path) && *len > 0)
        });
        let before = files(Path::new(folder));
        let mut guard = Some(guard);
        let status = in_child(|| child(url, guard.take()));
        say(&format!("child ended {status}"));
        say(if files(Path::new(folder)) == before { "files unchanged" } else { "files changed" });
        (100..120).for_each(|number| assert_eq!(ask(number), number));
        say("parent goes on");
        if let Some(guard) = guard.take() {
            say(&format!("parent {}", describe(&guard.shutdown(LONG))));
        }
    }

    fn child(url: &str, guard: Option<ShutdownGuard>) {
        let Some(guard) = guard else { return };
        (50..53).for_each(|number| assert_eq!(ask(number), number));
        say(&format!("child flushed {}", guard.flush(LONG).is_complete()));
        say(&format!("child {}", describe(&guard.stats())));

        let (layer, own) =
            layer_for(url).api_key("pl_child").build().unwrap_or_else(|error| panic!("{error}"));
        dispatcher::with_default(&dispatch(layer), || {
            (200..205).for_each(|number| assert_eq!(ask(number), number));
        });
        say(&format!("child's own {}", describe(&own.shutdown(LONG))));
        say(&format!("child {}", describe(&guard.shutdown(LONG))));
    }

    #[promptlayer]
    fn fail(_number: u64) -> Result<(), std::io::Error> {
        Err(std::io::Error::other("it failed"))
    }

    /// Makes a call in a trace of its own, then runs `inside`, then makes one that fails.
    #[promptlayer(kind = "chain")]
    fn chain(number: u64, inside: impl FnOnce()) {
        ask(number);
        inside();
        let _ = fail(number + 1);
    }

    /// Forks while a trace waits for a decision, and other threads use the store in which it waits.
    pub(super) fn fork_while_traces_wait(url: &str) {
        let policy = KeepPolicy::default().failed();
        let builder = layer_for(url).sample(0.0).keep(policy).on_error(|_| {});
        let (layer, guard) = builder.build().unwrap_or_else(|error| panic!("{error}"));
        tracing_subscriber::registry().with(layer).init();
        let done = AtomicBool::new(false);
        let mut guard = Some(guard);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        chain_without_failure();
                    }
                });
            }
            chain(0, || {
                for _ in 0..20 {
                    let status = in_child(|| {
                        // The call of the parent does not wait in the child.
                        chain(100, || drop(fail(102)));
                        if let Some(guard) = guard.take() {
                            let stats = guard.shutdown(LONG);
                            say(&format!("child {} {}", describe(&stats), stats.undecided));
                        }
                    });
                    say(&format!("child ended {status}"));
                }
            });
            done.store(true, Ordering::Relaxed);
        });
        if let Some(guard) = guard.take() {
            let stats = guard.shutdown(LONG);
            say(&format!("parent {} {}", describe(&stats), stats.undecided));
        }
    }

    #[promptlayer(kind = "chain")]
    fn chain_without_failure() {
        ask(1);
        ask(2);
    }

    /// Waits for calls of one client in a process and in its child.
    pub(super) fn fork_a_waiting_client(url: &str) {
        let builder = Client::builder().env(Env::empty()).api_key(tests::pipeline::KEY);
        let client = builder.base_url(url).timeout(LONG).build().unwrap_or_else(|error| panic!("{error}"));
        let score = |value| client.track().score(1, value).wait().unwrap_or_else(|error| panic!("{error}"));
        score(1);
        let status = in_child(|| (2..4).for_each(score));
        say(&format!("child ended {status}"));
        score(4);
    }

    pub(super) fn fork_while_busy(url: &str) {
        let builder = layer_for(url).open_calls(true).on_error(|_| {});
        let (layer, guard) = builder.build().unwrap_or_else(|error| panic!("{error}"));
        tracing_subscriber::registry().with(layer).init();
        let guard = guard.flush_on_exit();
        let _timer = guard.send_open_calls_in(LONG);
        let done = AtomicBool::new(false);
        let mut guard = Some(guard);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let _ = ask(1);
                    }
                });
            }
            for _ in 0..50 {
                let status = in_child(|| {
                    (0..3).for_each(|number| assert_eq!(ask(number), number));
                    if let Some(guard) = guard.take() {
                        guard.flush(LONG);
                        guard.shutdown(LONG);
                    }
                });
                say(&format!("child ended {status}"));
            }
            done.store(true, Ordering::Relaxed);
        });
        drop(guard);
    }
}
