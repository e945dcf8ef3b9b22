//! Tests of the page Replay, against scripted providers.
#![cfg(feature = "replay")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use promptlayer_local::blueprint::RequestStatus;
use promptlayer_local::{Config, Error, LoggedRequest, Server};
use reqwest::Method;
use serde_json::{Value, json};
use support::provider::{Scripted, events, response, stream_head};
use support::{Answer, Local, chat, merged, request_with, text};

/// A key that looks like one.
const KEY: &str = "sk-0123456789abcdef";

fn encoded(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let fields = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    fields.collect::<Vec<_>>().join("&")
}

fn form(local: &Local, path: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    local
        .request(Method::POST, path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Origin", local.server.url())
        .body(encoded(fields))
}

async fn submit(local: &Local, path: &str, fields: &[(&str, &str)]) -> Answer {
    local.send(Method::POST, path, form(local, path, fields)).await
}

/// Sends a form as a browser without script does. Returns the address of the redirect.
async fn sent(local: &Local, path: &str, fields: &[(&str, &str)]) -> String {
    let response = form(local, path, fields).send().await.unwrap();
    let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let page = response.text().await.unwrap();
    assert_eq!(status, 303, "{page}");
    location.unwrap()
}

/// Sends a form as the script does. Returns the events.
async fn streamed(local: &Local, path: &str, fields: &[(&str, &str)]) -> Vec<(String, Value)> {
    let response = form(local, path, fields).header("Accept", "text/event-stream").send().await.unwrap();
    assert_eq!(response.status(), 200);
    read_events(&response.text().await.unwrap())
}

fn read_events(text: &str) -> Vec<(String, Value)> {
    let event = |event: &str| {
        let (name, data) = event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
        (name.to_owned(), serde_json::from_str(data).unwrap())
    };
    text.split_terminator("\n\n").map(event).collect()
}

/// Reads a response until it contains a text.
async fn until(response: &mut reqwest::Response, part: &str) -> String {
    let mut text = String::new();
    while !text.contains(part) {
        text.push_str(&String::from_utf8_lossy(&response.chunk().await.unwrap().unwrap()));
    }
    text
}

fn last(local: &Local) -> LoggedRequest {
    local.server.requests().unwrap().pop().unwrap()
}

async fn next(local: &Local, count: usize) -> LoggedRequest {
    let logged = local.server.wait_for_requests_async(count, Duration::from_secs(30));
    logged.await.unwrap().pop().unwrap()
}

/// A server that can call one provider, with a request that was made from a template.
async fn local_with(name: &str, url: &str) -> (Local, i64) {
    let local = Local::with(Config::default().provider(name, url, Some(KEY.to_owned())));
    let id = local
        .log(&request_with(&json!({
            "provider": name, "model": "m-old", "function_name": "ask", "tags": ["eu"],
            "metadata": { "user": "1" }, "parameters": { "temperature": 0.5 },
            "prompt_name": "greeting", "prompt_id": 3, "prompt_version_number": 2,
            "prompt_input_variables": { "who": "you" },
        })))
        .await;
    (local, id)
}

/// The form of the request of [`local_with`], without a change.
fn unchanged(provider: &str) -> Vec<(&str, &str)> {
    vec![
        ("provider", provider),
        ("model", "m-new"),
        ("role", "user"),
        ("text", "Hello!"),
        ("parameters", "{\"temperature\": 0.5}"),
        ("tools", ""),
    ]
}

fn completion(content: &str) -> String {
    let body = json!({
        "id": "c-1", "object": "chat.completion", "model": "m-new",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": content }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 7, "completion_tokens": 3 },
    });
    response("200 OK", "application/json", &body.to_string())
}

fn chunk(delta: &Value, finish: Option<&str>) -> Value {
    json!({
        "id": "c-1", "object": "chat.completion.chunk", "model": "m-new",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    })
}

#[tokio::test]
async fn replay_is_off_by_default() {
    let local = Local::start();
    let id = local.log(&request_with(&json!({}))).await;
    let page = local.page(&format!("/requests/{id}")).await.text;
    assert!(page.contains(&format!("href=\"/requests/{id}/replay\"")), "{page}");
    let path = format!("/requests/{id}/replay");
    let page = local.page(&path).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Replay is off") && page.text.contains("--provider ollama="), "{}", page.text);
    let answer = submit(&local, &path, &unchanged("openai")).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("Replay is off"), "{}", answer.text);
    assert_eq!(local.server.requests().unwrap().len(), 1, "no call is made or logged");
    assert_eq!(local.page("/requests/99/replay").await.status, 404);
}

