//! The in-memory destination of a layer, for tests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use promptlayer_blueprint::{LogRequest, Score, SpanId, TraceId};

use crate::kind::SpanKind;
use crate::process::{ConvertedSpan, ProcessedSpan, SpanExporter};

/// The requests and spans received by a layer that was built with
/// [`in_memory`](crate::LayerBuilder::in_memory).
///
/// The requests are in the form in which they would have been logged.
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

/// One span received by a layer that was built with [`in_memory`](crate::LayerBuilder::in_memory).
///
/// ```
/// use promptlayer_tracing::{SpanKind, promptlayer};
/// use tracing_subscriber::prelude::*;
///
/// #[promptlayer(kind = "tool")]
/// fn weather(city: &str) -> String {
///     format!("sunny in {city}")
/// }
///
/// #[promptlayer]
/// fn ask(question: &str) -> String {
///     weather("Oslo")
/// }
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let (layer, captured) = promptlayer_tracing::layer().in_memory()?;
/// tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || ask("which weather?"));
///
/// let spans = captured.take();
/// let [tool, call] = &spans[..] else { panic!("{spans:?}") };
/// assert_eq!((&tool.name[..], tool.kind), ("weather", Some(SpanKind::Tool)));
/// assert_eq!(tool.parent_id, Some(call.span_id));
/// assert_eq!(tool.trace_id, call.trace_id);
/// assert_eq!(tool.function_input.as_deref(), Some(r#"{"city":"Oslo"}"#));
/// assert_eq!(tool.function_output.as_deref(), Some("sunny in Oslo"));
/// assert!(tool.request.is_none(), "a tool makes no request log");
/// assert_eq!(call.kind, Some(SpanKind::Llm));
/// assert!(call.request.is_some());
/// assert!(captured.spans().is_empty(), "they were taken");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CapturedSpan {
    /// The name of the span. The span of a tool is sent as `Tool: ` and the name of the tool.
    pub name: String,
    /// The kind of the call. A function without a `kind` is `Llm` if it makes a request log, and `Chain` if the calls
    /// inside it make them. `None` for other spans.
    pub kind: Option<SpanKind>,
    /// The id of its trace.
    pub trace_id: TraceId,
    /// The id of the span.
    pub span_id: SpanId,
    /// The id of the parent span, if a parent was recorded.
    pub parent_id: Option<SpanId>,
    /// The duration of the span.
    pub duration: Duration,
    /// The request log, if the span makes one.
    pub request: Option<LogRequest>,
    /// The arguments of the function as JSON, if they are not part of a request log.
    pub function_input: Option<String>,
    /// The return value of the function, if it is not part of a request log.
    pub function_output: Option<String>,
    /// The error message, if the call failed.
    pub error: Option<String>,
    /// The fields of the span, without those that are already in the request log, or in the input and the output of
    /// the function.
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// The named scores that were given to the call before it ended. A score without a name is part of the
    /// request log.
    pub scores: Vec<(String, Score)>,
}

/// The spans shared between the layer and the test.
#[derive(Debug)]
pub(crate) struct Memory {
    spans: Mutex<Vec<CapturedSpan>>,
    /// The default provider of the layer.
    provider: Option<String>,
}

impl SpanExporter for Arc<Memory> {
    fn take(&self, processed: ProcessedSpan) {
        let ProcessedSpan { span, converted, .. } = processed;
        let converted =
            converted.unwrap_or_else(|| Box::new(ConvertedSpan::from_span(&span, self.provider.as_deref())));
        let own = span.subscriptions.first().filter(|_| span.has_own_subscription);
        let captured = CapturedSpan {
            name: span.name.to_owned(),
            kind: span.kind,
            trace_id: span.place.trace_id,
            span_id: span.place.span_id,
            parent_id: span.place.parent_id,
            duration: span.duration,
            request: converted.log.map(|log| *log),
            function_input: converted.function_input,
            function_output: converted.function_output,
            error: converted.problem,
            fields: span.own_fields(),
            scores: own.map(|own| own.subscription.named()).unwrap_or_default(),
        };
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).push(captured);
    }
}

impl InMemory {
    pub(crate) fn new(provider: Option<String>) -> Self {
        Self(Arc::new(Memory { spans: Mutex::default(), provider }))
    }

    /// Returns the requests received so far, in the order in which they ended.
    pub fn requests(&self) -> Vec<LogRequest> {
        self.spans().into_iter().filter_map(|span| span.request).collect()
    }

    /// Returns the spans received so far, including those of requests, in the order in which they ended.
    pub fn spans(&self) -> Vec<CapturedSpan> {
        self.0.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Removes and returns the spans received so far.
    pub fn take(&self) -> Vec<CapturedSpan> {
        std::mem::take(&mut *self.0.spans.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
