//! The pipeline emits no events to the subscriber that contains its layer when it uses HTTP/2. The HTTP/2
//! crates emit the most events.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::time::Duration;

use promptlayer_tracing::promptlayer;
use tests::ear::Ear;
use tests::pipeline::{BATCH, layer_to, quick};
use tests::{Recorder, Reply};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(60);

#[promptlayer]
fn ask(question: &str) -> String {
    question.to_uppercase()
}

/// The only test in this binary, because it sets the global subscriber, as an application does.
#[test]
fn pipeline_over_http2_emits_no_events_at_trace_level() {
    let recorder = Recorder::start().unwrap();
    let ear = Ear::default();
    let (layer, guard) = layer_to(recorder.url())
        .retry(quick())
        .http(reqwest::ClientBuilder::http2_prior_knowledge)
        // Excludes the spans of the recorder's HTTP/2 server, which runs in the same process.
        .export_spans(|metadata| !metadata.target().starts_with("h2"))
        .on_request_id(|request| request.track().score(100).enqueue().unwrap())
        .on_error(|_| {})
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(LevelFilter::TRACE).with(layer).with(ear.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    recorder.script("/spans-bulk", [Reply::service(), Reply::status(503), Reply::status(500)]);
    for _ in 0..5 * BATCH {
        ask("why?");
    }
    assert!(guard.flush(LONG).is_complete());
    let stats = guard.shutdown(LONG);
    assert_eq!((stats.spans.delivered, stats.tracking.delivered), (50, 50), "{stats:#?}");
    let over_http2 = recorder.requests().iter().all(|request| request.header("host").is_none());
    assert!(over_http2, "a request over HTTP/2 has no such header");

    assert_eq!(ear.heard_of_the_pipeline(&[]), []);
    // The recording layer works: it received the calls, and the events of the recorder's HTTP/2 server.
    assert_eq!(ear.count("silence_http2"), 50);
    assert!(ear.heard().keys().any(|(_, target)| target.starts_with("h2::")), "{:#?}", ear.heard());
}
