//! The messages of a chat prompt, one type for each role.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{ContentBlock, FunctionCall, TemplateFormat, ToolCall};
use crate::fields::or_default;

/// A message of a [`ChatPrompt`](super::ChatPrompt). A message with an unknown role is kept as received.
///
/// ```
/// use promptlayer_blueprint::{ContentBlock, Message};
///
/// let mut messages = vec![
///     Message::system("You are a meteorologist."),
///     Message::user("Which weather is it?"),
///     Message::tool("call_1", "sunny"),
///     Message::assistant("It is sunny."),
/// ];
/// assert_eq!(messages[1].role(), "user");
/// assert_eq!(messages[1].text(), "Which weather is it?");
///
/// // Remove everything but text:
/// for content in messages.iter_mut().filter_map(Message::content_mut) {
///     content.retain(|block| matches!(block, ContentBlock::Text(_)));
/// }
/// assert_eq!(messages[3].content(), [ContentBlock::from_text("It is sunny.")]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Message {
    /// Instructions for the model.
    System(SystemMessage),
    /// Instructions for the model. Newer models use this role instead of `system`.
    Developer(DeveloperMessage),
    /// A message from the user.
    User(UserMessage),
    /// A message from the model.
    Assistant(AssistantMessage),
    /// Result of a tool call.
    Tool(ToolMessage),
    /// Result of a function call, in the legacy form of tools.
    Function(FunctionMessage),
    /// A placeholder in a template for a variable that holds messages.
    Placeholder(PlaceholderMessage),
    /// Any other message, as received.
    #[serde(untagged)]
    Other(Value),
}

impl Message {
    /// Creates a system message.
    pub fn system(content: impl Into<Content>) -> Self {
        Self::System(SystemMessage { content: content.into().0, ..SystemMessage::default() })
    }

    /// Creates a developer message.
    pub fn developer(content: impl Into<Content>) -> Self {
        Self::Developer(DeveloperMessage { content: content.into().0, ..DeveloperMessage::default() })
    }

    /// Creates a user message.
    pub fn user(content: impl Into<Content>) -> Self {
        Self::User(UserMessage { content: content.into().0, ..UserMessage::default() })
    }

    /// Creates an assistant message.
    pub fn assistant(content: impl Into<Content>) -> Self {
        Self::Assistant(AssistantMessage { content: content.into().0, ..AssistantMessage::default() })
    }

    /// Creates a message with the result of the tool call `tool_call_id`.
    pub fn tool(tool_call_id: impl Into<String>, content: impl Into<Content>) -> Self {
        Self::Tool(ToolMessage {
            content: content.into().0,
            tool_call_id: tool_call_id.into(),
            ..ToolMessage::default()
        })
    }

    /// Creates a placeholder for the messages of the variable `name`.
    pub fn placeholder(name: impl Into<String>) -> Self {
        Self::Placeholder(PlaceholderMessage { name: name.into(), ..PlaceholderMessage::default() })
    }

    /// Returns the role of the message: `user`, `assistant`, …
    pub fn role(&self) -> &str {
        match self {
            Self::System(_) => "system",
            Self::Developer(_) => "developer",
            Self::User(_) => "user",
            Self::Assistant(_) => "assistant",
            Self::Tool(_) => "tool",
            Self::Function(_) => "function",
            Self::Placeholder(_) => "placeholder",
            Self::Other(message) => message.get("role").and_then(Value::as_str).unwrap_or_default(),
        }
    }

    /// Returns the content blocks. Empty for [`Message::Other`].
    pub fn content(&self) -> &[ContentBlock] {
        match self {
            Self::System(message) => &message.content,
            Self::Developer(message) => &message.content,
            Self::User(message) => &message.content,
            Self::Assistant(message) => &message.content,
            Self::Tool(message) => &message.content,
            Self::Function(message) => &message.content,
            Self::Placeholder(message) => &message.content,
            Self::Other(_) => &[],
        }
    }

    /// Returns the content blocks for modification. `None` for [`Message::Other`].
    pub fn content_mut(&mut self) -> Option<&mut Vec<ContentBlock>> {
        match self {
            Self::System(message) => Some(&mut message.content),
            Self::Developer(message) => Some(&mut message.content),
            Self::User(message) => Some(&mut message.content),
            Self::Assistant(message) => Some(&mut message.content),
            Self::Tool(message) => Some(&mut message.content),
            Self::Function(message) => Some(&mut message.content),
            Self::Placeholder(message) => Some(&mut message.content),
            Self::Other(_) => None,
        }
    }

    /// Returns the syntax of the message's variables, or the default if none is set.
    pub fn template_format(&self) -> TemplateFormat {
        self.template().1.unwrap_or_default()
    }

