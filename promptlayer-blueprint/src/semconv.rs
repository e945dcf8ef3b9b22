//! Names of span attributes: of OpenTelemetry, and of PromptLayer's own tracing.
//!
//! Each constant is the name of one attribute. Use them to set `gen_ai.*` fields on spans of your own, or to read them
//! in a layer of your own. The lists, such as [`CONTENT`], group the names by what the attributes hold.
//!
//! OpenTelemetry renamed some attributes of generative AI. [`RENAMED`] lists them. Both names are always read;
//! [`SemconvStability`] selects which of them is written.
//!
//! ```
//! use promptlayer_blueprint::semconv;
//!
//! /// Returns `true` if an attribute may hold what was said to a model or by it.
//! fn is_content(name: &str) -> bool {
//!     semconv::CONTENT.contains(&name)
//! }
//!
//! assert!(is_content(semconv::INPUT_MESSAGES));
//! assert!(!is_content(semconv::REQUEST_MODEL));
//! ```
#![allow(missing_docs, reason = "each constant is named for its attribute")]

// Resource attributes, from OpenTelemetry's semantic conventions.
pub const SERVICE_NAME: &str = "service.name";
pub const SDK_NAME: &str = "telemetry.sdk.name";
pub const SDK_VERSION: &str = "telemetry.sdk.version";
pub const SDK_LANGUAGE: &str = "telemetry.sdk.language";

// Span attributes that PromptLayer's own tracing defines.
pub const FUNCTION_NAME: &str = "function_name";
pub const FUNCTION_INPUT: &str = "function_input";
pub const FUNCTION_OUTPUT: &str = "function_output";
pub const NODE_TYPE: &str = "node_type";
pub const NODE_TYPE_LLM: &str = "LLM_CALL";
pub const NODE_TYPE_TOOL: &str = "CODE_EXECUTION";
pub const TOOL_NAME: &str = "tool.name";
pub const TELEMETRY_SOURCE: &str = "promptlayer.telemetry.source";
pub const TAGS: &str = "promptlayer.tags";
/// `true` for a span that has not ended. It is sent again, with the rest, when it has ended.
pub const UNFINISHED: &str = "promptlayer.unfinished";
/// Why a trace that is not sampled was kept.
pub const KEPT: &str = "promptlayer.kept";
pub const METADATA_PREFIX: &str = "promptlayer.metadata.";
pub const PROVIDER_TYPE: &str = "promptlayer.provider.type";
pub const API_TYPE: &str = "promptlayer.api.type";
pub const TEMPLATE_NAME: &str = "promptlayer.prompt.name";
pub const TEMPLATE_ID: &str = "promptlayer.prompt.id";
pub const TEMPLATE_VERSION: &str = "promptlayer.prompt.version";
pub const LOG_MANAGED: &str = "promptlayer.request_log.managed";

/// The fields of a request log that have no attribute, or one that differs, as a JSON object. This workspace defines
/// it: other services ignore it. See [`log_fields`](crate::providers::gen_ai::log_fields).
pub const LOG_FIELDS: &str = "promptlayer.request_log.fields";

