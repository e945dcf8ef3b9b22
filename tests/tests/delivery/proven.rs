//! A success response that proves nothing is not a delivery: the batch is read back, and nothing is resent.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tests::cells::check_cells;
use tests::{Gate, Reply, Request};

use super::*;

/// A step that makes no request log.
#[promptlayer(kind = "chain")]
fn step(text: &str) -> usize {
    text.len()
}

/// The number of calls and of steps beside them. Together they are one batch.
const CALLS: u64 = 6;
const STEPS: u64 = 2;
const BATCH: usize = 8;
/// The number of the call that is sent before the batch.
const WARM_UP: usize = 1_000;

/// A success response that does not name every request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Body {
    Html,
    Object,
    Declined,
    Empty,
    NoContent,
    Multi,
    Text,
    List,
    Broken,
}

const BODIES: [Body; 9] = [
    Body::Html,
    Body::Object,
    Body::Declined,
    Body::Empty,
    Body::NoContent,
    Body::Multi,
    Body::Text,
    Body::List,
    Body::Broken,
];

impl Body {
    fn reply(self) -> Reply {
        match self {
            Self::Html => Reply::status(200)
                .body("<html>Log in</html>")
                .header("Content-Type", "text/html; charset=utf-8"),
            Self::Object => Reply::status(200).json(&json!({})),
            Self::Declined => Reply::status(200).json(&json!({ "success": false, "message": "quota" })),
            Self::Empty => Reply::status(201).body(""),
            Self::NoContent => Reply::status(204).body(""),
            Self::Multi => Reply::status(207).json(&json!({ "errors": [{ "message": "not stored" }] })),
            Self::Text => Reply::status(200).json(&json!("ok")),
            Self::List => Reply::status(200).json(&json!([])),
            Self::Broken => Reply::status(201).body(r#"{"success":true,"spans":[{"id":1"#),
        }
    }
}

/// What a layer reported through its hook and its error handler.
#[derive(Debug, Default)]
struct Seen {
    ids: AtomicU64,
    errors: Mutex<Vec<String>>,
}

impl Seen {
    fn hear(self: &Arc<Self>, builder: LayerBuilder) -> LayerBuilder {
        let (of_ids, of_errors) = (Arc::clone(self), Arc::clone(self));
        builder
            .on_request_id(move |_| {
                let _ = of_ids.ids.fetch_add(1, SeqCst);
            })
            .on_error(move |error| of_errors.errors.lock().unwrap().push(error.to_string()))
    }

    fn errors(&self) -> Vec<String> {
        self.errors.lock().unwrap().clone()
    }
}

/// Makes the calls and then the steps. The server stores the first spans of a batch, so the calls come first.
fn make_calls() {
    ask_each(0..BATCH - 2);
    for _ in 0..STEPS {
        let _ = step("on the way");
    }
}

/// The final state of a batch.
#[derive(Debug, PartialEq)]
struct Ended {
    delivered: u64,
    unknown: u64,
    /// Ids that hooks received.
    ids: u64,
    /// Ids that could not be determined.
    missing: u64,
}

impl Ended {
    /// The whole batch is delivered, with all ids.
    const WHOLE: Self = Self { delivered: CALLS + STEPS, unknown: 0, ids: CALLS, missing: 0 };
}

/// Sends one batch that gets this response, and returns its final state. Checks that the server stored what is
/// counted as delivered and nothing more.
fn after_one(recorder: &Recorder, reply: Reply, seen: &Arc<Seen>) -> Ended {
    let limits = BatchLimits::default().spans(BATCH).in_flight(1).interval(Duration::from_millis(1));
    let builder = seen.hear(layer_for(recorder.url()).batch(limits));
    let (layer, guard) = builder.build().unwrap();
    let dispatch = dispatch(layer);
    // The calls wait behind the first request, so that they are sent as one batch.
    let gate = Gate::new();
    recorder.script("/spans-bulk", [Reply::service().hang(&gate), reply]);
    dispatcher::with_default(&dispatch, || ask_each([WARM_UP]));
    recorder.wait_for(|requests| requests.len() == 1, LONG).unwrap();
    dispatcher::with_default(&dispatch, make_calls);
    gate.open();
    let stats = guard.shutdown(LONG);
    assert_balanced(&stats.spans);
    assert_eq!(posts(recorder), 2, "nothing is sent again");
    assert_eq!(recorder.accepted_spans().len() as u64, stats.spans.delivered, "{stats:#?}");
    tests::pipeline::eventually(|| seen.ids.load(SeqCst) == stats.hooks.received);
    Ended {
        delivered: stats.spans.delivered - 1,
        unknown: stats.spans.outcome_unknown,
        ids: stats.hooks.received - 1,
        missing: stats.hooks.missing,
    }
}

#[test]
fn unproven_batch_is_read_back_and_never_resent() {
    let mut cases = Vec::new();
    for body in BODIES {
        cases.extend([0, 4, BATCH].map(|stored| Case((body, stored))));
    }
    check_cells(8, &cases, |Case((body, stored))| {
        let (recorder, seen) = (Recorder::start().unwrap(), Arc::new(Seen::default()));
        let reply = body.reply().store_at_most(*stored);
        let ended = after_one(&recorder, if *stored == 0 { reply.unprocessed() } else { reply }, &seen);
        let delivered = *stored as u64;
        let unknown = CALLS + STEPS - delivered;
        assert_eq!(ended, Ended { delivered, unknown, ids: CALLS.min(delivered), missing: 0 });
        assert!(unknown == 0 || !seen.errors().is_empty(), "the user is not told of it");
    });
}

#[test]
fn unproven_log_request_has_an_unknown_outcome() {
    let cases: Vec<_> = BODIES.iter().flat_map(|body| [Case((*body, true)), Case((*body, false))]).collect();
    check_cells(8, &cases, |Case((body, is_stored))| {
        let (recorder, seen) = (Recorder::start().unwrap(), Arc::new(Seen::default()));
        let reply = if *is_stored { body.reply().processed() } else { body.reply().unprocessed() };
        // Applies to the second of three requests. The other two get the normal response.
        recorder.script("/log-request", [Reply::service(), reply]);
        let builder = seen.hear(layer_for(recorder.url()).wire(Wire::LogRequest));
        let (layer, guard) = builder.build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_each(0..3));
        let stats = guard.shutdown(LONG);
        assert_balanced(&stats.spans);
        assert_eq!((stats.spans.delivered, stats.spans.outcome_unknown), (2, 1), "{stats:#?}");
        assert_eq!(posts(&recorder), 3, "it is never sent again");
        assert_eq!((stats.hooks.received, stats.hooks.missing), (2, 0), "{stats:#?}");
        assert!(!seen.errors().is_empty(), "the user is not told of it");
    });
}

