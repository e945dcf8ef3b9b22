//! Streams that are asked for their usage.

use promptlayer_tracing::middleware::PromptLayerMiddleware;
use serde_json::json;

use super::bodies::{EVENTS, events};
use super::server::Server;
use super::{CHAT, client_with, run};

/// The body of a request for a stream. The order of its keys is not that of the alphabet.
const STREAM: &str =
    r#"{"stream": true, "model": "gpt-4o", "messages": [{"role": "user", "content": "why?"}]}"#;

/// The chunk that a provider adds if it is asked for the usage.
pub(crate) fn usage_chunk() -> String {
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7});
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "model": "gpt-4o-2024", "choices": [], "usage": usage});
    format!("data: {chunk}\n\ndata: [DONE]\n\n")
}

/// Sends a body and returns what the server received and the tokens of the log.
fn sent(include: bool, path: &str, body: &str, length: bool) -> (String, Option<u64>) {
    let mut received = String::new();
    let captured = run(async || {
        let server = Server::whole(200, EVENTS, format!("{}{}", events().concat(), usage_chunk())).await;
        let middleware = PromptLayerMiddleware::new().host(&server.host, "openai").include_usage(include);
        let mut request = client_with(middleware).post(server.url(path)).body(body.to_owned());
        if length {
            request = request.header("content-length", body.len());
        }
        request.send().await.unwrap().text().await.unwrap();
        received = String::from_utf8(server.received.lock().unwrap()[0].to_vec()).unwrap();
    });
    (received, captured.requests().first().and_then(|log| log.output_tokens))
}

#[test]
fn stream_is_asked_for_its_usage_if_the_setting_is_on() {
    let changed = STREAM.replacen('{', r#"{"stream_options":{"include_usage":true},"#, 1);
    for length in [false, true] {
        assert_eq!(sent(true, CHAT, STREAM, length), (changed.clone(), Some(2)));
    }
}

#[test]
fn request_is_unchanged_if_the_setting_is_off_or_does_not_apply() {
    let own = r#"{"stream": true, "stream_options": {"include_usage": false}}"#;
    for (include, path, body) in [
        (false, CHAT, STREAM),
        (true, CHAT, r#"{"model": "gpt-4o"}"#),
        (true, CHAT, own),
        (true, "/v1/messages", STREAM),
        (true, "/v1/responses", STREAM),
        (true, "/v1/other", STREAM),
    ] {
        assert_eq!(sent(include, path, body, false).0, body, "{include} {path}");
    }
}

#[test]
fn request_is_unchanged_without_a_layer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::whole(200, EVENTS, "").await;
        let middleware = PromptLayerMiddleware::new().host(&server.host, "openai").include_usage(true);
        client_with(middleware).post(server.url(CHAT)).body(STREAM).send().await.unwrap();
        assert_eq!(server.received.lock().unwrap()[0], STREAM);
    });
}
