//! Requests and whole responses.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{SHAPE, items};
use crate::blueprint::{
    AssistantMessage, BuiltInTool, ChatPrompt, ContentBlock, Function, Message, Tool, ToolChoice,
};
use crate::providers::finish::{Finish, Reason};
use crate::providers::json::{self, Fields, Object};
use crate::providers::reading::{self, Reply, Request, Usage, UsagePaths};
use crate::providers::words::{Words, words};
use crate::providers::{errors, openai_chat, turn, vendor};

/// Fields of other APIs that have an input and a model too: chat, embeddings, speech.
const OF_OTHERS: Words = words!(
    "messages encoding_format dimensions output_dimension output_dtype input_type keep_alive truncate \
     options voice"
);

/// Fields that, beside an input, only this API has.
const SURE: Words = words!(
    "instructions previous_response_id conversation max_output_tokens max_tool_calls parallel_tool_calls \
     reasoning text tools tool_choice store stream include background temperature top_p prompt_cache_key \
     context_management"
);

/// Words in the names of models that take an input but return no text.
const OTHER_MODELS: &[&str] =
    &["embed", "moderation", "tts", "rerank", "bge-", "e5-", "gte-", "minilm", "voyage"];

/// Types of input parts in other APIs: moderations accept a list of such parts.
const OTHER_PARTS: &[&str] = &["text", "image_url"];

/// Embeddings, moderations and speech have an input and a model too.
pub(super) fn is_request(object: &Object) -> bool {
    let has = |key: &str| object.has(key);
    if OF_OTHERS.any_in(object) {
        return false;
    }
    // A stored prompt may define the model.
    let is_stored = object.get("prompt").and_then(|prompt| prompt.get("id")).is_some_and(Value::is_string);
    let Some(model) = object.text("model").or(is_stored.then_some("")) else { return false };
    let is_sure = is_stored || SURE.any_in(object);
    match object.get("input") {
        Some(Value::String(_)) => is_sure || !is_other(model),
        Some(Value::Array(input)) if !input.is_empty() => are_items(input),
        None | Some(Value::Null | Value::Array(_)) => {
            is_stored || has("previous_response_id") || has("conversation")
        }
        Some(_) => false,
    }
}

/// Returns `true` if the model's name shows that it returns no text.
fn is_other(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    OTHER_MODELS.iter().any(|word| model.contains(word))
}

/// Returns `true` if the values of a list are items: objects with a role or a type. The list may also
/// contain item references and strings.
fn are_items(input: &[Value]) -> bool {
    let mut told = false;
    for item in input {
        let text = |key: &str| item.str(key);
        match (text("type"), text("role")) {
            (Some(kind), None) if OTHER_PARTS.contains(&kind) => return false,
            (Some(_), _) | (_, Some(_)) => told = true,
            (None, None) if text("id").is_some() || item.is_string() => {}
            (None, None) => return false,
        }
    }
    told
}

/// Reads a request. Tools and tool choices that the blueprint cannot hold stay in the parameters.
pub(super) fn request(mut object: Object) -> Request {
    let mut messages = Vec::new();
    match object.remove("instructions") {
        Some(Value::String(text)) if !text.is_empty() => messages.push(Message::system(text)),
        Some(Value::Array(items)) => messages.extend(items::messages(&items)),
        None | Some(Value::Null | Value::String(_)) => {}
        Some(other) => {
            object.insert("instructions".to_owned(), other);
        }
    }
    match object.remove("input") {
        Some(Value::String(text)) => messages.push(Message::user(text)),
        Some(Value::Array(items)) => messages.extend(items::messages(&items)),
        None | Some(Value::Null) => {}
        Some(other) => messages.push(Message::user(json::into_readable(other))),
    }
    let mut prompt = ChatPrompt::new(messages);
    if let Some(Value::Array(list)) = object.get("tools")
        && let Some(tools) = list.iter().map(tool).collect::<Option<Vec<Tool>>>()
    {
        prompt.tools = tools;
        if !list.iter().any(says_more) {
            object.remove("tools");
        }
    }
    if let Some(choice) = object.get("tool_choice").and_then(tool_choice) {
        prompt.tool_choice = Some(choice);
        object.remove("tool_choice");
    }
    Request::new(&SHAPE, prompt, object, &["model"])
}

