//! Request ids and scores through the handle.

use std::time::Duration;

use promptlayer_tracing::export::{BatchLimits, DropReason, SpoolSettings};
use promptlayer_tracing::{
    CurrentCall, ErrorKind, LayerBuilder, RequestId, current, promptlayer, with_request_id,
};
use serde_json::{Value, json};
use std::sync::mpsc::channel;
use tests::in_memory::{block_on, poll_once};
use tests::pipeline::{assert_balanced, layer_to, quick};
use tests::{Recorder, Reply};
use tracing::Instrument as _;
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(60);

#[promptlayer]
fn ask(question: &str) -> CurrentCall {
    let _ = question;
    current()
}

/// A function around a call, which makes the request log.
#[promptlayer]
fn around(question: &str) -> CurrentCall {
    let call = current();
    call.score(7).score_named("tone", 8);
    ask(question);
    call
}

fn in_tokio<T>(run: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run)
}

/// Runs calls under a layer to the recorder, and shuts it down.
fn run<T>(builder: LayerBuilder, calls: impl FnOnce() -> T) -> (T, promptlayer_tracing::export::Stats) {
    let (layer, guard) = builder.build().unwrap();
    let value = tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), calls);
    let stats = guard.shutdown(LONG);
    assert_balanced(&stats.spans);
    assert_balanced(&stats.tracking);
    (value, stats)
}

fn scores(recorder: &Recorder) -> Vec<Value> {
    recorder.bodies("/rest/track-score")
}

#[test]
fn id_arrives_without_the_delay_of_a_batch() {
    let recorder = Recorder::start().unwrap();
    // The interval between batches is ten minutes.
    let (id, _) = run(layer_to(recorder.url()), || in_tokio(ask("why?").request_id()));
    assert_eq!(id, Some(RequestId::new(1001)));
}

#[test]
fn id_of_a_function_is_that_of_the_last_call_inside() {
    #[promptlayer]
    fn twice() -> CurrentCall {
        ask("first");
        ask("second");
        current()
    }
    let recorder = Recorder::start().unwrap();
    let (id, _) = run(layer_to(recorder.url()), || in_tokio(twice().request_id()));
    assert_eq!(id, Some(RequestId::new(1002)));
}

#[test]
fn call_without_a_request_log_has_no_id() {
    #[promptlayer(kind = "tool")]
    fn tool() -> CurrentCall {
        current()
    }
    let recorder = Recorder::start().unwrap();
    let (ids, _) = run(layer_to(recorder.url()), || in_tokio(async { tool().request_id().await }));
    assert_eq!(ids, None);
    assert_eq!(block_on(current().request_id()), None, "nor has code outside a call");
}

#[test]
fn value_comes_with_the_id_of_the_last_call() {
    #[promptlayer]
    async fn agent(question: &str) -> usize {
        ask(question);
        // In another task.
        tokio::spawn(async { drop(ask("second")) }.in_current_span()).await.unwrap();
        question.len()
    }
    let recorder = Recorder::start().unwrap();
    let (given, _) = run(layer_to(recorder.url()), || {
        in_tokio(async {
            let inner = with_request_id(async { with_request_id(agent("why?")).await }).await;
            (inner, with_request_id(async { drop(ask("third")) }).await, with_request_id(async { 7 }).await)
        })
    });
    let [second, third] = [1002, 1003].map(|id| Some(RequestId::new(id)));
    assert_eq!(given, (((4, second), second), ((), third), (7, None)));
}

#[test]
fn refused_call_has_no_id() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [Reply::status(422)]);
    let builder = layer_to(recorder.url()).on_error(|_| {});
    let (id, _) = run(builder, || in_tokio(ask("why?").request_id()));
    assert_eq!(id, None);
}

#[test]
fn future_of_the_id_waits_for_the_end_of_the_call_only() {
    let recorder = Recorder::start().unwrap();
    run(layer_to(recorder.url()), || {
        #[promptlayer]
        fn ask() -> (CurrentCall, impl Future<Output = Option<RequestId>>) {
            let call = current();
            let mut id = Box::pin(call.request_id());
            assert!(poll_once(id.as_mut()).is_pending());
            (call, id)
        }
        // A handle that is kept does not keep the future waiting.
        let (_call, id) = ask();
        assert_eq!(in_tokio(id), Some(RequestId::new(1001)));
    });
}

