//! Whole responses.

use std::collections::BTreeMap;

use serde_json::Value;

use super::message::assistant;
use super::{SHAPE, annotations, usage};
use crate::blueprint::{ChatPrompt, ErrorType, Message};
use crate::providers::finish::Finish;
use crate::providers::reading::Shape;
use crate::providers::reading::{Reply, Usage};
use crate::providers::shape::Object;
use crate::providers::{RESPONSE_ID, errors, json, vendor};

/// Metadata key for the provider's fingerprint of the backend configuration.
const SYSTEM_FINGERPRINT: &str = "system_fingerprint";
/// Metadata key for the service tier.
const SERVICE_TIER: &str = "service_tier";
/// Metadata key for the provider behind a router.
const UPSTREAM_PROVIDER: &str = "upstream_provider";
/// Metadata key for the URLs of the search results, as JSON.
const CITATIONS: &str = "citations";

/// Reads a response. Each choice becomes a message.
pub(super) fn reply(object: &Object) -> Reply {
    let choices = choices(object);
    // The messages of a response are always the model's, so their role is ignored.
    let mut messages: Vec<Message> = choices
        .iter()
        .filter_map(|choice| Some(Message::Assistant(assistant(choice.get("message")?.as_object()?))))
        .collect();
    annotations::cite(&mut messages, object);
    Reply { prompt: Some(ChatPrompt::new(messages).into()), ..common_reply(object, &SHAPE) }
}

/// Returns the choices of a response.
pub(in crate::providers) fn choices(object: &Object) -> &[Value] {
    object.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Reads the fields that chat completions and OpenAI's other older APIs have in common.
pub(in crate::providers) fn common_reply(object: &Object, shape: &'static Shape) -> Reply {
    let choices = choices(object);
    let provider = vendor::of_reply(object);
    let usage = usage::object(object, choices);
    Reply {
        shape: Some(shape),
        provider: provider.map(Into::into),
        model: json::string(object, "model").map(str::to_owned),
        prompt: None,
        usage: usage.map_or_else(Usage::default, usage::tokens),
        finish: finish(choices),
        error: error(object),
        price: usage::price(object, usage, provider),
        metadata: metadata(object, usage, provider),
        unplaced: Object::new(),
    }
}

/// Returns the most severe finish reason of the choices.
fn finish(choices: &[Value]) -> Option<Finish> {
    Finish::worst(choices.iter().filter_map(|choice| {
        let word = choice.get("finish_reason").and_then(Value::as_str).filter(|word| !word.is_empty());
        if refused(choice) { Some(Finish::refused(word)) } else { word.map(Finish::from_word) }
    }))
}

/// Returns `true` if the model refused to answer. OpenAI reports this in `refusal`, not in the finish
/// reason.
fn refused(choice: &Value) -> bool {
    choice
        .get("message")
        .and_then(|message| message.get("refusal")?.as_str())
        .is_some_and(|refusal| !refusal.is_empty())
}

/// Returns the error of a response, or of a choice as `OpenRouter` sends it. This is how a stream reports
/// an error after it has started.
fn error(object: &Object) -> Option<(ErrorType, String)> {
    let of_choice = choices(object).iter().find_map(|choice| choice.get("error"));
    [object.get("error"), of_choice]
        .into_iter()
        .flatten()
        .find(|error| error.is_object() || error.as_str().is_some_and(|text| !text.is_empty()))
        .map(errors::of_reply)
}

/// Returns response data without a field in the log.
fn metadata(
    object: &Object,
    usage: Option<&Object>,
    provider: Option<&str>,
) -> BTreeMap<&'static str, String> {
    let upstream = json::string(object, "provider").filter(|_| provider == Some("openrouter"));
    let citations = object.get("citations").and_then(Value::as_array).filter(|sources| !sources.is_empty());
    [
        (RESPONSE_ID, json::string(object, "id").map(str::to_owned)),
        (SYSTEM_FINGERPRINT, json::string(object, "system_fingerprint").map(str::to_owned)),
        (SERVICE_TIER, usage::tier(object, usage).map(str::to_owned)),
        (UPSTREAM_PROVIDER, upstream.map(str::to_owned)),
        (CITATIONS, citations.map(|sources| Value::from(sources.as_slice()).to_string())),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}
