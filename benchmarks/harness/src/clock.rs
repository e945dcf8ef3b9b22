//! Processor time and memory of this process.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::Error;

/// Returns the processor time of the calling thread.
pub fn thread_cpu() -> Duration {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Returns the processor time of all threads of this process.
pub fn process_cpu() -> Duration {
    read(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).expect("a clock that Linux has").into()
}

/// Returns the largest amount of memory that this process has used so far, in KiB.
pub fn peak_memory_kib() -> Result<u64, Error> {
    memory_kib("self", "VmHWM:")
}

/// Returns the memory that a process uses now, in KiB.
pub fn resident_memory_kib(process: u32) -> Result<u64, Error> {
    memory_kib(&process.to_string(), "VmRSS:")
}

fn memory_kib(process: &str, field: &str) -> Result<u64, Error> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let size = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("no such field")?;
    Ok(size.trim_end_matches("kB").trim().parse()?)
}
