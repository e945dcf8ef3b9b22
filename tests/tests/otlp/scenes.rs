//! The same calls over both wires at once: the same spans, traces and request logs.

use std::collections::BTreeMap;

use promptlayer_local::{Config, Server};
use promptlayer_tracing::export::Wire;
use serde_json::{Map, Value, json};
use tests::example::run_example_with;
use tests::fixtures::{Given, call};
use tests::pipeline::KEY;
use tests::plain_client::exchange_json;
use tests::{Fixture, Recorder};

use super::*;

/// The examples that need no account. `full` needs a template.
const EXAMPLES: [&str; 4] = ["chat_openai", "local_model", "full", "quickstart"];

fn by_id(spans: Vec<Value>) -> BTreeMap<String, Value> {
    spans.into_iter().map(|span| (span["context"]["span_id"].to_string(), span)).collect()
}

/// Checks that an attribute of `/spans-bulk` is an attribute over OTLP, with the same type and value.
#[track_caller]
fn assert_within(all: &Value, some: &Value) {
    let (all, some) = (all.as_object().unwrap(), some.as_object().unwrap());
    for (name, value) in some {
        assert_eq!(all.get(name), Some(value), "{name}");
    }
}

/// Checks that two servers received the same spans.
#[track_caller]
fn assert_same_spans(bulk: &Recorder, otlp: &Recorder) -> usize {
    let (of_bulk, of_otlp) = (by_id(bulk.accepted_spans()), by_id(otlp.accepted_spans()));
    assert_eq!(of_bulk.keys().collect::<Vec<_>>(), of_otlp.keys().collect::<Vec<_>>());
    for (id, span) in &of_bulk {
        let other = &of_otlp[id];
        let fields =
            ["name", "context", "kind", "parent_id", "start_time", "end_time", "status", "log_request"];
        for field in fields {
            assert_eq!(span.get(field), other.get(field), "{field} of {}", span["name"]);
        }
        assert_within(&other["attributes"], &span["attributes"]);
        assert_within(&other["resource"]["attributes"], &span["resource"]["attributes"]);
    }
    of_bulk.len()
}

/// The template that the example `full` reads, in the form that publishes it.
fn template() -> Value {
    let content =
        json!([{ "type": "text", "text": "What is a good name for a company that makes {product}?" }]);
    json!({ "type": "completion", "content": content, "input_variables": ["product"] })
}

#[test]
fn examples_send_the_same_spans_over_both_wires() {
    for example in EXAMPLES {
        let (bulk, otlp) = (Recorder::start().unwrap(), Recorder::start().unwrap());
        bulk.set_template("example", &json!({ "version": 1, "prompt_template": template() }));
        let endpoint = format!("{}/v1/traces", otlp.url());
        let variables = [("EXAMPLES_OTLP", "1"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str())];
        let ran = run_example_with(example, bulk.url(), &variables);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        assert!(assert_same_spans(&bulk, &otlp) >= 1, "{example}");
        assert!(otlp.requests().iter().all(|request| request.path == "/v1/traces"), "{example}");
    }
}

/// Starts promptlayer-local with the template of the example `full`.
fn local() -> Server {
    let server = Server::start(Config::default()).unwrap();
    let body = json!({
        "prompt_template": { "prompt_name": "example" },
        "prompt_version": { "prompt_template": template() },
    });
    let answer = exchange_json(server.url(), "POST /rest/prompt-templates", &body).unwrap();
    assert!(answer.status < 300, "{answer:?}");
    server
}

