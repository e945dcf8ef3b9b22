//! Many concurrent calls: none is lost, none is duplicated, and each hook receives the id of its own log.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use promptlayer_local::{Config, Server};
use promptlayer_tracing::export::{BatchLimits, QueueLimits};
use promptlayer_tracing::{RequestId, SpanId, TraceId, promptlayer};
use serde_json::Value;
use tests::pipeline::{dispatch, layer_to};
use tests::plain_client::exchange_json;
use tracing::dispatcher;

const THREADS: usize = 8;
const CALLS_A_THREAD: usize = 1_250;
const CALLS: usize = THREADS * CALLS_A_THREAD;

const LONG: Duration = Duration::from_secs(60);

#[promptlayer(tags = ["load"])]
fn ask(question: &str) -> String {
    question.to_uppercase()
}

/// Sends a GET request to the server's API.
fn get(server: &Server, path: &str) -> (u16, Value) {
    let got = exchange_json(server.url(), &format!("GET {path}"), &Value::Null).unwrap();
    (got.status, got.json())
}

#[test]
fn calls_of_eight_threads_are_logged_once_with_their_own_ids() {
    let server = Server::start(Config::default()).unwrap();
    let (sender, logged) = channel::<(RequestId, TraceId, SpanId)>();
    let (layer, guard) = layer_to(server.url())
        .batch(BatchLimits::default())
        // The calls arrive faster than they can be sent.
        .queue(QueueLimits::default().items(CALLS))
        .on_request_id(move |request| {
            sender.send((request.id(), request.trace_id(), request.span_id())).unwrap();
        })
        .build()
        .unwrap();
    let dispatch = dispatch(layer);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let dispatch = &dispatch;
            scope.spawn(move || {
                dispatcher::with_default(dispatch, || {
                    for call in 0..CALLS_A_THREAD {
                        ask(&format!("call {call} of thread {thread}"));
                    }
                });
            });
        }
    });
    assert!(guard.flush(LONG).is_complete(), "{:#?}", guard.stats());
    let stats = guard.shutdown(LONG);

    let ledger = stats.spans;
    assert_eq!(
        (ledger.accepted, ledger.delivered, ledger.total_pending()),
        (CALLS as u64, CALLS as u64, 0),
        "{ledger:#?}"
    );
    assert_eq!(
        (ledger.total_rejected(), ledger.total_dropped(), ledger.outcome_unknown),
        (0, 0, 0),
        "{ledger:#?}"
    );
    assert_eq!((stats.hooks.received, stats.hooks.missing, stats.hooks.skipped), (CALLS as u64, 0, 0));

    let mut logged: Vec<_> = logged.try_iter().collect();
    logged.sort_unstable_by_key(|(id, ..)| *id);
    let ids: Vec<RequestId> = logged.iter().map(|(id, ..)| *id).collect();
    assert_eq!(ids, (1..=CALLS as u64).map(RequestId::new).collect::<Vec<_>>(), "each once, and no other");

    // The count of the server, from two sources: its highest id and its page.
    assert_eq!(get(&server, &format!("/api/public/v2/requests/{CALLS}")).0, 200);
    assert_eq!(get(&server, &format!("/api/public/v2/requests/{}", CALLS + 1)).0, 404);
    let page = exchange_json(server.url(), "GET /", &Value::Null).unwrap().body;
    let shown = format!("<dd>{},{:03}</dd>", CALLS / 1000, CALLS % 1000);
    assert!(page.contains(&shown), "{shown} is not in {page}");

    for (id, trace, span) in logged.iter().step_by(CALLS / 50) {
        let request = get(&server, &format!("/api/public/v2/requests/{id}")).1;
        assert_eq!(request["trace_id"], trace.to_string());
        assert_eq!(request["span_id"], span.to_string());
        let trace = get(&server, &format!("/api/public/v2/traces/{trace}")).1;
        assert_eq!(trace["spans"].as_array().map(Vec::len), Some(1), "{trace:#}");
        assert_eq!(trace["spans"][0]["request_log_id"].to_string(), id.to_string());
    }
}
