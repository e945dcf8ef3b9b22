//! Spans that the server refuses because of their content.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;

use promptlayer_tracing::blueprint::Prompt;
use promptlayer_tracing::export::{BatchLimits, RejectReason};
use serde_json::{Value, json};
use tests::{Reply, Request};

use super::*;

/// Refuses bodies larger than `bytes` bytes with 413.
fn taking_at_most(bytes: usize) -> impl FnMut(&Request) -> Option<Reply> {
    move |request| {
        let size = request.json.as_ref().map_or(0, |json| json.to_string().len());
        (request.method == "POST" && size > bytes).then(|| Reply::status(413))
    }
}

#[promptlayer]
fn look(picture: &str) -> usize {
    picture.len()
}

#[test]
fn oversized_batch_is_split() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        recorder.decide(taking_at_most(4_000));
        let stats = assert_all_arrive(&recorder, layer_over(way, recorder.url()));
        assert_eq!(stats.shrunk, 0);
    }
}

#[test]
fn oversized_span_is_sent_without_media_and_lists_them() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        recorder.decide(taking_at_most(20_000));
        let stats = after(layer_over(way, recorder.url()), || {
            ask_times(9);
            let _ = look(&format!("data:image/png;base64,{}", "iVBO".repeat(20_000)));
        });
        assert_eq!((stats.spans.delivered, stats.shrunk), (10, 1), "{stats:#?}");
        assert_counts_match(&recorder, &stats);
        let spans = recorder.accepted_spans();
        let said = spans.iter().find(|span| span["name"] == "look").unwrap().to_string();
        assert!(said.contains("[image/png, 60000 bytes, sha256 "), "{said}");
    }
}

#[test]
fn span_too_large_without_media_is_quarantined() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        recorder
            .decide(|request| request.spans().any(|span| span["name"] == "look").then(|| Reply::status(413)));
        let stats = after(layer_over(way, recorder.url()), || {
            ask_times(9);
            let _ = look("small");
        });
        assert_eq!(stats.spans.rejected, [(RejectReason::TooLarge, 1)].into());
        assert_eq!(stats.spans.delivered, 9);
        assert_counts_match(&recorder, &stats);
    }
}

#[test]
fn batch_never_exceeds_its_limit() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        let limits = BatchLimits::default().bytes(16 << 10);
        let stats = after(layer_over(way, recorder.url()).batch(limits), || {
            for size in [10, 5_000, 20_000, 3, 9_000, 9_000, 100_000, 1] {
                let _ = look(&"word ".repeat(size / 5));
            }
        });
        assert_eq!(stats.spans.delivered, 8, "{stats:#?}");
        assert!(stats.shrunk >= 2);
        assert_counts_match(&recorder, &stats);
        let requests = recorder.requests();
        let posts = requests.iter().filter(|request| request.path == way.path());
        let sizes: Vec<usize> = posts.map(|request| request.raw.len()).collect();
        assert!(sizes.iter().all(|size| *size <= 16 << 10), "{sizes:?}");
    }
}

#[test]
fn invalid_spans_named_by_422_cost_one_more_request() {
    let recorder = Recorder::start().unwrap();
    recorder.decide(|request| {
        let places: Vec<Value> = (0..)
            .zip(request.spans())
            .filter(|(_, span)| span["name"] == "look")
            .map(|(at, _)| json!({"type": "missing", "loc": ["body", "spans", at, "log_request", "model"], "msg": "Field required"}))
            .collect();
        (!places.is_empty()).then(|| Reply::status(422).json(&json!({ "detail": places })))
    });
    let stats = after(layer_for(recorder.url()), || {
        let _ = look("first");
        ask_times(7);
        let _ = look("middle");
        let _ = look("last");
    });
    assert_eq!((stats.spans.total_rejected(), stats.spans.delivered), (3, 7), "{stats:#?}");
    assert_eq!(recorder.bodies("/spans-bulk").len(), 2);
    assert_counts_match(&recorder, &stats);
}

#[promptlayer(prompt = "nowhere", kind = "llm")]
fn ask_by_a_template(question: &str) -> String {
    question.to_uppercase()
}

