//! The pipeline says nothing into the subscriber that it serves, over HTTP/2 either, whose crates say the most.

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

/// The only test of its program: the subscriber is that of all threads, as in an application.
#[test]
fn a_users_own_client_over_http2_is_silent_with_everything_at_trace() {
    let recorder = Recorder::start().unwrap();
    let ear = Ear::default();
    let (layer, guard) = layer_to(recorder.url())
        .retry(quick())
        .http(reqwest::ClientBuilder::http2_prior_knowledge)
        // Not those of the recorder's side, which is in this process too.
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
    // The ear does hear: the calls, and what the recorder's own side of HTTP/2 says.
    assert_eq!(ear.count("silence_http2"), 50);
    assert!(ear.heard().keys().any(|(_, target)| target.starts_with("h2::")), "{:#?}", ear.heard());
}
