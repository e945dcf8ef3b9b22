//! Whole replies.

use std::collections::BTreeMap;

use serde_json::Value;

use super::message::assistant;
use super::{SHAPE, annotations, usage};
use crate::blueprint::{ChatPrompt, ErrorType, Message};
use crate::providers::finish::Finish;
use crate::providers::reading::{Reply, Usage};
use crate::providers::shape::{Object, Shape};
use crate::providers::{RESPONSE_ID, errors, json, vendor};

/// The metadata key that the provider's name for the build that answered goes by.
const SYSTEM_FINGERPRINT: &str = "system_fingerprint";
/// The metadata key that the tier of a service goes by.
const SERVICE_TIER: &str = "service_tier";
/// The metadata key that the provider behind a router goes by.
const UPSTREAM_PROVIDER: &str = "upstream_provider";
/// The metadata key that the addresses that were searched go by, as JSON.
const CITATIONS: &str = "citations";

/// Reads a reply: every choice is a message.
pub(super) fn reply(object: &Object) -> Reply {
    let choices = choices(object);
    // Whatever its role is called, a reply is the model's.
    let mut messages: Vec<Message> = choices
        .iter()
        .filter_map(|choice| Some(Message::Assistant(assistant(choice.get("message")?.as_object()?))))
        .collect();
    annotations::cite(&mut messages, object);
    Reply { prompt: Some(ChatPrompt::new(messages).into()), ..common_reply(object, &SHAPE) }
}

/// The choices of a reply.
pub(in crate::providers) fn choices(object: &Object) -> &[Value] {
    object.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What replies of all OpenAI's older interfaces have.
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
    }
}

/// Why the model ended, by the choice that ended worst.
fn finish(choices: &[Value]) -> Option<Finish> {
    Finish::worst(choices.iter().filter_map(|choice| {
        let word = choice.get("finish_reason").and_then(Value::as_str).filter(|word| !word.is_empty());
        if refused(choice) { Some(Finish::refused(word)) } else { word.map(Finish::of) }
    }))
}

/// Whether the model would not answer, which OpenAI tells beside the reason for ending.
fn refused(choice: &Value) -> bool {
    choice
        .get("message")
        .and_then(|message| message.get("refusal")?.as_str())
        .is_some_and(|refusal| !refusal.is_empty())
}

/// The error that a reply tells: of the whole, or as `OpenRouter` does of a choice. A stream that has begun can only
/// fail so.
fn error(object: &Object) -> Option<(ErrorType, String)> {
    let of_choice = choices(object).iter().find_map(|choice| choice.get("error"));
    [object.get("error"), of_choice]
        .into_iter()
        .flatten()
        .find(|error| error.is_object() || error.as_str().is_some_and(|text| !text.is_empty()))
        .map(errors::of_reply)
}

/// What the log has no field for.
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