#[test]
fn missing_template_is_reported_by_name() {
    let recorder = Recorder::start().unwrap();
    // Behaves like the service: it stores the span but not its request.
    recorder.decide(|request| {
        let names_nowhere = |span: &&Value| span["log_request"]["prompt_name"] != "nowhere";
        let logged: Vec<Value> = (5..)
            .zip(request.spans().filter(names_nowhere))
            .map(|(id, span)| json!({ "id": id, "span_id": span["context"]["span_id"] }))
            .collect();
        let spans: Vec<Value> =
            request.spans().map(|span| json!({ "span_id": span["context"]["span_id"] })).collect();
        let body = json!({ "success": true, "spans": spans, "request_logs": logged });
        (request.path == "/spans-bulk").then(|| Reply::status(201).json(&body))
    });
    let (told, errors) = channel();
    let builder = layer_for(recorder.url()).on_error(move |error| told.send(error.to_string()).unwrap());
    let stats = after(builder, || {
        ask_times(2);
        drop(ask_by_a_template("why?"));
    });
    assert_eq!((stats.spans.delivered, stats.skipped_requests), (3, 1), "{stats:#?}");
    assert_eq!((stats.hooks.received, stats.hooks.missing), (2, 0));
    assert_counts_match(&recorder, &stats);
    let errors: Vec<String> = errors.iter().collect();
    assert!(
        errors.len() == 1 && errors[0].contains("`nowhere`") && errors[0].contains("`ask_by_a_template`")
    );
}

#[test]
fn only_redacted_content_is_sent() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        let builder = layer_over(way, recorder.url()).redact(|request| {
            request.input = Prompt::user("[kept back]");
            request.metadata = BTreeMap::from([("tenant".to_owned(), "7".to_owned())]);
        });
        let stats = after(builder, || {
            let _ = look("a secret");
        });
        assert_counts_match(&recorder, &stats);
        let logs = recorder.request_logs();
        assert_eq!(logs[0]["metadata"], json!({"tenant": "7"}));
        assert!(
            !logs[0]["input"].to_string().contains("secret")
                && logs[0]["input"].to_string().contains("kept back")
        );
    }
}

#[test]
fn trace_is_sampled_completely_or_not_at_all_and_counted() {
    #[promptlayer(kind = "chain")]
    fn chain(number: usize) -> usize {
        ask(number) + ask(number)
    }
    let recorder = Recorder::start().unwrap();
    let stats = after(layer_for(recorder.url()).sample(0.5), || {
        for number in 0..200 {
            let _ = chain(number);
        }
    });
    assert_eq!(stats.spans.accepted + stats.sampled_out, 600);
    assert_eq!(stats.spans.delivered, stats.spans.accepted);
    // A fair coin leaves this range about once in ten million runs.
    assert!((180..=420).contains(&stats.spans.accepted), "{stats:#?}");
    assert_counts_match(&recorder, &stats);
    let mut of_trace: BTreeMap<String, usize> = BTreeMap::new();
    for span in recorder.accepted_spans() {
        *of_trace.entry(span["context"]["trace_id"].to_string()).or_default() += 1;
    }
    assert!(of_trace.values().all(|spans| *spans == 3), "{of_trace:#?}");
}

#[test]
fn span_never_exceeds_its_limit_and_loses_media_first() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        let limits = BatchLimits::default().span_bytes(4 << 10);
        let stats = after(layer_over(way, recorder.url()).batch(limits), || {
            let _ = look(&format!("data:audio/wav;base64,{}", "UklG".repeat(5_000)));
            let _ = look(&"word ".repeat(400));
        });
        assert_eq!((stats.spans.delivered, stats.shrunk), (2, 1), "{stats:#?}");
        assert_counts_match(&recorder, &stats);
        let spans = recorder.accepted_spans();
        assert!(spans[0].to_string().contains("[audio/wav, 15000 bytes, sha256 "), "{}", spans[0]);
        assert!(spans[1].to_string().contains(&"word ".repeat(400)), "what fits stays as it is");
    }
}
