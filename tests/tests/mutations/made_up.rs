//! Generated values, composed of the words that providers use.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};
use tests::fixtures::Given;

use crate::{log, logging};

/// Field names of the wire formats. Some of them identify a format.
const FIELDS: &[&str] = &[
    "type",
    "role",
    "content",
    "text",
    "index",
    "model",
    "messages",
    "choices",
    "delta",
    "message",
    "tool_calls",
    "function",
    "name",
    "arguments",
    "id",
    "usage",
    "object",
    "finish_reason",
    "input",
    "output",
    "item",
    "item_id",
    "output_index",
    "content_index",
    "response",
    "contents",
    "parts",
    "candidates",
    "functionCall",
    "usageMetadata",
    "content_block",
    "partial_json",
    "system",
    "messageStart",
    "contentBlockDelta",
    "contentBlockStart",
    "contentBlockIndex",
    "toolUse",
    "metadata",
    "stopReason",
    "done",
    "prompt",
    "data",
    "embedding",
    "embeddings",
    "tools",
    "tool_choice",
    "source",
    "image_url",
    "url",
    "thinking",
    "signature",
    "error",
    "b64_json",
    "refusal",
];
const WORDS: &[&str] = &[
    "assistant",
    "user",
    "system",
    "tool",
    "model",
    "text",
    "image",
    "tool_use",
    "tool_result",
    "thinking",
    "message_start",
    "message_delta",
    "content_block_start",
    "content_block_delta",
    "input_json_delta",
    "text_delta",
    "response.created",
    "response.output_item.added",
    "response.output_text.delta",
    "response.completed",
    "chat.completion",
    "chat.completion.chunk",
    "message-start",
    "content-delta",
    "message-end",
    "response",
    "message",
    "list",
    "stop",
    "STOP",
    "function",
    "function_call",
    "[DONE]",
    "{}",
    "{\"a\":",
];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..4_u64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(WORDS).prop_map(Value::from),
        vec(any::<char>(), 0..8).prop_map(|text| text.into_iter().collect::<String>().into()),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        let field = (proptest::sample::select(FIELDS).prop_map(str::to_owned), inner.clone());
        prop_oneof![
            1 => vec(inner, 0..5).prop_map(Value::Array),
            3 => vec(field, 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    // A failing value is small and is printed, so no regression file is necessary.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_request_and_response_are_logged(request in json(), reply in json()) {
        let log = logging(|logged| log(logged, None, &request, Given::Whole(reply)));
        prop_assert!(serde_json::to_string(&log).is_ok());
    }

    #[test]
    fn any_stream_events_are_logged(request in json(), events in vec(json(), 0..8)) {
        let log = logging(|logged| log(logged, None, &request, Given::Events(events)));
        prop_assert!(serde_json::to_string(&log).is_ok());
    }

    #[test]
    fn any_split_of_a_body_is_logged(pieces in vec(vec(any::<u8>(), 0..40), 0..8)) {
        let log = logging(|logged| log(logged, None, &Value::Null, Given::Bytes(pieces)));
        prop_assert!(serde_json::to_string(&log).is_ok());
    }
}
