//! Types with the `Debug` of those in `aws-sdk-bedrockruntime`.
#![allow(dead_code, clippy::struct_field_names, reason = "their `Debug` is what is looked at")]

use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug)]
pub(super) enum Role {
    User,
    Assistant,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) role: Role,
    pub(super) content: Vec<ContentBlock>,
}

pub(super) enum ContentBlock {
    Text(String),
    ToolUse(ToolUseBlock),
    ToolResult(ToolResultBlock),
    ReasoningContent(()),
    Image(ImageBlock),
}

impl fmt::Debug for ContentBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::ToolUse(call) => f.debug_tuple("ToolUse").field(call).finish(),
            Self::ToolResult(result) => f.debug_tuple("ToolResult").field(result).finish(),
            Self::ReasoningContent(()) => f.debug_tuple("*** Sensitive Data Redacted ***").finish(),
            Self::Image(image) => f.debug_tuple("Image").field(image).finish(),
        }
    }
}

#[derive(Debug)]
pub(super) struct ToolUseBlock {
    pub(super) tool_use_id: String,
    pub(super) name: String,
    pub(super) input: Document,
    pub(super) r#type: Option<()>,
}

#[derive(Debug)]
pub(super) struct ToolResultBlock {
    pub(super) tool_use_id: String,
    pub(super) content: Vec<ToolResultContentBlock>,
    pub(super) status: Option<ToolResultStatus>,
}

#[derive(Debug)]
pub(super) enum ToolResultContentBlock {
    Json(Document),
}

#[derive(Debug)]
pub(super) enum ToolResultStatus {
    Success,
}

#[derive(Debug)]
pub(super) struct ImageBlock {
    pub(super) format: ImageFormat,
    pub(super) source: Option<ImageSource>,
}

#[derive(Debug)]
pub(super) enum ImageFormat {
    Png,
}

#[derive(Debug)]
pub(super) enum ImageSource {
    Bytes(Blob),
}

pub(super) struct Blob(pub(super) &'static [u8]);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("inner", &Digits(self.0)).finish()
    }
}

struct Digits(&'static [u8]);

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[derive(Debug)]
pub(super) enum Document {
    Object(BTreeMap<String, Document>),
    Array(Vec<Document>),
    Number(Number),
    String(String),
    Bool(bool),
    Null,
}

#[derive(Debug)]
pub(super) enum Number {
    PosInt(u64),
    NegInt(i64),
    Float(f64),
}

#[derive(Debug)]
pub(super) enum Output {
    Message(Message),
}

#[derive(Debug)]
pub(super) enum StopReason {
    EndTurn,
    ToolUse,
    MaxTokens,
    Unknown(UnknownVariantValue),
}

#[derive(Debug)]
pub(super) struct UnknownVariantValue(pub(super) String);

#[derive(Debug)]
pub(super) struct TokenUsage {
    pub(super) input_tokens: i32,
    pub(super) output_tokens: i32,
    pub(super) total_tokens: i32,
    pub(super) cache_read_input_tokens: Option<i32>,
}

#[derive(Debug)]
pub(super) struct ConverseMetrics {
    pub(super) latency_ms: i64,
}

#[derive(Debug)]
pub(super) struct ConverseOutput {
    pub(super) output: Option<Output>,
    pub(super) stop_reason: StopReason,
    pub(super) usage: Option<TokenUsage>,
    pub(super) metrics: Option<ConverseMetrics>,
    pub(super) trace: Option<()>,
    pub(super) _request_id: Option<String>,
}

#[derive(Debug)]
pub(super) enum Event {
    MessageStart(MessageStartEvent),
    ContentBlockStart(ContentBlockStartEvent),
    ContentBlockDelta(ContentBlockDeltaEvent),
    ContentBlockStop(ContentBlockStopEvent),
    MessageStop(MessageStopEvent),
    Metadata(MetadataEvent),
}

#[derive(Debug)]
pub(super) struct MessageStartEvent {
    pub(super) role: Role,
}

#[derive(Debug)]
pub(super) struct ContentBlockStartEvent {
    pub(super) start: Option<Start>,
    pub(super) content_block_index: i32,
}

#[derive(Debug)]
pub(super) enum Start {
    ToolUse(ToolUseBlockStart),
}

#[derive(Debug)]
pub(super) struct ToolUseBlockStart {
    pub(super) tool_use_id: String,
    pub(super) name: String,
}

#[derive(Debug)]
pub(super) struct ContentBlockDeltaEvent {
    pub(super) delta: Option<Delta>,
    pub(super) content_block_index: i32,
}

pub(super) enum Delta {
    Text(String),
    ToolUse(ToolUseBlockDelta),
    ReasoningContent(()),
}

impl fmt::Debug for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::ToolUse(call) => f.debug_tuple("ToolUse").field(call).finish(),
            Self::ReasoningContent(()) => f.debug_tuple("*** Sensitive Data Redacted ***").finish(),
        }
    }
}

#[derive(Debug)]
pub(super) struct ToolUseBlockDelta {
    pub(super) input: String,
}

#[derive(Debug)]
pub(super) struct ContentBlockStopEvent {
    pub(super) content_block_index: i32,
}

#[derive(Debug)]
pub(super) struct MessageStopEvent {
    pub(super) stop_reason: StopReason,
}

#[derive(Debug)]
pub(super) struct MetadataEvent {
    pub(super) usage: Option<TokenUsage>,
    pub(super) metrics: Option<ConverseMetrics>,
}

#[derive(Debug)]
pub(super) struct ConverseInput {
    pub(super) model_id: Option<String>,
    pub(super) messages: Option<Vec<Message>>,
    pub(super) system: Option<Vec<SystemContentBlock>>,
    pub(super) inference_config: Option<InferenceConfiguration>,
    pub(super) tool_config: Option<ToolConfiguration>,
    pub(super) request_metadata: Option<BTreeMap<String, String>>,
}

#[derive(Debug)]
pub(super) enum SystemContentBlock {
    Text(String),
    CachePoint(CachePointBlock),
}

#[derive(Debug)]
pub(super) struct CachePointBlock {
    pub(super) r#type: CachePointType,
}

#[derive(Debug)]
pub(super) enum CachePointType {
    Default,
}

#[derive(Debug)]
pub(super) struct InferenceConfiguration {
    pub(super) max_tokens: Option<i32>,
    pub(super) temperature: Option<f32>,
    pub(super) stop_sequences: Option<Vec<String>>,
}

#[derive(Debug)]
pub(super) struct ToolConfiguration {
    pub(super) tools: Vec<Tool>,
    pub(super) tool_choice: Option<ToolChoice>,
}

#[derive(Debug)]
pub(super) enum Tool {
    ToolSpec(ToolSpecification),
}

#[derive(Debug)]
pub(super) struct ToolSpecification {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) input_schema: Option<ToolInputSchema>,
}

#[derive(Debug)]
pub(super) enum ToolInputSchema {
    Json(Document),
}

#[derive(Debug)]
pub(super) enum ToolChoice {
    Auto(AutoToolChoice),
}

#[derive(Debug)]
pub(super) struct AutoToolChoice {}
