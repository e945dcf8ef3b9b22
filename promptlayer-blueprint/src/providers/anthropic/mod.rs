//! Anthropic's Messages API, as served by Anthropic, by Bedrock's `invoke`, by Vertex AI and by compatible
//! servers.
//!
//! Its requests differ from those of `OpenAI` and Cohere only in details. Each field by which this file detects
//! them exists in none of the other formats.

mod content;
mod stream;
#[cfg(test)]
mod tests;
pub(super) mod to_turns;
mod write;

use serde_json::Value;

use super::finish::Finish;
use super::json::{Fields, Object};
use super::messages::Role;
use super::reading::{self, Reply, Request, Shape, UsagePaths};
use super::words::{Words, words};
use super::{errors, openai_chat, turn, vendor};
use crate::blueprint::{BuiltInTool, ChatPrompt, Tool, ToolChoice};

/// The field that Bedrock adds to the last event of a stream.
pub(super) const INVOCATION_METRICS: &str = "amazon-bedrock-invocationMetrics";

pub(super) static SHAPE: Shape = Shape {
    api_type: "messages",
    family: "anthropic",
    is_shared: true,
    is_request,
    request,
    is_reply,
    reply,
    is_chunk,
    sum: stream::sum,
    write: Some(write::write),
};

/// Fields that `OpenAI`'s chat completions have and Anthropic's messages do not have.
const OPENAI_FIELDS: Words = words!(
    "frequency_penalty functions logprobs max_completion_tokens n presence_penalty response_format stop \
     stream_options"
);
/// Types of content blocks that `OpenAI`'s chat completions have and Anthropic's messages do not have.
const OPENAI_BLOCKS: Words = words!("image_url input_audio file refusal video_url");

fn is_request(object: &Object) -> bool {
    let messages = object.list("messages");
    // Compatible servers may accept some of Anthropic's fields together with tools in OpenAI's format.
    let has_openai_tool = object.objects("tools").any(|tool| tool.object("function").is_some());
    !messages.is_empty()
        && messages.iter().all(is_message)
        && !has_openai_tool
        && (has_own_field(object)
            || messages.iter().any(|message| message.list("content").iter().any(is_own_block))
            || (is_for_claude(object) && messages.iter().all(|message| !message.is("role", "system"))))
}

/// Returns `true` if a value may be a message: it has content, and no block has a type of `OpenAI`. Newer
/// models accept system messages among the others.
fn is_message(message: &Value) -> bool {
    let may_be_block = |block: &Value| block.str("type").is_some_and(|kind| !OPENAI_BLOCKS.contains(kind));
    matches!(message.text("role"), Some("user" | "assistant" | "system"))
        && message.get("tool_calls").is_none()
        && match message.get("content") {
            Some(Value::String(_)) => true,
            Some(Value::Array(blocks)) => blocks.iter().all(may_be_block),
            _ => false,
        }
}

/// Returns `true` if a request has a field that only this API has.
fn has_own_field(object: &Object) -> bool {
    let has_system = object.has_a("system", |system| system.is_string() || system.is_array());
    // Cohere's API has `stop_sequences` and `max_tokens` too.
    let may_be_cohere = object
        .text("model")
        .is_some_and(|model| ["command", "c4ai"].iter().any(|family| model.starts_with(family)));
    let has_stop = object.has_a("stop_sequences", Value::is_array) && !may_be_cohere;
    object.text("anthropic_version").is_some()
        || (object.has_a("max_tokens", Value::is_u64) && (has_system || has_stop))
        || object.objects("tools").any(|tool| {
            tool.object("input_schema").is_some() || tool.text("type").is_some_and(is_dated)
        })
        // Other APIs use a text for the tool choice.
        || object.has_a("tool_choice", |choice| match choice.text("type") {
            Some("auto" | "any" | "none") => true,
            Some("tool") => choice.has_a("name", Value::is_string),
            _ => false,
        })
        // Other APIs have a `thinking` field too, but without `budget_tokens`.
        || object.has_a("thinking", |thinking| thinking.count("budget_tokens").is_some() || thinking.is("type", "adaptive"))
        || object.has_a("context_management", |context| context.has_a("edits", Value::is_array))
}