#[test]
fn scores_are_sent_with_the_request_or_once_there_is_an_id() {
    #[promptlayer]
    fn scored() -> CurrentCall {
        current().score(1).score(70).score_named("tone", 80).clone()
    }
    let recorder = Recorder::start().unwrap();
    let ((), stats) = run(layer_to(recorder.url()), || {
        let call = scored();
        call.score_named("late", 90);
        assert!(in_tokio(call.request_id()).is_some());
        call.score(100);
    });
    assert_eq!(recorder.accepted_spans()[0]["log_request"]["score"], 70);
    let mut sent = scores(&recorder);
    sent.sort_by_key(|body| body["score"].as_u64());
    let expected = [
        json!({"request_id": 1001, "score": 80, "name": "tone"}),
        json!({"request_id": 1001, "score": 90, "name": "late"}),
        json!({"request_id": 1001, "score": 100}),
    ];
    assert_eq!(sent, expected);
    assert!(stats.tracking.is_complete());
}

#[test]
fn score_of_a_function_is_that_of_the_call_inside() {
    let recorder = Recorder::start().unwrap();
    let ((), stats) = run(layer_to(recorder.url()), || drop(around("why?")));
    let mut sent = scores(&recorder);
    sent.sort_by_key(|body| body["score"].as_u64());
    let expected =
        [json!({"request_id": 1001, "score": 7}), json!({"request_id": 1001, "score": 8, "name": "tone"})];
    assert_eq!(sent, expected);
    assert_eq!(stats.tracking.delivered, 2);
}

#[test]
fn flush_waits_for_scores() {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = layer_to(recorder.url()).build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || drop(around("why?")));
    assert!(guard.flush(LONG).is_complete());
    assert_eq!(guard.stats().tracking.delivered, 2, "{:#?}", guard.stats());
}

#[test]
fn scores_without_a_request_are_counted_and_reported() {
    #[promptlayer(kind = "tool")]
    fn tool() {
        current().score(1).score_named("tone", 2);
    }
    let recorder = Recorder::start().unwrap();
    let (sender, errors) = channel();
    let builder = layer_to(recorder.url()).on_error(move |error| {
        sender.send((error.kind(), error.to_string())).unwrap();
    });
    let ((), stats) = run(builder, tool);
    assert_eq!(stats.tracking.dropped, [(DropReason::NoRequest, 2)].into());
    let (kind, text) = errors.recv_timeout(LONG).unwrap();
    assert_eq!(kind, ErrorKind::ScoresLost);
    assert!(text.starts_with("scores of `tool` were not sent (2)"), "{text}");
}

#[test]
fn scores_of_a_call_that_is_on_disk_at_the_end_are_counted() {
    let recorder = Recorder::start().unwrap();
    recorder.decide(|_| Some(Reply::status(503)));
    let folder = tempfile::tempdir().unwrap();
    let builder =
        layer_to(recorder.url()).spool(SpoolSettings::new(folder.path())).retry(quick()).on_error(|_| {});
    let ((), stats) = run(builder, || drop(ask("why?").score_named("tone", 9).clone()));
    assert_eq!(stats.spans.pending.spooled, 1, "{stats:#?}");
    assert_eq!(stats.tracking.dropped, [(DropReason::NoRequest, 1)].into());
}

#[test]
fn call_from_disk_gets_its_id_and_scores_in_the_same_run() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [Reply::status(503), Reply::status(503)]);
    let folder = tempfile::tempdir().unwrap();
    let builder = layer_to(recorder.url())
        .batch(BatchLimits::default().interval(Duration::from_millis(1)))
        .spool(SpoolSettings::new(folder.path()).mode(promptlayer_tracing::export::SpoolMode::WriteAhead))
        .retry(quick())
        .on_error(|_| {});
    let (id, stats) = run(builder, || {
        let call = ask("why?");
        call.score_named("tone", 9);
        in_tokio(call.request_id())
    });
    assert_eq!(id, Some(RequestId::new(1001)));
    assert_eq!((scores(&recorder).len(), stats.tracking.delivered), (1, 1), "{stats:#?}");
}
