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
