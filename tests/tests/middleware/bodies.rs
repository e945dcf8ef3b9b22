//! Bodies that arrive in pieces, break off, or are not kept.

use std::sync::{Arc, Mutex};

use promptlayer_tracing::blueprint::{ErrorType, LogRequest, RequestStatus};
use promptlayer_tracing::layer;
use promptlayer_tracing::middleware::PromptLayerMiddleware;
use serde_json::json;
use tests::in_memory::captured_with;

use super::server::Server;
use super::{CHAT, JSON, ask, client, client_with, log_of, question, reply, run};

pub(crate) const EVENTS: &str = "text/event-stream; charset=utf-8";

/// Server-sent events of a chat. The last one contains the usage. `[DONE]` is not included.
pub(crate) fn events() -> [String; 3] {
    let event = |delta, finish| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "model": "gpt-4o-2024", "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    [
        event(json!({"role": "assistant", "content": "Be"}), json!(null)),
        event(json!({"content": "cause."}), json!(null)),
        event(json!({}), json!("stop")),
    ]
}

/// Reads from the body until the expected bytes have arrived. Panics if there are more.
async fn read(response: &mut reqwest::Response, expected: &str) {
    let mut got = Vec::new();
    while got.len() < expected.len() {
        got.extend(response.chunk().await.unwrap().unwrap());
    }
    assert_eq!(String::from_utf8(got).unwrap(), expected);
}

#[test]
fn stream_pieces_are_passed_on_without_delay() {
    let log = log_of(async || {
        let (server, pieces) = Server::in_pieces(EVENTS).await;
        let client = client(&server, "openai");
        let call = ask(&client, server.url(CHAT));
        let [first, second, third] = events();
        // The head of the response arrives before any body.
        let mut response = call.await;
        assert_eq!(response.content_length(), None);
        for piece in [&first[..20], &first[20..], &second, &third, "data: [DONE]\n\n"] {
            pieces.send(piece.to_owned());
            read(&mut response, piece).await;
        }
        drop(pieces);
        assert_eq!(response.chunk().await.unwrap(), None);
    });
    assert_eq!(
        (log.status, log.provider.as_str(), log.model.as_str()),
        (RequestStatus::Success, "openai", "gpt-4o")
    );
    assert_eq!((log.input.text(), log.output.text()), ("why?".into(), "Because.".into()));
    assert_eq!(log.metadata["finish_reason"], "stop");
    assert!(log.metadata.contains_key("time_to_first_chunk_ms"));
}

#[test]
fn stream_dropped_halfway_is_cancelled_with_partial_output() {
    let log = log_of(async || {
        let (server, pieces) = Server::in_pieces(EVENTS).await;
        let mut response = ask(&client(&server, "openai"), server.url(CHAT)).await;
        let [first, ..] = events();
        pieces.send(first.clone());
        read(&mut response, &first).await;
    });
    let partial = (RequestStatus::Warning, Some(ErrorType::ProviderPartialResponse));
    assert_eq!((log.status, log.error_type), partial);
    assert_eq!(log.output.text(), "Be");
}

#[test]
fn stream_dropped_after_its_last_event_is_complete() {
    let log = log_of(async || {
        let (server, pieces) = Server::in_pieces(EVENTS).await;
        let mut response = ask(&client(&server, "openai"), server.url(CHAT)).await;
        let all = format!("{}data: [DONE]\n\n", events().concat());
        pieces.send(all.clone());
        read(&mut response, &all).await;
    });
    assert_eq!((log.status, log.output.text()), (RequestStatus::Success, "Because.".into()));
}

#[test]
fn stream_dropped_after_its_finish_reason_is_complete() {
    let gemini = json!({"candidates": [{
        "content": {"role": "model", "parts": [{"text": "Because."}]},
        "finishReason": "STOP",
    }]});
    let claude = [
        json!({"type": "message_start", "message": {
            "id": "m", "type": "message", "role": "assistant", "model": "claude", "content": [],
            "stop_reason": null, "usage": {"input_tokens": 5, "output_tokens": 1},
        }}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Because."}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}),
    ];
    let claude = claude.map(|event| format!("data: {event}\n\n")).concat();
    for body in [events().concat(), format!("data: {gemini}\n\n"), claude] {
        let captured = run(async || {
            let (server, pieces) = Server::in_pieces(EVENTS).await;
            let mut response = ask(&client(&server, "any"), server.url(CHAT)).await;
            pieces.send(body.clone());
            read(&mut response, &body).await;
        });
        let log = &captured.requests()[0];
        assert_eq!((log.status, log.output.text()), (RequestStatus::Success, "Because.".into()), "{body}");
        assert_eq!((log.error_message(), captured.spans()[0].error.as_deref()), (None, None));
    }
}

#[test]
fn reader_gets_the_end_of_a_body_before_conversion() {
    let events = events().concat();
    for (kind, body) in [(JSON, reply()), (EVENTS, format!("{events}data: [DONE]\n\n"))] {
        let order: Arc<Mutex<Vec<&str>>> = Arc::default();
        let converted = Arc::clone(&order);
        let captured =
            captured_with(layer().redact(move |_| converted.lock().unwrap().push("converted")), || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let server = Server::whole(200, kind, body.clone()).await;
                    let mut response = ask(&client(&server, "openai"), server.url(CHAT)).await;
                    read(&mut response, &body).await;
                    order.lock().unwrap().push("read");
                });
            });
        assert_eq!(*order.lock().unwrap(), ["read", "converted"], "{kind}");
        assert_eq!(captured.requests()[0].output.text(), "Because.");
    }
}

