//! The operations of spans, and which of them are calls to a model.

use serde_json::{Map, Value};

use super::fields::text;
use crate::semconv;

/// The kind of work that a span describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// A call to a language model.
    Inference,
    /// A call to an embedding model.
    Embedding,
    /// A tool that a model called.
    Tool,
    /// An agent.
    Agent,
    /// A sequence of steps.
    Workflow,
    /// A search for context documents.
    Retrieval,
}

/// The kinds of the values of `gen_ai.operation.name`.
const OPERATIONS: &[(&str, Operation)] = &[
    ("chat", Operation::Inference),
    ("generate_content", Operation::Inference),
    ("text_completion", Operation::Inference),
    ("realtime_inference", Operation::Inference),
    // The names that rig used before 0.43.
    ("chat_streaming", Operation::Inference),
    ("interactions", Operation::Inference),
    ("interactions_streaming", Operation::Inference),
    ("embeddings", Operation::Embedding),
    ("execute_tool", Operation::Tool),
    ("invoke_agent", Operation::Agent),
    ("create_agent", Operation::Agent),
    ("invoke_workflow", Operation::Workflow),
    ("plan", Operation::Workflow),
    ("handle_conversation_turn", Operation::Workflow),
    ("retrieval", Operation::Retrieval),
    ("search_memory", Operation::Retrieval),
    ("create_memory", Operation::Workflow),
    ("update_memory", Operation::Workflow),
    ("upsert_memory", Operation::Workflow),
    ("delete_memory", Operation::Workflow),
    ("create_memory_store", Operation::Workflow),
    ("delete_memory_store", Operation::Workflow),
];

/// The kinds of MCP methods, for spans that name no operation.
const MCP_METHODS: &[(&str, Operation)] =
    &[("tools/call", Operation::Tool), ("resources/read", Operation::Retrieval)];

/// Returns the operation in the fields of a span. Returns `None` if the fields have no operation, or an unknown one.
pub fn operation(fields: &Map<String, Value>) -> Option<Operation> {
    let find = |table: &[(&str, Operation)], name| {
        let named = text(fields, name)?;
        table.iter().find(|(known, _)| *known == named).map(|(_, operation)| *operation)
    };
    find(OPERATIONS, semconv::OPERATION_NAME).or_else(|| find(MCP_METHODS, semconv::MCP_METHOD))
}

/// Returns `true` if a span describes a call to a model.
///
/// A span with a known operation does if the operation is a call. A span without one does if it names a model.
///
/// ```
/// use promptlayer_blueprint::providers::gen_ai;
/// use serde_json::{Map, json};
///
/// let fields = |name: &str, value: &str| Map::from_iter([
///     ("gen_ai.request.model".to_owned(), json!("gpt-4o")),
///     (name.to_owned(), json!(value)),
/// ]);
/// assert!(gen_ai::is_model_call(&fields("gen_ai.operation.name", "chat")));
/// assert!(gen_ai::is_model_call(&fields("gen_ai.provider.name", "openai")));
/// assert!(!gen_ai::is_model_call(&fields("gen_ai.operation.name", "invoke_agent")));
/// ```
pub fn is_model_call(fields: &Map<String, Value>) -> bool {
    match operation(fields) {
        Some(operation) => matches!(operation, Operation::Inference | Operation::Embedding),
        None => {
            let has = |name: &str| fields.contains_key(name);
            let is_marked = || {
                text(fields, semconv::NODE_TYPE).is_some_and(|kind| kind == semconv::NODE_TYPE_LLM)
                    && fields.keys().any(|name| name.starts_with(semconv::PREFIX))
            };
            !has(semconv::MCP_METHOD)
                && (has(semconv::REQUEST_MODEL) || has(semconv::RESPONSE_MODEL) || is_marked())
        }
    }
}
