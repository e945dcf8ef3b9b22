//! The pipeline says nothing into the subscriber that it serves, and does not trace itself.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use promptlayer_tracing::{RetryPolicy, promptlayer};
use tests::pipeline::{BATCH, layer_to};
use tests::{Recorder, Reply};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

const LONG: Duration = Duration::from_secs(60);

#[promptlayer]
fn ask(question: &str) -> String {
    question.to_uppercase()
}

/// Something that was said: by which thread, and under which target.
type Said = (String, String);

/// Notes every span and event, of every level.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<Said>>>);

impl Ear {
    fn hear(&self, target: &str) {
        let thread = thread::current().name().unwrap_or_default().to_owned();
        self.0.lock().unwrap().push((thread, target.to_owned()));
    }
}

impl<S: Subscriber + for<'lookup> LookupSpan<'lookup>> Layer<S> for Ear {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.hear(attributes.metadata().target());
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.hear(event.metadata().target());
    }
}

/// The only test of its program: the subscriber is that of all threads, as in an application.
#[test]
fn a_pipeline_under_a_global_subscriber_is_silent_and_does_not_feed_itself() {
    let recorder = Recorder::start().unwrap();
    let ear = Ear::default();
    let moment = Duration::from_millis(20);
    let (layer, guard) = layer_to(recorder.url())
        .retry(RetryPolicy::default().first_delay(moment).probe_interval(moment).settling_time(moment))
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

    let heard = std::mem::take(&mut *ear.0.lock().unwrap());
    // Not the threads that call, and of the hooks' thread what the hooks themselves say.
    let of_the_hooks = ["the_hook", "on_error"];
    let of_the_pipeline: BTreeSet<&Said> = heard
        .iter()
        .filter(|(thread, target)| thread.starts_with("pl-") && !of_the_hooks.contains(&target.as_str()))
        .collect();
    assert_eq!(of_the_pipeline, BTreeSet::new());
    // The ear does hear.
    let count = |target: &str| heard.iter().filter(|(_, of)| of == target).count();
    assert_eq!(count("silence"), 6 * BATCH);
    assert_eq!(count("the_hook") as u64, stats.hooks.received);
    assert!(count("on_error") > 0);
}
