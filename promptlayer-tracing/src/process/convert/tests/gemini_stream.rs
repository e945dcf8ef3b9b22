//! Streams of Gemini's `generateContent`.

use promptlayer_blueprint::RequestStatus;
use serde_json::{Value, json};

use super::responses_chunks::{each_changed, log_of_stream, sum};
use super::{assistant, calls, lines, said};

/// Builds a chunk with these parts of the first candidate.
fn chunk(parts: &Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}], "responseId": "r1"})
}

/// Builds the last chunk.
fn last(parts: &Value) -> Value {
    json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, "finishReason": "STOP"}],
        "responseId": "r1", "modelVersion": "gemini-2.5-flash",
        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 12},
    })
}

fn parts(chunks: &[Value]) -> Value {
    sum(chunks)["candidates"][0]["content"]["parts"].clone()
}

#[test]
fn texts_and_thoughts_are_assembled_with_signatures() {
    let chunks = [
        chunk(&json!([{"text": "h", "thought": true}])),
        chunk(&json!([{"text": "m", "thought": true}])),
        chunk(&json!([{"text": "So", "thought": false}])),
        chunk(&json!([{"text": ", yes."}])),
        last(&json!([{"text": "", "thoughtSignature": "s"}])),
    ];
    assert_eq!(
        sum(&chunks),
        json!({
            "candidates": [{
                "index": 0, "finishReason": "STOP",
                "content": {"role": "model", "parts": [
                    {"text": "hm", "thought": true}, {"text": "So, yes.", "thoughtSignature": "s"},
                ]},
            }],
            "responseId": "r1", "modelVersion": "gemini-2.5-flash",
            "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 12},
        })
    );
    let log = log_of_stream(&chunks);
    assert_eq!(said(&log.output), lines([("assistant", "So, yes.")]));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(7), Some(5)));
}

#[test]
fn signature_ends_its_part() {
    let chunks = [
        chunk(&json!([{"text": "hm", "thought": true, "thoughtSignature": "s1"}])),
        chunk(&json!([{"text": "hm!", "thought": true}])),
        chunk(&json!([{"functionCall": {"name": "add"}, "thoughtSignature": "s2"}])),
        chunk(&json!([{"text": "", "thoughtSignature": "s3"}])),
    ];
    assert_eq!(
        parts(&chunks),
        json!([
            {"text": "hm", "thought": true, "thoughtSignature": "s1"},
            {"text": "hm!", "thought": true},
            {"functionCall": {"name": "add"}, "thoughtSignature": "s2"},
            {"text": "", "thoughtSignature": "s3"},
        ])
    );
}

