//! Replies in the shape of OpenAI's chat completions.

use serde_json::{Value, json};

use super::{assistant, calls, lines, log_of, log_of_output, said};
use crate::blueprint::{ContentBlock, ErrorType, LogRequest, RequestStatus};

/// The log of a reply with this message.
fn of(message: &Value) -> LogRequest {
    log_of_output(
        &json!({"model": "gpt-4o-2024", "choices": [{"finish_reason": "stop", "message": message}]}),
    )
}

/// The log of a reply that ended for this reason.
fn ended_with(reason: &Value) -> LogRequest {
    log_of_output(&json!({"choices": [
        {"finish_reason": reason, "message": {"role": "assistant", "content": "The answer"}},
    ]}))
}

#[test]
fn a_reply_tells_what_no_request_told() {
    let log = of(&json!({"role": "assistant", "content": "Because."}));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai", "gpt-4o-2024"));
    assert_eq!(log.api_type.as_deref(), Some("chat-completions"));
    assert_eq!(said(&log.output), lines([("assistant", "Because.")]));
    assert!(log.input.messages().is_empty());
}

#[test]
fn the_model_that_was_asked_for_goes_before_the_one_that_answered() {
    let request = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "why?"}]});
    let reply =
        json!({"model": "gpt-4o-2024", "choices": [{"message": {"role": "assistant", "content": "So."}}]});
    assert_eq!(log_of(&request, &reply).model, "gpt-4o");
}

#[test]
fn every_choice_is_a_message_and_the_first_reason_counts() {
    let log = log_of_output(&json!({"choices": [
        {"index": 0, "finish_reason": null, "message": {"role": "assistant", "content": "One"}},
        {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": "Two"}},
        {"index": 2, "finish_reason": "length", "message": {"role": "assistant", "content": "Thr"}},
    ]}));
    assert_eq!(said(&log.output), lines([("assistant", "One"), ("assistant", "Two"), ("assistant", "Thr")]));
    assert_eq!(log.metadata["finish_reason"], "stop");
    assert_eq!(log.status, RequestStatus::Success);
}

#[test]
fn usage_is_taken_as_it_is_told() {
    let tokens = |usage: Value| {
        let log = log_of_output(&json!({
            "choices": [{"message": {"role": "assistant", "content": "So."}}], "usage": usage,
        }));
        (log.input_tokens, log.output_tokens)
    };
    assert_eq!(tokens(json!({"prompt_tokens": 14, "completion_tokens": 0})), (Some(14), Some(0)));
    assert_eq!(tokens(json!({"prompt_tokens": 14})), (Some(14), None));
    assert_eq!(tokens(json!({"prompt_tokens": null, "completion_tokens": -1})), (None, None));
    assert_eq!(tokens(json!(null)), (None, None));
}

#[test]
fn why_a_reply_ended_decides_whether_it_is_whole() {
    for reason in ["stop", "tool_calls", "function_call", "eos"] {
        let log = ended_with(&json!(reason));
        assert_eq!((log.status, log.error_type), (RequestStatus::Success, None), "{reason}");
        assert_eq!(log.metadata["finish_reason"], reason);
    }
    for reason in ["length", "max_tokens", "content_filter"] {
        let log = ended_with(&json!(reason));
        let warned = (RequestStatus::Warning, Some(ErrorType::ProviderPartialResponse));
        assert_eq!((log.status, log.error_type), warned, "{reason}");
        assert!(log.error_message().is_some_and(|message| message.contains("cut")));
        assert_eq!(log.metadata["finish_reason"], reason);
        assert_eq!(log.output.text(), "The answer", "what there is of it");
    }
    assert!(ended_with(&json!(null)).metadata.is_empty());
}

#[test]
fn a_thought_comes_before_the_answer_under_either_name() {
    for name in ["reasoning_content", "reasoning"] {
        let log = of(&json!({"role": "assistant", "content": "42", name: "six times seven"}));
        assert_eq!(
            assistant(&log.output, 0).content,
            [ContentBlock::from_thinking("six times seven"), ContentBlock::from_text("42")]
        );
    }
    let both = of(&json!({"role": "assistant", "content": "42", "reasoning": "b", "reasoning_content": "a"}));
    assert_eq!(assistant(&both.output, 0).content.len(), 2, "the same thought is said once");
    let none = of(&json!({"role": "assistant", "content": "42", "reasoning": null, "reasoning_content": ""}));
    assert_eq!(assistant(&none.output, 0).content, [ContentBlock::from_text("42")]);
}

#[test]
fn a_refusal_is_what_the_model_said() {
    let log = of(&json!({"role": "assistant", "content": null, "refusal": "I cannot help with that."}));
    assert_eq!(said(&log.output), lines([("assistant", "I cannot help with that.")]));
    assert_eq!(log.status, RequestStatus::Success);
}

#[test]
fn a_spoken_answer_is_read_by_its_transcript() {
    let log = of(&json!({"role": "assistant", "content": null, "audio": {
        "id": "audio_1", "data": "UklGRg==", "expires_at": 1, "transcript": "Because it is so.",
    }}));
    assert_eq!(log.output.messages().len(), 1);
    assert!(log.output.text().contains("Because it is so."), "{:?}", log.output);
    let silent = of(&json!({"role": "assistant", "content": "So.", "audio": null}));
    assert_eq!(said(&silent.output), lines([("assistant", "So.")]));
}

#[test]
fn calls_of_tools_are_of_the_message() {
    let log = of(&json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
        {"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "select 1"}},
    ]}));
    let message = assistant(&log.output, 0);
    assert!(message.content.is_empty());
    assert_eq!(calls(message), [["call_1", "weather", "{}"], ["call_2", "sql", "select 1"]]);

    let log = of(&json!({"role": "assistant", "function_call": {"name": "weather", "arguments": "{}"}}));
    assert_eq!(assistant(&log.output, 0).function_call.as_ref().unwrap().name, "weather");
}

