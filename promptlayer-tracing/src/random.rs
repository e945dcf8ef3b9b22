//! Random ids of traces and spans.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};
use std::process;
use std::time::{Instant, SystemTime};

use promptlayer_blueprint::{SpanId, TraceId};

use crate::fork;

/// Returns a new trace id. It is unique for all practical purposes, but not a secret.
pub(crate) fn trace_id() -> TraceId {
    random(TraceId::from_bytes)
}

/// Returns a new span id. It is unique for all practical purposes, but not a secret.
pub(crate) fn span_id() -> SpanId {
    random(SpanId::from_bytes)
}

fn random<Id, const N: usize>(id: impl Fn([u8; N]) -> Option<Id>) -> Id {
    loop {
        let mut bytes = [0; N];
        fill_random(&mut bytes);
        // All zeros are no id.
        if let Some(id) = id(bytes) {
            return id;
        }
    }
}

std::thread_local! {
    /// The generation of the process that seeded this thread's generator (0 if it was not seeded), and the
    /// generator's state.
    ///
    /// This is not the global generator of `fastrand`, because a program may seed that one with a fixed
    /// number, and because a forked child shares its state with the parent.
    static GENERATOR: Cell<(u32, u64)> = const { Cell::new((0, 0)) };
}

/// Fills `bytes` with random bytes that differ between threads, processes and forks.
fn fill_random(bytes: &mut [u8]) {
    // A `Cell` has no destructor, so it stays usable for the whole life of the thread.
    let (process, state) = GENERATOR.get();
    let current = fork::generation();
    let mut generator = fastrand::Rng::with_seed(if process == current { state } else { seed() });
    generator.fill(bytes);
    GENERATOR.set((current, generator.get_seed()));
}

/// Returns a seed for this thread and process: the process id and two clocks, hashed with keys from the
/// system's random source.
#[cold]
fn seed() -> u64 {
    fork::watch();
    // Each thread has different keys. A forked child has the keys of its parent, but a different process id.
    RandomState::new().hash_one((process::id(), Instant::now(), SystemTime::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_id_reads_back_from_its_text() {
        for _ in 0..100 {
            let (trace, span) = (trace_id(), span_id());
            assert_eq!(trace.to_string().parse::<TraceId>().unwrap(), trace);
            assert_eq!(span.to_string().to_uppercase().parse::<SpanId>().unwrap(), span);
            let json = serde_json::to_string(&trace).unwrap();
            assert_eq!(serde_json::from_str::<TraceId>(&json).unwrap(), trace);
        }
    }

    #[test]
    fn seeding_the_programs_generator_does_not_seed_the_ids() {
        let ids = || {
            fastrand::seed(7);
            [trace_id(), trace_id()]
        };
        let [first, second] = [ids(), ids()];
        assert!(first.iter().all(|id| !second.contains(id)));
    }
}
