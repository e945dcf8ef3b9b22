//! What the examples share: a language model and a PromptLayer that need no account.
//!
//! Each example asks [`openai()`] for a client. With `OPENAI_API_KEY` or `OPENAI_BASE_URL` set it talks to that
//! service; otherwise to an [`OfflineModel`] inside the same process. It logs to the [`Service`] of [`promptlayer()`]:
//! with `PROMPTLAYER_API_KEY` set to that account, otherwise to promptlayer-local inside the same process.

pub mod loopback;
pub mod offline_model;
mod openai;
mod service;

pub use offline_model::OfflineModel;
pub use openai::{openai, openai_from};
pub use service::{Service, promptlayer};
