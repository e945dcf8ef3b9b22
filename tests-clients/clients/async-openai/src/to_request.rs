//! The requests that `to_request` makes fit the request types of the crate.

use async_openai::types::chat::CreateChatCompletionRequest;
use async_openai::types::responses::CreateResponse;
use harness::round_trip::check;
use serde_json::json;

#[test]
fn chat_requests_fit_the_crate() {
    check::<CreateChatCompletionRequest>(
        "openai",
        "chat-completions",
        &json!({"temperature": 0.5, "max_completion_tokens": 100}),
        &[],
    );
}

#[test]
fn response_requests_fit_the_crate() {
    check::<CreateResponse>(
        "openai",
        "responses",
        &json!({"temperature": 0.5, "max_output_tokens": 100}),
        &["detail"],
    );
}