/// Returns the type of a tool or of a tool choice.
fn kind(tool: &Value) -> &str {
    tool.str("type").unwrap_or_default()
}

/// Reads a tool. Returns `None` if the blueprint cannot hold it.
fn tool(value: &Value) -> Option<Tool> {
    let object = value.as_object()?;
    match kind(value) {
        "function" => Some(function(object)?.into()),
        kind => Some(Tool::BuiltIn(built_in(form(kind)?, object))),
    }
}

/// Reads a function. Its fields are at the top level here, not in a nested object.
fn function(tool: &Object) -> Option<Function> {
    let schema = tool.field("parameters");
    schema.is_none_or(Value::is_object).then(|| turn::function(tool, schema.and_then(Value::as_object)))?
}

/// Returns `true` if a function has settings that the blueprint has no field for.
fn says_more(tool: &Value) -> bool {
    const PLACED: Words = words!("type name description strict parameters");
    kind(tool) == "function" && tool.as_object().is_some_and(|tool| !PLACED.are_all_of(tool))
}

/// Returns the blueprint's name for a type of tool. Some types contain a version date.
fn form(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "file_search" => "file_search",
        "code_interpreter" => "code_interpreter",
        "image_generation" => "image_generation",
        "mcp" => "mcp",
        "shell" | "local_shell" => "shell",
        "apply_patch" => "apply_patch",
        kind if kind.starts_with("web_search") => "web_search",
        _ => return None,
    })
}

/// Converts a tool that the provider runs. Its settings are kept as received.
fn built_in(form: &'static str, tool: &Object) -> BuiltInTool {
    // MCP servers are distinguished by their labels.
    let name = tool.text("server_label").unwrap_or(form);
    BuiltInTool {
        id: name.to_owned(),
        name: name.to_owned(),
        description: tool.text("server_description").unwrap_or_default().to_owned(),
        provider: SHAPE.family.to_owned(),
        kind: form.to_owned(),
        config: reading::parameters(tool.clone(), &[]),
    }
}

/// Reads a tool choice. Returns `None` if the blueprint cannot hold it.
fn tool_choice(value: &Value) -> Option<ToolChoice> {
    match value {
        Value::String(mode) => Some(ToolChoice::Mode(mode.clone())),
        // Chat completions nest the name in an object. Some servers accept both forms.
        Value::Object(choice) if kind(value) == "function" => {
            let nested = choice.get("function").and_then(Value::as_object);
            Some(ToolChoice::function(nested.unwrap_or(choice).text("name")?))
        }
        _ => None,
    }
}

static USAGE: UsagePaths = UsagePaths {
    input: &["usage.input_tokens"],
    output: &["usage.output_tokens"],
    cached: &["usage.input_tokens_details.cached_tokens"],
    cache_creation: &["usage.input_tokens_details.cache_write_tokens"],
    reasoning: &["usage.output_tokens_details.reasoning_tokens"],
    other: &[
        ("tool_usage.image_gen.input_tokens", "image_generation_input_tokens"),
        ("tool_usage.image_gen.output_tokens", "image_generation_output_tokens"),
        ("tool_usage.web_search.num_requests", "web_search_requests"),
        ("usage.num_server_side_tools_used", "server_side_tools_used"),
        ("usage.num_sources_used", "sources_used"),
    ],
};

const STATUSES: Words = words!("completed incomplete failed cancelled in_progress queued");

/// Returns `true` if an object is a whole response.
pub(super) fn is_reply(object: &Object) -> bool {
    let output = object.get("output").and_then(Value::as_array);
    let status = object.str("status");
    match object.text("object") {
        Some(kind) => kind == "response" && (output.is_some() || status.is_some()),
        // Some servers and some client types omit the `object` field.
        None => {
            status.is_some_and(|status| STATUSES.contains(status))
                && output.is_some_and(|items| items.iter().all(|item| item.has_a("type", Value::is_string)))
        }
    }
}

