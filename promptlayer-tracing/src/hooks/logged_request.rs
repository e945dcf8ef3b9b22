//! The request that a hook receives.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use promptlayer_blueprint::{RequestId, SpanId, Tags, TraceId};
use promptlayer_client::exporter::Enqueue;
use promptlayer_client::{Client, TrackRequest};

/// A request that PromptLayer has logged, with its id.
///
/// [Hooks](crate::hooks) receive it.
///
/// ```
/// use promptlayer_tracing::LoggedRequest;
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let (layer, guard) = promptlayer_tracing::layer()
///     .api_key("pl_123")
/// #   .base_url("http://127.0.0.1:9")
///     .on_request_id(|request: &LoggedRequest| {
///         println!("{} is request {}", request.name(), request.id());
///         if let Err(error) = request.track().score(100).enqueue() {
///             eprintln!("the score is lost: {error}");
///         }
///     })
///     .build()?;
/// # drop((layer, guard));
/// # Ok(())
/// # }
/// ```
///
/// An asynchronous hook owns it, and can await what it does with it:
///
/// ```
/// use promptlayer_tracing::LoggedRequest;
///
/// async fn file(request: LoggedRequest) {
///     if !request.tags().contains("chat") || request.replayed() {
///         return;
///     }
///     let customer = request.metadata().get("customer").map_or("unknown", String::as_str);
///     let place = format!("{} {}", request.trace_id(), request.span_id());
///     if let Err(error) = request.track().metadata([("customer", customer), ("place", &place)]).await {
///         eprintln!("{error}");
///     }
/// }
///
/// # let builder =
/// promptlayer_tracing::layer().on_request_id_async(file);
/// ```
#[derive(Clone)]
pub struct LoggedRequest(pub(super) Arc<Logged>);

/// The data of a [`LoggedRequest`].
pub(crate) struct Logged {
    pub(crate) id: RequestId,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) name: Cow<'static, str>,
    pub(crate) tags: Tags,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) is_replayed: bool,
    pub(crate) client: Client,
    pub(crate) enqueue: Arc<dyn Enqueue>,
}

impl LoggedRequest {
    pub(crate) fn new(logged: Logged) -> Self {
        Self(Arc::new(logged))
    }

    /// Returns the id of the request in PromptLayer.
    pub fn id(&self) -> RequestId {
        self.0.id
    }

    /// Returns the id of the request's trace. [`Wire::LogRequest`](crate::export::Wire::LogRequest) does not send the
    /// trace.
    pub fn trace_id(&self) -> TraceId {
        self.0.trace_id
    }

    /// Returns the id of the request's span in the trace.
    pub fn span_id(&self) -> SpanId {
        self.0.span_id
    }

    /// Returns the name of the function that made the request.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the tags of the request, including inherited ones.
    pub fn tags(&self) -> &Tags {
        &self.0.tags
    }

    /// Returns the metadata of the request, including inherited entries.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// Returns `true` if an earlier run of the program made the request, and this run delivered it from the
    /// [spool](crate::LayerBuilder::spool).
    ///
    /// The hook of the request's own function is not called for such a request.
    pub fn replayed(&self) -> bool {
        self.0.is_replayed
    }

    /// Returns a handle that adds a score, metadata, a prompt or a group to this request.
    ///
    /// Each operation is either awaited, or enqueued to be sent by the export pipeline.
    pub fn track(&self) -> TrackRequest {
        TrackRequest::new(self.0.client.clone(), self.0.id, Arc::clone(&self.0.enqueue))
    }
}

impl fmt::Debug for LoggedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoggedRequest")
            .field("id", &self.0.id)
            .field("trace_id", &self.0.trace_id)
            .field("span_id", &self.0.span_id)
            .field("name", &self.0.name)
            .field("replayed", &self.0.is_replayed)
            .field("tags", &self.0.tags)
            .field("metadata", &self.0.metadata)
            .finish_non_exhaustive()
    }
}
