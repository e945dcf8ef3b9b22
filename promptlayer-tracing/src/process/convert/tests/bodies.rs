//! Streams of raw pieces of a provider's response body: text, lines, bytes.

use promptlayer_blueprint::{ErrorType, LogRequest, RequestStatus};
use serde_json::{Value, json};

use super::{lines, said, span};
use crate::capture::Captured;
use crate::span::finished::{FinishedSpan, Output};

fn delta(text: &str) -> String {
    json!({"object": "chat.completion.chunk", "model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": text}}]})
        .to_string()
}

/// The body of a stream with the text "Because."
fn body() -> String {
    format!(": hello\n\ndata: {}\n\ndata: {}\n\ndata: [DONE]\n\n", delta("Be"), delta("cause."))
}

/// Returns the log of a stream with these items.
fn log_of(items: impl IntoIterator<Item = Captured>) -> LogRequest {
    let output = Some(Output::Chunks(items.into_iter().collect()));
    super::super::log_request(&FinishedSpan { output, ..span() }, None)
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> LogRequest {
    log_of(texts.into_iter().map(|text| Captured::Text(text.to_owned())))
}

#[test]
fn body_in_texts_lines_or_bytes_is_assembled_like_events() {
    let body = body();
    let bytes = |size| body.as_bytes().chunks(size).map(|bytes| Captured::Json(json!(bytes).to_string()));
    let (first, second) = (delta("Be"), delta("cause."));
    for log in [
        texts([body.as_str()]),
        texts([&body[..30], "", &body[30..100], &body[100..]]),
        texts(body.lines()),
        texts(body.lines().filter(|line| !line.is_empty())),
        texts([first.as_str(), second.as_str(), "[DONE]"]),
        log_of(bytes(7)),
        log_of(bytes(1_000)),
        log_of([Captured::Text(format!("{first}\n{second}"))]),
    ] {
        assert_eq!(said(&log.output), lines([("assistant", "Because.")]));
        assert_eq!((log.model.as_str(), log.status), ("gpt-4o", RequestStatus::Success));
    }
}

#[test]
fn texts_that_resemble_a_body_stay_texts() {
    for pieces in [
        &["data: ", "none"][..],
        &["data: {\"a\":1}", "data: {\"a\":2}"],
        &["{\"answer\":", " \"because\"}"],
        &["[1, ", "2]"],
        &["{", "}"],
        &[": ", ")"],
        &["Once\n", "upon"],
    ] {
        let log = texts(pieces.iter().copied());
        assert_eq!(said(&log.output), vec![("assistant".to_owned(), pieces.concat())]);
        assert_eq!(log.status, RequestStatus::Success);
    }
}

#[test]
fn arrays_of_numbers_without_body_stay_a_list() {
    let vectors = [json!([1, 2]), json!([3, 256])];
    let log = log_of(vectors.iter().map(|vector| Captured::Json(vector.to_string())));
    assert_eq!(serde_json::from_str::<Value>(&log.output.text()).unwrap(), json!(vectors));
}

#[test]
fn error_in_stream_fails_request_and_keeps_received_content() {
    let error = json!({"error": {"message": "slow down", "code": "rate_limit_exceeded"}});
    for log in [
        texts([format!("data: {}\n\nevent: error\ndata: {error}\n\n", delta("Be")).as_str()]),
        log_of([Captured::Json(delta("Be")), Captured::Json(error.to_string())]),
    ] {
        assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderRateLimit)));
        assert_eq!(log.error_message(), Some("slow down"));
        assert_eq!(log.output.text(), "Be");
    }
    let alone = texts([format!("event: error\ndata: {error}\n\n").as_str()]);
    assert_eq!((alone.status, alone.error_type), (RequestStatus::Error, Some(ErrorType::ProviderRateLimit)));
    assert!(alone.output.messages().is_empty());
}

#[test]
fn items_of_application_may_have_error_field() {
    let items = [json!({"text": "half"}), json!({"error": "the rest is missing"})];
    let log = log_of(items.iter().map(|item| Captured::Json(item.to_string())));
    assert_eq!((log.status, log.error_type), (RequestStatus::Success, None));
    assert!(log.output.text().contains("half"));
}