// Attributes of generative AI spans, from OpenTelemetry's semantic conventions.
pub const PREFIX: &str = "gen_ai.";
pub const OPERATION_NAME: &str = "gen_ai.operation.name";
pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
pub const REQUEST_PREFIX: &str = "gen_ai.request.";
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
pub const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
pub const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
pub const REQUEST_TOP_K: &str = "gen_ai.request.top_k";
pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
pub const REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
pub const REQUEST_SEED: &str = "gen_ai.request.seed";
pub const REQUEST_FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
pub const REQUEST_PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
pub const REQUEST_CHOICE_COUNT: &str = "gen_ai.request.choice.count";
pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
pub const EMBEDDINGS_DIMENSION_COUNT: &str = "gen_ai.embeddings.dimension.count";
pub const OUTPUT_TYPE: &str = "gen_ai.output.type";
pub const RESPONSE_ID: &str = "gen_ai.response.id";
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub const RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
pub const RESPONSE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
pub const USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub const USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub const USAGE_CACHE_READ: &str = "gen_ai.usage.cache_read.input_tokens";
pub const USAGE_CACHE_WRITE: &str = "gen_ai.usage.cache_write.input_tokens";
pub const USAGE_REASONING: &str = "gen_ai.usage.reasoning.output_tokens";
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
pub const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
pub const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";
pub const GEN_AI_TOOL_NAME: &str = "gen_ai.tool.name";
pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
pub const TOOL_CALL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
pub const TOOL_CALL_RESULT: &str = "gen_ai.tool.call.result";
pub const RETRIEVAL_QUERY: &str = "gen_ai.retrieval.query.text";
pub const RETRIEVAL_DOCUMENTS: &str = "gen_ai.retrieval.documents";
pub const MEMORY_QUERY: &str = "gen_ai.memory.query.text";
pub const MEMORY_RECORDS: &str = "gen_ai.memory.records";
pub const AGENT_NAME: &str = "gen_ai.agent.name";
pub const WORKFLOW_NAME: &str = "gen_ai.workflow.name";
pub const CONVERSATION_ID: &str = "gen_ai.conversation.id";
pub const USER_ID: &str = "user.id";
pub const PROMPT_NAME: &str = "gen_ai.prompt.name";
pub const PROMPT_VERSION: &str = "gen_ai.prompt.version";
pub const PROMPT_VARIABLE_PREFIX: &str = "gen_ai.prompt.variable.";
pub const OPENAI_API_TYPE: &str = "openai.api.type";
pub const MCP_METHOD: &str = "mcp.method.name";
pub const SERVER_ADDRESS: &str = "server.address";
pub const SERVER_PORT: &str = "server.port";
pub const ERROR_TYPE: &str = "error.type";

// Older names of the attributes above.
pub const SYSTEM: &str = "gen_ai.system";
pub const USAGE_PROMPT_TOKENS: &str = "gen_ai.usage.prompt_tokens";
pub const USAGE_COMPLETION_TOKENS: &str = "gen_ai.usage.completion_tokens";
pub const USAGE_CACHE_CREATION: &str = "gen_ai.usage.cache_creation.input_tokens";
pub const PROMPT: &str = "gen_ai.prompt";
pub const COMPLETION: &str = "gen_ai.completion";

// Names that rig uses for attributes of this kind.
pub const USAGE_REASONING_OF_RIG: &str = "gen_ai.usage.reasoning_tokens";
pub const USAGE_TOOL_USE_OF_RIG: &str = "gen_ai.usage.tool_use_prompt_tokens";
pub const TOOL_ERROR_TYPE_OF_RIG: &str = "gen_ai.tool.error.type";

// Attributes that set a span's status, as `tracing-opentelemetry` reads them.
pub const STATUS_CODE: &str = "otel.status_code";
pub const STATUS_DESCRIPTION: &str = "otel.status_description";

/// Attributes that hold the input and output of models and tools.
pub const CONTENT: &[&str] = &[
    INPUT_MESSAGES,
    OUTPUT_MESSAGES,
    SYSTEM_INSTRUCTIONS,
    TOOL_DEFINITIONS,
    TOOL_CALL_ARGUMENTS,
    TOOL_CALL_RESULT,
    PROMPT,
    COMPLETION,
    RETRIEVAL_QUERY,
    RETRIEVAL_DOCUMENTS,
    MEMORY_QUERY,
    MEMORY_RECORDS,
];

/// Attributes that hold the beginning of a response. A stream records them with its first chunk.
pub const RESPONSE_BEGINNING: &[&str] = &[RESPONSE_ID, RESPONSE_MODEL, RESPONSE_TIME_TO_FIRST_CHUNK];

/// Attributes that are recorded only at the end of a response.
pub const RESPONSE_END: &[&str] = &[
    RESPONSE_FINISH_REASONS,
    OUTPUT_MESSAGES,
    USAGE_INPUT_TOKENS,
    USAGE_OUTPUT_TOKENS,
    USAGE_PROMPT_TOKENS,
    USAGE_COMPLETION_TOKENS,
    COMPLETION,
];

