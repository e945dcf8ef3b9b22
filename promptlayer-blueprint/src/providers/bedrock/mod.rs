//! Bedrock's Converse API, which serves the models of many providers. The model id is in the URL. `invoke` has the
//! other formats of its models.
//!
//! The blocks of this format have no `type`, but one field that names their type.

mod content;
mod invoke;
mod stream;
mod write;

use serde_json::{Value, json};

pub(super) use self::invoke::{EMBEDDINGS, INVOKE};
use super::finish::Finish;
use super::json::{Fields, Object};
use super::messages::Role;
use super::reading::{Reply, Request, Shape, UsagePaths};
use super::words::{Words, words};
use super::{errors, turn};
use crate::blueprint::{ChatPrompt, ErrorType, Tool, ToolChoice};

pub(super) static SHAPE: Shape = Shape {
    api_type: "converse",
    family: "amazon.bedrock",
    is_request,
    request,
    is_reply,
    reply,
    is_chunk,
    sum: stream::sum,
    write: Some(write::write),
    ..Shape::BASE
};

/// Names of the events that report an error in a stream. Each one contains a message.
const EXCEPTIONS: &[&str] = &[
    "internalServerException",
    "modelStreamErrorException",
    "modelTimeoutException",
    "serviceUnavailableException",
    "throttlingException",
    "validationException",
];

/// Request fields of this API. One of them is enough to detect a request. `schemaVersion` is a field of the
/// requests of Nova models with `invoke`, which have this format too.
const REQUEST_FIELDS: Words = words!(
    "additionalModelRequestFields additionalModelResponseFieldPaths guardrailConfig inferenceConfig \
     modelId outputConfig performanceConfig promptVariables requestMetadata schemaVersion serviceTier \
     toolConfig"
);

fn is_request(object: &Object) -> bool {
    let messages = object.list("messages");
    !messages.is_empty()
        && messages.iter().all(is_message)
        && (object.keys().any(|field| REQUEST_FIELDS.contains(field))
            || messages.iter().any(|message| message.objects("content").any(is_own_block))
            // A request whose messages contain only text must have no other fields.
            || object.keys().all(|field| field == "messages" || field == "system"))
}

fn is_message(message: &Value) -> bool {
    let is_block = |block: &Value| {
        block.as_object().is_some_and(|block| {
            !block.contains_key("type") && (block.has_a("text", Value::is_string) || is_own_block(block))
        })
    };
    matches!(message.text("role"), Some("user" | "assistant" | "system"))
        && message.has_a("content", Value::is_array)
        && message.list("content").iter().all(is_block)
}

/// Returns `true` if a block has a field that names its type, with the fields that this type requires. Other APIs
/// have text blocks too.
fn is_own_block(block: &Object) -> bool {
    block.iter().any(|(name, value)| {
        let has = |key: &str| value.get(key).is_some();
        match name.as_str() {
            "image" | "document" | "video" | "audio" => has("source"),
            "toolUse" | "toolResult" => has("toolUseId"),
            "reasoningContent" => has("reasoningText") || has("redactedContent"),
            "guardContent" => has("text") || has("image"),
            "citationsContent" => has("content") || has("citations"),
            "searchResult" => has("content"),
            "cachePoint" => has("type"),
            _ => false,
        }
    })
}

/// The types of the blocks are not checked: future models may return unknown ones.
fn is_reply(object: &Object) -> bool {
    object.at("output.message").is_some_and(|message| {
        message.has_a("role", Value::is_string)
            && message.has_a("content", Value::is_array)
            && message.list("content").iter().all(|block| block.is_object() && block.get("type").is_none())
    })
}

/// Returns `true` if an object is an event of a stream: it has one field that names its type.
fn is_chunk(object: &Object) -> bool {
    object.iter().any(|(name, event)| {
        let has_index = event.count("contentBlockIndex").is_some();
        match name.as_str() {
            "messageStart" => event.has_a("role", Value::is_string),
            "contentBlockStart" => has_index && event.object("start").is_some(),
            "contentBlockDelta" => has_index && event.object("delta").is_some(),
            "contentBlockStop" => has_index,
            "messageStop" => event.has_a("stopReason", Value::is_string),
            "metadata" => event.object("usage").is_some_and(|usage| usage.count("inputTokens").is_some()),
            name => EXCEPTIONS.contains(&name) && event.is_object(),
        }
    })
}

/// Tools are handled separately: what the prompt cannot hold stays in the parameters.
const PROMPT_FIELDS: &[&str] = &["modelId", "messages", "system"];

/// Reads a request. Clients that pass the model together with the other fields call it `modelId`.
fn request(mut object: Object) -> Request {
    let mut prompt = ChatPrompt::new(turn::read_messages(&object, content::read));
    if let Some(Value::Object(config)) = object.get_mut("toolConfig") {
        prompt.tools = turn::take_tools(config, read_tool);
        prompt.tool_choice = config.object("toolChoice").and_then(read_choice);
        if prompt.tool_choice.is_some() {
            config.remove("toolChoice");
        }
        if config.values().all(Value::is_null) {
            object.remove("toolConfig");
        }
    }
    Request { model: object.owned("modelId"), ..Request::new(&SHAPE, prompt, object, PROMPT_FIELDS) }
}

fn read_tool(tool: &Value) -> Option<Tool> {
    let spec = tool.object("toolSpec")?;
    turn::function(spec, Some(spec.at("inputSchema.json")?.as_object()?)).map(Tool::from)
}

fn read_choice(choice: &Object) -> Option<ToolChoice> {
    let (mode, value) = choice.iter().find(|(_, value)| !value.is_null())?;
    match mode.as_str() {
        "auto" => Some(ToolChoice::Mode("auto".to_owned())),
        "any" => Some(ToolChoice::Mode("required".to_owned())),
        "tool" => value.str("name").map(ToolChoice::function),
        _ => None,
    }
}

/// The names with `Count` are those of Nova models with `invoke`.
static USAGE: UsagePaths = UsagePaths {
    input: &["inputTokens"],
    output: &["outputTokens"],
    cached: &["cacheReadInputTokens", "cacheReadInputTokenCount"],
    cache_creation: &["cacheWriteInputTokens", "cacheWriteInputTokenCount"],
    ..UsagePaths::NONE
};

/// Reads a response. A response that was interrupted by an exception has both content and an error.
fn reply(object: &Object) -> Reply {
    let content = object.at("output.message.content");
    let messages = turn::read_message(Role::Assistant, None, content, content::read);
    let mut metadata = object.texts_at(&[("service_tier", "serviceTier.type")]);
    let latency = object.at("metrics.latencyMs").and_then(Value::as_u64);
    metadata.extend(latency.map(|time| ("provider_latency_ms", time.to_string())));
    // No other part of a response names the model than the prompt router that selected it.
    let model = object.text_at("trace.promptRouter.invokedModelId");
    Reply {
        shape: Some(&SHAPE),
        model: model.map(str::to_owned),
        prompt: Some(ChatPrompt::new(messages).into()),
        usage: USAGE.within(object, "usage"),
        finish: object.text("stopReason").map(Finish::from_word),
        error: EXCEPTIONS.iter().find_map(|name| Some(error(name, object.get(*name)?))),
        metadata,
        ..Reply::default()
    }
}

/// Returns the type and the message of an exception. The name of the exception determines the type.
fn error(name: &str, exception: &Value) -> (ErrorType, String) {
    let message = exception.text("message").unwrap_or(name);
    errors::of_reply(&json!({"type": name, "message": message}))
}
