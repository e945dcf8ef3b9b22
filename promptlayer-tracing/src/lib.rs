//! Trace calls of language models with one attribute and one `tracing` layer.
//!
//! Annotate a function that calls a model with [`#[promptlayer]`](macro@promptlayer), install a
//! [`layer`](layer()), and every call becomes a request log of PromptLayer in its trace, whose id
//! your hook receives.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use promptlayer_tracing::promptlayer;
//! use tracing_subscriber::prelude::*;
//!
//! #[promptlayer(tags = ["chat"])]
//! async fn ask(question: &str) -> Result<String, std::io::Error> {
//!     // … call the model …
//!     # Ok(question.to_owned())
//! }
//!
//! fn main() -> Result<(), promptlayer_tracing::Error> {
//!     let (layer, guard) = promptlayer_tracing::layer()
//!         .on_request_id(|request| println!("promptlayer id {}", request.id()))
//!         .build()?;
//!     tracing_subscriber::registry().with(layer).init();
//!
//!     // … the program …
//!
//!     guard.shutdown(Duration::from_secs(5));
//!     Ok(())
//! }
//! ```
//!
//! # What becomes of a call
//!
//! The attribute opens a span. If a layer records it, the arguments are serialized before the body
//! takes them, and the value after it; where none does, nothing is serialized. When the function
//! returns, fails, panics, or is dropped half-way, the layer puts the whole into a bounded queue: that
//! is all that the calling thread ever does. A thread of its own converts provider shapes (those of OpenAI,
//! Anthropic, Gemini, Bedrock, Cohere, Ollama and their like, and plain texts by the names of the
//! arguments) to PromptLayer's prompt blueprint, sends them in batches, and reads the ids back; another runs
//! the hooks.
//!
//! What cannot be sent is sent again, or read back, or [kept on disk](LayerBuilder::spool); whatever is lost is
//! counted, by reason: see [`Stats`].
//!
//! Without a `kind` the innermost annotated call makes the request log. Annotated functions around it
//! become spans of its trace, and their tags, metadata and prompt are its own too.
//!
//! # Without annotating
//!
//! With the feature `reqwest-middleware`, the module `middleware` logs every call of a model that is made through
//! a client of the crate `reqwest-middleware`.
//!
//! # In a library
//!
//! Depend on this crate with `default-features = false`: annotated functions then cost the dependencies
//! `tracing`, `serde`, the attribute, and `futures-core` for streams. The application adds the feature `export`, which is on by
//! default, and installs the layer.
//!
//! # In tests
//!
//! [`LayerBuilder::in_memory`] gives a layer that sends nowhere, and the requests that it received.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod call;
mod capture;
#[cfg(feature = "export")]
mod convert;
#[cfg(feature = "export")]
mod error;
mod exchange;
#[cfg(feature = "export")]
mod export;
#[cfg(feature = "export")]
mod fork;
mod future;
mod hidden;
#[cfg(feature = "export")]
mod hook;
#[cfg(not(feature = "export"))]
mod inactive;
mod kind;
#[cfg(feature = "export")]
mod layer;
#[cfg(feature = "export")]
mod memory;
#[cfg(feature = "reqwest-middleware")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest-middleware")))]
pub mod middleware;
mod opening;
#[cfg(feature = "export")]
mod progress;
mod prompt_link;
#[cfg(feature = "export")]
mod random;
#[cfg(feature = "export")]
mod record;
mod secrets;
#[cfg(feature = "export")]
mod sink;
mod site;
mod stream;
mod tag_check;

pub use promptlayer_macros::promptlayer;

pub use crate::kind::Kind;
pub use crate::prompt_link::{PromptLink, ToPromptLink};

#[cfg(feature = "export")]
pub use promptlayer_blueprint::{self as blueprint, RequestId, Score, SpanId, Tags, TraceId};
#[cfg(feature = "export")]
pub use promptlayer_client::{
    self as client, Client, ClientBuilder, Enqueueable, Env, GetTemplate, GroupId, Groups, ListTemplates,
    ListedTemplate, LoggedRequestDetail, PublishTemplate, PublishedTemplate, RenderedPrompt, Requests,
    SnippetReference, SpanDetail, Template, TemplatePage, Templates, TraceDetail, Track, TrackGroup,
    TrackMetadata, TrackPrompt, TrackRequest, TrackScore,
};

#[cfg(feature = "export")]
pub use crate::{
    error::{Error, ErrorKind},
    export::{
        BatchLimits, DropReason, Flushed, Guard, Ledger, Pending, QueueLimits, RejectReason, RetryPolicy,
        SpoolMode, SpoolSettings, Stats, Wire,
    },
    hook::{HookStats, LoggedRequest},
    layer::{LayerBuilder, PromptLayer},
    memory::{CapturedSpan, InMemory},
};

/// Sets up a layer that records annotated functions and sends them to PromptLayer.
///
/// Reads `PROMPTLAYER_API_KEY`, `PROMPTLAYER_BASE_URL` and `PROMPTLAYER_HTTP_TIMEOUT` from the
/// environment when it is built, where the builder was not told otherwise.
///
/// ```no_run
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// use tracing_subscriber::prelude::*;
///
/// let (layer, guard) = promptlayer_tracing::layer().tags(["my-service"]).build()?;
/// tracing_subscriber::registry().with(layer).init();
/// # drop(guard);
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "export")]
pub fn layer() -> LayerBuilder {
    LayerBuilder::default()
}

/// What the attribute's code calls. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use tracing;

    pub use crate::__promptlayer_hook as hook;
    pub use crate::__promptlayer_span as span;
    pub use crate::body::{body, body_seen};
    pub use crate::call::{Call, InlineCall};
    pub use crate::exchange::Input;
    pub use crate::future::{boxed_future, boxed_future_seen, future, future_of, future_seen};
    pub use crate::hidden::{HidesFuture, HidesNoStream, HidesNothing, HidesStream, Slot};
    pub use crate::kind::Kind;
    pub use crate::opening::SpanSite;
    pub use crate::secrets::is_secret;
    #[cfg(feature = "export")]
    pub use crate::site::on_request_id;
    pub use crate::site::{CallSite, OnRequestId};
    pub use crate::stream::{Streamed, TraceStream, stream_of};

    /// Picks what a value's type can do.
    pub mod capture {
        pub use crate::capture::*;
    }
    /// Checks tags.
    pub mod tags {
        pub use crate::tag_check::*;
    }
}
