//! Whole responses.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{EXCEPTIONS, SHAPE, content};
use crate::blueprint::{ChatPrompt, ErrorType};
use crate::providers::anthropic::turn::Turn;
use crate::providers::finish::Finish;
use crate::providers::reading::{Reply, Usage};
use crate::providers::shape::Object;
use crate::providers::{errors, json};

/// Reads a response. A response that was interrupted by an exception has both content and an error.
pub(super) fn reply(object: &Object) -> Reply {
    let message = object.get("output").and_then(|output| output.get("message"));
    let mut turn = Turn::new("assistant");
    content::read(&mut turn, message.and_then(|message| message.get("content")));
    Reply {
        shape: Some(&SHAPE),
        provider: None,
        model: routed_to(object).map(str::to_owned),
        prompt: Some(ChatPrompt::new(turn.into_messages()).into()),
        usage: object.get("usage").map(usage).unwrap_or_default(),
        finish: json::string(object, "stopReason").map(Finish::from_word),
        error: EXCEPTIONS.iter().find_map(|name| Some(error(name, object.get(*name)?))),
        price: None,
        metadata: metadata(object),
        unplaced: Object::new(),
    }
}

/// Returns the model that a prompt router selected. No other part of a response names the model.
fn routed_to(object: &Object) -> Option<&str> {
    object.get("trace")?.get("promptRouter")?.get("invokedModelId")?.as_str()
}

fn usage(usage: &Value) -> Usage {
    let tokens = |name: &str| usage.get(name).and_then(Value::as_u64);
    Usage {
        input: tokens("inputTokens"),
        output: tokens("outputTokens"),
        cached: tokens("cacheReadInputTokens"),
        cache_creation: tokens("cacheWriteInputTokens"),
        ..Usage::default()
    }
}

fn metadata(object: &Object) -> BTreeMap<&'static str, String> {
    let latency = object.get("metrics").and_then(|metrics| metrics.get("latencyMs")?.as_u64());
    let tier = object.get("serviceTier").and_then(|tier| tier.get("type")?.as_str());
    [
        ("provider_latency_ms", latency.map(|milliseconds| milliseconds.to_string())),
        ("service_tier", tier.map(str::to_owned)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}

/// Returns the type and the message of an exception. The name of the exception determines the type.
fn error(name: &str, exception: &Value) -> (ErrorType, String) {
    let message = exception.get("message").and_then(Value::as_str).filter(|message| !message.is_empty());
    errors::of_reply(&json!({"type": name, "message": message.unwrap_or(name)}))
}
