//! Responses: their candidates and their usage.

use std::borrow::Cow;

use serde_json::Value;

use super::parts::Turn;
use super::{SHAPE, VERTEX, citations, model_name, request, wire};
use crate::blueprint::ChatPrompt;
use crate::providers::call_ids::CallIds;
use crate::providers::finish::{Finish, Reason};
use crate::providers::json::{Fields, Object};
use crate::providers::reading::{Reply, Usage, UsagePaths};

/// The output tokens leave out those for reasoning.
const USAGE: UsagePaths = UsagePaths {
    input: &["promptTokenCount"],
    output: &["candidatesTokenCount"],
    cached: &["cachedContentTokenCount"],
    reasoning: &["thoughtsTokenCount"],
    other: &[("toolUsePromptTokenCount", "tool_use_prompt_tokens")],
    ..UsagePaths::NONE
};

/// Data without a field in the log: the metadata key, and the path in the response or in its first candidate.
const METADATA: &[(&str, &str)] = &[
    ("response_id", "responseId"),
    ("service_tier", "usageMetadata.serviceTier"),
    ("block_reason_message", "promptFeedback.blockReasonMessage"),
    ("finish_message", "finishMessage"),
    ("web_search_queries", "groundingMetadata.webSearchQueries"),
    ("url_context", "urlContextMetadata"),
];

/// Returns `true` if an object is a response or a chunk of a streamed one. It has candidates with content
/// or a finish reason. Without candidates, it has the reason why the prompt was blocked, or the number of
/// prompt tokens.
pub(super) fn is_reply(object: &Object) -> bool {
    const WITHOUT_CANDIDATES: &[&str] = &[
        "promptFeedback.blockReason",
        "prompt_feedback.block_reason",
        "usageMetadata.promptTokenCount",
        "usage_metadata.prompt_token_count",
    ];
    match object.field("candidates") {
        Some(Value::Array(candidates)) if !candidates.is_empty() => candidates.iter().any(is_candidate),
        Some(Value::Array(_)) | None => WITHOUT_CANDIDATES.iter().any(|path| object.at(path).is_some()),
        Some(_) => false,
    }
}

/// Returns `true` if a value is a candidate. A candidate with a finish reason may have no content: the
/// model may only have thought, or all content was filtered.
fn is_candidate(candidate: &Value) -> bool {
    let is_word = |name| matches!(candidate.get(name), Some(Value::String(_) | Value::Number(_)));
    let is_content = |content: &Value| request::has_parts(content) || content.is("role", "model");
    is_word("finishReason") || is_word("finish_reason") || candidate.field("content").is_some_and(is_content)
}

/// Reads a response. Each candidate becomes a message.
pub(super) fn read(object: &Object) -> Reply {
    let object = &wire::converted(object);
    let (mut ids, mut messages, mut finish) = (CallIds::default(), Vec::new(), Vec::new());
    for candidate in object.objects("candidates") {
        let turn = read_candidate(candidate, &mut ids);
        // Gemini has no reason of its own for a turn that calls functions.
        let word = candidate.text("finishReason").map(Finish::from_word);
        finish.extend(word.map(|finish| finish.or_tool_calls(!turn.calls.is_empty())));
        messages.push(turn.into_message("model"));
    }
    // A blocked prompt has no candidate with a finish reason.
    let blocked = object.at("promptFeedback.blockReason").and_then(Value::as_str);
    let blocked = blocked.map(|word| Finish { reason: Reason::ContentFilter, word: word.to_owned() });
    Reply {
        shape: Some(&SHAPE),
        // Only Vertex AI sends the traffic type.
        provider: object.at("usageMetadata.trafficType").map(|_| Cow::Borrowed(VERTEX)),
        model: object.text("modelVersion").map(|model| model_name(model).to_owned()),
        prompt: Some(ChatPrompt::new(messages).into()),
        usage: object.object("usageMetadata").map(read_usage).unwrap_or_default(),
        finish: blocked.or_else(|| Finish::worst(finish)),
        metadata: METADATA
            .iter()
            .filter_map(|(key, path)| Some((*key, metadata(object, key, path)?)))
            .collect(),
        ..Reply::default()
    }
}

fn read_candidate(candidate: &Object, ids: &mut CallIds) -> Turn {
    let mut turn = Turn::new(true);
    let content = candidate.object("content");
    content.into_iter().flat_map(|content| content.list("parts")).for_each(|part| turn.add(part, ids));
    citations::annotate(candidate, &mut turn.blocks, &turn.places);
    turn
}

fn metadata(object: &Object, key: &str, path: &str) -> Option<String> {
    match object.at(path).or_else(|| object.objects("candidates").next()?.at(path))? {
        value if matches!(key, "web_search_queries" | "url_context") => Some(value.to_string()),
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

fn read_usage(usage: &Object) -> Usage {
    let counts = USAGE.read(usage);
    with_details(counts, usage, ["promptTokensDetails", "candidatesTokensDetails"], "tokenCount")
}

/// Adds the tokens for reasoning to the output tokens, and the tokens of single modalities. `lists` contain
/// the latter for input and output.
pub(super) fn with_details(mut counts: Usage, usage: &Object, lists: [&str; 2], count: &str) -> Usage {
    if let Some(reasoning) = counts.reasoning {
        counts.output = Some(counts.output.unwrap_or_default().saturating_add(reasoning));
    }
    let [input, output] = lists;
    for (list, modality, key) in [
        (input, "audio", "input_audio_tokens"),
        (input, "image", "input_image_tokens"),
        (input, "video", "input_video_tokens"),
        (output, "audio", "output_audio_tokens"),
        (output, "image", "output_image_tokens"),
    ] {
        let is_it = |name: &str| name.eq_ignore_ascii_case(modality);
        let detail = usage.objects(list).find(|detail| detail.text("modality").is_some_and(is_it));
        counts.other.extend(detail.and_then(|detail| detail.count(count)).map(|tokens| (key, tokens)));
    }
    counts
}
