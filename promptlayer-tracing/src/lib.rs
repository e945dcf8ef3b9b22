//! Trace language model calls with one attribute and one `tracing` layer.
//!
//! Annotate a function that calls a model with [`#[promptlayer]`](macro@promptlayer) and install a
//! [`layer`](layer()). Each call becomes a PromptLayer request log, linked to its trace. Your hook receives
//! the id of the request log.
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
//! # How a call is recorded
//!
//! The attribute opens a span. If a layer records the span, the attribute serializes the arguments before the
//! body takes them, and the return value after the body. If no layer records it, nothing is serialized. When
//! the function returns, fails, panics or is dropped, the layer puts the finished span into a bounded queue.
//! By default, the calling thread does nothing else.
//!
//! A separate thread converts provider formats to PromptLayer's prompt blueprint. It knows the formats of
//! OpenAI, Anthropic, Gemini, Bedrock, Cohere, Ollama and compatible providers, and it converts plain text by
//! the names of the arguments. The same thread sends the requests in batches and reads the ids back. Another
//! thread runs the hooks.
//!
//! If sending fails, the request is retried, looked up at PromptLayer, or
//! [stored on disk](LayerBuilder::spool). Lost requests are counted by reason: see [`export::Stats`].
//!
//! Without a `kind`, the innermost annotated call makes the request log. The annotated functions around it
//! become spans of the trace, and the request log inherits their tags, metadata and prompt.
//!
//! # Without the attribute
//!
//! The layer reads the spans in which rig, genai, langchain-rust and swiftide describe their model calls, and any
//! span with OpenTelemetry's `gen_ai.*` attributes. By default, these crates record no content. Enable it with rig's
//! `record_content_telemetry(true)`, or with genai's feature `otel` and the environment variable
//! `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`. With rig's feature `reqwest-middleware`, the module
//! `middleware` of this crate logs more than rig's spans do.
//!
//! The module `middleware` logs model calls where they leave the process as HTTP requests: in clients of
//! `reqwest-middleware`, in services of `tower`, and in the AWS SDK. For clients that only take a base address,
//! the function `proxy` starts a proxy in this process. A request inside an annotated call completes the log
//! of that call.
//!
//! # Inside a call, and around many
//!
//! [`current`] returns a handle of the call that the code runs in. It adds tags, metadata and scores, replaces what is
//! logged as input, output or model, and gives the ids of the trace and of the request. [`scope()`] adds tags, metadata,
//! a user and a session to all calls inside, and [`with_request_id`] returns a value together with the id of its
//! request. The module [`propagation`] continues the traces of other processes.
//!
//! # In a library
//!
//! Depend on this crate with `default-features = false`. Annotated functions then only need the dependencies
//! `tracing`, `serde`, the attribute macro, and `futures-core` for streams. The application enables the
//! default feature `export` and installs the layer.
//!
//! # Features
//!
//! - `export` (default): the layer, the export pipeline and the REST client.
//! - `rustls` (default) or `native-tls`: the TLS library. Without either, only `http` URLs work.
//! - `templates` (default): rendering of prompt templates.
//! - `prices`: `export::KeepPolicy::costs_more_than`, which keeps costly traces, and the module `blueprint::prices`.
//! - `reqwest-middleware`, `tower`, `aws`: the module `middleware` for clients of these crates. `aws` needs the
//!   Rust version of the AWS SDK that you use.
//! - `proxy`: the function and the module of that name.
//! - `middleware`: what these four share. It does nothing alone.
//! - `otlp`: [spans in OpenTelemetry's protocol](LayerBuilder#method.otlp), to PromptLayer or to a collector.
//! - `metrics`: [metrics](LayerBuilder#method.meter_provider) for OpenTelemetry.
//! - `tracing-opentelemetry`: the ids of spans are those of the crate of that name, where its layer is installed. See
//!   the module [`propagation`].
//! - `http`: the headers of the crate `http`, for the module [`propagation`]. `middleware` includes it.
//!
//! # In tests
//!
//! [`LayerBuilder::in_memory`] returns a layer that sends nothing, and a handle to the requests that it
//! recorded.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod capture;
mod current;
#[cfg(feature = "export")]
mod error;
#[cfg(feature = "export")]
pub mod export;
#[cfg(feature = "export")]
mod fork;
#[cfg(feature = "export")]
pub mod hooks;
mod instrument;
mod kind;
#[cfg(feature = "export")]
mod layer;
#[cfg(feature = "middleware")]
#[cfg_attr(docsrs, doc(cfg(feature = "middleware")))]
pub mod middleware;
#[cfg(feature = "export")]
mod process;
mod prompt_link;
#[cfg(feature = "export")]
pub mod propagation;
#[cfg(feature = "proxy")]
#[cfg_attr(docsrs, doc(cfg(feature = "proxy")))]
pub mod proxy;
#[cfg(feature = "export")]
mod random;
pub mod scope;
#[cfg(feature = "export")]
mod serialize;
#[cfg(all(test, feature = "export"))]
#[allow(dead_code, reason = "each crate uses a part of it")]
#[path = "../../tests/src/shared.rs"]
mod shared;
mod span;

