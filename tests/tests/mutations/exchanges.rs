//! The exchanges to mutate.

use serde_json::{Value, json};
use tests::Fixture;
use tests::fixtures::Given;

/// The maximum length of a text. The content of texts is not interpreted, so longer texts would only be slower.
const LONGEST: usize = 16;
/// The number of items to keep at each end of a list of messages, tools or numbers.
const ITEMS: usize = 2;
/// The number of events to keep at each end of a stream.
const EVENTS: usize = 4;

/// A request and its response.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) model: Option<String>,
    pub(crate) request: Value,
    pub(crate) given: Given,
}

/// Returns the exchanges of the `shared` folder, shortened, and the handwritten ones.
pub(crate) fn all() -> Vec<Exchange> {
    Fixture::all().iter().flat_map(of_fixture).chain(written()).collect()
}

fn of_fixture(fixture: &Fixture) -> Vec<Exchange> {
    let exchange = |given: Given| Exchange {
        name: fixture.name.clone(),
        model: fixture.model_in_path().map(str::to_owned),
        request: shortened(&fixture.request),
        given,
    };
    let whole = [fixture.response(), fixture.accumulated()].into_iter().flatten();
    let whole = whole.map(|reply| exchange(Given::Whole(shortened(reply))));
    let events =
        fixture.events().map(|events| exchange(Given::Events(ends(events, EVENTS).map(shortened).collect())));
    whole.chain(events).collect()
}

/// Returns the first and the last `many` items of a list.
fn ends<T>(items: &[T], many: usize) -> impl Iterator<Item = &T> {
    let first = many.min(items.len());
    let last = items.len().saturating_sub(many).max(first);
    items[..first].iter().chain(&items[last..])
}

/// Returns a value of the same shape with short texts and short lists.
fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            text.char_indices().nth(LONGEST).map_or(text.as_str(), |(end, _)| &text[..end]).into()
        }
        Value::Array(items) => ends(items, ITEMS).map(shortened).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shortened(value))).collect()
        }
        other => other.clone(),
    }
}

/// Returns one handwritten exchange of each kind, for machines without the `shared` folder.
fn written() -> Vec<Exchange> {
    let exchange = |name: &str, request: Value, given: Given| Exchange {
        name: name.to_owned(),
        model: None,
        request,
        given,
    };
    let asked = json!([{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Why?" }]);
    vec![
        exchange(
            "a chat",
            json!({ "model": "gpt-4.1-mini", "messages": asked, "temperature": 0.5 }),
            Given::Whole(json!({ "id": "1", "object": "chat.completion", "model": "gpt-4.1-mini",
                "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": { "role": "assistant", "content": "So.",
                    "tool_calls": [{ "id": "1", "type": "function", "function": { "name": "f", "arguments": "{}" } }] } }],
                "usage": { "prompt_tokens": 1, "completion_tokens": 2 } })),
        ),
        exchange(
            "a streamed chat",
            json!({ "model": "gpt-4.1-mini", "messages": asked, "stream": true }),
            Given::Events(vec![
                json!({ "id": "1", "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": { "content": "So" } }] }),
                json!({ "id": "1", "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": { "tool_calls": [
                    { "index": 0, "id": "1", "function": { "name": "f", "arguments": "{}" } }] }, "finish_reason": "stop" }] }),
                json!("[DONE]"),
            ]),
        ),
        exchange(
            "streamed messages",
            json!({ "model": "claude-sonnet-4-5", "max_tokens": 9, "messages": asked }),
            Given::Events(vec![
                json!({ "type": "message_start", "message": { "type": "message", "role": "assistant", "content": [], "usage": { "input_tokens": 1 } } }),
                json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "tool_use", "id": "1", "name": "f", "input": {} } }),
                json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "input_json_delta", "partial_json": "{}" } }),
                json!({ "type": "content_block_stop", "index": 0 }),
                json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" }, "usage": { "output_tokens": 1 } }),
                json!({ "type": "message_stop" }),
            ]),
        ),
        exchange(
            "contents",
            json!({ "contents": [{ "role": "user", "parts": [{ "text": "Why?" }, { "inlineData": { "mimeType": "image/png", "data": "AA==" } }] }] }),
            Given::Whole(
                json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": "So." }, { "functionCall": { "name": "f", "args": {} } }] },
                "finishReason": "STOP" }], "usageMetadata": { "promptTokenCount": 1, "candidatesTokenCount": 2 } }),
            ),
        ),
        exchange(
            "converse",
            json!({ "messages": [{ "role": "user", "content": [{ "text": "Why?" }] }], "inferenceConfig": { "maxTokens": 9 } }),
            Given::Events(vec![
                json!({ "messageStart": { "role": "assistant" } }),
                json!({ "contentBlockStart": { "contentBlockIndex": 0, "start": { "toolUse": { "toolUseId": "1", "name": "f" } } } }),
                json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "toolUse": { "input": "{}" } } } }),
                json!({ "messageStop": { "stopReason": "tool_use" } }),
                json!({ "metadata": { "usage": { "inputTokens": 1, "outputTokens": 2 } } }),
            ]),
        ),
        exchange("texts", json!("Why?"), Given::Whole(json!("So."))),
    ]
}
