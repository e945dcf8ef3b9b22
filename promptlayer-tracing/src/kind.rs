//! What an annotated function does, as far as the trace is concerned.

/// The kind of a call, the attribute's `kind`.
///
/// Only [`Llm`](Self::Llm) and [`Embedding`](Self::Embedding) make a request log; the others make a
/// span of the trace. Without a `kind` the innermost annotated call logs, and an annotated function
/// around it becomes a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A call of a language model.
    Llm,
    /// A call of an embedding model.
    Embedding,
    /// A tool that a model asked for.
    Tool,
    /// An agent: a loop over models and tools.
    Agent,
    /// A sequence of steps.
    Chain,
    /// A search for context.
    Retriever,
}

impl Kind {
    /// The word that the attribute takes.
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

    /// Whether a call of this kind is a request of a model.
    pub const fn is_request(self) -> bool {
        matches!(self, Self::Llm | Self::Embedding)
    }
}
