//! How the pipeline interprets each response of PromptLayer.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use promptlayer_tracing::client::Env;
use promptlayer_tracing::export::{RejectReason, Stats, Wire};
use promptlayer_tracing::{Error, LayerBuilder, RequestId, layer, promptlayer};
use serde_json::{Value, json};
use tests::pipeline::{BATCH, KEY, assert_balanced, layer_to, quick};
use tests::{Recorder, Reply, Request};
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(60);

#[promptlayer]
fn ask(question: &str) -> String {
    question.to_uppercase()
}

/// A call that the test server refuses.
#[promptlayer]
fn ask_badly(question: &str) -> String {
    question.to_uppercase()
}

/// The result of the calls of a test.
struct Outcome {
    stats: Stats,
    ids: Vec<RequestId>,
    errors: Receiver<String>,
}

impl Outcome {
    /// Returns the messages of the reported errors.
    fn errors(&self) -> Vec<String> {
        self.errors.try_iter().collect()
    }
}

/// Makes calls under a layer that logs to the recorder, and waits until every item has an outcome.
fn outcome_with(builder: LayerBuilder, calls: impl FnOnce()) -> Outcome {
    let (id_sender, ids) = channel();
    let (error_sender, errors) = channel();
    let (layer, guard) = builder
        .on_request_id(move |request| id_sender.send(request.id()).unwrap())
        .on_error(move |error: &Error| error_sender.send(error.to_string()).unwrap())
        .build()
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), calls);
    let stats = guard.shutdown(LONG);
    assert_balanced(&stats.spans);
    assert_eq!(stats.spans.total_pending(), 0);
    Outcome { stats, ids: ids.try_iter().collect(), errors }
}

fn outcome(recorder: &Recorder, calls: impl FnOnce()) -> Outcome {
    outcome_with(layer_to(recorder.url()).retry(quick()), calls)
}

fn ask_times(count: usize) {
    for _ in 0..count {
        ask("why?");
    }
}

/// Returns the number of requests that carried spans.
fn sent(recorder: &Recorder) -> usize {
    recorder.bodies("/spans-bulk").len()
}

#[test]
fn temporary_refusal_is_retried_and_delivered_once() {
    for status in [503, 429] {
        let recorder = Recorder::start().unwrap();
        recorder.script("/spans-bulk", [Reply::status(status).header("Retry-After", "0")]);
        let outcome = outcome(&recorder, || ask_times(1));

        assert_eq!(outcome.stats.spans.delivered, 1);
        assert_eq!((sent(&recorder), recorder.accepted_spans().len()), (2, 1));
        assert_eq!(outcome.ids, [RequestId::new(1001)]);
        assert_eq!(outcome.errors().len(), 1, "it is told of, although it passed");
    }
}

#[test]
fn retry_after_is_respected() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [Reply::status(503).header("Retry-After", "1")]);
    let outcome = outcome(&recorder, || ask_times(1));

    assert!(outcome.stats.spans.is_complete());
    let requests = recorder.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
}

#[test]
fn processed_batch_is_never_resent_after_any_response() {
    for reply in [Reply::status(500).processed(), Reply::status(502).processed(), Reply::service().lost()] {
        let recorder = Recorder::start().unwrap();
        recorder.script("/spans-bulk", [reply.clone()]);
        let outcome = outcome(&recorder, || ask_times(1));

        assert!(outcome.stats.spans.is_complete(), "{reply:?}: {:#?}", outcome.stats);
        assert_eq!((sent(&recorder), outcome.stats.possible_duplicates), (1, 0), "{reply:?}");
        assert_eq!(outcome.ids, [RequestId::new(1001)], "the id is read back from the trace");
        assert_eq!(outcome.errors().len(), 1);
    }
}

#[test]
fn span_missing_from_trace_is_resent() {
    for reply in [Reply::status(500), Reply::status(502), Reply::status(504), Reply::reset()] {
        let recorder = Recorder::start().unwrap();
        recorder.script("/spans-bulk", [reply.clone()]);
        let outcome = outcome(&recorder, || ask_times(1));

        assert!(outcome.stats.spans.is_complete(), "{reply:?}: {:#?}", outcome.stats);
        assert_eq!((sent(&recorder), recorder.accepted_spans().len()), (2, 1), "{reply:?}");
        assert_eq!(outcome.ids, [RequestId::new(1001)]);
        let is_reading = |request: &&Arc<Request>| request.path.starts_with("/api/public/v2/traces/");
        let readings = recorder.requests().iter().filter(is_reading).count();
        assert!(readings >= 1, "{reply:?}");
    }
}