/// Returns `true` if a name ends with a version date, such as `web_search_20250305`.
fn is_dated(name: &str) -> bool {
    name.rsplit_once('_')
        .is_some_and(|(_, date)| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns `true` if a block has a type that only this API has. Other APIs have thoughts and documents too, but
/// without a signature and a source.
fn is_own_block(block: &Value) -> bool {
    let has_text = |key: &str| block.has_a(key, Value::is_string);
    match block.text("type").unwrap_or_default() {
        "tool_use" | "server_tool_use" | "mcp_tool_use" => has_text("id") && has_text("name"),
        kind if kind.ends_with("tool_result") => has_text("tool_use_id"),
        "thinking" => has_text("signature"),
        "redacted_thinking" => has_text("data"),
        "image" | "document" => block.object("source").is_some(),
        _ => false,
    }
}

/// Returns `true` if an ambiguous request is for one of Anthropic's models and has no field of `OpenAI`'s API.
/// `OpenAI`-compatible servers offer these models too.
fn is_for_claude(object: &Object) -> bool {
    object.count("max_tokens").is_some()
        && object.text("model").is_some_and(|model| model.starts_with("claude-"))
        && !OPENAI_FIELDS.any_in(object)
}

/// Messages of `OpenAI`'s Responses API have the same type and role, but no stop reason.
fn is_reply(object: &Object) -> bool {
    let stops = object.contains_key("stop_reason");
    let counts = object.at("usage.input_tokens").is_some_and(Value::is_u64);
    object.get("type").is_none_or(|kind| kind == "message")
        && object.has_a("content", Value::is_array)
        // Some clients have no field for the role, which is always the same.
        && match object.get("role") {
            Some(role) => role == "assistant" && (stops || counts),
            None => stops && counts,
        }
}

/// `ping` and `message_stop` are not checked: other APIs may have them too.
fn is_chunk(object: &Object) -> bool {
    let has_index = object.count("index").is_some();
    match object.text("type").unwrap_or_default() {
        "message_start" => object.object("message").is_some(),
        "content_block_start" => has_index && object.object("content_block").is_some(),
        "content_block_delta" => has_index && object.object("delta").is_some(),
        "content_block_stop" => has_index,
        "message_delta" => object.object("delta").is_some(),
        "error" => {
            ["error.type", "error.message"].iter().all(|path| object.at(path).is_some_and(Value::is_string))
        }
        _ => false,
    }
}

/// Tools and tool choice are handled separately: what the prompt cannot hold stays in the parameters.
const PROMPT_FIELDS: &[&str] = &["model", "messages", "system"];

/// The blueprint's names for the tools that Anthropic runs or defines, by the prefix of their type. The
/// version date follows the prefix.
const BUILT_IN: &[(&str, &str)] = &[
    ("web_search_", "web_search"),
    ("web_fetch_", "url_context"),
    ("code_execution_", "code_interpreter"),
    ("bash_", "bash"),
    ("text_editor_", "text_editor"),
    ("mcp_toolset", "mcp"),
];

fn request(mut object: Object) -> Request {
    let mut prompt = ChatPrompt::new(turn::read_messages(&object, content::read));
    prompt.tools = turn::take_tools(&mut object, read_tool);
    if let Some(choice) = object.object("tool_choice") {
        // The blueprint has no field for `disable_parallel_tool_use`.
        let is_all = choice.keys().all(|key| key == "type" || key == "name");
        prompt.tool_choice = read_choice(choice);
        if is_all && prompt.tool_choice.is_some() {
            object.remove("tool_choice");
        }
    }
    Request {
        provider: vendor::of_request(&object).map(Into::into),
        ..Request::new(&SHAPE, prompt, object, PROMPT_FIELDS)
    }
}

fn read_tool(tool: &Value) -> Option<Tool> {
    match tool.text("type") {
        None | Some("custom") => turn::function(tool, Some(tool.object("input_schema")?)).map(Tool::from),
        Some(kind) => {
            let (_, form) = BUILT_IN.iter().find(|(prefix, _)| kind.starts_with(prefix))?;
            let name = tool.text("name").or_else(|| tool.text("mcp_server_name")).unwrap_or(form);
            Some(Tool::BuiltIn(BuiltInTool {
                id: kind.to_owned(),
                name: name.to_owned(),
                description: String::new(),
                provider: "anthropic".to_owned(),
                kind: (*form).to_owned(),
                config: reading::parameters(tool.as_object()?.clone(), &["cache_control"]),
            }))
        }
    }
}

fn read_choice(choice: &Object) -> Option<ToolChoice> {
    Some(match choice.text("type")? {
        mode @ ("auto" | "none") => ToolChoice::Mode(mode.to_owned()),
        "any" => ToolChoice::Mode("required".to_owned()),
        "tool" => ToolChoice::function(choice.text("name")?),
        _ => return None,
    })
}

static USAGE: UsagePaths = UsagePaths {
    input: &["input_tokens"],
    output: &["output_tokens"],
    cached: &["cache_read_input_tokens"],
    cache_creation: &["cache_creation_input_tokens"],
    reasoning: &["output_tokens_details.thinking_tokens"],
    other: &[
        // One-hour cache writes cost more than five-minute cache writes, which are the remaining tokens.
        ("cache_creation.ephemeral_1h_input_tokens", "cache_creation_1h_tokens"),
        ("server_tool_use.web_search_requests", "web_search_requests"),
        ("server_tool_use.web_fetch_requests", "web_fetch_requests"),
    ],
};

/// Data without a field in the log: the metadata key, and the path.
const METADATA: &[(&str, &str)] = &[
    ("response_id", "id"),
    ("service_tier", "usage.service_tier"),
    ("stop_sequence", "stop_sequence"),
    ("refusal_category", "stop_details.category"),
    ("refusal_explanation", "stop_details.explanation"),
];

/// Reads a response. A response that was interrupted by an error has both content and an error.
fn reply(object: &Object) -> Reply {
    let provider = vendor::of_reply(object);
    let messages = turn::read_message(Role::Assistant, None, object.get("content"), content::read);
    let price = openai_chat::openrouter_price(object.object("usage"), provider);
    Reply {
        shape: Some(&SHAPE),
        provider: provider.map(Into::into),
        model: object.owned("model"),
        prompt: Some(ChatPrompt::new(messages).into()),
        usage: USAGE.within(object, "usage"),
        finish: object.text("stop_reason").map(Finish::from_word),
        error: object.field("error").map(errors::of_reply),
        price: price.filter(|price| price.is_finite() && *price >= 0.0),
        metadata: object.texts_at(METADATA),
        ..Reply::default()
    }
}
