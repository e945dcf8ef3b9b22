//! Requests and responses follow the API documents: those that the library sends and those that
//! promptlayer-local answers.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::borrow::Cow;
use std::panic::{catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use promptlayer_local::{Config, Server};
use promptlayer_tracing::export::Wire;
use promptlayer_tracing::{LayerBuilder, PromptLink, promptlayer};
use serde_json::{Value, json};
use tests::example::run_example;
use tests::pipeline::layer_to;
use tests::plain_client::exchange_json;
use tests::{Contract, Fixture, Recorder, Reply, Request};
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(60);

/// Additional settings of a test's layer.
type SetUp = fn(LayerBuilder) -> LayerBuilder;

/// Runs calls under a layer that `set_up` configures, and returns the requests that the recorder received.
fn sent(
    wire: Wire,
    set_up: impl FnOnce(LayerBuilder) -> LayerBuilder,
    run: impl FnOnce(),
) -> Vec<Arc<Request>> {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = set_up(layer_to(recorder.url()).wire(wire)).build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), run);
    let stats = guard.shutdown(LONG);
    assert!(stats.spans.is_complete() && stats.tracking.is_complete(), "{stats:#?}");
    recorder.requests()
}

/// Checks every request against the API documents and returns the number of bodies.
fn assert_valid(contract: &Contract, requests: &[Arc<Request>]) -> usize {
    for request in requests {
        let body = request.json.as_ref().unwrap_or(&Value::Null);
        let violations = contract.check_request(request.method.as_str(), &request.path, body);
        assert!(violations.is_empty(), "{request}: {violations:#?}\n{body:#}");
    }
    requests.iter().filter(|request| request.json.is_some()).count()
}

/// Sends the requests to promptlayer-local too. It must accept all of them, and its responses must follow the
/// API documents.
fn assert_local_answers(contract: &Contract, server: &Server, requests: &[Arc<Request>]) {
    let mut logged = Value::Null;
    for request in requests {
        let mut body = request.json.clone().unwrap_or_default();
        // promptlayer-local assigns its own ids.
        if let Some(id) = body.get_mut("request_id") {
            *id = logged.clone();
        }
        let line = format!("{} {}", request.method, request.path);
        let got = exchange_json(server.url(), &line, &body).unwrap();
        assert!((200..300).contains(&got.status), "{line}: {got:#?}\n{body:#}");
        let answer = got.json();
        let violations = contract.check_response(request.method.as_str(), &request.path, got.status, &answer);
        assert!(violations.is_empty(), "{line} {}: {violations:#?}\n{answer:#}", got.status);
        if let Some(id) = answer.get("id").or(answer.pointer("/request_logs/0/id")) {
            logged = id.clone();
        }
    }
}

#[test]
fn examples_follow_the_api_documents() {
    let contract = Contract::load();
    for (example, least) in [("chat_openai", 1), ("local_model", 1), ("full", 4), ("quickstart", 1)] {
        let recorder = Recorder::start().unwrap();
        let ran = run_example(example, recorder.url());
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        let requests = recorder.requests();
        assert!(assert_valid(&contract, &requests) >= least, "{example}: {requests:#?}");
        if example != "full" {
            // `full` needs an existing template. A test below covers it.
            assert_local_answers(&contract, &Server::start(Config::default()).unwrap(), &requests);
        }
    }
}

#[test]
fn full_example_publishes_its_template_as_documented() {
    let contract = Contract::load();
    let recorder = Recorder::start().unwrap();
    let mut is_missing = true;
    recorder.decide(move |request| {
        let is_asked = request.path.starts_with("/prompt-templates/");
        (is_asked && std::mem::take(&mut is_missing)).then(|| Reply::status(404))
    });
    let ran = run_example("full", recorder.url());
    assert_eq!(ran.code, Some(0), "{ran:#?}");

    assert_valid(&contract, &recorder.requests());
    assert_eq!(recorder.bodies("/rest/prompt-templates").len(), 1);
    let published =
        recorder.requests().into_iter().filter(|request| !request.path.starts_with("/prompt-templates/"));
    assert_local_answers(
        &contract,
        &Server::start(Config::default()).unwrap(),
        &published.collect::<Vec<_>>(),
    );
}

