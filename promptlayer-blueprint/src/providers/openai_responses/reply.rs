//! Whole replies.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::finish::{Finish, Reason};
use super::super::reading::{Reply, Usage};
use super::super::shape::Object;
use super::super::{errors, json, vendor};
use super::{SHAPE, items};
use crate::blueprint::{AssistantMessage, ChatPrompt, ContentBlock, Message};

/// What xAI counts a US dollar as: the ten thousand millionth part is a tick.
const TICKS_IN_A_DOLLAR: f64 = 1e10;

/// Counts that stand deeper in a reply, and the metadata keys that they go by.
const OTHER_USAGE: &[(&str, &str)] = &[
    ("image_generation_input_tokens", "/tool_usage/image_gen/input_tokens"),
    ("image_generation_output_tokens", "/tool_usage/image_gen/output_tokens"),
    ("web_search_requests", "/tool_usage/web_search/num_requests"),
    ("server_side_tools_used", "/usage/num_server_side_tools_used"),
    ("sources_used", "/usage/num_sources_used"),
];

/// Whether an object is a whole reply.
pub(super) fn is_reply(object: &Object) -> bool {
    let is = |key: &str, is: fn(&Value) -> bool| object.get(key).is_some_and(is);
    match json::string(object, "object") {
        Some(kind) => kind == "response" && (is("output", Value::is_array) || is("status", Value::is_string)),
        // Of a server, or of a type, that leaves the name of the object out.
        None => {
            let output = object.get("output").and_then(Value::as_array);
            is("status", is_status)
                && output.is_some_and(|items| {
                    items.iter().all(|item| item.get("type").is_some_and(Value::is_string))
                })
        }
    }
}

/// Whether a value is one of the words that a reply's status is.
fn is_status(status: &Value) -> bool {
    const STATUSES: &[&str] = &["completed", "incomplete", "failed", "cancelled", "in_progress", "queued"];
    status.as_str().is_some_and(|status| STATUSES.contains(&status))
}

/// Reads a reply: all of its items are one message.
pub(super) fn reply(object: &Object) -> Reply {
    let output = object.get("output").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let message = message(object, output);
    let is_empty = output.is_empty() && message.content.is_empty();
    let messages = (!is_empty).then_some(Message::Assistant(message));
    let usage = object.get("usage").and_then(Value::as_object);
    let ticks = usage.and_then(|usage| usage.get("cost_in_usd_ticks")?.as_f64());
    Reply {
        shape: Some(&SHAPE),
        // Only xAI counts in ticks.
        provider: ticks.map(|_| "xai").or_else(|| vendor::of_reply(object)).map(Into::into),
        model: json::string(object, "model").map(str::to_owned),
        prompt: Some(ChatPrompt::new(messages).into()),
        usage: tokens(object),
        finish: finish(object, output),
        error: object.get("error").filter(|error| is_error(error)).map(errors::of_reply),
        price: ticks.map(|ticks| ticks / TICKS_IN_A_DOLLAR).or_else(|| cost(usage?.get("cost")?)),
        metadata: metadata(object),
    }
}

/// What the model said, thought and called.
fn message(object: &Object, output: &[Value]) -> AssistantMessage {
    let mut message = items::message(output);
    let has = |is: fn(&ContentBlock) -> bool| message.content.iter().any(is);
    // Servers of open models say beside the items what OpenAI's SDKs only add up: the thought, and the text.
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

/// Whether an error is one: what came well has `null` there.
fn is_error(error: &Value) -> bool {
    match error {
        Value::Object(error) => !error.is_empty(),
        Value::String(error) => !error.is_empty(),
        _ => false,
    }
}

/// The tokens, and what else was counted.
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

/// The value at a path such as `/usage/cost`.
fn pointer<'a>(object: &'a Object, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.strip_prefix('/')?.split_once('/')?;
    object.get(first)?.pointer(&format!("/{rest}"))
}

/// A cost in US dollars, as routers report it: a number, or an object with the sum.
fn cost(cost: &Value) -> Option<f64> {
    let is_dollars = cost.get("currency").and_then(Value::as_str).is_none_or(|currency| currency == "USD");
    cost.as_f64().or_else(|| cost.get("total_cost")?.as_f64().filter(|_| is_dollars))
}

/// Why the model ended. A reply that is completed may still be a refusal, or wait for tools.
fn finish(object: &Object, output: &[Value]) -> Option<Finish> {
    let status = json::string(object, "status")?;
    let finish = match status {
        // It has not ended, or nobody saw it end.
        "in_progress" | "queued" => return None,
        "incomplete" => {
            let reason = object.get("incomplete_details").and_then(|details| details.get("reason")?.as_str());
            Finish::of(reason.unwrap_or(status))
        }
        "completed" if output.iter().any(is_refused) => Finish::refused(Some(status)),
        "completed" if output.iter().any(items::is_awaited) => {
            Finish { reason: Reason::ToolCalls, word: status.to_owned() }
        }
        _ => Finish::of(status),
    };
    Some(finish)
}

/// Whether an item has a part that is a refusal.
fn is_refused(item: &Value) -> bool {
    let parts = item.get("content").and_then(Value::as_array);
    parts.is_some_and(|parts| parts.iter().any(|part| part.get("type").is_some_and(|kind| kind == "refusal")))
}

/// What the log has no field for.
fn metadata(object: &Object) -> BTreeMap<&'static str, String> {
    [("response_id", "id"), ("service_tier", "service_tier")]
        .into_iter()
        .filter_map(|(key, field)| Some((key, json::string(object, field)?.to_owned())))
        .collect()
}
