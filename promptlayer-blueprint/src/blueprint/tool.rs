//! Tools: what a model may call, what it must call, and what it did call.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::or_default;

/// A tool that a model may call. One of an unknown shape is kept as it came.
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
    /// A function of yours.
    Function(FunctionTool),
    /// A tool that the provider runs.
    BuiltIn(BuiltInTool),
    /// Anything else, as it came.
    Other(Value),
}

impl From<Function> for Tool {
    fn from(function: Function) -> Self {
        Self::Function(FunctionTool { function })
    }
}

/// A tool that is a function of yours.
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
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether the arguments must follow `parameters` to the letter.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// The JSON schema of its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
}

impl Function {
    /// A function without a description or parameters.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// A tool that the provider runs, such as a web search.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BuiltInTool {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whose it is.
    pub provider: String,
    /// Its kind: `web_search`, `file_search`, `code_interpreter`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its settings, in the provider's shape.
    pub config: Map<String, Value>,
}

/// A model's call of a function.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "function")]
#[non_exhaustive]
pub struct ToolCall {
    /// The id that the result refers to.
    pub id: String,
    /// The id of the tool, where the provider has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_id: Option<String>,
    /// The function and its arguments.
    pub function: FunctionCall,
}

impl ToolCall {
    /// The call of the function `name` with `arguments`, which are JSON in a text.
    pub fn new(id: impl Into<String>, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self { id: id.into(), tool_id: None, function: FunctionCall::new(name, arguments) }
    }
}

/// The name of a function and the arguments it was called with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionCall {
    /// The function's name.
    pub name: String,
    /// Its arguments, as JSON in a text.
    pub arguments: String,
}

impl FunctionCall {
    /// The call of the function `name` with `arguments`, which are JSON in a text.
    pub fn new(name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self { name: name.into(), arguments: arguments.into() }
    }
}

/// Which tool a model must call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ToolChoice {
    /// `auto`, `none`, `required`, or another word of the provider's.
    Mode(String),
    /// This function.
    Function(ChatToolChoice),
    /// Anything else, as it came.
    Other(Value),
}

impl ToolChoice {
    /// That the model must call this function.
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
    /// The function's name.
    pub name: String,
}

/// Which function a model must call, in the form that came before tools.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum FunctionCallChoice {
    /// `auto` or `none`.
    Mode(String),
    /// This function.
    Function(MessageFunctionCall),
}
