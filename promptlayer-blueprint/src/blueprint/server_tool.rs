//! Content blocks of tools that run during a response, on the provider's side or in a program on its
//! behalf.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fields::or_default;

/// A call of a tool that the provider runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerToolUseContent {
    /// Id that the tool's result refers to.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// Arguments of the call.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub input: Map<String, Value>,
}

/// The results of a web search.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WebSearchToolResultContent {
    /// Id of the call.
    pub tool_use_id: String,
    /// Pages that the search found.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<WebSearchResult>,
}

/// A page in the results of a web search.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "web_search_result")]
#[non_exhaustive]
pub struct WebSearchResult {
    /// URL of the page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Title of the page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Content of the page, encrypted by the provider.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub encrypted_content: String,
    /// Age of the page, as text from the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_age: Option<String>,
}

/// The output of executed code.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CodeExecutionResultContent {
    /// Output of the code.
    pub output: String,
    /// Outcome of the execution. `None` means `OUTCOME_OK`.
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
    /// Label of the server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server_label: String,
    /// Tools, as the server describes them.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Map<String, Value>>,
    /// Error that prevented listing the tools: a string or an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
}

/// A call of a tool of an MCP server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct McpCallContent {
    /// The provider's id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the tool.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Label of the server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server_label: String,
    /// Arguments of the call, as a JSON string.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arguments: String,
    /// Output of the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Error of the call: a string or an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// Id of the request for approval of this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_request_id: Option<String>,
}

/// A provider's request for approval of an MCP tool call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct McpApprovalRequestContent {
    /// Id that the response refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the tool.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Arguments of the call, as a JSON string.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arguments: String,
    /// Label of the server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server_label: String,
}

/// The response to a request for approval.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct McpApprovalResponseContent {
    /// Id of the request.
    pub approval_request_id: String,
    /// `true` if the call is approved.
    pub approve: bool,
}

/// The result of a tool in the provider's sandbox.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolResultContent {
    /// Id of the call.
    pub tool_use_id: String,
    /// Result, in the provider's format.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub content: Map<String, Value>,
}

/// A shell command to run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ShellCallContent {
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Id that the output refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The command, in the provider's format.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub action: Map<String, Value>,
    /// Status of the call, in the provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// The output of a shell command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ShellCallOutputContent {
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Output of the command, in the provider's format.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<Map<String, Value>>,
    /// Status of the call, in the provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// A patch to apply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApplyPatchCallContent {
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Id that the output refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The patch, in the provider's format.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub operation: Map<String, Value>,
    /// Status of the call, in the provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// The result of applying a patch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApplyPatchCallOutputContent {
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Text output of the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Status of the call, in the provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}