/// 64 characters, 128 bytes.
macro_rules! sixty_four {
    () => {
        "ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää"
    };
}

/// A tag of the maximum length: 512 characters of two bytes each.
const LONGEST_TAG: &str = concat!(
    sixty_four!(),
    sixty_four!(),
    sixty_four!(),
    sixty_four!(),
    sixty_four!(),
    sixty_four!(),
    sixty_four!(),
    sixty_four!()
);

#[promptlayer(tags = ["chat", LONGEST_TAG], metadata(größe = 7, customer = "Zoë"), parameters(temperature = 0.2))]
fn ask(prompt: &str) -> String {
    format!("You asked: {prompt}")
}

#[promptlayer(prompt = PromptLink::new("example").version(2).variables([("product", json!(["töasters", 1, null]))]))]
fn ask_from_template(system: &str, messages: &[Value], tools: &[Value]) -> Value {
    let _ = (system, messages, tools);
    json!({ "role": "assistant", "content": null, "tool_calls": [call_of("weather")] })
}

#[promptlayer]
fn pass_on(request: Value, times: u32) -> Result<Value, String> {
    let _ = times;
    match request.get("model").and_then(Value::as_str) {
        Some(_) => Ok(completion(&request)),
        None => Err("there is no model. ".repeat(200)),
    }
}

#[promptlayer]
fn break_down(question: &str) -> u32 {
    // `panic!` would fill the output of the test.
    resume_unwind(Box::new(format!("{question} {}", "päniked ".repeat(300))))
}

#[promptlayer]
async fn never(question: &str) {
    let _ = question;
    std::future::pending::<()>().await;
}

#[promptlayer(kind = "embedding", model = "embedder")]
fn embed(texts: &[&str]) -> Vec<Vec<f64>> {
    texts.iter().map(|text| vec![0.5; text.len()]).collect()
}

#[promptlayer(kind = "agent", tags = ["agent"], metadata(run = 1))]
fn agent(question: &str) -> String {
    let facts = retrieve(question);
    lookup(facts.len());
    ask(&facts.join(" "))
}

#[promptlayer(kind = "retriever")]
fn retrieve(query: &str) -> Vec<String> {
    vec![query.to_owned()]
}

#[promptlayer(kind = "tool", fields(answer = 42, name = "größe"))]
fn lookup(number: usize) -> usize {
    number
}

#[promptlayer(kind = "chain", fields(note))]
fn fail_in_a_chain(text: &str) -> Result<(), String> {
    tracing::Span::current().record("note", tracing::field::debug(text));
    Err(text.repeat(1000))
}

fn call_of(tool: &str) -> Value {
    json!({ "id": "call_1", "type": "function", "function": { "name": tool, "arguments": "{\"city\":\"Köln\"}" } })
}

fn completion(request: &Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": request["model"],
        "choices": [
            { "index": 0, "finish_reason": "tool_calls", "message": {
                "role": "assistant", "content": null, "refusal": null, "tool_calls": [call_of("weather")] } },
            { "index": 1, "finish_reason": "length", "message": { "role": "assistant", "content": "" } },
        ],
        "usage": { "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 },
    })
}

fn tool(strict: &Value) -> Value {
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    json!({ "type": "function", "function": {
        "name": "weather", "description": null, "strict": strict, "parameters": parameters } })
}

