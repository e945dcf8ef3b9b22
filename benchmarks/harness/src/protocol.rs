//! What the runner and the process of a subject say to each other: one JSON value a line.
//!
//! A subject's process is started with the name of the subject, the name of the workload and the address of
//! the server. It answers each command with one line. At the end of its input it ends the subject, and fails
//! if a span was lost.

use serde::{Deserialize, Serialize};

/// The only argument with which a subject's process lists what it has, instead of running it.
pub const LIST: &str = "list";

/// A subject and the workloads that it has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listed {
    pub subject: String,
    pub works: Vec<String>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Command {
    /// Make bursts of calls on so many threads. After each, wait until it is exported.
    Round { bursts: usize, calls: usize, threads: usize },
    /// Make calls on one thread, and do not wait until they are exported.
    Record { calls: usize },
    /// Make calls as fast as possible on one thread, and measure until they are exported.
    Export { calls: usize },
}

/// What a round measured.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Round {
    /// Processor time of the calling threads, in ns a call.
    pub cpu_ns: f64,
    /// Allocations of the calling threads a call.
    pub allocations: f64,
    /// Bytes that the calling threads allocated a call.
    pub allocated_bytes: f64,
    /// Calls a second of all threads together, by the wall clock.
    pub calls_per_second: f64,
}

/// What an export measured.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Exported {
    /// From the first call until everything was exported.
    pub seconds: f64,
    /// Processor time of all threads but the calling one, in µs a call.
    pub cpu_us: f64,
    /// The largest amount of memory that the process used so far.
    pub peak_kib: u64,
}
