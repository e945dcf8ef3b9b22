//! Metrics of model calls and of the pipeline, for OpenTelemetry.
#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "metrics/collected.rs"]
mod collected;
#[path = "metrics/ledger.rs"]
mod ledger;
#[path = "metrics/once.rs"]
mod once;
#[path = "metrics/watched.rs"]
mod watched;

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use promptlayer_tracing::blueprint::semconv::SemconvStability;
use promptlayer_tracing::{LayerBuilder, promptlayer};
use serde_json::{Value as Json, json};
use tests::Recorder;
use tests::in_memory::block_on;
use tests::pipeline::{dispatch, layer_to, quick};
use tracing::dispatcher::with_default;
use tracing::info_span;

use self::collected::{All, Attributes, Provider, Value};

const LONG: Duration = Duration::from_secs(60);
const DURATION: &str = "gen_ai.client.operation.duration";
const FIRST_CHUNK: &str = "gen_ai.client.operation.time_to_first_chunk";
const TOKENS: &str = "gen_ai.client.token.usage";
const INFERENCE: &str = "gen_ai.client.inference.duration";

/// The attributes that the conventions list for these metrics.
const LISTED: [&str; 9] = [
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.token.type",
    "gen_ai.token.modality",
    "server.address",
    "server.port",
    "error.type",
];

fn request() -> Json {
    json!({"model": "gpt-5", "messages": [{"role": "user", "content": "why?"}], "user": "someone"})
}

/// A call whose answer comes from OpenAI.
#[promptlayer(tags = ["a-tag"], metadata(customer = "someone"))]
fn complete(request: Json) -> Json {
    let _ = request;
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-5-2025-08-07",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "because"}}],
        "usage": {
            "prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 100}, "completion_tokens_details": {"reasoning_tokens": 20},
        },
    })
}

#[promptlayer]
fn fails(request: Json) -> Result<Json, std::io::Error> {
    let _ = request;
    Err(std::io::Error::other("the connection broke"))
}

#[promptlayer(kind = "embedding")]
fn embed(request: Json) -> Json {
    let _ = request;
    json!({
        "object": "list", "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    })
}

#[promptlayer(kind = "tool")]
fn tool(city: &str) -> String {
    format!("sunny in {city}")
}

/// A stream of these items.
struct Items(VecDeque<Json>);

impl Stream for Items {
    type Item = Json;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Json>> {
        Poll::Ready(self.0.pop_front())
    }
}

#[promptlayer]
fn streamed(request: Json) -> impl Stream<Item = Json> {
    let _ = request;
    let chunk = |choices: Json, usage: Json| {
        json!({
            "id": "chatcmpl-2", "object": "chat.completion.chunk", "model": "gpt-5-2025-08-07",
            "choices": choices, "usage": usage,
        })
    };
    let delta = |text: &str, finish: Json| json!([{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}]);
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7});
    Items(VecDeque::from([
        chunk(delta("be", Json::Null), Json::Null),
        chunk(delta("cause", "stop".into()), Json::Null),
        chunk(json!([]), usage),
    ]))
}

fn read_to_the_end(stream: impl Stream<Item = Json>) {
    let mut stream = std::pin::pin!(stream);
    block_on(async {
        while std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await.is_some() {}
    });
}

/// Runs calls with a layer of their own, and returns the metrics after its shutdown.
fn metrics_with(change: impl FnOnce(LayerBuilder) -> LayerBuilder, calls: impl FnOnce()) -> All {
    let (recorder, provider) = (Recorder::start().unwrap(), Provider::new());
    let builder = layer_to(recorder.url()).retry(quick()).meter_provider(&provider.sdk);
    let (layer, guard) = change(builder).build().unwrap();
    // The pipeline's statistics can be observed as long as there is a layer.
    let dispatch = dispatch(layer);
    with_default(&dispatch, calls);
    let _ = guard.shutdown(LONG);
    provider.collect()
}

/// The metrics of the older conventions alone.
fn metrics_of(calls: impl FnOnce()) -> All {
    metrics_with(|builder| builder.semconv_stability(SemconvStability::Duplicate), calls)
}

fn attributes<'a>(attributes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Attributes {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn of_openai<'a>(more: impl IntoIterator<Item = (&'a str, &'a str)>) -> Attributes {
    let all = [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "gpt-5"),
        ("gen_ai.response.model", "gpt-5-2025-08-07"),
    ];
    attributes(all.into_iter().chain(more))
}

fn bounds(first: f64, factor: f64) -> Vec<f64> {
    let mut bounds = vec![first];
    bounds.extend((1..14).scan(first, |last, _| {
        *last *= factor;
        Some(*last)
    }));
    bounds
}

