//! The blocks of tools that a provider, or a program on its behalf, runs while a model answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::or_default;

/// The call of a tool that the provider runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerToolUseContent {
    /// The id that its result refers to.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Its arguments.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub input: Map<String, Value>,
}

/// What a web search found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WebSearchToolResultContent {
    /// The id of the call.
    pub tool_use_id: String,
    /// The pages.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<WebSearchResult>,
}

/// A page that a web search found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "web_search_result")]
#[non_exhaustive]
pub struct WebSearchResult {
    /// Its address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Its title.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Its content, which only the provider can read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub encrypted_content: String,
    /// How old it is, in the provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_age: Option<String>,
}

/// What executed code printed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CodeExecutionResultContent {
    /// What it printed.
    pub output: String,
    /// How it ended; `OUTCOME_OK` where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// The tools of an MCP server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct McpListToolsContent {
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the server is called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server_label: String,
    /// Its tools, as it describes them.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Map<String, Value>>,
    /// Why they could not be listed: a text or an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
}

/// The call of an MCP server's tool.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct McpCallContent {
    /// The provider's id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The tool's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What the server is called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server_label: String,
    /// The arguments, as JSON in a text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arguments: String,
    /// What it returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Why it failed: a text or an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// The id of the request for approval that came before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_request_id: Option<String>,
}

/// A provider's question whether an MCP tool may be called.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct McpApprovalRequestContent {
    /// The id that the answer refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The tool's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The arguments, as JSON in a text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arguments: String,
    /// What the server is called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server_label: String,
}

/// The answer to a request for approval.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct McpApprovalResponseContent {
    /// The id of the request.
    pub approval_request_id: String,
    /// Whether the tool may be called.
    pub approve: bool,
}

/// What a tool did in the provider's sandbox.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolResultContent {
    /// The id of the call.
    pub tool_use_id: String,
    /// The result, in the provider's shape.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub content: Map<String, Value>,
}

/// A shell command to be run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ShellCallContent {
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The id that its output refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The command, in the provider's shape.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub action: Map<String, Value>,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// What a shell command printed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ShellCallOutputContent {
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// What was printed, in the provider's shape.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<Map<String, Value>>,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// A patch to be applied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApplyPatchCallContent {
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The id that its output refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The patch, in the provider's shape.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub operation: Map<String, Value>,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// How applying a patch went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApplyPatchCallOutputContent {
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// What was said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}
