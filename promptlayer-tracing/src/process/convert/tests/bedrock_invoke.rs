//! Bodies of Bedrock's `invoke` in the formats of its models.

use promptlayer_blueprint::{LogRequest, Prompt};
use serde_json::{Value, json};

use super::{arguments, captured, lines, log_of, log_of_input, said, span};
use crate::process::convert::log_request;
use crate::span::finished::{FinishedSpan, Output};

const MODEL: &str = "amazon.titan-embed-text-v2:0";

/// Returns the log of a call with this body and reply, and with the model beside the body.
fn log(body: &Value, output: Output) -> LogRequest {
    let input = Some(arguments([("model_id", json!(MODEL)), ("body", body.clone())]));
    log_request(&FinishedSpan { input, output: Some(output), ..span() }, None)
}

fn of(body: &Value, reply: &Value) -> LogRequest {
    log(body, Output::Value(captured(reply)))
}

fn of_stream(body: &Value, events: &[Value]) -> LogRequest {
    log(body, Output::Chunks(events.iter().map(captured).collect()))
}

#[test]
fn titan_embedding_keeps_text_tokens_and_size() {
    let vector: Vec<f64> = vec![0.5; 256];
    let log = of(
        &json!({"inputText": "The sky", "dimensions": 256, "normalize": true}),
        &json!({"embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": 3}),
    );
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("amazon.bedrock", MODEL));
    assert_eq!(log.api_type.as_deref(), Some("embeddings"));
    assert_eq!(said(&log.input), lines([("user", "The sky")]));
    assert_eq!(said(&log.output), lines([("assistant", "1 embedding of 256 dimensions")]));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(3), None));
    assert_eq!(Value::Object(log.parameters), json!({"dimensions": 256, "normalize": true}));
}

#[test]
fn titan_embedding_may_be_binary_or_of_an_image() {
    let log = of(
        &json!({"inputImage": "iVBORAA", "embeddingConfig": {"outputEmbeddingLength": 256}}),
        &json!({"embeddingsByType": {"binary": [0, 1, 1]}, "inputTextTokenCount": 0}),
    );
    assert_eq!(said(&log.output), lines([("assistant", "1 embedding of 3 dimensions")]));
    let content = serde_json::to_value(log.input.messages()[0].content()).unwrap();
    assert_eq!(content[0]["image_url"]["url"], "data:image/png;base64,iVBORAA");
}

#[test]
fn text_of_each_model_is_read_with_its_finish_reason() {
    let titan = json!({"inputText": "Why?", "textGenerationConfig": {"maxTokenCount": 8}});
    let llama = json!({"prompt": "Why?", "max_gen_len": 8});
    let cohere = json!({"prompt": "Why?", "num_generations": 1});
    let cases = [
        (
            &titan,
            json!({"inputTextTokenCount": 3, "results": [
            {"tokenCount": 2, "outputText": "So.", "completionReason": "FINISH"}]}),
            "stop",
        ),
        (
            &titan,
            json!({"inputTextTokenCount": 3, "results": [
            {"tokenCount": 2, "outputText": "So.", "completionReason": "LENGTH"}]}),
            "length",
        ),
        (
            &llama,
            json!({"generation": "So.", "prompt_token_count": 3, "generation_token_count": 2,
            "stop_reason": "stop"}),
            "stop",
        ),
        (&llama, json!({"outputs": [{"text": "So.", "stop_reason": "length"}]}), "length"),
        (&llama, json!({"choices": [{"text": "So.", "stop_reason": "stop"}]}), "stop"),
        (
            &cohere,
            json!({"id": "r", "prompt": "Why?", "generations": [
            {"id": "g", "text": "So.", "finish_reason": "MAX_TOKENS"}]}),
            "length",
        ),
    ];
    for (body, reply, finish) in cases {
        let log = of(body, &reply);
        assert_eq!(
            (log.provider.as_str(), log.api_type.as_deref()),
            ("amazon.bedrock", Some("invoke")),
            "{reply}"
        );
        assert_eq!((log.input.text().as_str(), log.output.text().as_str()), ("Why?", "So."), "{reply}");
        assert!(
            matches!((&log.input, &log.output), (Prompt::Completion(_), Prompt::Completion(_))),
            "{reply}"
        );
        assert_eq!((log.metadata["finish_reason"].as_str(), log.parameters.len()), (finish, 1), "{reply}");
        let has_tokens = reply.get("inputTextTokenCount").is_some() || reply.get("generation").is_some();
        assert_eq!((log.input_tokens, log.output_tokens), (has_tokens.then_some(3), has_tokens.then_some(2)));
    }
}

