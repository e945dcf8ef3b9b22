//! The prompt blueprint: `PromptLayer`'s own form of a prompt and of a reply, whoever the provider.
//!
//! The types and their fields are named as in `PromptLayer`'s API document. Optional fields that are
//! absent are left out when written; what is not known is kept (see [`ContentBlock::Other`]).

mod annotation;
mod content;
mod log_request;
mod message;
pub mod rfc3339;
mod server_tool;
mod tool;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

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

/// A prompt or a reply: messages, or one text.
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
// Each of the two writes its own `type`; the document lets it be absent, so it does not decide.
#[serde(untagged)]
#[non_exhaustive]
pub enum Prompt {
    /// Messages.
    Chat(ChatPrompt),
    /// One text.
    Completion(CompletionPrompt),
}

impl Prompt {
    /// One user's message.
    pub fn user(content: impl Into<Content>) -> Self {
        ChatPrompt::new([Message::user(content)]).into()
    }

    /// One model's message.
    pub fn assistant(content: impl Into<Content>) -> Self {
        ChatPrompt::new([Message::assistant(content)]).into()
    }

    /// The messages; none of a completion.
    pub fn messages(&self) -> &[Message] {
        match self {
            Self::Chat(chat) => &chat.messages,
            Self::Completion(_) => &[],
        }
    }

    /// All text of it: of a chat, that of its messages, with a line break between two.
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

/// Messages, and the tools that go with them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "chat")]
#[non_exhaustive]
pub struct ChatPrompt {
    /// The messages in order.
    pub messages: Vec<Message>,
    /// The tools that the model may call.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Which of them it must call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// The functions that the model may call, in the form that came before tools.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<Function>,
    /// Which of them it must call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCallChoice>,
    /// The variables of a template.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_variables: Vec<String>,
}

impl ChatPrompt {
    /// These messages, without tools.
    pub fn new(messages: impl IntoIterator<Item = Message>) -> Self {
        Self { messages: messages.into_iter().collect(), ..Self::default() }
    }
}

/// One text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "completion")]
#[non_exhaustive]
pub struct CompletionPrompt {
    /// The text, in blocks.
    #[serde(deserialize_with = "message::blocks")]
    pub content: Vec<ContentBlock>,
    /// The variables of a template.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_variables: Vec<String>,
    /// How they are written; [`TemplateFormat::default`] where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_format: Option<TemplateFormat>,
}

impl CompletionPrompt {
    /// This text.
    pub fn new(content: impl Into<Content>) -> Self {
        Self { content: content.into().0, ..Self::default() }
    }
}

/// How variables are written in a template.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TemplateFormat {
    /// `{name}`, as in Python's f-strings.
    #[default]
    #[serde(rename = "f-string")]
    FString,
    /// `{{ name }}`, with all that jinja2 has.
    #[serde(rename = "jinja2")]
    Jinja2,
}

/// A prompt with its model: what `PromptLayer` stores, and can replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PromptBlueprint {
    /// The prompt.
    pub prompt_template: Prompt,
    /// What was said about this version of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_message: Option<String>,
    /// Its model, and what else was stored with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The name of the provider's base URL, where it has more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_base_url_name: Option<String>,
    /// The report it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_id: Option<i64>,
    /// The name of the client it was sent with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inference_client_name: Option<String>,
    /// The provider it was sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<i64>,
}

/// What is stored with a prompt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// The model it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// Fields of your own.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A model and its parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Model {
    /// Whose it is: `openai`, `anthropic`, `google`, `openai.azure`, `amazon.bedrock`, …
    pub provider: String,
    /// Its name, as the provider calls it.
    pub name: String,
    /// `temperature`, `max_tokens` and the like.
    #[serde(default, deserialize_with = "or_default")]
    pub parameters: Map<String, Value>,
    /// The same, as they are shown.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub display_params: Map<String, Value>,
    /// What this configuration is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_config_display_name: Option<String>,
    /// The model that this one was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_model: Option<String>,
    /// Which of the provider's interfaces it is called by: `chat-completions`, `responses`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_type: Option<String>,
}

impl Model {
    /// This model, without parameters.
    pub fn new(provider: impl Into<String>, name: impl Into<String>) -> Self {
        Self { provider: provider.into(), name: name.into(), ..Self::default() }
    }
}

/// The text of the text blocks, one after the other.
fn text_of(blocks: &[ContentBlock]) -> String {
    blocks.iter().filter_map(ContentBlock::text).collect()
}

/// Reads `null` as the default: the service writes it where its document says a list or an object.
pub fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
