//! The blocks that the content of a message is made of.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Annotation, ApplyPatchCallContent, ApplyPatchCallOutputContent, CodeExecutionResultContent,
    McpApprovalRequestContent, McpApprovalResponseContent, McpCallContent, McpListToolsContent,
    ServerToolUseContent, ShellCallContent, ShellCallOutputContent, ToolResultContent,
    WebSearchToolResultContent, or_default,
};

/// One block of a message's content.
///
/// A block of a type that this crate does not know, or of a shape other than the documented one, is
/// kept whole as [`ContentBlock::Other`] and written back as it came.
///
/// ```
/// use promptlayer_blueprint::ContentBlock;
///
/// let blocks: Vec<ContentBlock> = serde_json::from_str(
///     r#"[{"type": "text", "text": "A toaster."}, {"type": "hologram", "depth": 3}]"#,
/// )?;
/// assert_eq!(blocks[0].text(), Some("A toaster."));
/// assert!(matches!(&blocks[1], ContentBlock::Other(value) if value["depth"] == 3));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContentBlock {
    /// Text.
    Text(TextContent),
    /// What a model thought before it answered.
    Thinking(ThinkingContent),
    /// Code that a model wrote to be executed.
    Code(CodeContent),
    /// An image, by URL or as a `data:` URL.
    ImageUrl(ImageContent),
    /// A file of another kind.
    Media(MediaContent),
    /// A place in a template into which a variable's files go.
    MediaVariable(MediaVariable),
    /// An image, a video or a sound that a model made.
    OutputMedia(OutputMediaContent),
    /// The call of a tool that the provider runs.
    ServerToolUse(ServerToolUseContent),
    /// What a web search found.
    WebSearchToolResult(WebSearchToolResultContent),
    /// What executed code printed.
    CodeExecutionResult(CodeExecutionResultContent),
    /// The tools of an MCP server.
    McpListTools(McpListToolsContent),
    /// The call of an MCP server's tool.
    McpCall(McpCallContent),
    /// A provider's question whether an MCP tool may be called.
    McpApprovalRequest(McpApprovalRequestContent),
    /// The answer to such a question.
    McpApprovalResponse(McpApprovalResponseContent),
    /// What a shell command printed, in the provider's sandbox.
    BashCodeExecutionToolResult(ToolResultContent),
    /// What a text editor did, in the provider's sandbox.
    TextEditorCodeExecutionToolResult(ToolResultContent),
    /// A shell command to be run.
    ShellCall(ShellCallContent),
    /// What that command printed.
    ShellCallOutput(ShellCallOutputContent),
    /// A patch to be applied.
    ApplyPatchCall(ApplyPatchCallContent),
    /// How applying it went.
    ApplyPatchCallOutput(ApplyPatchCallOutputContent),
    /// Any other block, as it came.
    #[serde(untagged)]
    Other(Value),
}

impl ContentBlock {
    /// A block of text.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self::Text(TextContent { text: text.into(), ..TextContent::default() })
    }

    /// A block of thinking.
    pub fn from_thinking(thinking: impl Into<String>) -> Self {
        Self::Thinking(ThinkingContent { thinking: thinking.into(), ..ThinkingContent::default() })
    }

    /// A block of an image, by URL or as a `data:` URL.
    pub fn from_image_url(url: impl Into<String>) -> Self {
        let image_url = ImageUrl { url: url.into(), detail: None };
        Self::ImageUrl(ImageContent { image_url, image_variable: None })
    }

    /// The text of a text block.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(block) => Some(&block.text),
            _ => None,
        }
    }
}

/// Text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TextContent {
    /// The text itself; in a template, with its variables.
    pub text: String,
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the text cites.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
    /// The provider's signature of the thought that led to the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<String>,
}

/// What a model thought before it answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ThinkingContent {
    /// The thought.
    pub thinking: String,
    /// The provider's signature of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Code that a model wrote to be executed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CodeContent {
    /// The code.
    pub code: String,
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The container it was executed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
}

/// An image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageContent {
    /// Where it is.
    pub image_url: ImageUrl,
    /// In a template, the variable that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_variable: Option<String>,
}

/// Where an image is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageUrl {
    /// An address, or the image itself as a `data:` URL.
    pub url: String,
    /// How closely the model is to look: `low`, `high` or `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MediaContent {
    /// The file.
    pub media: Media,
}

/// A file and where it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Media {
    /// What it is called; `media` where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its MIME type; `image/jpeg` where none is given.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Its address or its content, as `format` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What `url` holds.
    #[serde(default, deserialize_with = "or_default")]
    pub format: MediaFormat,
}

/// What [`Media::url`] holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaFormat {
    /// The content in base64.
    Base64,
    /// An address.
    Url,
    /// Something else, such as the provider's id of a file.
    #[default]
    Neither,
}

/// A place in a template into which a variable's files go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MediaVariable {
    /// The variable's name.
    pub name: String,
}

/// An image, a video or a sound that a model made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutputMediaContent {
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// An address, or the content as a `data:` URL.
    pub url: String,
    /// Its MIME type; `image/png` where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Its kind.
    #[serde(default, deserialize_with = "or_default")]
    pub media_type: OutputMediaType,
    /// What else the provider said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_metadata: Option<Map<String, Value>>,
}

/// The kind of what a model made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutputMediaType {
    /// An image.
    #[default]
    Image,
    /// A video.
    Video,
    /// A sound.
    Audio,
}
