//! PromptLayer's prompt blueprint, without I/O.
//!
//! The [blueprint](Prompt) is PromptLayer's own form of a prompt and of a response, for every provider. This crate holds:
//!
//! - the types of the blueprint, such as [`Prompt`], [`Message`] and [`LogRequest`], and the values that go with them:
//!   [`RequestId`], [`Tags`], [`Score`];
//! - [`providers`]: the wire formats of model providers, read into the blueprint;
//! - [`templates`]: rendering of f-string and jinja2 templates, with the results of PromptLayer's Python client;
//! - [`ToExchange`]: a trait for types of an application that stand for a request or a response;
//! - [`semconv`]: names of span attributes.
//!
//! Most users depend on `promptlayer-tracing`, which re-exports this crate as its module `blueprint`.
//!
//! ```
//! use promptlayer_blueprint::{LogRequest, Prompt};
//!
//! let question = Prompt::user("What comes after 1,2,3 ?");
//! let log = LogRequest::new("openai", "gpt-4o", question, Prompt::assistant("4"));
//! assert_eq!(log.model, "gpt-4o");
//! ```
//!
//! # The types of the blueprint
//!
//! The structs and enums of this page are plain data, with the names of PromptLayer's API document. You write or read
//! them where you redact requests (`LayerBuilder::redact`), test your calls (`LayerBuilder::in_memory`), log a call
//! yourself (`Client::log_request`), and use templates. [`Prompt`], [`Message`], [`ContentBlock`], [`LogRequest`] and
//! [`Tool`] have examples; the other types are parts of these.
//!
//! Optional fields without a value are left out of the JSON. Content of an unknown kind is kept as it was received, in
//! the variants `Other`. Most structs are `#[non_exhaustive]`: create them with a constructor or from JSON, and then set
//! their fields.
//!
//! Ids, tags and scores are checked when they are made. [`ParseIdError`], [`InvalidTag`] and [`InvalidScore`] are the
//! errors of these checks, and `RenderError` is that of a template. Their messages say what is wrong.
//!
//! # Features
//!
//! - `templates` (default): the module [`templates`].
//! - `prices`: the module `prices`, which estimates the price of a request. The table of prices adds 0.8 MB to a program.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod blueprint;
mod error;
mod exchange;
mod fields;
mod ids;
#[cfg(feature = "prices")]
#[cfg_attr(docsrs, doc(cfg(feature = "prices")))]
pub mod prices;
pub mod providers;
mod score;
pub mod semconv;
#[cfg(test)]
#[allow(dead_code, reason = "each crate uses a part of it")]
#[path = "../../tests/src/shared.rs"]
mod shared;
mod tags;
#[cfg(feature = "templates")]
pub mod templates;

/// Not part of the public API.
#[doc(hidden)]
pub mod __serde {
    pub use crate::fields::{or_default, rfc3339};
}

pub use crate::blueprint::*;
#[cfg(feature = "templates")]
pub use crate::error::RenderError;
pub use crate::error::{InvalidScore, InvalidTag, ParseIdError};
pub use crate::exchange::ToExchange;
pub use crate::ids::{RequestId, SpanId, TraceId};
pub use crate::score::Score;
pub use crate::tags::Tags;
