//! The events of the application's own HTTP client are received as without the pipeline, although the pipeline
//! uses the same crates.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use examples::OfflineModel;
use promptlayer_tracing::promptlayer;
use serde_json::{Value, json};
use tests::Recorder;
use tests::pipeline::layer_to;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;

#[promptlayer]
fn ask(question: &str) -> String {
    question.to_uppercase()
}

/// Records the target of every event.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<&'static str>>>);

impl<S: Subscriber> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0.lock().unwrap().push(event.metadata().target());
    }
}

/// This test is the only one in its binary. `tracing` computes the interest in a callsite once, when the
/// callsite is first reached. With one global subscriber it asks on the thread that reaches the callsite. That
/// must not be a thread that disables all events.
#[test]
fn events_of_the_application_client_are_received() {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = layer_to(recorder.url()).build().unwrap();
    let ear = Ear::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer).with(ear.clone()))
        .unwrap();
    ask("why?");
    assert!(guard.flush(Duration::from_secs(60)).is_complete());
    assert_eq!(guard.stats().spans.delivered, 1);
    ear.0.lock().unwrap().clear();

    let model = OfflineModel::start().unwrap();
    let config = async_openai::config::OpenAIConfig::new().with_api_key("test").with_api_base(model.url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let request = json!({ "model": examples::offline_model::MODEL, "prompt": "Once upon a time, " });
    let client = async_openai::Client::with_config(config);
    runtime.block_on(client.completions().create_byot::<_, Value>(request)).unwrap();

    let heard = ear.0.lock().unwrap().clone();
    assert!(heard.iter().any(|target| target.starts_with("hyper_util::client")), "{heard:#?}");
}
