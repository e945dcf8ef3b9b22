//! Runs the cells of a test matrix in parallel and reports every cell that failed.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{env, thread};

/// Checks every cell, `workers` of them at a time.
///
/// A cell fails if `check` panics. The other cells still run. The threads mostly wait for sockets, so there
/// may be many more of them than cores. If the environment variable `CELLS` is set, only cells whose name
/// contains its value run.
///
/// # Panics
///
/// Panics if a cell failed. The message contains the name and the reason of each one.
pub fn check_cells<C: Display + Sync>(workers: usize, cells: &[C], check: impl Fn(&C) + Sync) {
    let only = env::var("CELLS").unwrap_or_default();
    let cells: Vec<&C> = cells.iter().filter(|cell| cell.to_string().contains(&only)).collect();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..workers.min(cells.len()) {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(cell))) {
                        let text = panic
                            .downcast_ref::<String>()
                            .map(String::as_str)
                            .or_else(|| panic.downcast_ref::<&str>().copied())
                            .unwrap_or("it panicked");
                        let failure = format!("{cell}: {text}");
                        failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort();
    assert!(
        failures.is_empty(),
        "{} of {} cells failed:\n{}",
        failures.len(),
        cells.len(),
        failures.join("\n")
    );
}