fn get(server: &Server, path: &str) -> Value {
    let answer = exchange_json(server.url(), &format!("GET {path}"), &Value::Null).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Fields of a request that each server numbers by itself, or that tracking calls of a hook set at one server.
const NOT_OF_A_WIRE: &[&str] = &[
    "id",
    "request_id",
    "scores",
    "prompt_name",
    "prompt_id",
    "prompt_version_number",
    "prompt_input_variables",
];

/// Returns the spans of a trace by their ids, without what each server numbers by itself. The request log of a span is
/// that of the API.
fn trace(server: &Server, trace: &str) -> BTreeMap<String, Map<String, Value>> {
    let spans = get(server, &format!("/api/public/v2/traces/{trace}"))["spans"].take();
    let mut by_id = BTreeMap::new();
    for span in spans.as_array().unwrap() {
        let mut span = span.as_object().unwrap().clone();
        span.remove("id");
        if let Some(id) = span.remove("request_log_id").and_then(|id| id.as_u64()) {
            let mut log = get(server, &format!("/api/public/v2/requests/{id}"));
            log.as_object_mut().unwrap().retain(|name, _| !NOT_OF_A_WIRE.contains(&name.as_str()));
            // Added by a hook of the example `full`.
            log["metadata"].as_object_mut().unwrap().remove("foo");
            span.insert("log".to_owned(), log);
        }
        by_id.insert(span["span_id"].to_string(), span);
    }
    by_id
}

/// Checks that two servers show the same traces and request logs.
#[track_caller]
fn assert_same_traces(bulk: &Server, otlp: &Server) {
    let traces: Vec<String> =
        bulk.requests().unwrap().iter().map(|request| request.trace_id.clone().unwrap()).collect();
    assert!(!traces.is_empty());
    assert_eq!(bulk.requests().unwrap().len(), otlp.requests().unwrap().len());
    for id in traces {
        let (of_bulk, of_otlp) = (trace(bulk, &id), trace(otlp, &id));
        assert_eq!(of_bulk.keys().collect::<Vec<_>>(), of_otlp.keys().collect::<Vec<_>>());
        for (span_id, mut span) in of_bulk {
            let mut other = of_otlp[&span_id].clone();
            let take = |span: &mut Map<String, Value>, name: &str| span.remove(name).unwrap_or_default();
            assert_within(&take(&mut other, "attributes"), &take(&mut span, "attributes"));
            let (resource, of_other) = (take(&mut span, "resource"), take(&mut other, "resource"));
            assert_within(&of_other["attributes"], &resource["attributes"]);
            assert_eq!(span, other);
        }
    }
}

#[test]
fn local_server_shows_the_same_of_examples_by_either_wire() {
    for example in EXAMPLES {
        let (bulk, otlp) = (local(), local());
        let endpoint = format!("{}/v1/traces", otlp.url());
        let variables = [
            ("EXAMPLES_OTLP", "1"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-api-key=test"),
        ];
        let ran = run_example_with(example, bulk.url(), &variables);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        assert_eq!(
            bulk.requests().unwrap().len(),
            otlp.wait_for_requests(bulk.requests().unwrap().len(), LONG).unwrap().len()
        );
        assert_same_traces(&bulk, &otlp);
    }
}

/// Replays every exchange of the fixtures under a layer that sends to both servers.
fn replay_all(bulk: &str, otlp: &str) -> Stats {
    let to = collector(otlp).header("x-api-key", KEY);
    let builder = builder().api_key(KEY).base_url(bulk).wire(Wire::SpansBulkAndOtlp).otlp(to);
    after(builder, || {
        for fixture in Fixture::all() {
            for answer in fixture.answers() {
                let given = match answer.as_array() {
                    Some(events) => Given::Events(events.clone()),
                    None => Given::Whole(answer.clone()),
                };
                call(None, &fixture.request, given);
            }
        }
        let _ = std::panic::catch_unwind(|| fail("boom"));
        weather("Oslo");
    })
}

#[promptlayer(kind = "tool")]
fn weather(city: &str) -> String {
    format!("sunny in {city}")
}

#[promptlayer]
fn fail(text: &str) -> usize {
    panic!("{text}")
}

#[test]
fn fixtures_of_all_providers_are_the_same_spans_over_both_wires() {
    let (bulk, otlp) = (Recorder::start().unwrap(), Recorder::start().unwrap());
    let stats = replay_all(bulk.url(), otlp.url());
    assert!(stats.spans.is_complete() && stats.otlp.unwrap().spans.is_complete());
    assert!(assert_same_spans(&bulk, &otlp) > 20);
    let tool = otlp.accepted_spans().into_iter().find(|span| span["name"] == "Tool: weather").unwrap();
    let attributes = &tool["attributes"];
    assert_eq!(attributes["node_type"], "CODE_EXECUTION");
    assert_eq!(
        (&attributes["function_input"], &attributes["function_output"]),
        (&json!(r#"{"city":"Oslo"}"#), &json!("sunny in Oslo"))
    );
}

#[test]
fn local_server_shows_the_same_of_all_fixtures_by_either_wire() {
    let (bulk, otlp) = (local(), local());
    let stats = replay_all(bulk.url(), otlp.url());
    assert!(stats.spans.is_complete() && stats.otlp.unwrap().spans.is_complete());
    assert_same_traces(&bulk, &otlp);
}

#[test]
fn attributes_have_their_types_and_messages_can_be_left_out() {
    for messages in [true, false] {
        let otlp = Recorder::start().unwrap();
        let to = collector(otlp.url()).messages(messages);
        let stats = after(builder().otlp(to).provider("openai"), || {
            let request = json!({
                "model": "gpt-4o", "temperature": 0.5, "max_tokens": 7, "stop": ["x"], "stream": false,
                "messages": [{"role": "user", "content": "a secret"}],
            });
            let reply = json!({
                "id": "r1", "object": "chat.completion", "model": "gpt-4o-1",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "another secret"}}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
            });
            call(None, &request, Given::Whole(reply));
        });
        assert!(stats.spans.is_complete(), "{stats:#?}");
        let [span] = &otlp.accepted_spans()[..] else { panic!() };
        let attributes = &span["attributes"];
        let expected = json!({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-1", "gen_ai.response.id": "r1",
            "gen_ai.response.finish_reasons": ["stop"], "gen_ai.usage.input_tokens": 3,
            "gen_ai.usage.output_tokens": 2, "gen_ai.request.temperature": 0.5, "gen_ai.request.max_tokens": 7,
            "gen_ai.request.stop_sequences": ["x"], "gen_ai.request.stream": false,
        });
        assert_within(attributes, &expected);
        assert_eq!(span.to_string().contains("secret"), messages, "{span:#}");
        for name in ["gen_ai.input.messages", "gen_ai.output.messages"] {
            assert_eq!(attributes.get(name).is_some_and(Value::is_string), messages, "{name}");
        }
    }
}
