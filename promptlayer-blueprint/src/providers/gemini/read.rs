//! Requests and responses of `generateContent`, `embedContent` and `batchEmbedContents`.

use std::borrow::Cow;

use serde_json::Value;

use super::parts::{self, Turn};
use super::{EMBED, SHAPE, VERTEX, model_name, new_request, tools, wire};
use crate::blueprint::{ChatPrompt, ContentBlock, Message, Prompt};
use crate::providers::call_ids::CallIds;
use crate::providers::finish::{Finish, Reason};
use crate::providers::json::{Fields, Object};
use crate::providers::reading::{self, Reply, Request, Usage, UsagePaths};
use crate::providers::vectors;

/// Contents have parts. Google's SDKs also accept a text, which counts only with one of Google's models.
pub(super) fn is_request(object: &Object) -> bool {
    let is_google =
        || object.text("model").is_some_and(|model| model.contains("gemini") || model.contains("gemma"));
    match object.get("contents") {
        Some(Value::Array(contents)) => {
            let have_parts = contents.iter().any(has_parts) && contents.iter().all(is_content);
            have_parts || (!contents.is_empty() && is_google())
        }
        Some(content @ Value::Object(_)) => has_parts(content) || is_google(),
        Some(Value::String(_)) => is_google(),
        _ => false,
    }
}

fn has_parts(value: &Value) -> bool {
    value.field("parts").is_some_and(Value::is_array)
}

fn is_content(value: &Value) -> bool {
    has_parts(value) || value.field("role").is_some_and(Value::is_string)
}

/// Google's SDKs put the system instruction and the tools into `config`. On the wire they are beside the contents.
pub(super) fn read_request(mut object: Object) -> Request {
    let path = wire::take_text(&mut object, "model");
    let contents = wire::take(&mut object, "contents");
    let mut config = object.get_mut("config").and_then(Value::as_object_mut).map(std::mem::take);

    let mut prompt = ChatPrompt::default();
    for fields in [Some(&mut object), config.as_mut()].into_iter().flatten() {
        let instruction = wire::take(fields, "systemInstruction").map(|content| blocks(&content));
        if let Some(blocks) = instruction.filter(|blocks| !blocks.is_empty()) {
            prompt.messages.push(Message::system(blocks));
        }
        tools::read(fields, &mut prompt);
    }
    read_contents(contents.as_ref(), &mut prompt.messages);

    if let Some(config) = config {
        object.remove("config");
        let config = reading::parameters(config, &[]);
        if !config.is_empty() {
            object.insert("config".to_owned(), Value::Object(config));
        }
    }
    new_request(&SHAPE, path.as_deref(), prompt, object)
}

/// Reads the contents: one, or a list, each with a role. Content without a role is the user's.
fn read_contents(contents: Option<&Value>, messages: &mut Vec<Message>) {
    let mut ids = CallIds::default();
    match contents {
        Some(Value::Array(contents)) if contents.iter().any(is_content) => {
            for content in contents {
                read_content(content, &mut ids, messages);
            }
        }
        Some(content) => read_content(content, &mut ids, messages),
        None => {}
    }
}

/// Returns the blocks of a content, in any form that the SDKs accept.
fn blocks(content: &Value) -> Vec<ContentBlock> {
    let mut turn = Turn::new(false);
    for part in parts_of(content) {
        turn.add(part, &mut CallIds::default());
    }
    turn.blocks
}

/// Returns the parts of a content. A single text or part is the only part.
fn parts_of(content: &Value) -> &[Value] {
    match content {
        Value::Object(object) if is_content(content) => object.list("parts"),
        Value::Array(parts) => parts,
        part => std::slice::from_ref(part),
    }
}