/// Refuses bodies that contain a span of [`ask_badly`].
fn refusing_bad_spans(status: u16) -> impl FnMut(&Request) -> Option<Reply> {
    move |request| request.spans().any(|span| span["name"] == "ask_badly").then(|| Reply::status(status))
}

fn names_and_times(spans: &[Value]) -> BTreeMap<(String, String), usize> {
    let mut times = BTreeMap::new();
    for span in spans {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        *times.entry((text(&span["name"]), text(&span["context"]["span_id"]))).or_default() += 1;
    }
    times
}

#[test]
fn one_bad_span_is_quarantined_and_the_rest_is_delivered() {
    for (status, reason) in
        [(422, RejectReason::Invalid), (400, RejectReason::Invalid), (413, RejectReason::TooLarge)]
    {
        for position in 0..BATCH {
            let recorder = Recorder::start().unwrap();
            recorder.decide(refusing_bad_spans(status));
            let outcome = outcome(&recorder, || {
                ask_times(position);
                ask_badly("why?");
                ask_times(BATCH - 1 - position);
            });

            let others = BATCH as u64 - 1;
            assert_eq!(outcome.stats.spans.rejected, BTreeMap::from([(reason, 1)]));
            assert_eq!(outcome.stats.spans.delivered, others);
            let times = names_and_times(&recorder.accepted_spans());
            assert_eq!(times.len(), BATCH - 1);
            assert!(times.iter().all(|((name, _), times)| name == "ask" && *times == 1), "{times:#?}");
            assert_eq!(outcome.ids.len(), BATCH - 1);
            let errors = outcome.errors();
            assert!(errors.len() == 1 && errors[0].contains(&status.to_string()), "{errors:#?}");
        }
    }
}

#[test]
fn several_bad_spans_are_all_found() {
    let recorder = Recorder::start().unwrap();
    recorder.decide(refusing_bad_spans(422));
    let outcome = outcome(&recorder, || {
        for number in 0..BATCH {
            if number % 3 == 0 {
                ask_badly("why?");
            } else {
                ask("why?");
            }
        }
    });
    assert_eq!(outcome.stats.spans.rejected, BTreeMap::from([(RejectReason::Invalid, 4)]));
    assert_eq!(outcome.stats.spans.delivered, 6);
    assert_eq!(recorder.accepted_spans().len(), 6);
}

#[test]
fn wrong_key_is_reported_once_and_the_program_continues() {
    for status in [401, 403] {
        let recorder = Recorder::start().unwrap();
        recorder.decide(move |_| Some(Reply::status(status)));
        let outcome = outcome(&recorder, || ask_times(5 * BATCH));

        let rejected = BTreeMap::from([(RejectReason::Unauthorized, 5 * BATCH as u64)]);
        assert_eq!(outcome.stats.spans.rejected, rejected);
        let errors = outcome.errors();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert!(errors[0].contains(&status.to_string()) && !errors[0].contains(KEY), "{errors:#?}");
    }
}

#[test]
fn held_spans_are_delivered_once_the_key_is_accepted() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [401, 401, 403].map(Reply::status));
    let (layer, guard) = layer_to(recorder.url()).retry(quick()).on_error(|_| {}).build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || ask_times(3 * BATCH));
    assert!(guard.flush(LONG).is_complete());
    assert!(guard.stats().spans.is_complete());
    assert_eq!(recorder.accepted_spans().len(), 3 * BATCH);
}

#[test]
fn error_is_reported_again_after_a_success() {
    let recorder = Recorder::start().unwrap();
    let replies = [422, 422, 201, 422, 400, 422].map(Reply::status);
    recorder.script("/log-request", replies);
    let outcome = outcome_with(layer_to(recorder.url()).wire(Wire::LogRequest), || ask_times(6));

    let statuses: Vec<bool> = outcome.errors().iter().map(|error| error.contains("422")).collect();
    // After the success, the next 422 is reported again.
    assert_eq!(statuses, [true, true, false], "two of one kind, and one of another");
}

