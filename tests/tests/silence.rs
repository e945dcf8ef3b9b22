//! The pipeline says nothing into the subscriber that it serves, and does not trace itself.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::time::Duration;

use promptlayer_tracing::promptlayer;
use tests::ear::Ear;
use tests::pipeline::{BATCH, layer_to, quick};
use tests::{Recorder, Reply};
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(60);

#[promptlayer]
fn ask(question: &str) -> String {
    question.to_uppercase()
}

/// The only test of its program: the subscriber is that of all threads, as in an application.
#[test]
fn a_pipeline_under_a_global_subscriber_is_silent_and_does_not_feed_itself() {
    let recorder = Recorder::start().unwrap();
    let ear = Ear::default();
    let (layer, guard) = layer_to(recorder.url())
        .retry(quick())
        .export_spans(|_| true)
        .on_request_id(|request| request.track().score(100).enqueue().unwrap())
        .on_request_id(|_| tracing::info!(target: "the_hook", "a hook may speak"))
        .on_error(|error| tracing::warn!(target: "on_error", %error))
        .build()
        .unwrap();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer).with(ear.clone()))
        .unwrap();

    // Every kind of answer, so that every path of the pipeline is gone.
    let replies = [
        Reply::service(),
        Reply::status(503).header("Retry-After", "0"),
        Reply::reset(),
        Reply::status(422),
        Reply::service().broken_json(),
        Reply::redirect("http://127.0.0.1:1/"),
    ];
    recorder.script("/spans-bulk", replies);
    for _ in 0..6 * BATCH {
        ask("why?");
    }
    assert!(guard.flush(LONG).is_complete());
    let sent = recorder.requests().len();
    let accepted = guard.stats().spans.accepted;
    assert_eq!(accepted, 6 * BATCH as u64, "nothing but the calls became spans");

    // What the pipeline did would now be on its way, had it made spans of it.
    for _ in 0..3 {
        assert!(guard.flush(LONG).is_complete());
    }
    assert_eq!((guard.stats().spans.accepted, recorder.requests().len()), (accepted, sent));
    let stats = guard.shutdown(LONG);
    assert!(stats.spans.delivered > 0 && stats.tracking.delivered > 0, "{stats:#?}");

    // Not the threads that call, and of the hooks' thread what the hooks themselves say.
    assert_eq!(ear.heard_of_the_pipeline(&["the_hook", "on_error"]), []);
    // The ear does hear.
    assert_eq!(ear.count("silence"), 6 * BATCH as u64);
    assert_eq!(ear.count("the_hook"), stats.hooks.received);
    assert!(ear.count("on_error") > 0);
}