#[test]
fn calls_and_files_are_kept_separate() {
    let said = json!([
        {"functionCall": {"name": "add", "args": {"x": 1}}},
        {"functionCall": {"name": "add", "args": {"x": 2}, "id": "b"}},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
    ]);
    let log = log_of_stream(&[chunk(&json!([said[0]])), chunk(&json!([said[1], said[2]]))]);
    let message = assistant(&log.output, 0);
    assert_eq!(calls(message), [["add-0", "add", r#"{"x":1}"#], ["b", "add", r#"{"x":2}"#]]);
    assert_eq!(serde_json::to_value(&message.content).unwrap()[0]["url"], "data:image/png;base64,aGk=");
}

#[test]
fn argument_fragments_are_assembled() {
    let call = |call: Value| chunk(&json!([{"functionCall": call}]));
    let piece = |text: &str| json!({"jsonPath": "$.city", "stringValue": text, "willContinue": true});
    let chunks = [
        call(json!({"name": "weather", "willContinue": true})),
        call(json!({"partialArgs": [piece("Be")], "willContinue": true})),
        call(
            json!({"partialArgs": [piece("rn"), {"jsonPath": "$.days", "numberValue": 3}], "willContinue": true}),
        ),
        call(json!({})),
        call(json!({"name": "now", "args": {}})),
    ];
    let expected = json!([
        {"functionCall": {"name": "weather", "args": {"city": "Bern", "days": 3}}},
        {"functionCall": {"name": "now", "args": {}}},
    ]);
    assert_eq!(parts(&chunks), expected);
    assert_eq!(parts(&chunks[..2])[0]["functionCall"]["args"], json!({"city": "Be"}), "cut half-way");
}

#[test]
fn argument_fragments_are_stored_at_their_paths() {
    let arguments = |pieces: Value| {
        let call = json!({"name": "add", "partialArgs": pieces, "willContinue": true});
        parts(&[chunk(&json!([{"functionCall": call}]))])[0]["functionCall"]["args"].clone()
    };
    let pieces = json!([
        {"jsonPath": "$.city", "stringValue": "Be", "willContinue": true},
        {"jsonPath": "$.city", "stringValue": "rn"},
        {"jsonPath": "$.days[0].n", "numberValue": 3.0},
        {"json_path": "$['days'][1]", "bool_value": true},
        {"jsonPath": "$.rest", "nullValue": null},
        {"jsonPath": "$.half", "numberValue": 0.5},
    ]);
    let expected = json!({"city": "Bern", "days": [{"n": 3}, true], "rest": null, "half": 0.5});
    assert_eq!(arguments(pieces), expected);
    let pieces = json!([
        {"jsonPath": "$.list[1000000000]", "stringValue": "far"},
        {"jsonPath": "$.list[18446744073709551615]", "stringValue": "farthest"},
        {"jsonPath": format!("${}", ".a".repeat(1_000)), "stringValue": "deep"},
        {"jsonPath": "city", "stringValue": "no root"},
        {"jsonPath": "$", "stringValue": "the root"},
        {"jsonPath": "$.city", "stringValue": "Bern"},
        {"jsonPath": "$.city.name", "stringValue": "below a text"},
        {"jsonPath": "$.open[0", "stringValue": "not closed"},
        {"stringValue": "no path"}, 7, null,
    ]);
    assert_eq!(arguments(pieces), json!({"list": [], "city": "Bern"}));
}

#[test]
fn candidates_are_assembled_by_index() {
    let of = |index: Value, text: &str| json!({"content": {"parts": [{"text": text}]}, "index": index});
    let chunks = [
        json!({"candidates": [of(json!(1), "Tw"), of(json!(0), "On")]}),
        json!({"candidates": [of(json!(0), "e")]}),
        json!({"candidates": [of(json!(1_000_000_000), "Far"), of(json!(1), "o")]}),
        json!({"candidates": [of(json!(null), "!"), of(json!("one"), "!")]}),
    ];
    let log = log_of_stream(&chunks);
    assert_eq!(
        said(&log.output),
        lines([("assistant", "One!"), ("assistant", "Two!"), ("assistant", "Far")])
    );
}

#[test]
fn latest_counts_and_grounding_are_kept() {
    let mut first = chunk(&json!([{"text": "So"}]));
    first["usageMetadata"] = json!({"promptTokenCount": 7, "thoughtsTokenCount": 2, "totalTokenCount": 9});
    first["candidates"][0]["groundingMetadata"] = json!({"webSearchQueries": ["why"]});
    first["candidates"][0]["citationMetadata"] = json!({"citationSources": [{"uri": "https://a"}]});
    let mut second = last(&json!([{"text": "."}]));
    second["candidates"][0]["groundingMetadata"] =
        json!({"groundingChunks": [{"web": {"uri": "https://w", "title": "w"}}]});
    second["candidates"][0]["citationMetadata"] = json!({"citations": [{"uri": "https://b"}]});
    let log = log_of_stream(&[first, second]);
    assert_eq!((log.input_tokens, log.output_tokens), (Some(7), Some(7)));
    let blocks = serde_json::to_value(&assistant(&log.output, 0).content).unwrap();
    let urls: Vec<&str> =
        blocks[0]["annotations"].as_array().unwrap().iter().filter_map(|a| a["url"].as_str()).collect();
    assert_eq!(urls, ["https://w", "https://a", "https://b"]);
    assert_eq!(log.metadata["web_search_queries"], r#"["why"]"#);
}

#[test]
fn interrupted_or_failed_stream_keeps_received_content() {
    let chunks = [
        json!("[DONE]"),
        json!({"type": "ping"}),
        chunk(&json!([{"text": "So"}])),
        json!({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}),
    ];
    let log = log_of_stream(&chunks[..3]);
    assert_eq!(said(&log.output), lines([("assistant", "So")]));
    assert_eq!(log.status, RequestStatus::Success);
    let log = log_of_stream(&chunks);
    assert_eq!(said(&log.output), lines([("assistant", "So")]));
    assert_eq!((log.status, log.error_message()), (RequestStatus::Error, Some("overloaded")));
}

#[test]
fn blocked_prompt_in_stream_reports_the_reason() {
    let log = log_of_stream(&[
        json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 7}}),
    ]);
    assert!(log.output.messages().is_empty());
    assert_eq!(log.metadata["finish_reason"], "content_filter");
}

#[test]
fn long_stream_is_assembled_in_linear_time() {
    let chunks: Vec<Value> = (0..50_000).map(|_| chunk(&json!([{"text": "word "}]))).collect();
    assert_eq!(parts(&chunks)[0]["text"].as_str().unwrap().len(), 250_000);
}

#[test]
fn malformed_streams_do_not_panic() {
    let whole = json!([
        chunk(&json!([{"text": "hm", "thought": true}])),
        chunk(&json!([{"functionCall": {"name": "add", "willContinue": true}}])),
        chunk(&json!([{"functionCall": {"partialArgs": [{"jsonPath": "$.a[0].b", "stringValue": "x"}]}}])),
        last(&json!([{"text": "So.", "thoughtSignature": "s"}])),
    ]);
    for odd in [json!(null), json!(1_000_000_000), json!(-1), json!(""), json!([]), json!({}), json!([[7]])] {
        each_changed(&whole, &odd, &mut |changed| {
            drop(log_of_stream(changed.as_array().map_or(&[], Vec::as_slice)));
        });
    }
}

#[test]
fn chunk_without_content_belongs_to_the_reply() {
    let grounds = json!({"groundingChunks": [{"web": {"uri": "https://w", "title": "w"}}]});
    let chunks = [
        json!({"usageMetadata": {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 3}]}}),
        chunk(&json!([{"text": "So."}])),
        json!({"candidates": [{"groundingMetadata": grounds, "index": 0}]}),
        json!({"candidates": [{"safetyRatings": [], "index": 0}], "modelVersion": "gemini-2.5-flash"}),
        json!({"candidates": [{"content": {}, "finishReason": "MAX_TOKENS", "index": 0}]}),
        json!({"usageMetadata": {"candidatesTokenCount": 5}}),
    ];
    let log = log_of_stream(&chunks);
    assert_eq!(said(&log.output), lines([("assistant", "So.")]));
    assert_eq!((log.model.as_str(), log.output_tokens), ("gemini-2.5-flash", Some(5)));
    assert_eq!(log.metadata["input_audio_tokens"], "3");
    assert_eq!((log.metadata["finish_reason"].as_str(), log.status), ("length", RequestStatus::Warning));
    let blocks = serde_json::to_value(&assistant(&log.output, 0).content).unwrap();
    assert_eq!(blocks[0]["annotations"][0]["url"], "https://w");

    let log = log_of_stream(&chunks[4..]);
    assert_eq!((log.provider.as_str(), log.output_tokens), ("google", Some(5)), "of thinking alone");
}
