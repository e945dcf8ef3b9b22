//! Helpers for the examples: a language model and a PromptLayer server that need no account.
//!
//! Each example gets a client from [`openai()`]. If `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set, the client
//! connects to that service, otherwise to an [`OfflineModel`] in the same process. Each example logs to the
//! [`Service`] returned by [`promptlayer()`]: to your account if `PROMPTLAYER_API_KEY` is set, otherwise to
//! promptlayer-local in the same process.

pub mod loopback;
pub mod offline_model;
mod openai;
mod service;

pub use offline_model::OfflineModel;
pub use openai::{openai, openai_from};
pub use service::{Service, promptlayer};