#[test]
fn redirect_is_not_followed_and_does_not_leak_the_key() {
    let (recorder, elsewhere) = (Recorder::start().unwrap(), Recorder::start().unwrap());
    for status in [301, 302, 303, 307, 308] {
        let reply = Reply::status(status).header("Location", &format!("{}/spans-bulk", elsewhere.url()));
        recorder.decide(move |_| Some(reply.clone()));
        let outcome = outcome(&recorder, || ask_times(1));

        assert_eq!(outcome.stats.spans.rejected, BTreeMap::from([(RejectReason::WrongAddress, 1)]));
        let errors = outcome.errors();
        assert!(errors.len() == 1 && errors[0].contains(&status.to_string()), "{errors:#?}");
    }
    assert_eq!(sent(&recorder), 5);
    assert_eq!(recorder.requests()[0].header("x-api-key"), Some(KEY));
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn unreadable_response_does_not_cause_a_resend() {
    let unreadable =
        [Reply::service().broken_json(), Reply::status(201).body("ok"), Reply::status(200).body(Vec::new())];
    for reply in unreadable {
        for wire in [Wire::SpansBulk, Wire::LogRequest] {
            let recorder = Recorder::start().unwrap();
            let scripted = reply.clone();
            recorder.decide(move |request| (request.method == "POST").then(|| scripted.clone()));
            let outcome = outcome_with(layer_to(recorder.url()).wire(wire), || ask_times(3));

            // The spans are read back if they have a trace. Over the other wire format nothing proves the
            // delivery.
            let (delivered, unknown) = if wire == Wire::SpansBulk { (3, 0) } else { (0, 3) };
            let spans = &outcome.stats.spans;
            assert_eq!(
                (spans.delivered, spans.outcome_unknown),
                (delivered, unknown),
                "{reply:?}: {spans:#?}"
            );
            assert_eq!(recorder.request_logs().len(), 3, "nothing is sent twice");
            assert!(!outcome.errors().is_empty());
            assert_eq!((outcome.stats.hooks.received, outcome.stats.hooks.missing), (delivered, 0));
            assert_eq!(outcome.ids.len() as u64, delivered);
        }
    }
}

#[test]
fn span_of_a_closed_trace_is_counted_as_rejected() {
    let recorder = Recorder::start().unwrap();
    recorder.decide(|request| {
        let ids = |name: &str| -> Vec<Value> {
            let spans = request.spans().filter(|span| span["name"] == name);
            spans.map(|span| span["context"]["span_id"].clone()).collect()
        };
        let logged: Vec<Value> = ids("ask").iter().map(|id| json!({ "id": 5, "span_id": id })).collect();
        let body = json!({ "success": true, "spans": [], "request_logs": logged,
            "rejected_span_ids": ids("ask_badly"), "rejection_reason": "trace_closed" });
        Some(Reply::status(201).json(&body))
    });
    let outcome = outcome(&recorder, || {
        ask_badly("why?");
        ask("why?");
        ask_badly("why?");
    });

    assert_eq!(outcome.stats.spans.rejected, BTreeMap::from([(RejectReason::TraceClosed, 2)]));
    assert_eq!(outcome.stats.spans.delivered, 1);
    assert_eq!(outcome.ids, [RequestId::new(5)]);
    assert_eq!(outcome.stats.hooks.missing, 0, "a span that was refused has no id to miss");
}

#[test]
fn each_log_request_has_its_own_outcome() {
    let recorder = Recorder::start().unwrap();
    let replies = [
        Reply::service(),
        Reply::status(422),
        Reply::status(413),
        Reply::status(401),
        Reply::status(500),
        Reply::status(503).header("Retry-After", "0"),
    ];
    recorder.script("/log-request", replies);
    let outcome =
        outcome_with(layer_to(recorder.url()).wire(Wire::LogRequest).retry(quick()), || ask_times(6));

    let spans = &outcome.stats.spans;
    // The fourth request is refused once because of its key. Whether it is sent again depends on when the
    // shutdown ends.
    assert_eq!((spans.accepted, spans.outcome_unknown), (6, 1), "{spans:#?}");
    assert_eq!(spans.rejected[&RejectReason::Invalid], 1);
    assert_eq!(spans.rejected[&RejectReason::TooLarge], 1);
    assert_eq!(spans.delivered + spans.total_rejected(), 5, "{spans:#?}");
}

#[test]
fn missing_key_is_a_build_error_that_names_the_variable() {
    let error = layer().env(Env::empty()).build().unwrap_err();
    assert!(error.is_missing_api_key());
    assert!(error.to_string().contains("PROMPTLAYER_API_KEY"), "{error}");
}

#[test]
fn wrong_server_rejects_the_logs_and_nothing_else_fails() {
    let recorder = Recorder::start().unwrap();
    recorder
        .decide(|_| Some(Reply::status(404).header("Content-Type", "text/html").body("<h1>Not here</h1>")));
    let outcome = outcome(&recorder, || ask_times(BATCH + 1));

    let rejected = BTreeMap::from([(RejectReason::WrongAddress, BATCH as u64 + 1)]);
    assert_eq!(outcome.stats.spans.rejected, rejected);
    assert_eq!(outcome.errors().len(), 1);
}
