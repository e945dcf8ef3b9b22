//! Whole responses.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::turn::Turn;
use super::{BEDROCK, INVOCATION_METRICS, SHAPE, VERTEX, content};
use crate::blueprint::ChatPrompt;
use crate::providers::finish::Finish;
use crate::providers::reading::{Reply, Usage};
use crate::providers::shape::Object;
use crate::providers::{errors, json};

/// Reads a response. A response that was interrupted by an error has both content and an error.
pub(super) fn reply(object: &Object) -> Reply {
    let mut turn = Turn::new("assistant");
    content::read(&mut turn, object.get("content"));
    let error = object.get("error").filter(|error| !error.is_null());
    Reply {
        shape: Some(&SHAPE),
        provider: provider(object).map(Cow::Borrowed),
        model: json::string(object, "model").map(str::to_owned),
        prompt: Some(ChatPrompt::new(turn.into_messages()).into()),
        usage: object.get("usage").map(usage).unwrap_or_default(),
        finish: json::string(object, "stop_reason").map(Finish::from_word),
        error: error.map(errors::of_reply),
        price: None,
        metadata: metadata(object),
        unplaced: Object::new(),
    }
}

/// Returns the provider. Bedrock and Vertex AI use their own id prefixes.
fn provider(object: &Object) -> Option<&'static str> {
    let id = json::string(object, "id").unwrap_or_default();
    if id.starts_with("msg_bdrk_") || object.contains_key(INVOCATION_METRICS) {
        Some(BEDROCK)
    } else if id.starts_with("msg_vrtx_") {
        Some(VERTEX)
    } else {
        None
    }
}

fn usage(usage: &Value) -> Usage {
    let tokens =
        |path: &[&str]| path.iter().try_fold(usage, |value, key| value.get(key)).and_then(Value::as_u64);
    let others: [(&'static str, &[&str]); 3] = [
        // One-hour cache writes cost more than five-minute cache writes, which are the remaining tokens.
        ("cache_creation_1h_tokens", &["cache_creation", "ephemeral_1h_input_tokens"]),
        ("web_search_requests", &["server_tool_use", "web_search_requests"]),
        ("web_fetch_requests", &["server_tool_use", "web_fetch_requests"]),
    ];
    Usage {
        input: tokens(&["input_tokens"]),
        output: tokens(&["output_tokens"]),
        cached: tokens(&["cache_read_input_tokens"]),
        cache_creation: tokens(&["cache_creation_input_tokens"]),
        reasoning: tokens(&["output_tokens_details", "thinking_tokens"]),
        other: others.into_iter().filter_map(|(key, path)| Some((key, tokens(path)?))).collect(),
    }
}

fn metadata(object: &Object) -> BTreeMap<&'static str, String> {
    let within = |key: &str, field: &str| object.get(key).and_then(|value| value.get(field)?.as_str());
    [
        ("response_id", json::string(object, "id")),
        ("service_tier", within("usage", "service_tier")),
        ("stop_sequence", json::string(object, "stop_sequence")),
        ("refusal_category", within("stop_details", "category")),
        ("refusal_explanation", within("stop_details", "explanation")),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?.to_owned())))
    .collect()
}
