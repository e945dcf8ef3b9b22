//! Responses: their candidates and their usage.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::parts::Turn;
use super::{SHAPE, VERTEX, citations, field, list_in, model_name, object_in, request, string_in};
use crate::blueprint::{ChatPrompt, Message};
use crate::providers::call_ids::CallIds;
use crate::providers::finish::{Finish, Reason};
use crate::providers::reading::{Reply, Usage};
use crate::providers::shape::Object;

/// Returns `true` if an object is a response or a chunk of a streamed one. It has candidates with content
/// or a finish reason. Without candidates, it has the reason why the prompt was blocked, or the number of
/// prompt tokens.
pub(super) fn is_reply(object: &Object) -> bool {
    let candidates = match field(object, "candidates") {
        Some(Value::Array(candidates)) => candidates.as_slice(),
        Some(_) => return false,
        None => &[],
    };
    let usage = object_in(object, "usageMetadata");
    candidates.iter().any(is_candidate)
        || (candidates.is_empty()
            && (block_reason(object).is_some()
                || usage.is_some_and(|usage| field(usage, "promptTokenCount").is_some())))
}

/// Returns `true` if a value is a candidate. A candidate with a finish reason may have no content: the
/// model may only have thought, or all content was filtered.
fn is_candidate(candidate: &Value) -> bool {
    let Some(candidate) = candidate.as_object() else { return false };
    let is_said = |content: &Value| {
        request::has_parts(content)
            || content.as_object().is_some_and(|content| string_in(content, "role") == Some("model"))
    };
    string_in(candidate, "finishReason").is_some() || field(candidate, "content").is_some_and(is_said)
}

/// Returns the reason why the prompt was blocked.
fn block_reason(object: &Object) -> Option<&str> {
    string_in(object_in(object, "promptFeedback")?, "blockReason")
}

/// Reads a response. Each candidate becomes a message.
pub(super) fn read(object: &Object) -> Reply {
    let mut ids = CallIds::default();
    let candidates = || list_in(object, "candidates").iter().filter_map(Value::as_object);
    let messages: Vec<Message> = candidates().map(|candidate| message(candidate, &mut ids)).collect();
    let usage = object_in(object, "usageMetadata");
    let words = candidates().filter_map(|candidate| string_in(candidate, "finishReason"));
    let finish = Finish::worst(words.map(Finish::from_word));
    Reply {
        shape: Some(&SHAPE),
        // Only Vertex AI sends the traffic type.
        provider: usage.and_then(|usage| field(usage, "trafficType")).map(|_| Cow::Borrowed(VERTEX)),
        model: string_in(object, "modelVersion").map(|model| model_name(model).to_owned()),
        prompt: Some(ChatPrompt::new(messages).into()),
        usage: usage.map(tokens).unwrap_or_default(),
        finish: block_reason(object).map(blocked).or(finish),
        metadata: metadata(object),
        ..Reply::default()
    }
}

/// Creates the finish reason for a blocked prompt, which has no candidate with a finish reason.
fn blocked(word: &str) -> Finish {
    Finish { reason: Reason::ContentFilter, word: word.to_owned() }
}

fn message(candidate: &Object, ids: &mut CallIds) -> Message {
    let mut turn = Turn::new(true);
    let parts = object_in(candidate, "content").map(|content| list_in(content, "parts")).unwrap_or_default();
    for part in parts {
        turn.add(part, ids);
    }
    citations::annotate(candidate, &mut turn);
    turn.into_assistant()
}

/// Reads token counts. Gemini counts reasoning tokens separately from the candidates, and the tokens of
/// tool results separately from the prompt.
fn tokens(usage: &Object) -> Usage {
    let count = |name: &str| field(usage, name).and_then(Value::as_u64);
    let reasoning = count("thoughtsTokenCount");
    let output = match (count("candidatesTokenCount"), reasoning) {
        (None, None) => None,
        (said, thought) => Some(said.unwrap_or_default().saturating_add(thought.unwrap_or_default())),
    };
    let mut other = BTreeMap::new();
    other.extend(count("toolUsePromptTokenCount").map(|count| ("tool_use_prompt_tokens", count)));
    for (details, modality, key) in [
        ("promptTokensDetails", "AUDIO", "input_audio_tokens"),
        ("promptTokensDetails", "IMAGE", "input_image_tokens"),
        ("promptTokensDetails", "VIDEO", "input_video_tokens"),
        ("candidatesTokensDetails", "AUDIO", "output_audio_tokens"),
        ("candidatesTokensDetails", "IMAGE", "output_image_tokens"),
    ] {
        other.extend(of_modality(usage, details, modality).map(|count| (key, count)));
    }
    Usage {
        input: count("promptTokenCount"),
        output,
        cached: count("cachedContentTokenCount"),
        reasoning,
        other,
        ..Usage::default()
    }
}

/// Returns the number of tokens of one modality.
fn of_modality(usage: &Object, details: &str, modality: &str) -> Option<u64> {
    let detail = list_in(usage, details)
        .iter()
        .filter_map(Value::as_object)
        .find(|detail| string_in(detail, "modality") == Some(modality))?;
    field(detail, "tokenCount")?.as_u64()
}

/// Returns response data without a field in the log.
fn metadata(object: &Object) -> BTreeMap<&'static str, String> {
    let mut metadata = BTreeMap::new();
    let mut add = |key, text: Option<&str>| metadata.extend(text.map(|text| (key, text.to_owned())));
    add("response_id", string_in(object, "responseId"));
    add("service_tier", object_in(object, "usageMetadata").and_then(|usage| string_in(usage, "serviceTier")));
    let feedback = object_in(object, "promptFeedback");
    add("block_reason_message", feedback.and_then(|feedback| string_in(feedback, "blockReasonMessage")));
    let mut candidates = list_in(object, "candidates").iter().filter_map(Value::as_object);
    if let Some(candidate) = candidates.next() {
        add("finish_message", string_in(candidate, "finishMessage"));
        let grounding = object_in(candidate, "groundingMetadata");
        let whole = |value: Option<&Value>| value.map(Value::to_string);
        let queries = grounding.and_then(|grounding| field(grounding, "webSearchQueries"));
        add("web_search_queries", whole(queries).as_deref());
        add("url_context", whole(field(candidate, "urlContextMetadata")).as_deref());
    }
    metadata
}