/// Makes a call of every kind, with every ending.
fn every_kind_of_call() {
    for prompt in ["why?", "", "ありがとう 🦀 \u{0} \u{202e} \"quoted\" {braces} {{ jinja }}"] {
        ask(prompt);
    }
    let conversation = [
        json!({ "role": "developer", "content": "be brief", "name": "dev" }),
        json!({ "role": "user", "content": [
            { "type": "text", "text": "Is it raining?" },
            { "type": "image_url", "image_url": { "url": "https://example.com/sky.png", "detail": "low" } },
            { "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } },
            { "type": "file", "file": { "file_id": "file-1" } },
        ] }),
        json!({ "role": "assistant", "content": "", "refusal": "no", "tool_calls": [call_of("weather")] }),
        json!({ "role": "tool", "tool_call_id": "call_1", "content": "sunny" }),
        json!({ "role": "assistant", "function_call": { "name": "f", "arguments": "{}" } }),
        json!({ "role": "function", "name": "f", "content": null }),
        json!({ "role": "user", "content": null }),
        json!({ "role": "nobody", "content": 7 }),
    ];
    ask_from_template("be brief", &conversation, &[tool(&Value::Null)]);
    for choice in [
        json!("auto"),
        json!("none"),
        json!("required"),
        json!({ "type": "function", "function": { "name": "weather" } }),
        json!({ "type": "allowed_tools", "allowed_tools": { "mode": "auto", "tools": [] } }),
    ] {
        for strict in [json!(true), Value::Null] {
            let tools = [tool(&strict), json!({ "type": "custom", "custom": { "name": "shell" } })];
            let known = json!({ "model": "gpt-4o", "messages": conversation, "tools": [tools[0]], "tool_choice": choice,
                "temperature": 0.5, "stop": ["\n"], "response_format": { "type": "json_object" }, "seed": null });
            let mixed =
                json!({ "model": "gpt-4o", "messages": conversation, "tools": tools, "tool_choice": choice });
            pass_on(known, 1).unwrap();
            pass_on(mixed, 2).unwrap();
        }
    }
    for prompt in [json!(""), json!("a"), json!(["a", "b"]), json!([1, 2]), json!([[1], [2]])] {
        pass_on(json!({ "model": "davinci", "prompt": prompt, "echo": true, "suffix": null }), 3).unwrap();
    }
    for nothing in [json!({}), json!([]), json!(null), json!(7), json!({ "messages": [], "prompt": "" })] {
        assert!(pass_on(nothing, 4).is_err());
    }
    assert!(catch_unwind(|| break_down("who?")).is_err());
    {
        let mut call = pin!(never("when?"));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(never("never polled"));
    embed(&["one", "two"]);
    agent("what?");
    assert!(fail_in_a_chain("lost ").is_err());
    let _other = tracing::info_span!("other", flag = true, ratio = 0.5, count = -1, big = u64::MAX).entered();
}

#[test]
fn every_kind_of_call_follows_the_api_documents_on_both_wires() {
    let contract = Contract::load();
    let as_it_is = |builder: LayerBuilder| builder;
    let with_all = |builder: LayerBuilder| {
        let longest: String = "x".repeat(512);
        builder
            .tags([longest])
            .metadata([("service", "tests"), ("none", "empty")])
            .provider("openai")
            .export_spans(|_| true)
    };
    let redacted = |builder: LayerBuilder| builder.redact_text(|_| Cow::Borrowed(""));
    let longer =
        |builder: LayerBuilder| builder.redact_text(|text| Cow::Owned(format!("{text}{}", "…".repeat(2000))));
    let without_content = |builder: LayerBuilder| builder.capture_content(false);
    let set_ups: [SetUp; 5] = [as_it_is, with_all, redacted, longer, without_content];
    for wire in [Wire::SpansBulk, Wire::LogRequest] {
        for set_up in set_ups {
            let requests = sent(wire, set_up, every_kind_of_call);
            let logs: Vec<&Value> = requests.iter().flat_map(|request| request.request_logs()).collect();
            let with = |status: &str| logs.iter().filter(|log| log["status"] == status).count();
            // The counts of `every_kind_of_call`: five calls without a model and the panic are errors. One call
            // was cancelled, and each of the 25 completions has a choice that was cut off. The call that was
            // never polled is not logged.
            assert_eq!((logs.len(), with("ERROR"), with("WARNING")), (38, 6, 1 + 25), "{wire:?}");
            assert_valid(&contract, &requests);
            assert_local_answers(&contract, &Server::start(Config::default()).unwrap(), &requests);
        }
    }
}

#[test]
fn tracking_calls_of_hooks_follow_the_api_documents() {
    let contract = Contract::load();
    let tracking = |builder: LayerBuilder| {
        builder.on_request_id(|request| {
            let track = request.track();
            track.score(0).enqueue().unwrap();
            track.score(100).name("größe").enqueue().unwrap();
            track.metadata([("foo", "bar"), ("ключ", "")]).enqueue().unwrap();
            track.prompt("example").enqueue().unwrap();
            track
                .prompt("example")
                .version(1)
                .variables([("product", json!({ "of": ["x", 1] }))])
                .enqueue()
                .unwrap();
            track.prompt("example").label("prod").variables([("product", "toasters")]).enqueue().unwrap();
        })
    };
    let requests = sent(Wire::SpansBulk, tracking, || drop(ask("why?")));
    assert_eq!(assert_valid(&contract, &requests), 7);
    let template = json!({ "type": "completion", "content": [{ "type": "text", "text": "{product}" }] });
    let publish = json!({ "prompt_template": { "prompt_name": "example" },
        "prompt_version": { "prompt_template": template }, "release_labels": ["prod"] });
    // Links to a template require the template to exist.
    let recorder = Recorder::start().unwrap();
    exchange_json(recorder.url(), "POST /rest/prompt-templates", &publish).unwrap();
    let mut all = recorder.requests();
    all.extend(requests);
    assert_local_answers(&contract, &Server::start(Config::default()).unwrap(), &all);
}

#[promptlayer(skip(answer))]
fn replay(request: Value, answer: &Value) -> Value {
    drop(request);
    answer.clone()
}

#[promptlayer(skip(answer))]
fn replay_failed(request: Value, answer: &Value) -> Result<Value, String> {
    drop(request);
    Err(answer.to_string())
}

/// The same exchange as seen by a function that takes the provider's arguments separately.
#[promptlayer(skip(answer))]
fn replay_apart(model: &Value, messages: &Value, tools: &Value, answer: &Value) -> Value {
    let _ = (model, messages, tools);
    answer.clone()
}

#[test]
fn provider_exchanges_follow_the_api_documents() {
    let (contract, fixtures) = (Contract::load(), Fixture::all());
    let redacted = |builder: LayerBuilder| builder.redact_text(|text| Cow::Owned(text.to_uppercase()));
    let set_ups: [(Wire, SetUp); 3] = [
        (Wire::SpansBulk, |builder| builder),
        (Wire::LogRequest, |builder| builder),
        (Wire::SpansBulk, redacted),
    ];
    for (wire, set_up) in set_ups {
        let recorder = Recorder::start().unwrap();
        let (layer, guard) = set_up(layer_to(recorder.url()).wire(wire)).build().unwrap();
        let _default = tracing_subscriber::registry().with(layer).set_default();
        let local = Server::start(Config::default()).unwrap();
        let mut arrived = 0;
        for fixture in &fixtures {
            let request = &fixture.request;
            let answers: Vec<&Value> = fixture.answers().collect();
            assert!(!answers.is_empty(), "{} has no answer", fixture.name);
            for answer in &answers {
                replay(request.clone(), answer);
                let messages = ["messages", "contents", "input"].into_iter().find_map(|key| request.get(key));
                replay_apart(&request["model"], messages.unwrap_or(&Value::Null), &request["tools"], answer);
                drop(replay_failed(request.clone(), answer));
            }
            assert!(guard.flush(LONG).is_complete(), "{}: {:#?}", fixture.name, guard.stats());
            let requests = recorder.requests().split_off(arrived);
            arrived += requests.len();
            // The test shows this output only if a check fails.
            println!("{} over {wire:?}", fixture.name);
            assert_eq!(requests.iter().flat_map(|request| request.request_logs()).count(), 3 * answers.len());
            assert_valid(&contract, &requests);
            assert_local_answers(&contract, &local, &requests);
        }
        assert!(guard.stats().spans.is_complete());
    }
}
