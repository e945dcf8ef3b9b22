//! Traces that cross the border of the process.
//!
//! A service [continues](continue_from) the trace of its caller, and [injects](inject) its own place in the trace into
//! what it sends, as the headers `traceparent`, `tracestate` and `baggage` of W3C Trace Context and W3C Baggage.
//!
//! ```
//! use std::collections::HashMap;
//!
//! use promptlayer_tracing::{promptlayer, propagation};
//!
//! #[promptlayer(kind = "agent")]
//! async fn answer(question: &str) -> String {
//!     let mut attributes = HashMap::new();
//!     propagation::inject(&mut attributes);
//!     // … send a message with the attributes …
//!     # assert!(attributes["traceparent"].starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
//!     format!("… answer to {question} …")
//! }
//!
//! async fn handle(attributes: HashMap<String, String>, question: &str) -> String {
//!     propagation::continue_from(&attributes).tags(["queue"]).run(answer(question)).await
//! }
//! # use tracing_subscriber::prelude::*;
//! # let (layer, captured) = promptlayer_tracing::layer().in_memory()?;
//! # let _default = tracing_subscriber::registry().with(layer).set_default();
//! # let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
//! # let attributes = HashMap::from([("traceparent".to_owned(), parent.to_owned())]);
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(handle(attributes, "why?"));
//! # assert_eq!(captured.spans()[0].parent_id.unwrap().to_string(), "00f067aa0ba902b7");
//! # Ok::<(), promptlayer_tracing::Error>(())
//! ```
//!
//! | | in | out |
//! |---|---|---|
//! | requests of axum, tonic and other `tower` services | `ContinueLayer` (feature `tower`) | `InjectLayer` (features `tower`, `reqwest-middleware`) |
//! | any headers, attributes of messages | [`continue_from`] | [`inject`] |
//! | child processes | [`continue_from_env`] | [`inject`] into a [`Command`](std::process::Command) |
//! | the Model Context Protocol | [`continue_from_meta`] | [`inject_meta`] |
//! | model calls through the module `middleware` | | [`Propagation::hosts`] |
//!
//! # What is trusted
//!
//! A valid `traceparent` sets the trace and the parent of the calls, and its flag decides whether they are recorded:
//! the layer's [`sample`](crate::LayerBuilder::sample) decides only for traces that start here. Without a valid one, a
//! new trace starts, also inside a recorded span. Nothing in a header is an error.
//!
//! Baggage is passed on unchanged. Tags and metadata are read from it only as far as
//! [`LayerBuilder::propagate`](crate::LayerBuilder::propagate) allows. Of a list that is too long, the first 64 members
//! and 8192 bytes are kept.
//!
//! # Beside tracing-opentelemetry
//!
//! With the feature `tracing-opentelemetry`, install the layers in any order. A span that both record has the ids of
//! OpenTelemetry, its sampling decision is followed, and [`inject`] writes what OpenTelemetry's own propagator does. A
//! span that also reaches PromptLayer through an OTLP exporter is therefore the same span, and its call is logged once.
//! A trace that is continued here is also continued by OpenTelemetry, if its layer activates contexts, as it does by
//! default.
//!
//! - The parent is the nearest span around that the layer records, also if OpenTelemetry has spans in between. At the
//!   start of a trace it is OpenTelemetry's parent, except if that was set with `set_parent` on the recorded span
//!   itself: it cannot be read back, so that the span then has no parent, in the right trace.
//! - A call of an annotated function starts OpenTelemetry's span at once, so call `set_parent` on a span around it.
//! - A span of another crate keeps ids of its own if it is never entered, no field is recorded on it later, no span is
//!   opened inside, and OpenTelemetry's layer was installed first: it has then forgotten the ids when the span ends.

