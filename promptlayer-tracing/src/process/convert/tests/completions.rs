//! OpenAI's legacy completions.

use promptlayer_blueprint::{ErrorType, LogRequest, RequestStatus};
use serde_json::{Value, json};

use super::openai_stream::log_of_stream;
use super::{assistant, completion, log_of};

/// Returns the log of a completion with this prompt.
fn of(prompt: &Value) -> LogRequest {
    let request = json!({"model": "gpt-3.5-turbo-instruct", "prompt": prompt, "max_tokens": 5, "echo": null});
    let reply = json!({
        "model": "gpt-3.5-turbo-instruct:1", "object": "text_completion",
        "choices": [{"text": " four", "index": 0, "finish_reason": "stop", "logprobs": null}],
        "usage": {"prompt_tokens": 6, "completion_tokens": 2},
    });
    log_of(&request, &reply)
}

#[test]
fn completion_has_text_input_and_output() {
    let log = of(&json!("one two three"));
    assert_eq!(completion(&log.input), ["one two three"]);
    assert_eq!(completion(&log.output), [" four"]);
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai", "gpt-3.5-turbo-instruct"));
    assert_eq!(log.api_type.as_deref(), Some("completions"));
    assert_eq!(Value::Object(log.parameters), json!({"max_tokens": 5}));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(6), Some(2)));
    assert_eq!(log.metadata["finish_reason"], "stop");
    assert_eq!(log.status, RequestStatus::Success);
}

#[test]
fn prompts_become_blocks_and_token_lists_are_kept() {
    assert_eq!(completion(&of(&json!(["one", "two"])).input), ["one", "two"]);
    assert_eq!(completion(&of(&json!([1, 22, 333])).input), ["[1,22,333]"]);
    assert_eq!(completion(&of(&json!([[1, 22], [333]])).input), ["[[1,22],[333]]"]);
    assert_eq!(completion(&of(&json!("")).input), [""]);
}

#[test]
fn each_choice_becomes_a_block() {
    let request = json!({"model": "m", "prompt": "one", "n": 2});
    let reply = json!({"choices": [
        {"text": "two", "finish_reason": null}, {"text": "deux", "finish_reason": "length"},
    ]});
    let log = log_of(&request, &reply);
    assert_eq!(completion(&log.output), ["two", "deux"]);
    assert_eq!(log.parameters["n"], 2);
    assert_eq!(log.error_type, Some(ErrorType::ProviderPartialResponse));
}

#[test]
fn text_output_of_completion_request_is_a_completion() {
    let request = json!({"model": "m", "prompt": "one"});
    assert_eq!(completion(&log_of(&request, &json!("two")).output), ["two"]);
    assert!(completion(&log_of(&request, &json!(null)).output).is_empty());
    let failed = log_of(&request, &json!({"error": {"message": "No such model"}}));
    assert!(completion(&failed.output).is_empty());
    assert_eq!(failed.error_message(), Some("No such model"));

    // An output that a completion cannot hold stays a chat.
    let calls = json!({"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "now"}}]});
    assert_eq!(assistant(&log_of(&request, &calls).output, 0).tool_calls[0].function.name, "now");
}

#[test]
fn completion_chunks_are_assembled_by_choice() {
    let request = json!({"model": "m", "prompt": "one", "n": 2, "stream": true});
    let chunk = |choices: Value| json!({"id": "cmpl-1", "object": "text_completion", "model": "m:1", "choices": choices});
    let log = log_of_stream(
        &request,
        &[
            chunk(json!([{"text": "de", "index": 1, "logprobs": null, "finish_reason": null}])),
            chunk(json!([{"text": "tw", "index": 0, "logprobs": {"tokens": ["tw"], "top_logprobs": null}}])),
            chunk(json!([{"text": "ux", "index": 1, "finish_reason": "length"}])),
            chunk(json!([{"text": "o", "index": 0, "logprobs": {"tokens": ["o"]}, "finish_reason": "stop"}])),
            json!({"object": "text_completion", "choices": [], "usage": {"prompt_tokens": 6, "completion_tokens": 4}}),
            json!("[DONE]"),
        ],
    );
    assert_eq!(completion(&log.output), ["two", "deux"]);
    assert_eq!((log.input_tokens, log.output_tokens), (Some(6), Some(4)));
    assert_eq!(log.metadata["finish_reason"], "length");
    assert_eq!(log.metadata["response_id"], "cmpl-1");
    assert_eq!(log.api_type.as_deref(), Some("completions"));
}