#[test]
fn ids_missing_from_a_response_are_read_back_once() {
    for named in [0, 1, 5] {
        let (recorder, seen) = (Recorder::start().unwrap(), Arc::new(Seen::default()));
        let ended = after_one(&recorder, Reply::service().answer_at_most(named), &seen);
        assert_eq!(ended, Ended::WHOLE);
        assert_eq!((named + readings(&recorder)) as u64, CALLS);
    }
}

#[test]
fn spans_missing_from_a_response_are_not_delivered() {
    let (recorder, seen) = (Recorder::start().unwrap(), Arc::new(Seen::default()));
    // The response is well formed and names what was stored, which is only a part of the batch.
    let ended = after_one(&recorder, Reply::service().store_at_most(4), &seen);
    assert_eq!(ended, Ended { delivered: 4, unknown: CALLS + STEPS - 4, ids: 4, missing: 0 });
    assert!(!seen.errors().is_empty(), "the user is not told of it");
}

#[test]
fn unproven_batch_that_appears_late_is_delivered() {
    let (recorder, seen) = (Recorder::start().unwrap(), Arc::new(Seen::default()));
    // The first read of each trace happens before the service shows the trace.
    let read = Mutex::new(std::collections::BTreeSet::new());
    recorder.decide(move |request: &Request| {
        let is_first = request.method == "GET" && read.lock().unwrap().insert(request.path.clone());
        is_first.then(|| Reply::status(404))
    });
    let ended = after_one(&recorder, Reply::status(200).json(&json!({})), &seen);
    assert_eq!(ended, Ended::WHOLE);
}

#[test]
fn unproven_batch_is_read_back_until_a_read_succeeds() {
    let (recorder, seen) = (Recorder::start().unwrap(), Arc::new(Seen::default()));
    let mut failures = 5;
    recorder.decide(move |request: &Request| {
        if request.method == "GET" && failures > 0 {
            failures -= 1;
            return Some(if failures % 2 == 0 { Reply::status(503) } else { Reply::service().broken_json() });
        }
        None
    });
    let ended = after_one(&recorder, Reply::status(200).json(&json!({})), &seen);
    assert_eq!(ended, Ended::WHOLE);
}

#[test]
fn unproven_tracking_call_is_never_counted_as_delivered() {
    let cases = BODIES.map(Case);
    check_cells(8, &cases, |Case(body)| {
        let (recorder, seen) = (Recorder::start().unwrap(), Arc::new(Seen::default()));
        recorder.script("/rest/track-score", [body.reply().unprocessed()]);
        let builder = seen.hear(layer_for(recorder.url()));
        let builder = builder.on_request_id(|request| request.track().score(100).enqueue().unwrap());
        let (layer, guard) = builder.build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_each(0..3));
        wait_until(&guard, "tracked", |stats| {
            stats.tracking.accepted == 3 && stats.tracking.total_pending() == 0
        });
        let stats = guard.shutdown(LONG);
        assert_balanced(&stats.tracking);
        // Tracking is idempotent, so a tracking call may be sent again.
        let tracked = recorder.accepted_tracks().len() as u64;
        assert_eq!(stats.tracking.delivered, tracked, "{stats:#?}");
    });
}
