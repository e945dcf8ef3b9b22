//! The pipeline emits no events to the subscriber that contains its layer, and does not trace itself.

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

/// The only test in this binary, because it sets the global subscriber, as an application does.
#[test]
fn pipeline_does_not_trace_itself() {
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

    // One response of every kind, to run every path of the pipeline.
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

    // If the pipeline had created spans, they would be sent now.
    for _ in 0..3 {
        assert!(guard.flush(LONG).is_complete());
    }
    assert_eq!((guard.stats().spans.accepted, recorder.requests().len()), (accepted, sent));
    let stats = guard.shutdown(LONG);
    assert!(stats.spans.delivered > 0 && stats.tracking.delivered > 0, "{stats:#?}");

    // The check ignores the calling threads, and the events of the hooks themselves.
    assert_eq!(ear.heard_of_the_pipeline(&["the_hook", "on_error"]), []);
    // The recording layer works.
    assert_eq!(ear.count("silence"), 6 * BATCH as u64);
    assert_eq!(ear.count("the_hook"), stats.hooks.received);
    assert!(ear.count("on_error") > 0);
}
