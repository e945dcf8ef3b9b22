//! Helpers for the examples: a language model and a PromptLayer server that need no account.
//!
//! Each example connects to the [`Endpoint`] returned by [`endpoint()`]. If `OPENAI_API_KEY` or
//! `OPENAI_BASE_URL` is set, it is that service, otherwise an [`OfflineModel`] in the same process. Each
//! example logs to the [`Service`] returned by [`promptlayer()`]: to your account if `PROMPTLAYER_API_KEY` is
//! set, otherwise to promptlayer-local in the same process.
//!
//! The quickstart is the only example in this package, so that it compiles in a short time. The examples that
//! use other crates are in the package `examples-integrations`.

mod chat_client;
mod endpoint;
pub mod loopback;
pub mod offline_model;
mod service;

pub use chat_client::{ChatClient, ChatError};
pub use endpoint::{Endpoint, endpoint, endpoint_from};
pub use offline_model::OfflineModel;
pub use service::{Service, promptlayer};