#[test]
fn broken_stream_has_failed_with_partial_output() {
    let log = log_of(async || {
        let (server, pieces) = Server::in_pieces(EVENTS).await;
        let mut response = ask(&client(&server, "openai"), server.url(CHAT)).await;
        let [first, ..] = events();
        pieces.send(first.clone());
        read(&mut response, &first).await;
        pieces.break_off();
        response.chunk().await.unwrap_err();
    });
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderError)));
    assert_eq!(log.output.text(), "Be");
}

#[test]
fn error_event_is_a_failed_request() {
    let error = json!({"error": {"message": "too many tokens a minute", "code": "rate_limit_exceeded"}});
    let log = log_of(async || {
        let [first, ..] = events();
        let server = Server::whole(200, EVENTS, format!("{first}event: error\ndata: {error}\n\n")).await;
        ask(&client(&server, "openai"), server.url(CHAT)).await.text().await.unwrap();
    });
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderRateLimit)));
    assert_eq!(log.error_message(), Some("too many tokens a minute"));
    assert_eq!(log.output.text(), "Be");
}

/// Computes the CRC-32 of zlib bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ if sum & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

/// Encodes a message of the AWS event stream.
pub(crate) fn message(event: &str, payload: &str) -> Vec<u8> {
    let mut headers = b"\x0B:event-type\x07\x00".to_vec();
    headers.push(u8::try_from(event.len()).unwrap());
    headers.extend(event.bytes());
    let length = u32::try_from(16 + headers.len() + payload.len()).unwrap();
    let mut message = [length.to_be_bytes(), u32::try_from(headers.len()).unwrap().to_be_bytes()].concat();
    message.extend(checksum(&message).to_be_bytes());
    message.extend(headers);
    message.extend(payload.bytes());
    message.extend(checksum(&message).to_be_bytes());
    message
}

#[test]
fn aws_event_stream_is_logged_with_the_model_of_its_url() {
    let messages = [
        message("messageStart", r#"{"role":"assistant"}"#),
        message("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Be"}}"#),
        message("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"cause."}}"#),
        message("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        message("messageStop", r#"{"stopReason":"end_turn"}"#),
        message(
            "metadata",
            r#"{"usage":{"inputTokens":5,"outputTokens":2,"totalTokens":7},"metrics":{"latencyMs":1}}"#,
        ),
    ];
    let request =
        json!({"messages": [{"role": "user", "content": [{"text": "why?"}]}], "inferenceConfig": {}});
    let log = log_of(async || {
        let (server, pieces) = Server::in_pieces("application/vnd.amazon.eventstream").await;
        let url = server.url("/model/amazon.nova-lite-v1%3A0/converse-stream");
        let call = client(&server, "amazon.bedrock").post(url).body(request.to_string()).send();
        let mut response = call.await.unwrap();
        for piece in messages.concat().chunks(50) {
            pieces.send(piece.to_vec());
            let mut got = Vec::new();
            while got.len() < piece.len() {
                got.extend(response.chunk().await.unwrap().unwrap());
            }
            assert_eq!(got, piece);
        }
        drop(pieces);
        assert_eq!(response.chunk().await.unwrap(), None);
    });
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("amazon.bedrock", "amazon.nova-lite-v1:0"));
    assert_eq!((log.input.text(), log.output.text()), ("why?".into(), "Because.".into()));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(5), Some(2)));
    assert_eq!(log.status, RequestStatus::Success);
}

