//! Runs calls and measures them.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;
use crate::allocations::Allocations;
use crate::clock;
use crate::protocol::{Exported, Round};
use crate::subject::{Run, Session};

/// Makes calls. Callgrind counts the instructions inside this function, which it finds by its name.
#[inline(never)]
pub(crate) fn measured_calls(run: Run, prompt: &str, calls: usize) {
    for _ in 0..calls {
        run(black_box(prompt));
    }
}

/// The sums of several bursts of calls, of all threads together.
#[derive(Default)]
pub(crate) struct Measured {
    calls: usize,
    cpu: Duration,
    allocations: Allocations,
    /// By the wall clock, from the first start of a thread to the last end, without the time between bursts.
    took: Duration,
}

impl Measured {
    /// Makes at least `calls` calls, the same number on each thread.
    pub(crate) fn burst(&mut self, run: Run, prompt: &str, calls: usize, threads: usize) {
        let each = calls.div_ceil(threads);
        let of_threads = match threads {
            1 => vec![on_this_thread(run, prompt, each)],
            _ => on_threads(run, prompt, each, threads),
        };
        self.calls += each * threads;
        self.cpu += of_threads.iter().map(|thread| thread.cpu).sum::<Duration>();
        self.allocations += of_threads.iter().map(|thread| thread.allocations).sum();
        let begun = of_threads.iter().map(|thread| thread.begun).min();
        let ended = of_threads.iter().map(|thread| thread.ended).max();
        self.took += begun.zip(ended).map_or(Duration::ZERO, |(begun, ended)| ended - begun);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    pub(crate) fn round(&self) -> Round {
        let calls = self.calls as f64;
        Round {
            cpu_ns: self.cpu.as_nanos() as f64 / calls,
            allocations: self.allocations.count as f64 / calls,
            allocated_bytes: self.allocations.bytes as f64 / calls,
            calls_per_second: calls / self.took.as_secs_f64(),
        }
    }
}

struct OfThread {
    begun: Instant,
    ended: Instant,
    cpu: Duration,
    allocations: Allocations,
}

fn on_this_thread(run: Run, prompt: &str, calls: usize) -> OfThread {
    let begun = Instant::now();
    let (cpu, allocations) = (clock::thread_cpu(), Allocations::of_this_thread());
    measured_calls(run, prompt, calls);
    let cpu = clock::thread_cpu() - cpu;
    let allocations = Allocations::of_this_thread() - allocations;
    OfThread { begun, ended: Instant::now(), cpu, allocations }
}

fn on_threads(run: Run, prompt: &str, each: usize, threads: usize) -> Vec<OfThread> {
    let barrier = Barrier::new(threads);
    let on_thread = || {
        barrier.wait();
        on_this_thread(run, prompt, each)
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(on_thread)).collect();
        running.into_iter().map(|thread| thread.join().expect("a thread that measures")).collect()
    })
}

/// Makes all calls at once, and waits until they are exported.
pub(crate) fn export(run: Run, prompt: &str, calls: usize, session: &dyn Session) -> Result<Exported, Error> {
    let (begun, of_process, of_thread) = (Instant::now(), clock::process_cpu(), clock::thread_cpu());
    measured_calls(run, prompt, calls);
    session.flush()?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = (clock::process_cpu() - of_process).saturating_sub(clock::thread_cpu() - of_thread);
    let cpu_us = cpu.as_secs_f64() * 1e6 / calls as f64;
    Ok(Exported { seconds, cpu_us, peak_kib: clock::peak_memory_kib()? })
}