#[tokio::test]
async fn form_shows_the_request() {
    let (local, id) = local_with("openai", "http://127.0.0.1:9/v1").await;
    let page = local.page(&format!("/requests/{id}/replay")).await.text;
    for part in [
        "<option value=\"openai\" selected>openai – http://127.0.0.1:9</option>",
        "value=\"m-old\"",
        "<option selected>user</option>",
        "\nHello!</textarea>",
        "&#34;temperature&#34;: 0.5",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let other = json!({
        "provider": "google", "model": "gemini", "api_type": "generate-content",
        "parameters": { "maxOutputTokens": 5, "safetySettings": [], "stream": true },
        "input": { "type": "chat", "messages": [
            { "role": "user", "content": [text("</textarea><script>alert(1)</script>")] },
        ] },
    });
    let other = local.log(&request_with(&other)).await;
    let page = local.page(&format!("/requests/{other}/replay")).await.text;
    assert!(page.contains("&#34;max_completion_tokens&#34;: 5"), "{page}");
    assert!(page.contains("another API has them: <code>safetySettings</code></p>"), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
}

#[tokio::test]
async fn call_is_made_logged_and_compared() {
    let mut provider = Scripted::start(completion("Hi again.")).await;
    let (local, id) = local_with("openai", &provider.url).await;
    let address = sent(&local, &format!("/requests/{id}/replay"), &unchanged("openai")).await;
    assert_eq!(address, format!("/compare?a={id}&b={}", id + 1));
    let received = provider.received().await;
    assert!(received.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", received.head);
    assert!(
        received.head.to_lowercase().contains(&format!("authorization: bearer {KEY}\r\n")),
        "{}",
        received.head
    );
    assert_eq!(
        received.body,
        json!({ "model": "m-new", "temperature": 0.5, "messages": [{ "role": "user", "content": "Hello!" }] })
    );
    let logged = last(&local);
    assert_eq!((logged.provider.as_str(), logged.model.as_str()), ("openai", "m-new"));
    assert_eq!((logged.input.text(), logged.output.text()), ("Hello!".to_owned(), "Hi again.".to_owned()));
    assert_eq!((logged.input_tokens, logged.output_tokens), (7, 3));
    assert_eq!((logged.status, logged.error_type.as_deref()), (RequestStatus::Success, None));
    assert_eq!(logged.name, "ask");
    assert_eq!(logged.tags, ["eu", "replay"]);
    assert_eq!(logged.metadata["replay_of"], id.to_string());
    assert_eq!(logged.metadata["finish_reason"], "stop");
    assert_eq!(logged.metadata.get("user"), None, "the metadata of the original stays there");
    assert_eq!(Value::Object(logged.parameters), json!({ "temperature": 0.5 }));
    assert_eq!((logged.prompt_name.as_deref(), logged.prompt_version), (Some("greeting"), Some(2)));
    assert_eq!(logged.prompt_variables["who"], "you");
    let page = local.page(&address).await.text;
    assert!(page.contains("m-new") && page.contains("m-old"), "{page}");
}

#[tokio::test]
async fn edited_prompt_has_no_link_to_its_template() {
    let mut provider = Scripted::start(completion("Bonjour.")).await;
    let (local, id) = local_with("openai", &provider.url).await;
    let fields = [
        ("provider", "openai"),
        ("model", "m-new"),
        ("role", "system"),
        ("text", "Speak\r\nFrench."),
        ("role", "user"),
        ("text", "Hello!"),
        ("parameters", "{\"max_tokens\": 9}"),
        (
            "tools",
            "{\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"look\"}}], \"tool_choice\": \"auto\"}",
        ),
    ];
    sent(&local, &format!("/requests/{id}/replay"), &fields).await;
    let body = provider.received().await.body;
    assert_eq!(body["messages"][0], json!({ "role": "system", "content": "Speak\nFrench." }));
    assert_eq!((&body["max_tokens"], &body["tool_choice"]), (&json!(9), &json!("auto")));
    assert_eq!(body["tools"][0]["function"]["name"], "look");
    let logged = last(&local);
    assert_eq!((logged.prompt_name, logged.prompt_version), (None, None));
    assert_eq!(logged.input.messages().len(), 2);
}

#[tokio::test]
async fn stream_is_passed_on_as_it_arrives() {
    let parts = vec![
        stream_head() + &events(&[chunk(&json!({ "role": "assistant", "content": "Hi" }), None)]),
        events(&[
            chunk(&json!({ "content": " there\n<b>" }), Some("stop")),
            json!({ "id": "c-1", "object": "chat.completion.chunk", "choices": [],
                "usage": { "prompt_tokens": 7, "completion_tokens": 2 } }),
        ]) + "data: [DONE]\n\n",
    ];
    let mut provider = Scripted::in_parts(parts, true).await;
    let (local, id) = local_with("openai", &provider.url).await;
    provider.next();
    let path = format!("/requests/{id}/replay");
    let request = form(&local, &path, &unchanged("openai")).header("Accept", "text/event-stream");
    let mut response = request.send().await.unwrap();
    let first = until(&mut response, "\"Hi\"\n\n").await;
    assert_eq!(local.server.requests().unwrap().len(), 1, "the call is not over");
    provider.next();
    let all = first + &response.text().await.unwrap();
    let told = read_events(&all);
    assert_eq!(told[0].0, "call");
    assert_eq!(told[1], ("text".to_owned(), json!("Hi")));
    assert_eq!(told[2], ("text".to_owned(), json!(" there\n<b>")));
    let (name, end) = told.last().unwrap();
    assert_eq!((name.as_str(), &end["class"], &end["message"]), ("end", &json!("success"), &Value::Null));
    assert_eq!(end["request"], format!("/requests/{}", id + 1));
    assert_eq!(end["compare"], format!("/compare?a={id}&b={}", id + 1));

    let body = provider.received().await.body;
    assert_eq!((&body["stream"], &body["stream_options"]), (&json!(true), &json!({ "include_usage": true })));
    let logged = last(&local);
    assert_eq!(logged.output.text(), "Hi there\n<b>");
    assert_eq!((logged.input_tokens, logged.output_tokens), (7, 2));
    let first: f64 = logged.metadata["time_to_first_chunk_ms"].parse().unwrap();
    assert!(first > 0.0 && first <= logged.duration().as_secs_f64() * 1e3, "{first}");
    assert_eq!(logged.parameters.get("stream"), None);
    provider.left().await;
}

#[tokio::test]
async fn anthropic_is_called_with_its_own_api() {
    let body = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn",
        "content": [{ "type": "text", "text": "Hi." }], "usage": { "input_tokens": 5, "output_tokens": 2 },
    });
    let mut provider = Scripted::start(response("200 OK", "application/json", &body.to_string())).await;
    let base = provider.url.trim_end_matches("/v1").to_owned();
    let (local, id) = local_with("anthropic", &base).await;
    let mut fields = unchanged("anthropic");
    fields[4] = ("parameters", "{\"max_completion_tokens\": 50}");
    sent(&local, &format!("/requests/{id}/replay"), &fields).await;
    let received = provider.received().await;
    let head = received.head.to_lowercase();
    assert!(head.starts_with("post /v1/messages http/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("x-api-key: {KEY}\r\n")) && head.contains("anthropic-version: 2023-06-01"),
        "{head}"
    );
    assert!(!head.contains("authorization"), "{head}");
    assert_eq!((&received.body["max_tokens"], &received.body["model"]), (&json!(50), &json!("m-new")));
    assert_eq!(received.body.get("max_completion_tokens"), None);
    let logged = last(&local);
    assert_eq!((logged.output.text().as_str(), logged.input_tokens, logged.output_tokens), ("Hi.", 5, 2));
    assert_eq!(Value::Object(logged.parameters), json!({ "max_tokens": 50 }));
}

#[tokio::test]
async fn stream_of_anthropic_with_a_tool_call_is_logged() {
    let delta =
        |index: u64, delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
    let told = events(&[
        json!({ "type": "message_start", "message": { "id": "m", "type": "message", "role": "assistant", "model": "claude-x",
            "content": [], "usage": { "input_tokens": 5, "output_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        delta(0, json!({ "type": "text_delta", "text": "Let me look." })),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "content_block_start", "index": 1,
            "content_block": { "type": "tool_use", "id": "t1", "name": "weather", "input": {} } }),
        delta(1, json!({ "type": "input_json_delta", "partial_json": "{\"city\":" })),
        delta(1, json!({ "type": "input_json_delta", "partial_json": "\"Oslo\"}" })),
        json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" }, "usage": { "output_tokens": 9 } }),
        json!({ "type": "message_stop" }),
    ]);
    let mut provider = Scripted::start(stream_head() + &told).await;
    let (local, id) = local_with("anthropic", &provider.url).await;
    let told = streamed(&local, &format!("/requests/{id}/replay"), &unchanged("anthropic")).await;
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["call", "text", "tool", "tool", "tool", "end"]);
    assert_eq!(told[4].1, json!(["", "\"Oslo\"}"]));
    let body = provider.received().await.body;
    assert_eq!((&body["stream"], body.get("stream_options")), (&json!(true), None));
    assert_eq!(body["max_tokens"], 4096, "the API needs one");
    let logged = serde_json::to_value(last(&local).output).unwrap();
    let message = &logged["messages"][0];
    assert_eq!(message["content"][0]["text"], "Let me look.");
    assert_eq!(
        message["tool_calls"][0]["function"],
        json!({ "name": "weather", "arguments": "{\"city\":\"Oslo\"}" })
    );
    assert_eq!(last(&local).output_tokens, 9);
}

#[tokio::test]
async fn content_that_is_no_text_is_kept_as_json() {
    let mut provider = Scripted::start(completion("7 °C")).await;
    let (local, _) = local_with("openai", &provider.url).await;
    let call =
        json!({ "id": "call_1", "type": "function", "function": { "name": "weather", "arguments": "{}" } });
    let messages = json!([
        { "role": "user", "content": [text("What is this?"),
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }] },
        { "role": "assistant", "content": [], "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "call_1", "content": [text("cold")] },
    ]);
    let input = json!({ "type": "chat", "messages": messages,
        "tools": [{ "type": "function", "function": { "name": "weather" } }] });
    let id = local.log(&request_with(&json!({ "input": input }))).await;
    let path = format!("/requests/{id}/replay");
    let page = local.page(&path).await.text;
    assert_eq!(page.matches("name=\"json\"").count(), 3, "{page}");
    assert!(
        page.contains("&#34;tool_call_id&#34;: &#34;call_1&#34;") && page.contains("data:image/png"),
        "{page}"
    );

    let without_role = |at: usize| {
        let mut message = messages[at].clone();
        message.as_object_mut().unwrap().remove("role");
        message.to_string()
    };
    let (image, call, result) = (without_role(0), without_role(1), without_role(2).replace("cold", "7 °C"));
    let fields = [
        ("provider", "openai"),
        ("model", "m"),
        ("role", "user"),
        ("json", image.as_str()),
        ("role", "assistant"),
        ("json", &call),
        ("role", "tool"),
        ("json", &result),
        ("parameters", ""),
        ("tools", ""),
    ];
    sent(&local, &path, &fields).await;
    let body = provider.received().await.body;
    assert_eq!(body["messages"][0]["content"][1]["image_url"]["url"], "data:image/png;base64,AAAA");
    assert_eq!(body["messages"][1]["tool_calls"][0]["id"], "call_1");
    assert_eq!(body["messages"][2], json!({ "role": "tool", "tool_call_id": "call_1", "content": "7 °C" }));
    assert_eq!(body.get("tools"), None, "the reader has removed them");
}

#[tokio::test]
async fn refused_call_is_logged_with_the_words_of_the_provider() {
    let error = |message: &str| json!({ "error": { "message": message, "type": "x" } }).to_string();
    for (status, media, body, kind, message) in [
        ("401 Unauthorized", "application/json", error("no such key"), "PROVIDER_AUTH_ERROR", "no such key"),
        (
            "429 Too Many Requests",
            "application/json",
            error("slow down"),
            "PROVIDER_RATE_LIMIT",
            "429 Too Many Requests: slow down",
        ),
        (
            "500 Internal Server Error",
            "text/html",
            "<h1>oops</h1>".to_owned(),
            "PROVIDER_ERROR",
            "500 Internal Server Error: <h1>oops</h1>",
        ),
        (
            "200 OK",
            "text/html",
            "<h1>login</h1>".to_owned(),
            "PROVIDER_ERROR",
            "the response is not JSON: <h1>login</h1>",
        ),
        (
            "200 OK",
            "application/json",
            json!({ "hello": 1 }).to_string(),
            "PROVIDER_ERROR",
            "not one of this API",
        ),
        ("200 OK", "application/json", error("overloaded"), "PROVIDER_ERROR", "overloaded"),
        ("200 OK", "application/json", String::new(), "PROVIDER_ERROR", "the response is empty"),
    ] {
        let provider = Scripted::start(response(status, media, &body)).await;
        let (local, id) = local_with("openai", &provider.url).await;
        let path = format!("/requests/{id}/replay");
        let address = sent(&local, &path, &unchanged("openai")).await;
        let told = streamed(&local, &path, &unchanged("openai")).await;
        for logged in &local.server.requests().unwrap()[1..] {
            assert_eq!(
                (logged.status, logged.error_type.as_deref()),
                (RequestStatus::Error, Some(kind)),
                "{body}"
            );
            assert!(logged.error_message.as_ref().unwrap().contains(message), "{logged:?}");
            assert!(logged.output.messages().is_empty(), "{logged:?}");
            assert_eq!(logged.input.text(), "Hello!");
        }
        let page = local.page(&address).await.text;
        assert!(page.contains(kind) && !page.contains("<h1>oops") && !page.contains("<h1>login"), "{page}");
        let (_, end) = told.last().unwrap();
        assert_eq!((&end["class"], &end["kind"]), (&json!("error"), &json!(kind)));
        assert!(end["message"].as_str().unwrap().contains(message), "{end}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let mut other = Scripted::start(completion("wrong")).await;
    let location =
        format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", other.url);
    let provider = Scripted::start(location).await;
    let (local, id) = local_with("openai", &provider.url).await;
    sent(&local, &format!("/requests/{id}/replay"), &unchanged("openai")).await;
    let message = last(&local).error_message.unwrap();
    assert!(message.contains("307") && message.contains("redirects are not followed"), "{message}");
    assert!(!other.has_received(), "the key goes to no other host");
}

#[tokio::test]
async fn refused_connection_is_logged() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let (local, id) = local_with("openai", &url).await;
    sent(&local, &format!("/requests/{id}/replay"), &unchanged("openai")).await;
    let logged = last(&local);
    assert_eq!(logged.error_type.as_deref(), Some("PROVIDER_ERROR"));
    let message = logged.error_message.unwrap();
    assert!(
        message.contains("cannot connect to http://127.0.0.1:") && message.contains("refused"),
        "{message}"
    );
}

#[tokio::test]
async fn what_arrived_of_a_stream_is_logged_with_its_error() {
    let said = events(&[chunk(&json!({ "content": "Hel" }), None)]);
    let chunked = |part: &str| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{:x}\r\n{part}\r\n", part.len())
    };
    let error = json!({ "error": { "message": "rate limit reached", "type": "rate_limit_error" } });
    let partial = "PROVIDER_PARTIAL_RESPONSE";
    for (raw, status, kind, message) in [
        (chunked(&said), RequestStatus::Error, partial, "broke"),
        (stream_head() + &said, RequestStatus::Warning, partial, "ended before the model had finished"),
        (
            stream_head() + &said + &events(&[error]),
            RequestStatus::Error,
            "PROVIDER_RATE_LIMIT",
            "rate limit reached",
        ),
        (
            stream_head() + &said + "data: {\"oops\n\n",
            RequestStatus::Error,
            "PROVIDER_ERROR",
            "is not JSON: {\"oops",
        ),
    ] {
        let provider = Scripted::start(raw).await;
        let (local, id) = local_with("openai", &provider.url).await;
        streamed(&local, &format!("/requests/{id}/replay"), &unchanged("openai")).await;
        let logged = last(&local);
        assert_eq!((logged.status, logged.error_type.as_deref()), (status, Some(kind)), "{logged:?}");
        assert!(logged.error_message.as_ref().unwrap().contains(message), "{logged:?}");
        assert_eq!(logged.output.text(), "Hel");
    }
}

#[tokio::test]
async fn stream_without_usage_is_logged_without_tokens() {
    let told = events(&[chunk(&json!({ "content": "Hi" }), Some("stop"))]) + "data: [DONE]\n\n";
    let provider = Scripted::start(stream_head() + &told).await;
    let (local, id) = local_with("vllm", &provider.url).await;
    streamed(&local, &format!("/requests/{id}/replay"), &unchanged("vllm")).await;
    let logged = last(&local);
    assert_eq!((logged.status, logged.output.text().as_str()), (RequestStatus::Success, "Hi"));
    assert_eq!((logged.input_tokens, logged.output_tokens), (0, 0));
    assert_eq!(logged.provider, "vllm");
}

#[tokio::test]
async fn server_that_sends_no_stream_is_read_too() {
    let provider = Scripted::start(completion("Whole.")).await;
    let (local, id) = local_with("openai", &provider.url).await;
    let told = streamed(&local, &format!("/requests/{id}/replay"), &unchanged("openai")).await;
    assert_eq!(told.last().unwrap().1["class"], "success");
    assert_eq!(last(&local).output.text(), "Whole.");
}

#[tokio::test]
async fn key_in_pieces_is_not_logged() {
    let pieces = KEY.split_at(8);
    let told = events(&[
        chunk(&json!({ "content": pieces.0 }), None),
        chunk(&json!({ "content": pieces.1 }), Some("stop")),
    ]);
    let provider = Scripted::start(stream_head() + &told + "data: [DONE]\n\n").await;
    let (local, id) = local_with("openai", &provider.url).await;
    streamed(&local, &format!("/requests/{id}/replay"), &unchanged("openai")).await;
    assert_eq!(last(&local).output.text(), "[redacted]");
}

/// A provider that says something and then no more.
async fn slow() -> Scripted {
    let said = stream_head() + &events(&[chunk(&json!({ "content": "Once" }), None)]);
    let provider = Scripted::in_parts(vec![said], true).await;
    provider.next();
    provider
}

#[tokio::test]
async fn reader_stops_a_call() {
    let mut provider = slow().await;
    let (local, id) = local_with("openai", &provider.url).await;
    let path = format!("/requests/{id}/replay");
    let request = form(&local, &path, &unchanged("openai")).header("Accept", "text/event-stream");
    let mut response = request.send().await.unwrap();
    let told = until(&mut response, "\"Once\"\n\n").await;
    let token = read_events(&told)[0].1.as_str().unwrap().to_owned();
    assert_eq!(submit(&local, &path, &[("do", "stop"), ("call", "wrong")]).await.status, 404);
    assert_eq!(submit(&local, &path, &[("do", "stop"), ("call", &token)]).await.status, 204);
    let rest = read_events(&response.text().await.unwrap());
    let (name, end) = rest.last().unwrap();
    assert_eq!((name.as_str(), &end["class"]), ("end", &json!("warning")));
    assert_eq!(end["message"], "stopped by the reader");
    provider.left().await;
    assert_eq!(last(&local).output.text(), "Once");
}

#[tokio::test]
async fn closed_page_stops_its_call() {
    for is_streamed in [true, false] {
        let mut provider = slow().await;
        let (local, id) = local_with("openai", &provider.url).await;
        let path = format!("/requests/{id}/replay");
        if is_streamed {
            let request = form(&local, &path, &unchanged("openai")).header("Accept", "text/event-stream");
            let mut response = request.send().await.unwrap();
            until(&mut response, "\"Once\"\n\n").await;
        } else {
            let request = tokio::spawn(form(&local, &path, &unchanged("openai")).send());
            provider.received().await;
            request.abort();
        }
        provider.left().await;
        let logged = next(&local, 2).await;
        assert_eq!(
            (logged.status, logged.error_type.as_deref()),
            (RequestStatus::Warning, Some("PROVIDER_PARTIAL_RESPONSE"))
        );
        assert_eq!(logged.error_message.as_deref(), Some("stopped: the page was closed"));
        if is_streamed {
            assert_eq!(logged.output.text(), "Once");
        }
    }
}

#[tokio::test]
async fn call_ends_after_the_time_limit() {
    let mut provider = slow().await;
    let config = Config::default().provider("openai", &provider.url, None);
    let local = Local::with(config.provider_timeout(Duration::from_millis(300)));
    let id = local.log(&request_with(&json!({}))).await;
    streamed(&local, &format!("/requests/{id}/replay"), &unchanged("openai")).await;
    provider.left().await;
    let logged = last(&local);
    assert_eq!(
        (logged.status, logged.error_type.as_deref()),
        (RequestStatus::Error, Some("PROVIDER_TIMEOUT"))
    );
    assert_eq!(logged.error_message.as_deref(), Some("no complete response within 0.3 s"));
    assert_eq!(logged.output.text(), "Once");
    let head = provider.received().await.head.to_lowercase();
    assert!(!head.contains("authorization"), "no key was given: {head}");
}

#[tokio::test]
async fn stopping_server_logs_a_running_call() {
    let mut provider = slow().await;
    let folder = tempfile::tempdir().unwrap();
    let database = promptlayer_local::Database::File(folder.path().join("replay.db"));
    let config = Config::default().database(database);
    let local = Local::with(config.clone().provider("openai", &provider.url, None));
    let id = local.log(&request_with(&json!({}))).await;
    let path = format!("/requests/{id}/replay");
    let request = form(&local, &path, &unchanged("openai")).header("Accept", "text/event-stream");
    let mut response = request.send().await.unwrap();
    until(&mut response, "\"Once\"\n\n").await;
    drop(local);
    provider.left().await;
    let logged = Local::with(config).server.requests().unwrap().pop().unwrap();
    assert_eq!(logged.error_message.as_deref(), Some("stopped: the server was stopped"));
    assert_eq!(logged.output.text(), "Once");
}

#[tokio::test]
async fn key_is_shown_nowhere() {
    let refusal =
        json!({ "error": { "message": format!("Incorrect API key provided: {KEY}. {}", &KEY[3..]) } });
    let told = events(&[chunk(&json!({ "content": format!("Your key is {KEY}") }), Some("stop"))]);
    for raw in [
        response("401 Unauthorized", "application/json", &refusal.to_string()),
        response("200 OK", "text/html", &format!("<p>{KEY}</p>")),
        completion(&format!("Your key is {KEY}")),
        stream_head() + &told + "data: [DONE]\n\n",
        stream_head() + &told + &format!("data: {{\"{KEY}\n\n"),
        response("500 Oops", "text/plain", &format!("key={}", KEY.replace('-', "%2D"))),
    ] {
        let mut provider = Scripted::start(raw).await;
        let (local, id) = local_with("openai", &provider.url).await;
        let path = format!("/requests/{id}/replay");
        let request = form(&local, &path, &unchanged("openai")).header("Accept", "text/event-stream");
        let told = request.send().await.unwrap().text().await.unwrap();
        assert!(provider.received().await.head.contains(KEY), "it was sent");
        let new = id + 1;
        for page in [
            path.clone(),
            format!("/requests/{new}"),
            format!("/requests/{new}/replay"),
            format!("/requests/{new}/log.json"),
            format!("/requests/{new}/curl.sh"),
            format!("/compare?a={id}&b={new}"),
            format!("/api/public/v2/requests/{new}"),
            "/".to_owned(),
        ] {
            let shown = local.get(&page).await.text;
            assert!(!shown.contains(&KEY[3..]), "{page}: {shown}");
        }
        assert!(!told.contains(&KEY[3..]), "{told}");
    }
}

#[tokio::test]
async fn form_error_is_at_its_field_and_keeps_what_was_typed() {
    let mut provider = Scripted::start(completion("no")).await;
    let (local, id) = local_with("openai", &provider.url).await;
    let path = format!("/requests/{id}/replay");
    let with = |at: usize, field: (&'static str, &'static str)| {
        let mut fields = unchanged("openai");
        fields[at] = field;
        fields
    };
    for (fields, problem, kept) in [
        (with(0, ("provider", "evil")), "Choose a provider.", "m-new"),
        (with(0, ("provider", "http://127.0.0.1:1/v1")), "Choose a provider.", "m-new"),
        (with(1, ("model", " ")), "Enter the name of a model.", "Hello!"),
        (
            with(4, ("parameters", "{\"temperature\": hot}")),
            "This is not JSON: expected value at line 1",
            "hot}",
        ),
        (with(4, ("parameters", "[\"typed\"]")), "not a JSON object", "typed"),
        (with(4, ("parameters", "{\"stream\": true}")), "Remove `stream`", "stream&#34;: true"),
        (with(5, ("tools", "{\"tool\": [\"typed\"]}")), "no field `tool` here", "typed"),
        (with(5, ("tools", "{\"tools\": \"typed\"}")), "not a list of tools", "typed"),
        (with(3, ("json", "{\"content\": <i>}")), "This is not JSON", "&#60;i&#62;"),
        (with(3, ("json", "{\"content\": 5}")), "It needs `content`", "&#34;content&#34;: 5"),
        (with(2, ("role", "tool")), "id of its call", "Hello!"),
        (with(2, ("role", "queen")), "There is no such role", "queen"),
        (vec![("provider", "openai"), ("model", "typed"), ("parameters", "{}")], "Add a message.", "typed"),
    ] {
        for accept in ["text/html", "text/event-stream"] {
            let request = form(&local, &path, &fields).header("Accept", accept);
            let answer = local.send(Method::POST, &path, request).await;
            assert_eq!(answer.status, 422, "{fields:?}: {}", answer.text);
            let alert = answer.text.split("role=\"alert\"").nth(1).unwrap_or_default();
            assert!(alert.split("</p>").next().unwrap().contains(problem), "{problem}: {alert}");
            assert!(answer.text.contains(kept), "{kept}: {}", answer.text);
            assert!(answer.text.contains("role=\"alert\""), "{}", answer.text);
        }
    }
    assert!(!provider.has_received(), "no call is made");
    assert_eq!(local.server.requests().unwrap().len(), 1);
}

#[tokio::test]
async fn messages_are_added_and_removed_without_a_script() {
    let mut provider = Scripted::start(completion("no")).await;
    let (local, id) = local_with("openai", &provider.url).await;
    let path = format!("/requests/{id}/replay");
    let press = async |button: &str| {
        let mut fields = unchanged("openai");
        fields.extend([("role", "assistant"), ("text", "typed & kept"), ("do", button)]);
        let answer = submit(&local, &path, &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.text
    };
    let page = press("add").await;
    assert_eq!(page.matches("name=\"role\"").count(), 3, "{page}");
    assert!(page.contains("typed &#38; kept"), "{page}");
    let page = press("remove-0").await;
    assert!(page.matches("name=\"role\"").count() == 1 && !page.contains("Hello!"), "{page}");
    let page = press("json-1").await;
    assert!(page.contains("&#34;text&#34;: &#34;typed &#38; kept&#34;"), "{page}");
    assert_eq!(press("remove-9").await.matches("name=\"role\"").count(), 2);
    assert!(!provider.has_received());
}

#[tokio::test]
async fn template_is_opened_with_its_variables() {
    let mut provider = Scripted::start(completion("Hi Oslo.")).await;
    let local = Local::with(Config::default().provider("openai", &provider.url, None));
    let prompt = json!({ "type": "chat", "input_variables": ["city"], "messages": [
        { "role": "system", "content": [text("@@@tone@@@")] },
        { "role": "user", "content": [text("Greet {city}.")], "input_variables": ["city"], "template_format": "f-string" },
    ] });
    let snippet = json!({ "prompt_template": {}, "prompt_version": { "prompt_template":
        { "type": "completion", "content": [text("Be kind.")] } } });
    local.publish("tone", snippet).await;
    let version = json!({ "prompt_template": {}, "prompt_version": { "prompt_template": prompt,
        "metadata": { "model": { "provider": "openai", "name": "gpt-x", "parameters": { "temperature": 0.1 } } } } });
    local.publish("greeting", version).await;
    let id = local.get("/prompt-templates/greeting").await.json["id"].as_i64().unwrap();
    let page = local.page(&format!("/templates/{id}")).await.text;
    assert!(page.contains(&format!("formaction=\"/templates/{id}/replay\"")), "{page}");

    let path = format!("/templates/{id}/replay");
    let variables = "{\"city\": \"Oslo\"}";
    let page = local.page(&format!("{path}?version=1&variables=%7B%22city%22%3A%20%22Oslo%22%7D")).await.text;
    assert!(page.contains("\nGreet Oslo.</textarea>") && page.contains("\nBe kind.</textarea>"), "{page}");
    assert!(page.contains("value=\"gpt-x\"") && page.contains("&#34;temperature&#34;: 0.1"), "{page}");
    let fields = [
        ("version", "1"),
        ("variables", variables),
        ("provider", "openai"),
        ("model", "gpt-y"),
        ("role", "system"),
        ("text", "Be kind."),
        ("role", "user"),
        ("text", "Greet Oslo."),
        ("parameters", "{}"),
        ("tools", ""),
    ];
    assert_eq!(sent(&local, &path, &fields).await, "/requests/1");
    assert_eq!(provider.received().await.body["messages"][1]["content"], "Greet Oslo.");
    let logged = last(&local);
    assert_eq!((logged.prompt_name.as_deref(), logged.prompt_version), (Some("greeting"), Some(1)));
    assert_eq!(logged.prompt_variables["city"], "Oslo");
    assert_eq!((logged.tags, logged.metadata.get("replay_of")), (vec!["replay".to_owned()], None));
    let told = streamed(&local, &path, &fields).await;
    assert_eq!(told.last().unwrap().1["compare"], Value::Null);

    let request = local.request(Method::GET, &format!("{path}?version=1&variables=%7Bcity"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 303);
    let back = response.headers()["location"].to_str().unwrap().to_owned();
    let page = local.page(&back).await.text;
    assert!(page.contains("not a JSON object") && page.contains("{city</textarea>"), "{page}");
    assert_eq!(local.page("/templates/99/replay").await.status, 404);
}

#[tokio::test]
async fn forms_of_other_sites_and_without_the_key_call_nothing() {
    let mut provider = Scripted::start(completion("no")).await;
    let (local, id) = local_with("openai", &provider.url).await;
    let path = format!("/requests/{id}/replay");
    let body = encoded(&unchanged("openai"));
    for (name, value, status) in [("Origin", "http://evil.example", 403), ("Host", "evil.example", 421)] {
        let request = local.request(Method::POST, &path).header(name, value);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(body.clone());
        assert_eq!(request.send().await.unwrap().status(), status, "{name}");
    }
    let large = format!("{body}&text={}", "x".repeat(9 * 1024 * 1024));
    let request = local.request(Method::POST, &path);
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(large);
    assert_eq!(request.send().await.unwrap().status(), 413);

    let config = Config::default().api_key("key").provider("openai", &provider.url, None);
    let keyed = Local::with(config);
    let id = keyed.log(&request_with(&json!({}))).await;
    let path = format!("/requests/{id}/replay");
    assert_eq!(keyed.page(&path).await.status, 401);
    assert_eq!(submit(&keyed, &path, &unchanged("openai")).await.status, 401);
    assert!(!provider.has_received(), "no call is made");
}

#[tokio::test]
async fn part_that_the_api_cannot_express_is_named() {
    let mut provider = Scripted::start(completion("ok")).await;
    let (local, _) = local_with("openai", &provider.url).await;
    let thought = json!({ "type": "thinking", "thinking": "Hm", "signature": "s" });
    let input = merged(
        chat("user", "Hi"),
        &json!({ "messages": [
        { "role": "user", "content": [text("Hi")] },
        { "role": "assistant", "content": [thought, text("Yes?")] },
        { "role": "user", "content": [text("Go on")] },
    ] }),
    );
    let id = local.log(&request_with(&json!({ "input": input }))).await;
    let path = format!("/requests/{id}/replay");
    let page = local.page(&path).await.text;
    assert!(page.contains("<li>messages[1].content[0]: the API has no such content here</li>"), "{page}");
    let content = json!({ "content": [thought, text("Yes?")] }).to_string();
    let fields = [
        ("provider", "openai"),
        ("model", "m"),
        ("role", "user"),
        ("text", "Hi"),
        ("role", "assistant"),
        ("json", &content),
        ("role", "user"),
        ("text", "Go on"),
    ];
    sent(&local, &path, &fields).await;
    assert_eq!(provider.received().await.body["messages"][1]["content"], "Yes?");
    assert!(last(&local).metadata["replay_omitted"].contains("messages[1].content[0]"));
}

#[test]
fn invalid_provider_is_an_error_of_the_start() {
    let start =
        |name: &str, url: &str| Server::start(Config::default().provider(name, url, Some(KEY.to_owned())));
    for (name, url) in [("Open AI", "http://h"), ("openai", "h"), ("openai", "http://u:p@h")] {
        let error = start(name, url).unwrap_err();
        assert!(matches!(&error, Error::Provider { name: found, .. } if found == name), "{error}");
        assert!(!error.to_string().contains(KEY));
    }
    let twice = Config::default().provider("a", "http://h", None).provider("a", "http://i", None);
    assert!(Server::start(twice).unwrap_err().to_string().contains("given twice"));
}
