//! What the end-to-end, contract and fault tests share.
//!
//! - [`recorder`]: a PromptLayer on loopback that records what it is sent and answers as the service does, or as badly
//!   as a test wants.
//! - [`contract`]: PromptLayer's own API document, against which bodies are checked.
//! - [`recordings`]: what other clients sent in the scenes to match.

pub mod contract;
#[cfg(test)]
mod plain_client;
pub mod recorder;
pub mod recordings;
mod shared;

pub use contract::{Contract, Violation};
pub use recorder::{Gate, Recorder, Reply, Request};
pub use recordings::{Answer, Exchange, Scene};
