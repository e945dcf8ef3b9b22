//! A layer that sends nowhere, for tests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::sink::{Destination, Outgoing, Said};
use promptlayer_blueprint::LogRequest;
use promptlayer_blueprint::{SpanId, TraceId};

/// What a layer of [`in_memory`](crate::LayerBuilder::in_memory) received: the requests as they
/// would have been logged, and the spans of their traces.
///
/// ```
/// use promptlayer_tracing::promptlayer;
/// use tracing_subscriber::prelude::*;
///
/// #[promptlayer(tags = ["test"])]
/// fn ask(question: &str) -> String {
///     format!("You asked: {question}")
/// }
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let (layer, captured) = promptlayer_tracing::layer().in_memory()?;
/// tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || ask("why?"));
///
/// let requests = captured.requests();
/// assert_eq!(requests[0].input.text(), "why?");
/// assert_eq!(requests[0].output.text(), "You asked: why?");
/// assert!(requests[0].tags.contains("test"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct InMemory(pub(crate) Arc<Memory>);

/// One span that a test received.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CapturedSpan {
    /// The span's name.
    pub name: String,
    /// Its trace.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The span around it, if any was recorded.
    pub parent_id: Option<SpanId>,
    /// How long it took.
    pub duration: Duration,
    /// The request log that it makes, if it makes one.
    pub request: Option<LogRequest>,
    /// What the function was called with, as JSON, as far as no request log says it.
    pub function_input: Option<String>,
    /// What the function gave, where no request log says it.
    pub function_output: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// The span's fields.
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// The shelf between layer and test.
#[derive(Debug)]
pub(crate) struct Memory {
    spans: Mutex<Vec<CapturedSpan>>,
    /// The layer's provider.
    provider: Option<String>,
}

impl Destination for Arc<Memory> {
    fn take(&self, outgoing: Outgoing) {
        let Outgoing { span, said, .. } = outgoing;
        let said = said.unwrap_or_else(|| Said::of(&span, self.provider.as_deref()));
        let captured = CapturedSpan {
            name: span.name.to_owned(),
            trace_id: span.place.trace_id,
            span_id: span.place.span_id,
            parent_id: span.place.parent_id,
            duration: span.duration,
            request: said.log.map(|log| *log),
            function_input: said.function_input,
            function_output: said.function_output,
            error: said.problem,
            fields: span.own_fields(),
        };
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).push(captured);
    }
}

impl InMemory {
    pub(crate) fn new(provider: Option<String>) -> Self {
        Self(Arc::new(Memory { spans: Mutex::default(), provider }))
    }

    /// The requests so far, in the order in which they ended.
    pub fn requests(&self) -> Vec<LogRequest> {
        self.spans().into_iter().filter_map(|span| span.request).collect()
    }

    /// The spans so far, those of requests among them, in the order in which they ended.
    pub fn spans(&self) -> Vec<CapturedSpan> {
        self.0.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the spans so far, and starts anew.
    pub fn take(&self) -> Vec<CapturedSpan> {
        std::mem::take(&mut *self.0.spans.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
