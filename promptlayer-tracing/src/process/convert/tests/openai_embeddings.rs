//! OpenAI's embeddings.

use promptlayer_blueprint::{LogRequest, Message};
use serde_json::{Value, json};

use super::{arguments, chat, log_of, log_of_input};

/// Returns the log of an embeddings request with this input.
fn of(input: &Value) -> LogRequest {
    let request = json!({"model": "text-embedding-3-small", "input": input, "dimensions": 3, "user": null});
    let reply = json!({
        "object": "list", "model": "text-embedding-3-small",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -0.25, 1]},
            {"object": "embedding", "index": 1, "embedding": [0.5, 0.25, 0]},
        ],
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    });
    log_of(&request, &reply)
}

fn texts(log: &LogRequest) -> Vec<&str> {
    let [Message::User(message)] = chat(&log.input).messages.as_slice() else { panic!("{:?}", log.input) };
    message.content.iter().filter_map(|block| block.text()).collect()
}

/// Returns the output text for these vectors.
fn said_of(data: &Value) -> String {
    log_of(&json!({"model": "m", "input": ["one"]}), &json!({"object": "list", "data": data})).output.text()
}

#[test]
fn input_becomes_user_message_and_vectors_are_counted() {
    let log = of(&json!(["one", "two"]));
    assert_eq!(texts(&log), ["one", "two"]);
    assert_eq!(log.output.text(), "2 embeddings of 3 dimensions");
    assert_eq!((log.input_tokens, log.output_tokens), (Some(8), None));
    assert_eq!(log.api_type.as_deref(), Some("embeddings"));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai", "text-embedding-3-small"));
    assert_eq!(Value::Object(log.parameters), json!({"dimensions": 3}));
    assert_eq!(texts(&of(&json!("one"))), ["one"]);
}

#[test]
fn token_lists_are_kept_as_lists() {
    assert_eq!(texts(&of(&json!([1, 22, 333]))), ["[1,22,333]"]);
    assert_eq!(texts(&of(&json!([[1, 22], [333]]))), ["[1,22]", "[333]"]);
}

#[test]
fn base64_vectors_are_counted() {
    // Three and four 32-bit floats.
    let three = "AAAAAAAAAAAAAAAA";
    let four = "AAAAAAAAAAAAAAAAAAAAAA==";
    assert_eq!(said_of(&json!([{"embedding": three}])), "1 embedding of 3 dimensions");
    assert_eq!(said_of(&json!([{"embedding": four}])), "1 embedding of 4 dimensions");
    assert_eq!(said_of(&json!([{"embedding": three}, {"embedding": four}])), "2 embeddings");
    assert_eq!(said_of(&json!([{"embedding": [[1, 2], [3, 4], [5, 6]]}])), "1 embedding of 2 dimensions");
}

#[test]
fn ambiguous_input_is_detected_by_other_fields() {
    let api = |request: Value| log_of_input(arguments([("request", request)])).api_type;
    let embeddings = Some("embeddings".to_owned());
    assert_eq!(api(json!({"model": "text-embedding-3-small", "input": "one"})), embeddings);
    assert_eq!(api(json!({"model": "m", "input": "one", "encoding_format": "float"})), embeddings);
    assert_eq!(api(json!({"model": "m", "input": ["one"]})), embeddings);
    assert_ne!(api(json!({"model": "gpt-4o", "input": "one"})), embeddings);
    assert_ne!(api(json!({"model": "m", "input": {"text": "one"}})), embeddings);
}

#[test]
fn list_without_vectors_is_not_embeddings() {
    let log = log_of(
        &json!({"model": "m", "input": ["one"]}),
        &json!({"object": "list", "data": [{"embedding": null}]}),
    );
    assert!(log.output.text().contains("\"data\""), "{:?}", log.output);
}
