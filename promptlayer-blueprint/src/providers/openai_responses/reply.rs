//! Whole responses.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::finish::{Finish, Reason};
use super::super::reading::{Reply, Usage};
use super::super::shape::Object;
use super::super::{errors, json, vendor};
use super::{SHAPE, items};
use crate::blueprint::{AssistantMessage, ChatPrompt, ContentBlock, Message};

/// The unit of xAI's cost: 10^10 ticks are one US dollar.
const TICKS_IN_A_DOLLAR: f64 = 1e10;

/// Counts that are nested deeper in a response: their metadata key and their path.
const OTHER_USAGE: &[(&str, &str)] = &[
    ("image_generation_input_tokens", "/tool_usage/image_gen/input_tokens"),
    ("image_generation_output_tokens", "/tool_usage/image_gen/output_tokens"),
    ("web_search_requests", "/tool_usage/web_search/num_requests"),
    ("server_side_tools_used", "/usage/num_server_side_tools_used"),
    ("sources_used", "/usage/num_sources_used"),
];

/// Returns `true` if an object is a whole response.
pub(super) fn is_reply(object: &Object) -> bool {
    let is = |key: &str, is: fn(&Value) -> bool| object.get(key).is_some_and(is);
    match json::string(object, "object") {
        Some(kind) => kind == "response" && (is("output", Value::is_array) || is("status", Value::is_string)),
        // Some servers and some client types omit the `object` field.
        None => {
            let output = object.get("output").and_then(Value::as_array);
            is("status", is_status)
                && output.is_some_and(|items| {
                    items.iter().all(|item| item.get("type").is_some_and(Value::is_string))
                })
        }
    }
}

/// Returns `true` if a value is one of the statuses of a response.
fn is_status(status: &Value) -> bool {
    const STATUSES: &[&str] = &["completed", "incomplete", "failed", "cancelled", "in_progress", "queued"];
    status.as_str().is_some_and(|status| STATUSES.contains(&status))
}

/// Reads a response. All items become one message.
pub(super) fn reply(object: &Object) -> Reply {
    let output = object.get("output").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let message = message(object, output);
    let is_empty = output.is_empty() && message.content.is_empty();
    let messages = (!is_empty).then_some(Message::Assistant(message));
    let usage = object.get("usage").and_then(Value::as_object);
    let ticks = usage.and_then(|usage| usage.get("cost_in_usd_ticks")?.as_f64());
    Reply {
        shape: Some(&SHAPE),
        // Only xAI reports the cost in ticks.
        provider: ticks.map(|_| "xai").or_else(|| vendor::of_reply(object)).map(Into::into),
        model: json::string(object, "model").map(str::to_owned),
        prompt: Some(ChatPrompt::new(messages).into()),
        usage: tokens(object),
        finish: finish(object, output),
        error: object.get("error").filter(|error| is_error(error)).map(errors::of_reply),
        price: ticks.map(|ticks| ticks / TICKS_IN_A_DOLLAR).or_else(|| cost(usage?.get("cost")?)),
        metadata: metadata(object),
        unplaced: Object::new(),
    }
}

/// Returns the model's message: text, reasoning and tool calls.
fn message(object: &Object, output: &[Value]) -> AssistantMessage {
    let mut message = items::message(output);
    let has = |is: fn(&ContentBlock) -> bool| message.content.iter().any(is);
    // Servers of open models send the fields `reasoning` and `output_text` themselves. With OpenAI, only
    // the SDKs compute them from the items.
    let (thinks, speaks) = (
        has(|block| matches!(block, ContentBlock::Thinking(_))),
        has(|block| matches!(block, ContentBlock::Text(_))),
    );
    let beside = |key: &str| json::string(object, key).filter(|text| !text.trim().is_empty());
    if let (false, Some(thought)) = (thinks, beside("reasoning")) {
        message.content.insert(0, ContentBlock::from_thinking(thought));
    }
    if let (false, Some(text)) = (speaks, beside("output_text")) {
        message.content.push(ContentBlock::from_text(text));
    }
    message
}

/// Returns `true` if a value is an error. A successful response has `null` in this field.
fn is_error(error: &Value) -> bool {
    match error {
        Value::Object(error) => !error.is_empty(),
        Value::String(error) => !error.is_empty(),
        _ => false,
    }
}

/// Reads token counts and other counts.
fn tokens(object: &Object) -> Usage {
    let usage = object.get("usage");
    let count = |path: &str| usage.and_then(|usage| usage.pointer(path)).and_then(Value::as_u64);
    let other = |(key, path): &(&'static str, &str)| Some((*key, pointer(object, path)?.as_u64()?));
    Usage {
        input: count("/input_tokens"),
        output: count("/output_tokens"),
        cached: count("/input_tokens_details/cached_tokens"),
        cache_creation: count("/input_tokens_details/cache_write_tokens"),
        reasoning: count("/output_tokens_details/reasoning_tokens"),
        other: OTHER_USAGE.iter().filter_map(other).collect(),
    }
}

/// Returns the value at a path such as `/usage/cost`.
fn pointer<'a>(object: &'a Object, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.strip_prefix('/')?.split_once('/')?;
    object.get(first)?.pointer(&format!("/{rest}"))
}

/// Returns a cost in US dollars, as routers report it: a number, or an object with the total.
fn cost(cost: &Value) -> Option<f64> {
    let is_dollars = cost.get("currency").and_then(Value::as_str).is_none_or(|currency| currency == "USD");
    cost.as_f64().or_else(|| cost.get("total_cost")?.as_f64().filter(|_| is_dollars))
}

/// Returns the finish reason. A completed response may still be a refusal, or wait for tool results.
fn finish(object: &Object, output: &[Value]) -> Option<Finish> {
    let status = json::string(object, "status")?;
    let finish = match status {
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
    };
    Some(finish)
}

/// Returns `true` if an item contains a refusal.
fn is_refused(item: &Value) -> bool {
    let parts = item.get("content").and_then(Value::as_array);
    parts.is_some_and(|parts| parts.iter().any(|part| part.get("type").is_some_and(|kind| kind == "refusal")))
}

/// Returns response data without a field in the log.
fn metadata(object: &Object) -> BTreeMap<&'static str, String> {
    [("response_id", "id"), ("service_tier", "service_tier")]
        .into_iter()
        .filter_map(|(key, field)| Some((key, json::string(object, field)?.to_owned())))
        .collect()
}