#[test]
fn call_is_measured_with_its_tokens_and_duration() {
    let metrics = metrics_of(|| drop(complete(request())));

    let (of_duration, Value::Histogram(1, seconds, buckets)) = metrics.only(DURATION) else {
        panic!("{metrics:#?}")
    };
    assert_eq!(*of_duration, of_openai([]));
    assert!(*seconds > 0.0 && *seconds < 60.0, "{seconds}");
    assert_eq!(*buckets, bounds(0.01, 2.0));
    assert_eq!(metrics.0[DURATION].unit, "s");

    let tokens = metrics.values(TOKENS);
    for (kind, count) in [("input", 120.0), ("output", 30.0)] {
        let expected =
            (of_openai([("gen_ai.token.type", kind)]), Value::Histogram(1, count, bounds(1.0, 4.0)));
        assert!(tokens.contains(&expected), "{tokens:#?}");
    }
    assert_eq!((tokens.len(), metrics.0[TOKENS].unit.as_str()), (2, "{token}"));
    assert!(metrics.values(FIRST_CHUNK).is_empty(), "it does not stream");
}

#[test]
fn current_conventions_count_each_kind_of_tokens() {
    let metrics = metrics_with(
        |builder| builder.semconv_stability(SemconvStability::Latest),
        || drop(complete(request())),
    );
    assert_eq!(*metrics.only(INFERENCE).0, of_openai([]));
    assert_eq!(metrics.0[INFERENCE].unit, "s");
    for (kind, count) in [("input", 120.0), ("output", 30.0)] {
        let name = format!("gen_ai.client.inference.operation.{kind}_tokens");
        let expected = (&of_openai([]), &Value::Histogram(1, count, bounds(1.0, 4.0)));
        assert_eq!(metrics.only(&name), expected, "{name}");
        assert_eq!(metrics.0[&name].unit, "{token}");
    }
    for (name, count) in [
        ("input_tokens", 120),
        ("output_tokens", 30),
        ("cache_read.input_tokens", 100),
        ("reasoning.output_tokens", 20),
    ] {
        let name = format!("gen_ai.client.inference.usage.{name}");
        let expected = (&of_openai([("gen_ai.token.modality", "unknown")]), &Value::Sum(count));
        assert_eq!(metrics.only(&name), expected, "{name}");
        assert_eq!(metrics.0[&name].unit, "{token}");
    }
    for older in [DURATION, TOKENS, FIRST_CHUNK] {
        assert!(metrics.values(older).is_empty(), "{older}");
    }
}

#[test]
fn setting_selects_the_names_of_metrics() {
    for (stability, older, current) in
        [(SemconvStability::Old, 1, 0), (SemconvStability::Latest, 0, 1), (SemconvStability::Duplicate, 1, 1)]
    {
        let metrics =
            metrics_with(|builder| builder.semconv_stability(stability), || drop(complete(request())));
        assert_eq!((metrics.count(DURATION), metrics.count(INFERENCE)), (older, current), "{stability:?}");
    }
    let metrics = metrics_with(
        |builder| builder.semconv_stability(SemconvStability::Old),
        || drop(complete(request())),
    );
    let (of_duration, _) = metrics.only(DURATION);
    assert_eq!(of_duration["gen_ai.system"], "openai", "the older name of the provider");
    assert!(!of_duration.contains_key("gen_ai.provider.name"));
}

#[test]
fn failed_call_is_measured_with_the_type_of_its_error() {
    let metrics = metrics_of(|| drop(fails(request())));
    for name in [DURATION, INFERENCE] {
        let (of_duration, _) = metrics.only(name);
        assert!(!of_duration["error.type"].is_empty(), "{of_duration:?}");
        assert_eq!(of_duration["gen_ai.request.model"], "gpt-5");
        assert!(!of_duration.contains_key("gen_ai.response.model"));
    }
    assert!(metrics.values(TOKENS).is_empty(), "no usage was reported");
    // The current conventions ask for a zero.
    let (_, input) = metrics.only("gen_ai.client.inference.operation.input_tokens");
    assert_eq!(*input, Value::Histogram(1, 0.0, bounds(1.0, 4.0)));
    assert_eq!(*metrics.only("gen_ai.client.inference.usage.input_tokens").1, Value::Sum(0));
}