#[cfg(feature = "export")]
#[doc(inline)]
pub use promptlayer_blueprint::{self as blueprint, RequestId, Score, SpanId, Tags, TraceId};
#[cfg(feature = "export")]
#[doc(inline)]
pub use promptlayer_client::{self as client, Client};
pub use promptlayer_macros::promptlayer;

#[cfg(feature = "export")]
pub use crate::current::with_request_id;
pub use crate::current::{CurrentCall, current};
#[cfg(feature = "export")]
pub use crate::error::{Error, ErrorKind};
#[cfg(feature = "export")]
pub use crate::export::ShutdownGuard;
#[cfg(feature = "export")]
pub use crate::hooks::LoggedRequest;
pub use crate::kind::SpanKind;
#[cfg(feature = "export")]
pub use crate::layer::{LayerBuilder, PromptLayer};
pub use crate::prompt_link::{PromptLink, ToPromptLink};

/// The destination of a layer for tests, which keeps what it receives. [`LayerBuilder::in_memory`] makes it;
/// [`InMemory`](in_memory::InMemory) has an example.
#[cfg(feature = "export")]
pub mod in_memory {
    pub use crate::process::in_memory::{CapturedSpan, InMemory};
}

/// Returns a builder for a layer that records annotated functions and sends them to PromptLayer.
///
/// When the layer is built, settings that the builder does not have are read from the environment variables
/// `PROMPTLAYER_API_KEY`, `PROMPTLAYER_BASE_URL` and `PROMPTLAYER_HTTP_TIMEOUT`. With `PROMPTLAYER_DISABLED=true`, the
/// layer does nothing and needs no key: see [`LayerBuilder::disabled`].
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

/// Returns a scope: its tags, metadata, user and session are inherited by every call inside. For code that has no
/// function of its own. See the module [`scope`](mod@scope).
///
/// It starts with what the scope around it carries.
///
/// ```
/// # async fn answer(_: &str) {}
/// async fn handle(user: &str, question: &str) {
///     promptlayer_tracing::scope().user(user).tags(["chat"]).run(answer(question)).await;
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(handle("u-1", "why?"));
/// ```
pub fn scope() -> scope::Scope {
    scope::Scope::new()
}

/// Returns a builder for a proxy in this process, in front of the provider at `provider_url`. It logs the
/// calls of clients that only take a base address: see the module [`proxy`](mod@proxy).
///
/// Give it the address that you would give to the client, and give the client the address of the proxy.
///
/// ```no_run
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let proxy = promptlayer_tracing::proxy("https://api.openai.com/v1").start()?;
/// println!("{}", proxy.url()); // http://127.0.0.1:…
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "proxy")]
#[cfg_attr(docsrs, doc(cfg(feature = "proxy")))]
pub fn proxy(provider_url: impl Into<String>) -> proxy::ProxyBuilder {
    proxy::ProxyBuilder::new(provider_url.into())
}

/// Support code for the attribute's expansion. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use tracing;

    pub use crate::capture::secret_names::is_secret;
    pub use crate::instrument::boxed::{body, body_seen};
    pub use crate::instrument::call::{Call, InlineCall};
    pub use crate::instrument::future::{boxed_future, boxed_future_seen, future, future_of, future_seen};
    pub use crate::instrument::holds::{First, Second, Third, Whole};
    pub use crate::instrument::span_macro::SpanSite;
    pub use crate::instrument::type_probe::{
        FutureIsNotLogged, StreamIsNotLogged, end_of, end_of_generic, end_of_tuple, end_of_value, required,
        start_of, stream_of, streamed,
    };
    pub use crate::kind::SpanKind as Kind;
    #[cfg(feature = "export")]
    pub use crate::span::call_site::on_request_id;
    pub use crate::span::call_site::{CallSite, OnRequestId};
    pub use crate::span::input_output::Input;
    pub use crate::{__promptlayer_hook as hook, __promptlayer_span as span};

    /// Selects how to capture a value by the traits that its type implements.
    pub mod capture {
        pub use crate::capture::*;
    }
    /// The traits whose methods select how a value is captured, without their names.
    pub mod asked {
        pub use crate::capture::{
            ArgumentByDebug as _, ArgumentBySerialize as _, ArgumentByText as _, ArgumentByType as _,
            ErrorByBox as _, ErrorByBoxed as _, ErrorByBoxedLocal as _, ErrorByChain as _, ErrorByDebug as _,
            ErrorByDisplay as _, ErrorByType as _, FailureOf as _, GivenByResult as _, GivenByValue as _,
            OutputByBoth as _, OutputByDebug as _, OutputByDisplay as _, OutputBySerialize as _,
            OutputByType as _, RequestByExchange as _, RequestByNothing as _, ResponseByExchange as _,
            ResponseByNothing as _,
        };
        pub use crate::instrument::type_probe::{
            EndOf as _, FutureIsNotLogged as _, StartOf as _, StreamIsNotLogged as _,
        };
    }
    /// Compile-time checks of tags.
    pub mod tags {
        pub use crate::instrument::const_tags::*;
    }
}
