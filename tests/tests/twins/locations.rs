//! The caller that a `#[track_caller]` function reports.
//!
//! The language supports `#[track_caller]` only on functions that are not `async`. On an `async fn` it is
//! unstable, and `Location::caller()` in a future is the place where it is polled, with or without
//! `#[promptlayer]`. Closures do not support it either, and the body of a function that returns a future or a
//! stream becomes a closure.

use std::panic::{self, Location, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

use promptlayer_tracing::promptlayer;
use tracing_subscriber::prelude::*;

type Caller = &'static Location<'static>;

#[promptlayer]
#[track_caller]
fn before() -> Caller {
    Location::caller()
}

#[track_caller]
#[promptlayer]
fn after() -> Caller {
    Location::caller()
}

#[promptlayer]
#[cfg_attr(all(), track_caller)]
fn conditional() -> Caller {
    Location::caller()
}

#[promptlayer(err, ret, tags = ["caller"])]
#[track_caller]
fn early(leave: bool) -> Result<Caller, Caller> {
    if leave {
        return Err(Location::caller());
    }
    let caller: Result<Caller, Caller> = Ok(Location::caller());
    Ok(caller?)
}

struct Service(u8);

trait Located {
    #[promptlayer]
    #[track_caller]
    fn of_trait(&self) -> Caller {
        Location::caller()
    }
}

impl Located for Service {}

impl Service {
    #[promptlayer]
    #[track_caller]
    fn of_self(&self, (left, _): (u8, u8)) -> Caller {
        assert_eq!(self.0, left);
        Location::caller()
    }
}

#[promptlayer]
#[track_caller]
fn outer() -> Caller {
    before()
}

/// A function that is not tracked, so the reported caller is in its own body.
#[promptlayer]
fn untracked() -> (Caller, Caller) {
    (before(), { before() })
}

/// Returns every function with its reported caller and the line of the call.
fn all() -> Vec<(&'static str, Caller, u32)> {
    vec![
        ("before", before(), line!()),
        ("after", after(), line!()),
        ("conditional", conditional(), line!()),
        ("early", early(false).unwrap(), line!()),
        ("early Err", early(true).unwrap_err(), line!()),
        ("method", Service(1).of_self((1, 2)), line!()),
        ("trait", Service(1).of_trait(), line!()),
        ("outer", outer(), line!()),
    ]
}

fn assert_located() {
    let wrong: Vec<String> = all()
        .into_iter()
        .filter(|(_, caller, line)| (caller.file(), caller.line()) != (file!(), *line))
        .map(|(name, caller, line)| format!("{name} is called in line {line} and says {caller}"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let (first, second) = untracked();
    assert_eq!((first.file(), second.file()), (file!(), file!()));
    assert_eq!(first.line(), second.line());
}

#[test]
fn track_caller_reports_the_caller_without_a_layer() {
    assert_located();
}

#[test]
fn track_caller_reports_the_caller_with_a_layer() {
    let (layer, captured) = promptlayer_tracing::layer().in_memory().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), assert_located);
    assert!(captured.spans().len() > all().len());
}

#[promptlayer]
#[track_caller]
fn unwrapped(value: Option<u8>) -> u8 {
    value.expect("a value")
}

#[promptlayer]
#[track_caller]
fn panics(value: u8) -> u8 {
    if value > 3 { panic!("much") } else { value }
}

/// Returns the location that a panic reports.
fn panicked_at(run: impl FnOnce() -> u8) -> Option<(String, u32)> {
    static PLACE: Mutex<Option<(String, u32)>> = Mutex::new(None);
    fn place() -> std::sync::MutexGuard<'static, Option<(String, u32)>> {
        PLACE.lock().unwrap_or_else(PoisonError::into_inner)
    }
    let this = std::thread::current().id();
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panicked: &PanicHookInfo<'_>| {
        if std::thread::current().id() == this {
            *place() = panicked.location().map(|location| (location.file().to_owned(), location.line()));
        } else {
            before(panicked);
        }
    }));
    assert!(panic::catch_unwind(panic::AssertUnwindSafe(run)).is_err());
    drop(panic::take_hook());
    place().take()
}

#[test]
fn panic_in_a_track_caller_function_names_the_caller() {
    let line = line!() + 1;
    let place = panicked_at(|| unwrapped(None));
    assert_eq!(place, Some((file!().to_owned(), line)));
    let line = line!() + 1;
    let place = panicked_at(|| panics(4));
    assert_eq!(place, Some((file!().to_owned(), line)));
    assert_eq!((unwrapped(Some(1)), panics(1)), (1, 1));
}