#[test]
fn json_array_and_json_lines_are_logged_as_streams() {
    let part = |text| json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]});
    let log = log_of(async || {
        let body = format!("[{},\r\n{}]", part("Be"), part("cause."));
        let server = Server::whole(200, JSON, body.clone()).await;
        let url = server.url("/v1beta/models/gemini-2.5-flash:streamGenerateContent");
        let request = json!({"contents": [{"role": "user", "parts": [{"text": "why?"}]}]}).to_string();
        let response = client(&server, "google").post(url).body(request).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), body);
    });
    assert_eq!((log.model.as_str(), log.output.text()), ("gemini-2.5-flash", "Because.".into()));

    let line = |text, done| json!({"model": "llama3", "created_at": "t", "message": {"role": "assistant", "content": text}, "done": done});
    let log = log_of(async || {
        let body = format!("{}\n{}\n", line("Be", false), line("cause.", true));
        let server = Server::whole(200, "application/x-ndjson", body).await;
        ask(&client(&server, "ollama"), server.url("/api/chat")).await.text().await.unwrap();
    });
    assert_eq!((log.provider.as_str(), log.output.text()), ("ollama", "Because.".into()));
}

#[test]
fn stream_without_a_content_type_is_detected() {
    let log = log_of(async || {
        let server = Server::whole(200, "text/plain", events().concat()).await;
        ask(&client(&server, "openai"), server.url(CHAT)).await.text().await.unwrap();
    });
    assert_eq!(log.output.text(), "Because.");
}

#[test]
fn json_reply_with_another_content_type_is_read() {
    for kind in ["text/plain; charset=utf-8", "", "application/octet-stream", "text/html"] {
        let log = log_of(async || {
            let server = Server::whole(200, kind, reply()).await;
            ask(&client(&server, "openai"), server.url(CHAT)).await.text().await.unwrap();
        });
        assert_eq!(log.output.text(), "Because.", "{kind}");
        assert_eq!((log.input_tokens, log.output_tokens), (Some(5), Some(2)), "{kind}");
        assert_eq!(log.metadata["finish_reason"], "stop", "{kind}");
    }
}

#[test]
fn error_body_is_read_whatever_its_content_type() {
    let error = json!({"error": {"message": "no such model"}}).to_string();
    for kind in ["application/octet-stream", "image/png", "", "text/event-stream"] {
        let log = log_of(async || {
            let server = Server::whole(400, kind, error.clone()).await;
            ask(&client(&server, "openai"), server.url(CHAT)).await.text().await.unwrap();
        });
        assert_eq!(log.error_message(), Some("400 Bad Request: no such model"), "{kind}");
        assert!(!log.metadata.contains_key("response_body"), "{kind}");
    }
    let log = log_of(async || {
        let server = Server::whole(200, EVENTS, reply()).await;
        ask(&client(&server, "openai"), server.url(CHAT)).await.text().await.unwrap();
    });
    assert_eq!(log.output.text(), "Because.", "it is no stream");
    let log = log_of(async || {
        let server = Server::whole(500, "application/octet-stream", &b"\xFF\xFE"[..]).await;
        ask(&client(&server, "openai"), server.url(CHAT)).await.bytes().await.unwrap();
    });
    assert_eq!(log.error_message(), Some("500 Internal Server Error"));
    assert_eq!(log.metadata["response_body"], "not UTF-8");
}

#[test]
fn compressed_or_binary_body_is_logged_without_output() {
    let kept_back = |kind: &'static str, encoding: Option<&'static str>| {
        log_of(async || {
            let server = Server::start(move || {
                let head = http::Response::builder().header("content-type", kind);
                let head = encoding
                    .into_iter()
                    .fold(head, |head, encoding| head.header("content-encoding", encoding));
                head.body(axum::body::Body::from(&b"\x1F\x8B\xFF\x00"[..])).unwrap()
            })
            .await;
            let response = ask(&client(&server, "openai"), server.url(CHAT)).await;
            assert_eq!(response.bytes().await.unwrap(), &b"\x1F\x8B\xFF\x00"[..]);
        })
    };
    for (kind, encoding, why) in [
        (JSON, Some("compress"), "compressed"),
        (EVENTS, Some("compress"), "compressed"),
        ("audio/mpeg", None, "not text"),
        ("application/octet-stream", None, "not text"),
        (JSON, None, "not UTF-8"),
    ] {
        let log = kept_back(kind, encoding);
        assert_eq!((log.status, log.metadata["response_body"].as_str()), (RequestStatus::Success, why));
        assert!(log.output.messages().is_empty());
        assert_eq!(log.input.text(), "why?");
    }
}

