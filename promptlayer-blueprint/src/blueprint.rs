//! The prompt blueprint: `PromptLayer`'s provider-neutral format for prompts and model responses.
//!
//! The types and fields have the names of `PromptLayer`'s API document. Absent optional fields are omitted
//! when serialized. Unknown content is kept (see [`ContentBlock::Other`]).

mod annotation;
mod content;
mod log_request;
mod message;
mod server_tool;
mod tool;

pub use annotation::{Annotation, ContainerFileAnnotation, FileAnnotation, MapAnnotation, WebAnnotation};
pub use content::{
    CodeContent, ContentBlock, ImageContent, ImageUrl, Media, MediaContent, MediaFormat, MediaVariable,
    OutputMediaContent, OutputMediaType, TextContent, ThinkingContent,
};
pub use log_request::{ErrorType, LogRequest, RequestStatus};
pub use message::{
    AssistantMessage, Content, DeveloperMessage, FunctionMessage, Message, PlaceholderMessage, SystemMessage,
    ToolMessage, UserMessage,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
pub use server_tool::{
    ApplyPatchCallContent, ApplyPatchCallOutputContent, CodeExecutionResultContent,
    McpApprovalRequestContent, McpApprovalResponseContent, McpCallContent, McpListToolsContent,
    ServerToolUseContent, ShellCallContent, ShellCallOutputContent, ToolResultContent, WebSearchResult,
    WebSearchToolResultContent,
};
pub use tool::{
    BuiltInTool, ChatToolChoice, Function, FunctionCall, FunctionCallChoice, FunctionTool,
    MessageFunctionCall, Tool, ToolCall, ToolChoice,
};

use crate::fields::or_default;

/// A prompt or a model's response: a list of messages, or a single text.
///
/// ```
/// use promptlayer_blueprint::{ChatPrompt, Message, Prompt};
///
/// let prompt = Prompt::from(ChatPrompt::new([
///     Message::system("You are a copywriter."),
///     Message::user("Name a company that makes toasters."),
/// ]));
/// assert_eq!(prompt.messages().len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
// Each variant serializes its own `type`. The API document allows an absent `type`, so deserialization does
// not depend on it.
#[serde(untagged)]
#[non_exhaustive]
pub enum Prompt {
    /// Chat messages.
    Chat(ChatPrompt),
    /// A single text.
    Completion(CompletionPrompt),
}

impl Prompt {
    /// Creates a prompt with one user message.
    pub fn user(content: impl Into<Content>) -> Self {
        ChatPrompt::new([Message::user(content)]).into()
    }

    /// Creates a prompt with one assistant message.
    pub fn assistant(content: impl Into<Content>) -> Self {
        ChatPrompt::new([Message::assistant(content)]).into()
    }

    /// Returns the messages. Empty for a completion.
    pub fn messages(&self) -> &[Message] {
        match self {
            Self::Chat(chat) => &chat.messages,
            Self::Completion(_) => &[],
        }
    }

    /// Returns the text of the prompt. For a chat, joins the text of the messages with line breaks.
    pub fn text(&self) -> String {
        match self {
            Self::Completion(completion) => text_of(&completion.content),
            Self::Chat(chat) => {
                let texts: Vec<_> =
                    chat.messages.iter().map(Message::text).filter(|text| !text.is_empty()).collect();
                texts.join("\n")
            }
        }
    }
}

impl From<ChatPrompt> for Prompt {
    fn from(chat: ChatPrompt) -> Self {
        Self::Chat(chat)
    }
}

impl From<CompletionPrompt> for Prompt {
    fn from(completion: CompletionPrompt) -> Self {
        Self::Completion(completion)
    }
}

/// A list of messages, with the tools that the model may call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "chat")]
#[non_exhaustive]
pub struct ChatPrompt {
    /// Messages, in order.
    pub messages: Vec<Message>,
    /// Tools that the model may call.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Which of the tools the model must call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Functions that the model may call. The legacy form of `tools`.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<Function>,
    /// Which of the functions the model must call. The legacy form of `tool_choice`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCallChoice>,
    /// Names of the template's input variables.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_variables: Vec<String>,
}

impl ChatPrompt {
    /// Creates a prompt from messages, without tools.
    pub fn new(messages: impl IntoIterator<Item = Message>) -> Self {
        Self { messages: messages.into_iter().collect(), ..Self::default() }
    }
}

/// A prompt or a response that is a single text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "completion")]
#[non_exhaustive]
pub struct CompletionPrompt {
    /// The text, as content blocks.
    #[serde(deserialize_with = "message::blocks")]
    pub content: Vec<ContentBlock>,
    /// Names of the template's input variables.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_variables: Vec<String>,
    /// Syntax of the variables. `None` means [`TemplateFormat::default`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_format: Option<TemplateFormat>,
}

impl CompletionPrompt {
    /// Creates a completion prompt with this content.
    pub fn new(content: impl Into<Content>) -> Self {
        Self { content: content.into().0, ..Self::default() }
    }
}

/// The syntax of variables in a template.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TemplateFormat {
    /// `{name}`, as in Python's f-strings.
    #[default]
    #[serde(rename = "f-string")]
    FString,
    /// `{{ name }}`, with the full jinja2 syntax.
    #[serde(rename = "jinja2")]
    Jinja2,
}

/// A prompt together with its model and parameters: what `PromptLayer` stores and can replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PromptBlueprint {
    /// The prompt.
    pub prompt_template: Prompt,
    /// Commit message of this version of the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_message: Option<String>,
    /// The model, and other data stored with the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Name of the provider's base URL, if the provider has more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_base_url_name: Option<String>,
    /// Id of the report that the prompt belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_id: Option<i64>,
    /// Name of the inference client that sent the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inference_client_name: Option<String>,
    /// Id of the provider that the prompt was sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<i64>,
}

/// Data stored with a prompt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// The model that the prompt is written for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// Custom fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A model and its parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Model {
    /// Provider of the model: `openai`, `anthropic`, `google`, `openai.azure`, `amazon.bedrock`, …
    pub provider: String,
    /// Name of the model, as the provider writes it.
    pub name: String,
    /// Model parameters such as `temperature` and `max_tokens`.
    #[serde(default, deserialize_with = "or_default")]
    pub parameters: Map<String, Value>,
    /// The same parameters, in the form that is displayed.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub display_params: Map<String, Value>,
    /// Display name of this model configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_config_display_name: Option<String>,
    /// The model that this model is derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_model: Option<String>,
    /// The provider's API that the model is called with: `chat-completions`, `responses`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_type: Option<String>,
}

impl Model {
    /// Creates a model without parameters.
    pub fn new(provider: impl Into<String>, name: impl Into<String>) -> Self {
        Self { provider: provider.into(), name: name.into(), ..Self::default() }
    }
}

/// Concatenates the text of the text blocks.
fn text_of(blocks: &[ContentBlock]) -> String {
    blocks.iter().filter_map(ContentBlock::text).collect()
}

#[cfg(test)]
mod tests;
