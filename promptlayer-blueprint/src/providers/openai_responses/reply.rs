//! Whole responses.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{SHAPE, items};
use crate::blueprint::{AssistantMessage, ChatPrompt, ContentBlock, Message};
use crate::providers::finish::{Finish, Reason};
use crate::providers::json::{Fields, Object, Words};
use crate::providers::reading::{Reply, Usage, UsagePaths};
use crate::providers::{errors, openai_chat, vendors};

/// The counts of a response.
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

/// The statuses of a response.
const STATUSES: Words = Words("completed incomplete failed cancelled in_progress queued");

/// Returns `true` if an object is a whole response.
pub(super) fn is_reply(object: &Object) -> bool {
    let output = object.get("output").and_then(Value::as_array);
    let status = object.get("status").and_then(Value::as_str);
    match object.text("object") {
        Some(kind) => kind == "response" && (output.is_some() || status.is_some()),
        // Some servers and some client types omit the `object` field.
        None => {
            status.is_some_and(|status| STATUSES.contains(status))
                && output.is_some_and(|items| {
                    items.iter().all(|item| item.get("type").is_some_and(Value::is_string))
                })
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
        provider: ticks.map(|_| "xai").or_else(|| vendors::of_reply(object)).map(Into::into),
        model: object.owned("model"),
        prompt: Some(ChatPrompt::new(messages).into()),
        usage: if object.get("usage").is_some_and(Value::is_object) || object.has("tool_usage") {
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
    let is_dollars = cost.get("currency").and_then(Value::as_str).is_none_or(|currency| currency == "USD");
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
            let reason = object.get("incomplete_details").and_then(|details| details.get("reason")?.as_str());
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
