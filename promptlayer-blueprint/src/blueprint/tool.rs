//! Tools that a model may call, the tool that it must call, and the calls that it made.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fields::or_default;

/// A tool that a model may call. A tool of an unknown shape is kept as received.
///
/// ```
/// use promptlayer_blueprint::{Function, Tool};
///
/// let tool = Tool::from(Function::new("weather"));
/// assert_eq!(
///     serde_json::to_string(&tool)?,
///     r#"{"type":"function","function":{"name":"weather"}}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Tool {
    /// A function of the application.
    Function(FunctionTool),
    /// A tool that the provider runs.
    BuiltIn(BuiltInTool),
    /// Any other tool, as received.
    Other(Value),
}

impl From<Function> for Tool {
    fn from(function: Function) -> Self {
        Self::Function(FunctionTool { function })
    }
}

/// A tool that is a function of the application.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "function")]
#[non_exhaustive]
pub struct FunctionTool {
    /// The function.
    pub function: Function,
}

/// A function that a model may call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Function {
    /// Name of the function.
    pub name: String,
    /// Description of the function, for the model.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// If `true`, the arguments must match the schema in `parameters` exactly.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// JSON schema of the arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
}

impl Function {
    /// Creates a function without a description or parameters.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// A tool that the provider runs, such as a web search.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BuiltInTool {
    /// Id of the tool.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// Description of the tool, for the model.
    pub description: String,
    /// Provider of the tool.
    pub provider: String,
    /// Kind of tool: `web_search`, `file_search`, `code_interpreter`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Settings of the tool, in the provider's format.
    pub config: Map<String, Value>,
}

/// A function call by the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "function")]
#[non_exhaustive]
pub struct ToolCall {
    /// Id that the result refers to.
    pub id: String,
    /// Id of the tool, if the provider has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_id: Option<String>,
    /// The function and its arguments.
    pub function: FunctionCall,
}

impl ToolCall {
    /// Creates a call of the function `name`. `arguments` is a JSON string.
    pub fn new(id: impl Into<String>, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self { id: id.into(), tool_id: None, function: FunctionCall::new(name, arguments) }
    }
}

/// A function's name with the arguments of a call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionCall {
    /// Name of the function.
    pub name: String,
    /// Arguments of the call, as a JSON string.
    pub arguments: String,
}

impl FunctionCall {
    /// Creates a call of the function `name`. `arguments` is a JSON string.
    pub fn new(name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self { name: name.into(), arguments: arguments.into() }
    }
}

/// Which tool a model must call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ToolChoice {
    /// `auto`, `none`, `required`, or another mode of the provider.
    Mode(String),
    /// One specific function.
    Function(ChatToolChoice),
    /// Any other choice, as received.
    Other(Value),
}

impl ToolChoice {
    /// Creates a choice that requires the model to call this function.
    pub fn function(name: impl Into<String>) -> Self {
        Self::Function(ChatToolChoice { function: MessageFunctionCall { name: name.into() } })
    }
}

/// The function that a model must call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "function")]
#[non_exhaustive]
pub struct ChatToolChoice {
    /// The function.
    pub function: MessageFunctionCall,
}

/// The name of a function.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MessageFunctionCall {
    /// Name of the function.
    pub name: String,
}

/// Which function a model must call. The legacy form of [`ToolChoice`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum FunctionCallChoice {
    /// `auto` or `none`.
    Mode(String),
    /// One specific function.
    Function(MessageFunctionCall),
}