#[test]
fn text_streams_are_assembled_with_their_metrics() {
    let metrics =
        json!({"inputTokenCount": 3, "outputTokenCount": 2, "invocationLatency": 9, "firstByteLatency": 5});
    let titan = |text: &str, end: Value| {
        json!({"index": 0, "outputText": text, "completionReason": end,
        "inputTextTokenCount": null, "totalOutputTextTokenCount": 2})
    };
    let llama = |text: &str, end: Value| {
        json!({"generation": text, "stop_reason": end,
        "prompt_token_count": null, "generation_token_count": 1})
    };
    let mistral = |text: &str, end: Value| json!({"outputs": [{"text": text, "stop_reason": end}]});
    let body = json!({"prompt": "Why?", "max_gen_len": 8});
    let streams = [
        [titan("S", Value::Null), titan("o.", json!("FINISH"))],
        [llama("S", Value::Null), llama("o.", json!("stop"))],
        [mistral("S", Value::Null), mistral("o.", json!("stop"))],
    ];
    for mut events in streams {
        let cut = of_stream(&body, &events[..1]);
        assert_eq!(
            (cut.output.text().as_str(), cut.metadata.get("finish_reason")),
            ("S", None),
            "{events:?}"
        );
        events[1]["amazon-bedrock-invocationMetrics"] = metrics.clone();
        let log = of_stream(&body, &events);
        assert_eq!((log.output.text().as_str(), log.api_type.as_deref()), ("So.", Some("invoke")));
        assert_eq!(
            (log.provider.as_str(), log.metadata["finish_reason"].as_str()),
            ("amazon.bedrock", "stop")
        );
        assert_eq!(log.input_tokens, Some(3), "{events:?}");
    }
}

#[test]
fn nova_body_is_read_as_converse() {
    let request = json!({"schemaVersion": "messages-v1", "stream": true,
        "messages": [{"role": "user", "content": [{"text": "Why?"}]}]});
    let reply = json!({"output": {"message": {"role": "assistant", "content": [{"text": "So."}]}}, "stopReason": "end_turn",
        "usage": {"inputTokens": 3, "outputTokens": 2, "cacheReadInputTokenCount": 1, "cacheWriteInputTokenCount": 4}});
    let log = log_of(&request, &reply);
    assert_eq!((log.api_type.as_deref(), log.input_tokens), (Some("converse"), Some(3)));
    assert_eq!(
        (said(&log.input), said(&log.output)),
        (lines([("user", "Why?")]), lines([("assistant", "So.")]))
    );
    assert_eq!((&*log.metadata["cached_tokens"], &*log.metadata["cache_creation_tokens"]), ("1", "4"));
}

#[test]
fn similar_bodies_of_others_are_not_bedrock() {
    for body in [
        json!({"inputText": "Why?", "customer": 7}),
        json!({"prompt": "Why?", "temperature": 0.5}),
        json!({"model": "llama", "prompt": "Why?", "max_gen_len": 8}),
    ] {
        assert_ne!(log_of_input(arguments([("request", body.clone())])).provider, "amazon.bedrock", "{body}");
    }
    for reply in [
        json!({"object": "text_completion", "model": "m", "choices": [{"text": "So.", "stop_reason": null, "index": 0}]}),
        json!({"id": "r", "generations": [{"id": "g", "text": "So.", "finish_reason": "COMPLETE"}], "meta": {}}),
        json!({"outputs": [{"text": "So."}]}),
        json!({"outputs": []}),
        json!({"generation": "So."}),
        json!({"embedding": {"values": [0.5]}, "inputTextTokenCount": 3}),
        json!({"embedding": [0.5, 0.5]}),
    ] {
        assert_ne!(of(&json!({"x": 1}), &reply).provider, "amazon.bedrock", "{reply}");
    }
}
