//! Helpers shared by the end-to-end, contract and fault tests.
//!
//! - [`recorder`]: a local PromptLayer server that records every request. It answers as PromptLayer does, or
//!   fails as the test requires.
//! - [`beside`]: a layer that records the fields of spans, as any other layer can.
//! - [`cells`]: runs the cells of a test matrix in parallel.
//! - [`contract`]: checks bodies against PromptLayer's API document.
//! - [`recordings`]: recorded requests of other clients, for the scenes to reproduce.
//! - [`fixtures`]: recorded exchanges with providers.
//! - [`example`]: runs the example programs as a user does.
//! - [`in_memory`]: a layer that sends nothing, for tests of the attribute.
//! - [`pipeline`]: a layer that logs to a server of the test.
//! - [`proxy`]: a proxy in front of a server, which fails as the test requires.
//! - [`tls`]: a TLS proxy in front of a server, with a valid or an invalid certificate.
//! - [`process`]: starts, stops and kills a program that logs.
//! - [`random`]: random numbers from a seed.
//! - [`plain_client`]: an HTTP client that sends exactly what it is given.
//! - [`ear`]: a layer that counts spans and events by thread and target.
//! - [`error_vectors`]: the error types that PromptLayer's own clients distinguish.
//! - [`rustc`]: runs the compiler with the libraries of this build.

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
#[allow(dead_code, reason = "each crate uses a part of it")]
mod shared;
pub mod tls;

pub use beside::Beside;
pub use contract::{Contract, Violation};
pub use fixtures::Fixture;
pub use recorder::{Gate, Recorder, Reply, Request};
pub use recordings::{Answer, Exchange, Scene};

/// Compiles the code of the README as doc-tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// Compiles the code of the guides as doc-tests.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../docs/fleets.md")]
    struct Fleets;
    #[doc = include_str!("../../docs/frameworks.md")]
    struct Frameworks;
    #[doc = include_str!("../../docs/opentelemetry.md")]
    struct OpenTelemetry;
    #[doc = include_str!("../../docs/serverless.md")]
    struct Serverless;
    #[doc = include_str!("../../docs/services.md")]
    struct Services;
    #[doc = include_str!("../../docs/sessions-and-users.md")]
    struct SessionsAndUsers;
}