#[test]
fn a_reply_is_the_models_whatever_its_role_is_called() {
    for message in [
        json!({"content": "Because."}),
        json!({"role": null, "content": "Because."}),
        json!({"role": "model", "content": "Because."}),
    ] {
        assert_eq!(said(&of(&message).output), lines([("assistant", "Because.")]), "{message}");
    }
}

#[test]
fn an_error_that_the_provider_answered_with_is_a_failed_request() {
    let cases = [
        (
            json!({"error": {"message": "Slow down", "type": "requests", "code": "rate_limit_exceeded"}}),
            ErrorType::ProviderRateLimit,
            "Slow down",
        ),
        (
            json!({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}),
            ErrorType::ProviderAuthError,
            "Incorrect API key provided",
        ),
        (
            json!({"error": {"message": "See billing", "type": "insufficient_quota"}}),
            ErrorType::ProviderQuotaLimit,
            "See billing",
        ),
        (json!({"error": "upstream timed out"}), ErrorType::ProviderTimeout, "upstream timed out"),
        (
            json!({"error": {"message": "No such model", "code": null}, "choices": []}),
            ErrorType::ProviderError,
            "No such model",
        ),
    ];
    let request = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "why?"}]});
    for (reply, kind, message) in cases {
        let log = log_of(&request, &reply);
        assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(kind)), "{reply}");
        assert_eq!(log.error_message(), Some(message));
        assert!(log.output.messages().is_empty());
        assert_eq!(said(&log.input), lines([("user", "why?")]));
    }
    let coded = log_of(&request, &json!({"error": {"code": 500}}));
    assert_eq!(coded.error_type, Some(ErrorType::ProviderError));
    assert!(coded.error_message().unwrap().contains("500"));
}

#[test]
fn an_error_that_is_none_does_not_fail_the_request() {
    let log = log_of_output(&json!({
        "error": null, "choices": [{"message": {"role": "assistant", "content": "Because."}}],
    }));
    assert_eq!((log.status, log.output.text().as_str()), (RequestStatus::Success, "Because."));
    for none in [json!(null), json!(false), json!("")] {
        let log = log_of_output(&json!({"answer": "Because.", "error": none}));
        assert_eq!((log.status, log.error_message()), (RequestStatus::Success, None), "{none}");
        assert!(log.output.text().contains("Because."), "{none}");
    }
}

#[test]
fn a_list_of_choices_that_is_none_of_theirs_is_kept_whole() {
    let value = json!({"choices": ["red", "green"], "model": "T"});
    let log = log_of_output(&value);
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("custom", "unknown"));
    assert_eq!(serde_json::from_str::<Value>(&log.output.text()).unwrap(), value);
}