/// Reads one content. Function results become separate messages, in their original order.
fn read_content(content: &Value, ids: &mut CallIds, messages: &mut Vec<Message>) {
    let role = content.text("role").unwrap_or_default();
    let before = messages.len();
    let new_turn = || Turn::new(matches!(role, "model" | "assistant"));
    let mut turn = new_turn();
    for part in parts_of(content) {
        if let Some(result) = parts::result(part, ids) {
            let turn = std::mem::replace(&mut turn, new_turn());
            if !turn.is_empty() {
                messages.push(turn.into_message(role));
            }
            messages.push(result);
        } else {
            turn.add(part, ids);
        }
    }
    // An empty content still becomes a message.
    if !turn.is_empty() || messages.len() == before {
        messages.push(turn.into_message(role));
    }
}

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

/// A response, or a chunk of a streamed one, has candidates with content or a finish reason. Without candidates, it has
/// the reason why the prompt was blocked, or the number of prompt tokens.
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
    let is_content = |content: &Value| has_parts(content) || content.is("role", "model");
    is_word("finishReason") || is_word("finish_reason") || candidate.field("content").is_some_and(is_content)
}

/// Reads a response. Each candidate becomes a message.
pub(super) fn read_reply(object: &Object) -> Reply {
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
            .filter_map(|(key, path)| Some((*key, metadata_at(object, key, path)?)))
            .collect(),
        ..Reply::default()
    }
}

fn read_candidate(candidate: &Object, ids: &mut CallIds) -> Turn {
    let mut turn = Turn::new(true);
    let content = candidate.object("content");
    content.into_iter().flat_map(|content| content.list("parts")).for_each(|part| turn.add(part, ids));
    parts::annotate(candidate, &mut turn.blocks, &turn.places);
    turn
}

fn metadata_at(object: &Object, key: &str, path: &str) -> Option<String> {
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

/// Returns `true` if an object is a request: a content with parts, or a list of such requests.
pub(super) fn is_embed_request(object: &Object) -> bool {
    let is_single =
        |object: &Object| object.field("content").is_some_and(has_parts) && object.get("role").is_none();
    let requests = object.list("requests");
    is_single(object)
        || (!requests.is_empty() && requests.iter().all(|one| one.as_object().is_some_and(is_single)))
}

/// All contents become one user message. Other fields of the batched requests stay in the parameters.
pub(super) fn read_embed_request(mut object: Object) -> Request {
    let (mut path, mut content) = (None, Vec::new());
    let mut read = |object: &mut Object| {
        path = path.take().or(wire::take_text(object, "model"));
        content.extend(wire::take(object, "content").iter().flat_map(blocks));
    };
    read(&mut object);
    if let Some(Value::Array(requests)) = wire::take(&mut object, "requests") {
        let rest = requests.into_iter().filter_map(|request| match request {
            Value::Object(mut request) => {
                read(&mut request);
                Some(reading::parameters(request, &[]))
            }
            _ => None,
        });
        let rest: Vec<Object> = rest.collect();
        if rest.iter().any(|request| !request.is_empty()) {
            object.insert("requests".to_owned(), rest.into_iter().map(Value::Object).collect());
        }
    }
    new_request(&EMBED, path.as_deref(), Prompt::user(content), object)
}

/// Returns `true` if an object is a response: every embedding has values.
pub(super) fn is_embed_reply(object: &Object) -> bool {
    let embeddings = embeddings(object);
    embeddings.iter().all(|embedding| embedding.field("values").is_some_and(Value::is_array))
        && embeddings.iter().any(|embedding| dimensions(embedding).is_some())
}

/// Returns the embeddings: one, or a list.
fn embeddings(object: &Object) -> &[Value] {
    object.field("embedding").map_or_else(|| object.list("embeddings"), std::slice::from_ref)
}

fn dimensions(embedding: &Value) -> Option<usize> {
    vectors::dimensions(embedding.field("values")?)
}

pub(super) fn read_embed_reply(object: &Object) -> Reply {
    let object = &wire::converted(object);
    let embeddings = embeddings(object);
    let input = object.at("usageMetadata.promptTokenCount").and_then(Value::as_u64);
    Reply {
        shape: Some(&EMBED),
        model: object.text("modelVersion").map(|model| model_name(model).to_owned()),
        prompt: Some(vectors::said(embeddings.len(), embeddings.iter().filter_map(dimensions))),
        usage: Usage { input, ..Usage::default() },
        ..Reply::default()
    }
}