pub(crate) mod baggage;
mod carrier;
#[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
mod outgoing;
pub(crate) mod remote;
#[cfg(feature = "reqwest-middleware")]
mod reqwest;
pub(crate) mod settings;
#[cfg(feature = "tower")]
mod tower;
pub(crate) mod traceparent;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use self::carrier::{Extractor, Injector};
#[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "reqwest-middleware", feature = "tower"))))]
pub use self::outgoing::InjectLayer;
use self::remote::Remote;
pub use self::settings::Propagation;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use self::tower::{ContinueLayer, ContinueService, InjectService};
use crate::layer::innermost::{self, Context};
use crate::scope::Scope;

/// The names of the fields.
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const BAGGAGE: &str = "baggage";

/// Continues the trace of a caller: calls directly inside the returned scope are children of the caller's span.
///
/// A recorded span around the scope is not their parent. Tags, metadata and more can be added, as to every
/// [`scope`](crate::scope()). See the [module](self) for an example, and for what is trusted.
///
/// ```
/// use promptlayer_tracing::propagation::continue_from;
///
/// # let message = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")];
/// let attribute = |name: &str| {
///     let found = message.iter().find(|(key, _)| *key == name);
///     found.map(|(_, value)| (*value).to_owned())
/// };
/// continue_from(&attribute).in_scope(|| {
///     // …
/// });
/// ```
pub fn continue_from(carrier: &(impl Extractor + ?Sized)) -> Scope {
    let [parents, states, baggage] = [TRACEPARENT, TRACESTATE, BAGGAGE].map(|name| carrier.get_all(name));
    Scope::continuing(Arc::new(Remote::from_values(&parents, &states, &baggage)))
}

/// Continues the trace of the process that started this one, from the environment variables `TRACEPARENT`, `TRACESTATE`
/// and `BAGGAGE`.
///
/// ```
/// # fn work() {}
/// fn main() {
///     // … build the layer …
///     promptlayer_tracing::propagation::continue_from_env().in_scope(work);
/// }
/// ```
///
/// The other process sets them with [`inject`]:
///
/// ```
/// use std::process::Command;
///
/// let mut command = Command::new("worker");
/// promptlayer_tracing::propagation::inject(&mut command);
/// ```
pub fn continue_from_env() -> Scope {
    continue_from(&|name: &str| std::env::var(name.to_ascii_uppercase()).ok())
}

/// Continues the trace of a caller by the `_meta` of a message of the Model Context Protocol.
///
/// ```
/// use serde_json::{Map, Value};
///
/// # fn call_tool() {}
/// fn handle(meta: &Map<String, Value>) {
///     promptlayer_tracing::propagation::continue_from_meta(meta).in_scope(call_tool);
/// }
/// # handle(&Map::new());
/// ```
pub fn continue_from_meta(meta: &Map<String, Value>) -> Scope {
    continue_from(meta)
}

/// Writes the current place in the trace: calls that continue from it are children of the innermost recorded call.
///
/// If no call is recorded inside [`continue_from`], the context of the caller is written as it came in. Outside of any
/// trace, nothing is written.
///
/// ```
/// use std::collections::HashMap;
///
/// # #[promptlayer_tracing::promptlayer(kind = "tool")]
/// fn publish() {
///     let mut attributes = HashMap::new();
///     promptlayer_tracing::propagation::inject(&mut attributes);
///     // … send a message with the attributes …
/// }
/// # publish();
/// ```
pub fn inject(carrier: &mut (impl Injector + ?Sized)) {
    if let Some(context) = innermost::context() {
        write(context, carrier);
    }
}

/// Writes a place in a trace.
pub(crate) fn write(context: Context, carrier: &mut (impl Injector + ?Sized)) {
    carrier.set(TRACEPARENT, context.parent.to_header());
    for (name, value) in [(TRACESTATE, context.state), (BAGGAGE, context.baggage.to_header())] {
        if value.is_empty() {
            carrier.remove(name);
        } else {
            carrier.set(name, value);
        }
    }
}

/// Writes the current place in the trace into the `_meta` of a message of the Model Context Protocol.
///
/// ```
/// use serde_json::Map;
///
/// let mut meta = Map::new();
/// promptlayer_tracing::propagation::inject_meta(&mut meta);
/// ```
pub fn inject_meta(meta: &mut Map<String, Value>) {
    inject(meta);
}
