//! What all subjects share: the workloads, how they are measured, and the server that receives exports.
//!
//! A subject is a way to record calls. Each package in `subjects/` is a program with one or more of them. The
//! runner starts one process for each subject and workload, and tells it when to run a round ([`protocol`]).

pub mod allocations;
pub mod chat;
pub mod clock;
pub mod content;
mod measure;
pub mod protocol;
pub mod sink;
pub mod subject;
pub mod work;

/// What can go wrong in a benchmark.
pub type Error = Box<dyn std::error::Error>;