/// Reads a response. All items become one message.
pub(super) fn reply(object: &Object) -> Reply {
    let output = object.list("output");
    let message = message(object, output);
    let is_empty = output.is_empty() && message.content.is_empty();
    let messages = (!is_empty).then_some(Message::Assistant(message));
    let ticks = object.at("usage.cost_in_usd_ticks").and_then(Value::as_f64);
    Reply {
        shape: Some(&SHAPE),
        // Only xAI reports the cost in ticks.
        provider: ticks.map(|_| "xai").or_else(|| vendor::of_reply(object)).map(Into::into),
        model: object.owned("model"),
        prompt: Some(ChatPrompt::new(messages).into()),
        usage: if object.has_a("usage", Value::is_object) || object.has("tool_usage") {
            USAGE.read(object)
        } else {
            Usage::default()
        },
        finish: finish(object, output),
        error: object.field("error").filter(|error| is_error(error)).map(errors::of_reply),
        price: ticks
            .map(|ticks| ticks / openai_chat::TICKS_PER_DOLLAR)
            .or_else(|| cost(object.at("usage.cost")?)),
        metadata: metadata(object, output),
        ..Reply::default()
    }
}

/// Returns the model's message: text, reasoning and tool calls.
fn message(object: &Object, output: &[Value]) -> AssistantMessage {
    let mut message = items::message(output);
    let has = |is: fn(&ContentBlock) -> bool| message.content.iter().any(is);
    // Servers of open models send the fields `reasoning` and `output_text` themselves. With OpenAI, only
    // the SDKs compute them from the items.
    let thinks = has(|block| matches!(block, ContentBlock::Thinking(_)));
    let speaks = has(|block| matches!(block, ContentBlock::Text(_)));
    let beside = |key: &str| object.text(key).filter(|text| !text.trim().is_empty());
    if let (false, Some(thought)) = (thinks, beside("reasoning")) {
        message.content.insert(0, ContentBlock::from_thinking(thought));
    }
    if let (false, Some(text)) = (speaks, beside("output_text")) {
        message.content.push(ContentBlock::from_text(text));
    }
    message
}

/// Returns `true` if a value is an error, and not empty.
fn is_error(error: &Value) -> bool {
    error.as_object().is_some_and(|error| !error.is_empty())
        || error.as_str().is_some_and(|error| !error.is_empty())
}

/// Returns a cost in US dollars, as routers report it: a number, or an object with the total.
fn cost(cost: &Value) -> Option<f64> {
    let is_dollars = cost.str("currency").is_none_or(|currency| currency == "USD");
    cost.as_f64().or_else(|| cost.get("total_cost")?.as_f64().filter(|_| is_dollars))
}

/// Returns the finish reason. A completed response may still be a refusal, or wait for tool results.
fn finish(object: &Object, output: &[Value]) -> Option<Finish> {
    let is_refused = |item: &Value| item.list("content").iter().any(|part| part.is("type", "refusal"));
    let status = object.text("status")?;
    Some(match status {
        // The response has not finished, or its end was not received.
        "in_progress" | "queued" => return None,
        "incomplete" => {
            let reason = object.get("incomplete_details").and_then(|details| details.str("reason"));
            Finish::from_word(reason.unwrap_or(status))
        }
        "completed" if output.iter().any(is_refused) => Finish::refused(Some(status)),
        "completed" if output.iter().any(items::is_awaited) => {
            Finish { reason: Reason::ToolCalls, word: status.to_owned() }
        }
        _ => Finish::from_word(status),
    })
}

/// Returns response data without a field in the log. The phases of the messages (`commentary`, `final_answer`) are in
/// the order of the messages.
fn metadata(object: &Object, output: &[Value]) -> BTreeMap<&'static str, String> {
    let mut metadata = object.texts_at(&[("response_id", "id"), ("service_tier", "service_tier")]);
    let phases: Vec<&str> = output.iter().filter_map(|item| item.text("phase")).collect();
    metadata.extend((!phases.is_empty()).then(|| ("phase", phases.join(", "))));
    metadata
}
