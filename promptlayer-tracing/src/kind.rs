//! The kind of an annotated function in a trace.

use std::fmt;

/// The kind of a call, set by the attribute's `kind`. A test reads it from a `CapturedSpan`.
///
/// Only [`Llm`](Self::Llm) and [`Embedding`](Self::Embedding) make a request log. The other kinds make a span
/// of the trace. Without a `kind`, the innermost annotated call makes the request log, and the annotated
/// functions around it become spans.
///
/// ```
/// use promptlayer_tracing::{SpanKind, promptlayer};
///
/// #[promptlayer(kind = "tool")]
/// fn weather(city: &str) -> String {
///     format!("sunny in {city}")
/// }
///
/// assert_eq!(SpanKind::Tool.as_str(), "tool");
/// assert!(!SpanKind::Tool.is_request());
/// assert!(SpanKind::Embedding.is_request());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpanKind {
    /// A call to a language model.
    Llm,
    /// A call to an embedding model.
    Embedding,
    /// A tool that a model called.
    Tool,
    /// An agent, which calls models and tools in a loop.
    Agent,
    /// A sequence of steps.
    Chain,
    /// A search for context documents.
    Retriever,
}

impl SpanKind {
    /// Returns the name of the kind, as the attribute accepts it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Embedding => "embedding",
            Self::Tool => "tool",
            Self::Agent => "agent",
            Self::Chain => "chain",
            Self::Retriever => "retriever",
        }
    }

    /// Returns `true` if a call of this kind makes a request log.
    pub const fn is_request(self) -> bool {
        matches!(self, Self::Llm | Self::Embedding)
    }
}

impl fmt::Display for SpanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