/// Attributes of a failed span that may quote the content.
pub const ERROR_TEXT: &[&str] =
    &[STATUS_DESCRIPTION, "otel.status_message", "exception.message", "error.message"];

/// The attributes of [`CONTENT`] that a request log already contains.
pub const SAID_BY_LOG: &[&str] =
    &[INPUT_MESSAGES, OUTPUT_MESSAGES, SYSTEM_INSTRUCTIONS, TOOL_DEFINITIONS, PROMPT, COMPLETION];

/// Attributes that hold the input of a tool, an agent or a search. A span sets one of them.
pub const FUNCTION_INPUTS: &[&str] =
    &[TOOL_CALL_ARGUMENTS, INPUT_MESSAGES, PROMPT, RETRIEVAL_QUERY, MEMORY_QUERY];

/// Attributes that hold the output of a tool, an agent or a search. A span sets one of them.
pub const FUNCTION_OUTPUTS: &[&str] =
    &[TOOL_CALL_RESULT, OUTPUT_MESSAGES, COMPLETION, RETRIEVAL_DOCUMENTS, MEMORY_RECORDS];

/// The attributes that OpenTelemetry renamed: the old name and the current one.
pub const RENAMED: &[(&str, &str)] = &[
    (SYSTEM, PROVIDER_NAME),
    (USAGE_PROMPT_TOKENS, USAGE_INPUT_TOKENS),
    (USAGE_COMPLETION_TOKENS, USAGE_OUTPUT_TOKENS),
    (USAGE_CACHE_CREATION, USAGE_CACHE_WRITE),
];

/// The value of OpenTelemetry's environment variable `OTEL_SEMCONV_STABILITY_OPT_IN` that selects the current
/// names.
const LATEST: &str = "gen_ai_latest_experimental";

/// The generation of attribute names that is written for an attribute that OpenTelemetry renamed.
///
/// The renamed attributes are `gen_ai.system` (now `gen_ai.provider.name`), `gen_ai.usage.prompt_tokens` and
/// `gen_ai.usage.completion_tokens` (now `input_tokens` and `output_tokens`), and
/// `gen_ai.usage.cache_creation.input_tokens` (now `cache_write`). Spans that use either generation are read.
///
/// ```
/// use promptlayer_blueprint::semconv::{self, SemconvStability};
///
/// assert!(!SemconvStability::Latest.writes(semconv::SYSTEM));
/// assert!(SemconvStability::Latest.writes(semconv::PROVIDER_NAME));
/// assert!(SemconvStability::default().writes(semconv::SYSTEM), "both names by default");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SemconvStability {
    /// Only the old name.
    Old,
    /// Only the current name. Many consumers do not know it yet.
    Latest,
    /// Both names.
    #[default]
    Duplicate,
}

impl SemconvStability {
    /// Reads the value of the environment variable `OTEL_SEMCONV_STABILITY_OPT_IN`, a list with commas. Returns
    /// `None` if the list has no value for generative AI.
    ///
    /// `gen_ai_latest_experimental` selects the current names, and `gen_ai_latest_experimental/dup` both.
    ///
    /// ```
    /// use promptlayer_blueprint::semconv::SemconvStability;
    ///
    /// let opt_in = "http/dup, gen_ai_latest_experimental";
    /// assert_eq!(SemconvStability::from_opt_in(opt_in), Some(SemconvStability::Latest));
    /// assert_eq!(SemconvStability::from_opt_in("http"), None);
    /// ```
    pub fn from_opt_in(list: &str) -> Option<Self> {
        let has = |wanted: &str| list.split(',').any(|value| value.trim() == wanted);
        match (has(&format!("{LATEST}/dup")), has(LATEST)) {
            (true, _) => Some(Self::Duplicate),
            (false, true) => Some(Self::Latest),
            (false, false) => None,
        }
    }

    /// Returns `true` if an attribute with this name is written. An attribute that was not renamed always is.
    pub fn writes(self, name: &str) -> bool {
        match self {
            Self::Old => !RENAMED.iter().any(|(_, current)| *current == name),
            Self::Latest => !RENAMED.iter().any(|(old, _)| *old == name),
            Self::Duplicate => true,
        }
    }
}
