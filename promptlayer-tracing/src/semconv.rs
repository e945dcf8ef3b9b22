//! Attribute names, and nothing else.

// Of resources, as OpenTelemetry names them.
pub(crate) const SERVICE_NAME: &str = "service.name";
pub(crate) const SDK_NAME: &str = "telemetry.sdk.name";
pub(crate) const SDK_VERSION: &str = "telemetry.sdk.version";
pub(crate) const SDK_LANGUAGE: &str = "telemetry.sdk.language";

// Of spans, as PromptLayer's own tracing names them.
pub(crate) const FUNCTION_NAME: &str = "function_name";
pub(crate) const FUNCTION_INPUT: &str = "function_input";
pub(crate) const FUNCTION_OUTPUT: &str = "function_output";
pub(crate) const NODE_TYPE: &str = "node_type";
pub(crate) const NODE_TYPE_TOOL: &str = "CODE_EXECUTION";
pub(crate) const TOOL_NAME: &str = "tool.name";
pub(crate) const TELEMETRY_SOURCE: &str = "promptlayer.telemetry.source";

// Of generative models, as OpenTelemetry names them.
pub(crate) const PREFIX: &str = "gen_ai.";
pub(crate) const OPERATION_NAME: &str = "gen_ai.operation.name";
pub(crate) const PROVIDER_NAME: &str = "gen_ai.provider.name";
pub(crate) const REQUEST_PREFIX: &str = "gen_ai.request.";
pub(crate) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(crate) const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
pub(crate) const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
pub(crate) const REQUEST_TOP_K: &str = "gen_ai.request.top_k";
pub(crate) const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
pub(crate) const REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
pub(crate) const REQUEST_SEED: &str = "gen_ai.request.seed";
pub(crate) const REQUEST_FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
pub(crate) const REQUEST_PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
pub(crate) const REQUEST_CHOICE_COUNT: &str = "gen_ai.request.choice.count";
pub(crate) const REQUEST_STREAM: &str = "gen_ai.request.stream";
pub(crate) const EMBEDDINGS_DIMENSION_COUNT: &str = "gen_ai.embeddings.dimension.count";
pub(crate) const OUTPUT_TYPE: &str = "gen_ai.output.type";
pub(crate) const RESPONSE_ID: &str = "gen_ai.response.id";
pub(crate) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(crate) const RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
pub(crate) const RESPONSE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
pub(crate) const USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(crate) const USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(crate) const USAGE_CACHE_READ: &str = "gen_ai.usage.cache_read.input_tokens";
pub(crate) const USAGE_CACHE_CREATION: &str = "gen_ai.usage.cache_creation.input_tokens";
pub(crate) const USAGE_REASONING: &str = "gen_ai.usage.reasoning.output_tokens";
pub(crate) const INPUT_MESSAGES: &str = "gen_ai.input.messages";
pub(crate) const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
pub(crate) const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
pub(crate) const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";
pub(crate) const GEN_AI_TOOL_NAME: &str = "gen_ai.tool.name";
pub(crate) const TOOL_CALL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
pub(crate) const TOOL_CALL_RESULT: &str = "gen_ai.tool.call.result";
pub(crate) const RETRIEVAL_QUERY: &str = "gen_ai.retrieval.query.text";
pub(crate) const RETRIEVAL_DOCUMENTS: &str = "gen_ai.retrieval.documents";
pub(crate) const AGENT_NAME: &str = "gen_ai.agent.name";
pub(crate) const WORKFLOW_NAME: &str = "gen_ai.workflow.name";
pub(crate) const CONVERSATION_ID: &str = "gen_ai.conversation.id";
pub(crate) const OPENAI_API_TYPE: &str = "openai.api.type";
pub(crate) const SERVER_ADDRESS: &str = "server.address";
pub(crate) const ERROR_TYPE: &str = "error.type";

// The same by the names that they had before.
pub(crate) const SYSTEM: &str = "gen_ai.system";
pub(crate) const USAGE_PROMPT_TOKENS: &str = "gen_ai.usage.prompt_tokens";
pub(crate) const USAGE_COMPLETION_TOKENS: &str = "gen_ai.usage.completion_tokens";
pub(crate) const PROMPT: &str = "gen_ai.prompt";
pub(crate) const COMPLETION: &str = "gen_ai.completion";

// The same by the names that rig gives them.
pub(crate) const USAGE_REASONING_OF_RIG: &str = "gen_ai.usage.reasoning_tokens";
pub(crate) const USAGE_TOOL_USE_OF_RIG: &str = "gen_ai.usage.tool_use_prompt_tokens";
pub(crate) const TOOL_ERROR_TYPE_OF_RIG: &str = "gen_ai.tool.error.type";

// Of a span's status, as `tracing-opentelemetry` reads them.
pub(crate) const STATUS_CODE: &str = "otel.status_code";
pub(crate) const STATUS_DESCRIPTION: &str = "otel.status_description";

/// The attributes that hold what models and tools were told and said.
pub(crate) const CONTENT: &[&str] = &[
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
];

/// The attributes of a failed span that quote what it was about.
pub(crate) const ERROR_TEXT: &[&str] =
    &[STATUS_DESCRIPTION, "otel.status_message", "exception.message", "error.message"];

/// What of [`CONTENT`] a request log says.
pub(crate) const SAID_BY_LOG: &[&str] =
    &[INPUT_MESSAGES, OUTPUT_MESSAGES, SYSTEM_INSTRUCTIONS, TOOL_DEFINITIONS, PROMPT, COMPLETION];

/// What a tool, an agent or a search was given; it has one of them.
pub(crate) const FUNCTION_INPUTS: &[&str] = &[TOOL_CALL_ARGUMENTS, INPUT_MESSAGES, PROMPT, RETRIEVAL_QUERY];

/// What a tool, an agent or a search gave; it has one of them.
pub(crate) const FUNCTION_OUTPUTS: &[&str] =
    &[TOOL_CALL_RESULT, OUTPUT_MESSAGES, COMPLETION, RETRIEVAL_DOCUMENTS];