#[test]
fn stream_is_measured_with_the_time_to_its_first_chunk() {
    let metrics = metrics_of(|| read_to_the_end(streamed(request())));
    let Value::Histogram(1, seconds, _) = metrics.only(DURATION).1 else { panic!("{metrics:#?}") };
    for name in [FIRST_CHUNK, "gen_ai.client.inference.time_to_first_chunk"] {
        let (of_first, Value::Histogram(1, first, buckets)) = metrics.only(name) else {
            panic!("{metrics:#?}")
        };
        assert_eq!(*of_first, of_openai([]));
        assert!(first <= seconds, "{first} of {seconds}");
        assert_eq!((buckets, metrics.0[name].unit.as_str()), (&bounds(0.01, 2.0), "s"));
    }
    assert_eq!(metrics.count(TOKENS), 2);
}

#[test]
fn embedding_is_measured_under_its_own_names() {
    let metrics = metrics_of(|| drop(embed(json!({"model": "text-embedding-3-small", "input": "a text"}))));
    let (of_duration, _) = metrics.only(DURATION);
    assert_eq!(of_duration["gen_ai.operation.name"], "embeddings");
    assert_eq!(metrics.only("gen_ai.client.embeddings.duration").0, of_duration);
    let (_, input) = metrics.only("gen_ai.client.embeddings.operation.input_tokens");
    assert_eq!(*input, Value::Histogram(1, 8.0, bounds(1.0, 4.0)));
    assert!(metrics.values(INFERENCE).is_empty());
    assert!(metrics.names().iter().all(|name| !name.starts_with("gen_ai.client.inference.")));
}

#[test]
fn span_of_another_crate_is_measured_with_its_server() {
    let metrics = metrics_of(|| {
        drop(info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "anthropic",
            gen_ai.request.model = "claude",
            gen_ai.response.model = "claude-1",
            gen_ai.usage.input_tokens = 3,
            gen_ai.usage.output_tokens = 4,
            server.address = "api.anthropic.com",
            server.port = "443",
            mine = "not listed",
        ));
    });
    let (of_duration, _) = metrics.only(DURATION);
    let expected = attributes([
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "anthropic"),
        ("gen_ai.request.model", "claude"),
        ("gen_ai.response.model", "claude-1"),
        ("server.address", "api.anthropic.com"),
        ("server.port", "443"),
    ]);
    assert_eq!(*of_duration, expected);
    assert_eq!(metrics.count(TOKENS), 2);
}

#[test]
fn metrics_have_no_attributes_but_those_of_the_conventions() {
    let metrics = metrics_with(
        |builder| builder.metadata([("of_layer", "x")]).tags(["of-layer"]),
        || {
            drop(complete(request()));
            drop(fails(request()));
            drop(tool("Oslo"));
            read_to_the_end(streamed(request()));
            drop(embed(json!({"model": "text-embedding-3-small", "input": "a text"})));
        },
    );
    let listed: BTreeSet<&str> = LISTED.into();
    let of_calls = metrics.0.iter().filter(|(name, _)| name.starts_with("gen_ai."));
    for (name, metric) in of_calls {
        assert!(!metric.description.is_empty(), "{name}");
        for (attributes, _) in &metric.values {
            assert!(attributes.keys().all(|key| listed.contains(key.as_str())), "{name}: {attributes:?}");
        }
    }
    assert_eq!(metrics.count(DURATION), 4, "a tool is no model call");
}

#[test]
fn call_without_content_is_measured_alike() {
    let with =
        |content| metrics_with(|builder| builder.capture_content(content), || drop(complete(request())));
    let (with_content, without) = (with(true), with(false));
    assert_eq!(with_content.values(TOKENS), without.values(TOKENS));
    assert_eq!(with_content.only(DURATION).0, without.only(DURATION).0);
}

#[test]
fn call_that_is_not_sampled_is_not_measured() {
    let metrics = metrics_with(|builder| builder.sample(0.0), || drop(complete(request())));
    assert!(metrics.values(DURATION).is_empty());
    assert_eq!(metrics.number("promptlayer.sampled_out", None), 1);
}

#[test]
fn page_lists_every_metric_with_its_unit() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md")).unwrap();
    let metrics = metrics_of(|| {
        drop(complete(request()));
        read_to_the_end(streamed(request()));
        drop(embed(json!({"model": "text-embedding-3-small", "input": "a text"})));
    });
    for (name, metric) in &metrics.0 {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        assert!(
            row.is_some_and(|row| row.contains(&format!("| `{}` |", metric.unit))),
            "{name} {}",
            metric.unit
        );
    }
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| `gen_ai.client.") || line.starts_with("| `promptlayer."));
    // Cache writes are the only ones that no call of this test has.
    assert_eq!(rows.count(), metrics.0.len() + 1);
}
