//! The requests that `to_request` makes fit the request types of the crate.

use async_openai::types::chat::CreateChatCompletionRequest;
use async_openai::types::responses::CreateResponse;
use harness::round_trip::Check;
use serde_json::json;

#[test]
fn chat_requests_fit_the_crate() {
    let parameters = json!({"temperature": 0.5, "max_completion_tokens": 100});
    Check::new("openai", "chat-completions").run::<CreateChatCompletionRequest>(&parameters);
}

#[test]
fn response_requests_fit_the_crate() {
    let parameters = json!({"temperature": 0.5, "max_output_tokens": 100});
    let check = Check { added: &["detail"], ..Check::new("openai", "responses") };
    check.run::<CreateResponse>(&parameters);
}
