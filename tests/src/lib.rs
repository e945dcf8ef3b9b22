//! What the end-to-end, contract and fault tests share.
//!
//! - [`recorder`]: a PromptLayer on loopback that records what it is sent and answers as the service does, or as badly
//!   as a test wants.
//! - [`beside`]: a layer that sees the fields of spans as any other does.
//! - [`cells`]: the cells of a test matrix, run side by side.
//! - [`contract`]: PromptLayer's own API document, against which bodies are checked.
//! - [`recordings`]: what other clients sent in the scenes to match.
//! - [`fixtures`]: exchanges that were really had with providers.
//! - [`example`]: the example programs, run as a user runs them.
//! - [`in_memory`]: a layer that sends nowhere, for tests of the attribute.
//! - [`pipeline`]: a layer that logs to a server of the test.
//! - [`proxy`]: a way to a server that fails as it is told.
//! - [`tls`]: a way to a server by TLS, with a certificate that is good, or is not.
//! - [`process`]: a program that logs, to be run, ended and killed as a whole.
//! - [`random`]: numbers that follow from a seed.
//! - [`plain_client`]: a client that sends what it is told and no more.
//! - [`ear`]: a layer that notes who said what.
//! - [`error_vectors`]: which kinds of errors the vendor's own clients tell apart.
//! - [`rustc`]: the compiler, with the libraries of this build.

pub mod beside;
pub mod cells;
pub mod contract;
pub mod ear;
pub mod error_vectors;
pub mod example;
pub mod fixtures;
pub mod in_memory;
pub mod pipeline;
pub mod plain_client;
pub mod process;
pub mod proxy;
pub mod random;
pub mod recorder;
pub mod recordings;
pub mod rustc;
mod shared;
pub mod tls;

pub use beside::Beside;
pub use contract::{Contract, Violation};
pub use fixtures::Fixture;
pub use recorder::{Gate, Recorder, Reply, Request};
pub use recordings::{Answer, Exchange, Scene};

/// The README's code, which compiles as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
