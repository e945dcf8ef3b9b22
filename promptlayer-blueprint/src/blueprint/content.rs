//! The content blocks of a message.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Annotation, ApplyPatchCallContent, ApplyPatchCallOutputContent, CodeExecutionResultContent,
    McpApprovalRequestContent, McpApprovalResponseContent, McpCallContent, McpListToolsContent,
    ServerToolUseContent, ShellCallContent, ShellCallOutputContent, ToolResultContent,
    WebSearchToolResultContent,
};
use crate::fields::or_default;

/// One block of a message's content.
///
/// Blocks of an unknown type, and blocks that do not have the documented shape, are kept whole as
/// [`ContentBlock::Other`] and serialized as received.
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
    /// The model's reasoning before its answer.
    Thinking(ThinkingContent),
    /// Code that the model wrote for execution.
    Code(CodeContent),
    /// An image, as a URL or a `data:` URL.
    ImageUrl(ImageContent),
    /// A file of another kind.
    Media(MediaContent),
    /// A placeholder in a template for a variable that holds files.
    MediaVariable(MediaVariable),
    /// An image, a video or audio that the model generated.
    OutputMedia(OutputMediaContent),
    /// A call of a tool that the provider runs.
    ServerToolUse(ServerToolUseContent),
    /// Results of a web search.
    WebSearchToolResult(WebSearchToolResultContent),
    /// Output of executed code.
    CodeExecutionResult(CodeExecutionResultContent),
    /// Tools of an MCP server.
    McpListTools(McpListToolsContent),
    /// A call of a tool of an MCP server.
    McpCall(McpCallContent),
    /// A provider's request for approval of an MCP tool call.
    McpApprovalRequest(McpApprovalRequestContent),
    /// The response to a request for approval.
    McpApprovalResponse(McpApprovalResponseContent),
    /// Output of a shell command in the provider's sandbox.
    BashCodeExecutionToolResult(ToolResultContent),
    /// Result of a text editor command in the provider's sandbox.
    TextEditorCodeExecutionToolResult(ToolResultContent),
    /// A shell command to run.
    ShellCall(ShellCallContent),
    /// Output of a shell command.
    ShellCallOutput(ShellCallOutputContent),
    /// A patch to apply.
    ApplyPatchCall(ApplyPatchCallContent),
    /// Result of applying a patch.
    ApplyPatchCallOutput(ApplyPatchCallOutputContent),
    /// Any other block, as received.
    #[serde(untagged)]
    Other(Value),
}

impl ContentBlock {
    /// Creates a text block.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self::Text(TextContent { text: text.into(), ..TextContent::default() })
    }

    /// Creates a thinking block.
    pub fn from_thinking(thinking: impl Into<String>) -> Self {
        Self::Thinking(ThinkingContent { thinking: thinking.into(), ..ThinkingContent::default() })
    }

    /// Creates an image block from a URL or a `data:` URL.
    pub fn from_image_url(url: impl Into<String>) -> Self {
        let image_url = ImageUrl { url: url.into(), detail: None };
        Self::ImageUrl(ImageContent { image_url, image_variable: None })
    }

    /// Returns the text, if this is a text block.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(block) => Some(&block.text),
            _ => None,
        }
    }
}

/// A block of text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TextContent {
    /// The text. In a template, it contains the variables.
    pub text: String,
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Sources that the text cites.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
    /// The provider's signature of the reasoning that led to the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<String>,
}

/// The model's reasoning before its answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ThinkingContent {
    /// The reasoning text.
    pub thinking: String,
    /// The provider's signature of the reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Code that the model wrote for execution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CodeContent {
    /// The code.
    pub code: String,
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Id of the container that executed the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
}

/// An image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageContent {
    /// URL of the image.
    pub image_url: ImageUrl,
    /// In a template, the variable that supplies the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_variable: Option<String>,
}

/// The URL of an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageUrl {
    /// A URL, or the image itself as a `data:` URL.
    pub url: String,
    /// Level of detail for the model: `low`, `high` or `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A block that holds a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MediaContent {
    /// The file.
    pub media: Media,
}

/// A file: its content or its location.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Media {
    /// Title of the file. `None` means `media`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// MIME type of the file. `None` means `image/jpeg`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// URL or content of the file, depending on `format`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What `url` contains.
    #[serde(default, deserialize_with = "or_default")]
    pub format: MediaFormat,
}

/// What [`Media::url`] contains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaFormat {
    /// The content in base64.
    Base64,
    /// A URL.
    Url,
    /// Neither of the two, for example the provider's id of a file.
    #[default]
    Neither,
}

/// A placeholder in a template for a variable that holds files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MediaVariable {
    /// Name of the variable.
    pub name: String,
}

/// An image, a video or audio that the model generated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutputMediaContent {
    /// The provider's id of the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A URL, or the content as a `data:` URL.
    pub url: String,
    /// MIME type of the media. `None` means `image/png`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Kind of media.
    #[serde(default, deserialize_with = "or_default")]
    pub media_type: OutputMediaType,
    /// Additional data from the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_metadata: Option<Map<String, Value>>,
}

/// The kind of media that a model generated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutputMediaType {
    /// An image.
    #[default]
    Image,
    /// A video.
    Video,
    /// Audio.
    Audio,
}
