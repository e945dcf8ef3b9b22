//! The messages of a chat prompt, by role.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{ContentBlock, FunctionCall, TemplateFormat, ToolCall, or_default};

/// A message of a [`ChatPrompt`](super::ChatPrompt). One with an unknown role is kept as it came.
///
/// ```
/// use promptlayer_blueprint::Message;
///
/// let message = Message::user("What comes after 1,2,3 ?");
/// assert_eq!(message.role(), "user");
/// assert_eq!(message.text(), "What comes after 1,2,3 ?");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Message {
    /// What the model is told about its task.
    System(SystemMessage),
    /// The same, as newer models call it.
    Developer(DeveloperMessage),
    /// What the user says.
    User(UserMessage),
    /// What the model says.
    Assistant(AssistantMessage),
    /// What a tool returned.
    Tool(ToolMessage),
    /// What a function returned, in the form that came before tools.
    Function(FunctionMessage),
    /// A place in a template into which messages go.
    Placeholder(PlaceholderMessage),
    /// Anything else, as it came.
    #[serde(untagged)]
    Other(Value),
}

impl Message {
    /// A system message.
    pub fn system(content: impl Into<Content>) -> Self {
        Self::System(SystemMessage { content: content.into().0, ..SystemMessage::default() })
    }

    /// A developer message.
    pub fn developer(content: impl Into<Content>) -> Self {
        Self::Developer(DeveloperMessage { content: content.into().0, ..DeveloperMessage::default() })
    }

    /// A user's message.
    pub fn user(content: impl Into<Content>) -> Self {
        Self::User(UserMessage { content: content.into().0, ..UserMessage::default() })
    }

    /// A model's message.
    pub fn assistant(content: impl Into<Content>) -> Self {
        Self::Assistant(AssistantMessage { content: content.into().0, ..AssistantMessage::default() })
    }

    /// What a tool returned to the call with this id.
    pub fn tool(tool_call_id: impl Into<String>, content: impl Into<Content>) -> Self {
        Self::Tool(ToolMessage {
            content: content.into().0,
            tool_call_id: tool_call_id.into(),
            ..ToolMessage::default()
        })
    }

    /// A place in a template into which the messages of the variable `name` go.
    pub fn placeholder(name: impl Into<String>) -> Self {
        Self::Placeholder(PlaceholderMessage { name: name.into(), ..PlaceholderMessage::default() })
    }

    /// Whose message it is: `user`, `assistant`, …
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

    /// The blocks of its content; none of a message that is [`Message::Other`].
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

    /// The same, to be changed.
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

    /// How the variables in it are written, if it is part of a template.
    pub fn template_format(&self) -> TemplateFormat {
        match self {
            Self::System(message) => message.template_format,
            Self::Developer(message) => message.template_format,
            Self::User(message) => message.template_format,
            Self::Assistant(message) => message.template_format,
            Self::Tool(message) => message.template_format,
            Self::Function(message) => message.template_format,
            Self::Placeholder(message) => message.template_format,
            Self::Other(_) => None,
        }
        .unwrap_or_default()
    }

    /// The text of its text blocks, one after the other.
    pub fn text(&self) -> String {
        super::text_of(self.content())
    }
}

/// The content of a message: blocks, or a text that becomes one.
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

/// Reads the blocks of a content. Old templates have a text there, and some messages `null`.
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

/// Declares a message that has its content, and perhaps a name, and nothing else.
macro_rules! plain_message {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct $name {
            /// What it says.
            #[serde(deserialize_with = "blocks")]
            pub content: Vec<ContentBlock>,
            /// The variables in it, if it is part of a template.
            #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
            pub input_variables: Vec<String>,
            /// How they are written; [`TemplateFormat::default`] where it is not said.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub template_format: Option<TemplateFormat>,
            /// Who says it, where there is more than one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub name: Option<String>,
        }
    };
}

plain_message! {
    /// What the model is told about its task.
    SystemMessage
}

plain_message! {
    /// What the model is told about its task, as newer models call it.
    DeveloperMessage
}

plain_message! {
    /// What the user says.
    UserMessage
}

/// What the model says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AssistantMessage {
    /// What it says. One that only calls tools is written with a list that is empty, as the vendor does.
    #[serde(default, deserialize_with = "blocks")]
    pub content: Vec<ContentBlock>,
    /// The tools it calls.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The function it calls, in the form that came before tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCall>,
    /// The variables in it, if it is part of a template.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_variables: Vec<String>,
    /// How they are written; [`TemplateFormat::default`] where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_format: Option<TemplateFormat>,
    /// Who says it, where there is more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a tool returned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolMessage {
    /// What it returned.
    #[serde(deserialize_with = "blocks")]
    pub content: Vec<ContentBlock>,
    /// The id of the call.
    pub tool_call_id: String,
    /// The variables in it, if it is part of a template.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_variables: Vec<String>,
    /// How they are written; [`TemplateFormat::default`] where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_format: Option<TemplateFormat>,
    /// The tool's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a function returned, in the form that came before tools.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionMessage {
    /// What it returned.
    #[serde(default, deserialize_with = "blocks", skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<ContentBlock>,
    /// The function's name.
    pub name: String,
    /// The variables in it, if it is part of a template.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_variables: Vec<String>,
    /// How they are written; [`TemplateFormat::default`] where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_format: Option<TemplateFormat>,
}

/// A place in a template into which messages go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlaceholderMessage {
    /// The variable that holds the messages.
    pub name: String,
    /// What stands there until then.
    #[serde(default, deserialize_with = "blocks", skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<ContentBlock>,
    /// The role it is shown with.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub raw_request_display_role: String,
    /// The variables in it.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_variables: Vec<String>,
    /// How they are written; [`TemplateFormat::default`] where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_format: Option<TemplateFormat>,
}