#[test]
fn bodies_beyond_the_limit_pass_but_are_not_kept() {
    let log_of_limited = |limit, kind, body: String| {
        log_of(async || {
            let server = Server::whole(200, kind, body.clone()).await;
            let middleware = PromptLayerMiddleware::new().host(&server.host, "openai").body_limit(limit);
            let response = ask(&client_with(middleware), server.url(CHAT)).await;
            assert_eq!(response.text().await.unwrap(), body);
        })
    };
    let log = log_of_limited(question().len(), JSON, reply());
    assert_eq!(log.metadata["response_body"], "longer than the limit");
    assert_eq!((log.input.text(), log.output.messages().len()), ("why?".into(), 0));

    let log = log_of_limited(question().len() - 1, JSON, reply());
    assert_eq!(log.metadata["request_body"], format!("longer than {} bytes", question().len() - 1));
    assert!(log.input.messages().is_empty());

    let [first, second, _] = events();
    let log = log_of_limited(first.len() + second.len() - 1, EVENTS, events().concat());
    assert_eq!((log.status, log.output.text()), (RequestStatus::Success, "Be".into()));
    assert_eq!(log.metadata["response_body"], "longer than the limit");

    let log = log_of_limited(reply().len(), JSON, reply());
    assert_eq!(log.output.text(), "Because.");
}

#[test]
fn stream_dropped_beyond_the_limit_is_marked_as_cut() {
    let [first, second, third] = events();
    let all = [first.as_str(), &second, &third, "data: [DONE]\n\n"].concat();
    for breaks_off in [false, true] {
        let log = log_of(async || {
            let (server, pieces) = Server::in_pieces(EVENTS).await;
            let middleware =
                PromptLayerMiddleware::new().host(&server.host, "openai").body_limit(first.len());
            let mut response = ask(&client_with(middleware), server.url(CHAT)).await;
            pieces.send(all.clone());
            read(&mut response, &all).await;
            if breaks_off {
                pieces.break_off();
                response.chunk().await.unwrap_err();
            }
        });
        assert_eq!(log.metadata["response_body"], "longer than the limit");
        assert_eq!(log.output.text(), "Be");
        let status = if breaks_off { RequestStatus::Error } else { RequestStatus::Warning };
        assert_eq!(log.status, status);
    }
}

/// Returns the log of an Ollama stream of `lines` lines, each with this text, under this body limit.
fn log_of_lines(text: &str, lines: usize, limit: usize) -> LogRequest {
    let line = json!({"model": "llama3", "created_at": "t", "message": {"role": "assistant", "content": text}, "done": false});
    let body = format!("{line}\n").repeat(lines);
    log_of(async || {
        let server = Server::whole(200, "application/x-ndjson", body.clone()).await;
        let middleware = PromptLayerMiddleware::new().host(&server.host, "ollama").body_limit(limit);
        ask(&client_with(middleware), server.url("/api/chat")).await.bytes().await.unwrap();
    })
}

#[test]
fn stream_is_kept_up_to_the_limit() {
    let log = log_of_lines(&"x".repeat(1 << 16), 80, 8 << 20);
    assert_eq!(log.output.text().len(), 80 << 16);
    assert!(!log.metadata.contains_key("response_body"), "{:?}", log.metadata);

    let log = log_of_lines(&"x".repeat(1 << 16), 80, 1 << 20);
    assert_eq!(log.metadata["response_body"], "longer than the limit");
}

#[test]
fn stream_of_many_small_events_is_marked_as_cut() {
    let log = log_of(async || {
        let server = Server::whole(200, "application/x-ndjson", "1\n".repeat(1000)).await;
        let middleware = PromptLayerMiddleware::new().host(&server.host, "ollama").body_limit(3000);
        ask(&client_with(middleware), server.url("/api/chat")).await.bytes().await.unwrap();
    });
    assert_eq!(log.metadata["response_body"], "longer than the limit");
}

#[test]
fn streaming_request_body_is_logged_without_input() {
    let log = log_of(async || {
        let server = Server::whole(200, JSON, reply()).await;
        // The body is a streaming one, so it is not available as bytes.
        let answer =
            reqwest::Client::builder().no_proxy().build().unwrap().get(server.url("/")).send().await.unwrap();
        let response = client(&server, "openai")
            .post(server.url(CHAT))
            .body(reqwest::Body::from(answer))
            .send()
            .await
            .unwrap();
        assert_eq!(response.text().await.unwrap(), reply());
        assert_eq!(server.received.lock().unwrap()[1], reply());
    });
    assert_eq!((log.metadata["request_body"].as_str(), log.output.text()), ("a stream", "Because.".into()));
    assert!(log.input.messages().is_empty());
    assert_eq!(log.model, "gpt-4o-2024", "the reply's");
}

#[test]
fn request_without_json_is_logged_without_input() {
    for (body, why) in [("a=b", "not JSON"), ("", "empty")] {
        let captured = run(async || {
            let server = Server::whole(200, JSON, reply()).await;
            let request = client(&server, "openai").post(server.url(CHAT));
            let request = if body.is_empty() { request } else { request.body(body) };
            request.send().await.unwrap().text().await.unwrap();
        });
        assert_eq!(captured.requests()[0].metadata["request_body"], why);
    }
}