    /// Returns the variables of the message, and their format if it is set.
    pub(crate) fn template(&self) -> (&[String], Option<TemplateFormat>) {
        match self {
            Self::System(message) => (&message.input_variables, message.template_format),
            Self::Developer(message) => (&message.input_variables, message.template_format),
            Self::User(message) => (&message.input_variables, message.template_format),
            Self::Assistant(message) => (&message.input_variables, message.template_format),
            Self::Tool(message) => (&message.input_variables, message.template_format),
            Self::Function(message) => (&message.input_variables, message.template_format),
            Self::Placeholder(message) => (&message.input_variables, message.template_format),
            Self::Other(_) => (&[], None),
        }
    }

    /// Returns the name of the participant, except of a function.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::System(message) => message.name.as_deref(),
            Self::Developer(message) => message.name.as_deref(),
            Self::User(message) => message.name.as_deref(),
            Self::Assistant(message) => message.name.as_deref(),
            Self::Tool(message) => message.name.as_deref(),
            Self::Function(_) | Self::Placeholder(_) | Self::Other(_) => None,
        }
    }

    /// Concatenates the text of the text blocks.
    pub fn text(&self) -> String {
        super::text_of(self.content())
    }
}

/// The content of a message: a list of blocks. A text converts into one text block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content(pub(crate) Vec<ContentBlock>);

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self(vec![ContentBlock::from_text(text)])
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<ContentBlock> for Content {
    fn from(block: ContentBlock) -> Self {
        Self(vec![block])
    }
}

impl From<Vec<ContentBlock>> for Content {
    fn from(blocks: Vec<ContentBlock>) -> Self {
        Self(blocks)
    }
}

/// Deserializes the blocks of a content. Old templates have a string in this place, and some messages
/// `null`.
pub(super) fn blocks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ContentBlock>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Shape {
        Blocks(Vec<ContentBlock>),
        Text(String),
    }
    Ok(match Option::deserialize(deserializer)? {
        Some(Shape::Blocks(blocks)) => blocks,
        Some(Shape::Text(text)) => Content::from(text).0,
        None => Vec::new(),
    })
}

/// Declares a message type that has only content and an optional name.
macro_rules! plain_message {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct $name {
            /// Content of the message.
            #[serde(deserialize_with = "blocks")]
            pub content: Vec<ContentBlock>,
            /// Names of the message's variables, if it is part of a template.
            #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
            pub input_variables: Vec<String>,
            /// Syntax of the variables. `None` means [`TemplateFormat::default`].
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub template_format: Option<TemplateFormat>,
            /// Name of the participant, to distinguish participants with the same role.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub name: Option<String>,
        }
    };
}

plain_message! {
    /// A message with instructions for the model.
    SystemMessage
}

plain_message! {
    /// A message with instructions for the model, in the role that newer models use.
    DeveloperMessage
}

plain_message! {
    /// A message from the user.
    UserMessage
}

/// A message from the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AssistantMessage {
    /// Content of the message. If the message only calls tools, this is serialized as an empty list, as
    /// PromptLayer's own client does.
    #[serde(default, deserialize_with = "blocks")]
    pub content: Vec<ContentBlock>,
    /// Tool calls of the message.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Function call of the message, in the legacy form of `tool_calls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCall>,
    /// Names of the message's variables, if it is part of a template.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_variables: Vec<String>,
    /// Syntax of the variables. `None` means [`TemplateFormat::default`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_format: Option<TemplateFormat>,
    /// Name of the participant, to distinguish participants with the same role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A message with the result of a tool call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolMessage {
    /// Result of the tool call.
    #[serde(deserialize_with = "blocks")]
    pub content: Vec<ContentBlock>,
    /// Id of the tool call.
    pub tool_call_id: String,
    /// Names of the message's variables, if it is part of a template.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_variables: Vec<String>,
    /// Syntax of the variables. `None` means [`TemplateFormat::default`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_format: Option<TemplateFormat>,
    /// Name of the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A message with the result of a function call, in the legacy form of tools.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionMessage {
    /// Result of the function call.
    #[serde(default, deserialize_with = "blocks", skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<ContentBlock>,
    /// Name of the function.
    pub name: String,
    /// Names of the message's variables, if it is part of a template.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_variables: Vec<String>,
    /// Syntax of the variables. `None` means [`TemplateFormat::default`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_format: Option<TemplateFormat>,
}

/// A placeholder in a template for a variable that holds messages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlaceholderMessage {
    /// Name of the variable that holds the messages.
    pub name: String,
    /// Content that is used until the variable is filled in.
    #[serde(default, deserialize_with = "blocks", skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<ContentBlock>,
    /// Role that the placeholder is displayed with.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub raw_request_display_role: String,
    /// Names of the placeholder's variables.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_variables: Vec<String>,
    /// Syntax of the variables. `None` means [`TemplateFormat::default`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_format: Option<TemplateFormat>,
}
