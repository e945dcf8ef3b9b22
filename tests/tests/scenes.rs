//! Runs the examples as a user does. They must send at least what LangChain's handler sends for the same
//! scenes.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tests::example::{Ran, run_example};
use tests::plain_client::exchange_json;
use tests::{Recorder, Scene};

/// The facts that both a recording and a request log contain.
#[derive(Debug, PartialEq)]
struct Facts {
    tags: Vec<String>,
    model: String,
    input: Vec<Line>,
    output: Vec<Line>,
    parameters: BTreeMap<String, Value>,
}

/// A role and a text. The role is empty in a completion.
type Line = (String, String);

/// Values of LangChain that a recording contains next to the parameters of the model.
const NOT_PARAMETERS: &[&str] = &["model", "model_name", "_type", "stream", "streaming"];

impl Facts {
    fn recorded(scene: &Scene) -> Self {
        let body = scene.to_path("/track-request").next().unwrap().body_json.as_ref().unwrap();
        let kwargs = body["kwargs"].as_object().unwrap();
        let model = kwargs.get("model").or(kwargs.get("model_name")).unwrap();
        let mut parameters = kwargs.clone();
        parameters.retain(|name, value| !value.is_null() && !NOT_PARAMETERS.contains(&name.as_str()));
        let output = match &body["request_response"] {
            Value::Array(messages) => messages.iter().map(recorded_line).collect(),
            completion => vec![recorded_line(&completion["text"])],
        };
        Self {
            tags: texts(&body["tags"]),
            model: text(model),
            input: body["args"].as_array().unwrap().iter().map(recorded_line).collect(),
            output,
            parameters: numbers(parameters),
        }
    }

    fn logged(log: &Value) -> Self {
        Self {
            tags: texts(&log["tags"]),
            model: text(&log["model"]),
            input: lines(&log["input"]),
            output: lines(&log["output"]),
            parameters: numbers(log["parameters"].as_object().unwrap().clone()),
        }
    }
}

/// Converts a message of a recording. A completion has a plain text instead of a message.
fn recorded_line(message: &Value) -> Line {
    match message {
        Value::String(text) => (String::new(), text.clone()),
        message => (text(&message["role"]), text(&message["content"])),
    }
}

/// Returns the roles and texts of a prompt in the log.
fn lines(prompt: &Value) -> Vec<Line> {
    match prompt["type"].as_str().unwrap() {
        "completion" => vec![(String::new(), content(&prompt["content"]))],
        "chat" => {
            let messages = prompt["messages"].as_array().unwrap().iter();
            messages.map(|message| (text(&message["role"]), content(&message["content"]))).collect()
        }
        other => panic!("a prompt is no {other:?}"),
    }
}

fn content(blocks: &Value) -> String {
    blocks.as_array().unwrap().iter().map(|block| block["text"].as_str().unwrap()).collect()
}

/// Converts all numbers to floats, so that 1 equals 1.0.
fn numbers(parameters: serde_json::Map<String, Value>) -> BTreeMap<String, Value> {
    let number = |value: Value| value.as_f64().map_or(value, Value::from);
    parameters.into_iter().map(|(name, value)| (name, number(value))).collect()
}

fn parameters<const N: usize>(of: [(&str, f64); N]) -> BTreeMap<String, Value> {
    of.map(|(name, value)| (name.to_owned(), Value::from(value))).into()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Converts a list of texts. An empty list may be missing.
fn texts(values: &Value) -> Vec<String> {
    match values {
        Value::Null => Vec::new(),
        values => values.as_array().unwrap().iter().map(text).collect(),
    }
}

fn line(role: &str, text: &str) -> Line {
    (role.to_owned(), text.to_owned())
}

/// Runs an example against the recorder and checks that it succeeds.
fn run(name: &str, recorder: &Recorder) -> Ran {
    let ran = run_example(name, recorder.url());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran
}

/// Returns the only request log of a run and its id in the service, and checks what applies to every log.
fn the_log(recorder: &Recorder, since: SystemTime) -> (Value, u64) {
    let spans = recorder.accepted_spans();
    let [span] = spans.as_slice() else { panic!("{spans:#?}") };
    assert_in_time(span, since);
    assert_eq!(span["parent_id"], Value::Null);
    let log = span["log_request"].clone();
    assert_eq!(log["status"], "SUCCESS");
    for side in ["input_tokens", "output_tokens"] {
        assert!(log[side].as_u64().unwrap() > 0, "{side}: {log:#}");
    }
    (log, ids(recorder, span)[&text(&span["name"])])
}

/// Returns the request ids in the trace of `span`, keyed by the names of their spans.
fn ids(recorder: &Recorder, span: &Value) -> BTreeMap<String, u64> {
    let trace = format!("GET /api/public/v2/traces/{}", text(&span["context"]["trace_id"]));
    let trace = exchange_json(recorder.url(), &trace, &Value::Null).unwrap().json();
    let spans = trace["spans"].as_array().unwrap().iter();
    spans.filter_map(|span| Some((text(&span["name"]), span["request_log_id"].as_u64()?))).collect()
}

/// Checks that a span and its request log lie between `since` and now and agree to the microsecond.
fn assert_in_time(span: &Value, since: SystemTime) {
    let nanoseconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let (start, end) = (span["start_time"].as_u64().unwrap(), span["end_time"].as_u64().unwrap());
    assert!(nanoseconds(since) <= start.into() && start <= end, "{span:#}");
    assert!(u128::from(end) <= nanoseconds(SystemTime::now()), "{span:#}");
    for (time, of_span) in [("request_start_time", start), ("request_end_time", end)] {
        let time = text(&span["log_request"][time]);
        let (second, fraction) =
            rfc3339(&time).unwrap_or_else(|| panic!("{time} is no time to the microsecond"));
        let expected = (of_span / 1_000_000_000 % 60, of_span % 1_000_000_000);
        assert_eq!((second, fraction / 1_000), (expected.0, expected.1 / 1_000), "{time}");
    }
}

/// Returns the second within the minute, and the nanosecond within the second, of an RFC 3339 time in UTC. The
/// time must have microseconds or a finer resolution.
fn rfc3339(time: &str) -> Option<(u64, u64)> {
    let (whole, fraction) = time.strip_suffix('Z').or(time.strip_suffix("+00:00"))?.split_once('.')?;
    let form = whole.replace(|digit: char| digit.is_ascii_digit(), "0");
    let digits = fraction.bytes().all(|digit| digit.is_ascii_digit());
    if form != "0000-00-00T00:00:00" || !digits || !(6..=9).contains(&fraction.len()) {
        return None;
    }
    Some((whole[17..].parse().ok()?, format!("{fraction:0<9}").parse().ok()?))
}

#[test]
fn chat_example_matches_langchain_scene_1() {
    let facts = Facts {
        tags: vec!["chatopenai".to_owned()],
        model: "gpt-3.5-turbo".to_owned(),
        input: vec![line("user", "What comes after 1,2,3 ?"), line("user", "Tell me another joke?")],
        output: vec![line("assistant", "4 comes after 1, 2, 3.")],
        parameters: parameters([("temperature", 0.0)]),
    };
    for scene in Scene::load("langchain_chat") {
        assert_eq!(Facts::recorded(&scene), facts);
    }
    let (recorder, since) = (Recorder::start().unwrap(), SystemTime::now());
    let ran = run("chat_openai", &recorder);

    let (log, id) = the_log(&recorder, since);
    assert_eq!(Facts::logged(&log), facts);
    assert_eq!((log["provider"].as_str(), log["function_name"].as_str()), (Some("openai"), Some("chat")));
    assert!(ran.stdout.lines().any(|line| line == format!("promptlayer id {id}")), "{ran:#?}");
    assert_eq!(recorder.request_logs().len(), 1);
}

#[test]
fn local_model_example_matches_langchain_scene_2() {
    let facts = Facts {
        tags: vec!["langchain".to_owned(), "gpt4all".to_owned()],
        model: "./models/gpt4all-model.bin".to_owned(),
        input: vec![line("", "Once upon a time, ")],
        output: vec![line("", "there was a toaster.")],
        parameters: parameters([
            ("max_tokens", 200.0),
            ("n_predict", 256.0),
            ("top_k", 40.0),
            ("top_p", 0.1),
            ("temp", 0.7),
            ("n_batch", 8.0),
            ("repeat_penalty", 1.18),
            ("repeat_last_n", 64.0),
        ]),
    };
    for scene in Scene::load("langchain_completion") {
        assert_eq!(Facts::recorded(&scene), facts);
    }
    let (recorder, since) = (Recorder::start().unwrap(), SystemTime::now());
    let ran = run("local_model", &recorder);

    let (log, id) = the_log(&recorder, since);
    let mut logged = Facts::logged(&log);
    // The example also sends the parameter under `OpenAI`'s name, because not every server knows GPT4All's
    // name.
    assert_eq!(logged.parameters.remove("temperature"), Some(json!(0.7)));
    assert_eq!(logged, facts);
    assert_eq!(log["provider"], "gpt4all");
    assert!(ran.stdout.lines().any(|line| line == format!("promptlayer id {id}")), "{ran:#?}");
}

#[test]
fn full_example_matches_langchain_scene_3() {
    let question = "What is a good name for a company that makes toasters?";
    let facts = Facts {
        tags: Vec::new(),
        model: "gpt-3.5-turbo-instruct".to_owned(),
        input: vec![line("", question)],
        output: vec![line("", "\n\nToastly Goods")],
        parameters: parameters([
            ("temperature", 0.7),
            ("top_p", 1.0),
            ("frequency_penalty", 0.0),
            ("presence_penalty", 0.0),
            ("n", 1.0),
            ("max_tokens", 256.0),
        ]),
    };
    let template = json!("What is a good name for a company that makes {product}?");
    let tracked = |id: u64| {
        let variables = json!({ "product": "toasters" });
        [
            ("score", json!({ "request_id": id, "score": 100 })),
            ("metadata", json!({ "request_id": id, "metadata": { "foo": "bar" } })),
            (
                "prompt",
                json!({ "request_id": id, "prompt_name": "example", "version": 1, "prompt_input_variables": variables }),
            ),
        ]
    };
    for scene in Scene::load("langchain_full") {
        assert_eq!(Facts::recorded(&scene), facts);
        let id =
            scene.to_path("/track-request").next().unwrap().response.json["request_id"].as_u64().unwrap();
        for (what, body) in tracked(id) {
            let exchange = scene.to_path(&format!("/library-track-{what}")).next().unwrap();
            let mut recorded = exchange.body_json.clone().unwrap();
            recorded.as_object_mut().unwrap().retain(|name, value| name != "api_key" && !value.is_null());
            assert_eq!(recorded, body);
        }
        let fetched = scene.to_path("/library-get-prompt-template").next().unwrap();
        assert_eq!(
            (&fetched.query["prompt_name"], &fetched.query["version"]),
            (&json!(["example"]), &json!(["1"]))
        );
        assert_eq!(fetched.response.json["prompt_template"]["template"], template);
    }
    let (recorder, since) = (Recorder::start().unwrap(), SystemTime::now());
    let content = json!([{ "type": "text", "text": template }]);
    let prompt = json!({ "type": "completion", "content": content, "input_variables": ["product"] });
    recorder.set_template("example", &json!({ "version": 1, "prompt_template": prompt }));
    let ran = run("full", &recorder);

    let (log, id) = the_log(&recorder, since);
    assert_eq!(Facts::logged(&log), facts);
    assert!(ran.stdout.lines().any(|line| line == format!("promptlayer id {id}")), "{ran:#?}");

    let requests = recorder.requests();
    let fetched = requests.iter().find(|request| request.path == "/prompt-templates/example").unwrap();
    assert_eq!(fetched.query("version"), Some("1"));
    for (what, body) in tracked(id) {
        assert_eq!(recorder.bodies(&format!("/rest/track-{what}")), [body]);
    }
    // The same order as in the scene: the template first, then the request, then the calls that need its id.
    let paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).take(5).collect();
    let expected = [
        "/prompt-templates/example",
        "/spans-bulk",
        "/rest/track-score",
        "/rest/track-metadata",
        "/rest/track-prompt",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn quickstart_logs_its_failed_call_in_one_trace() {
    let (recorder, since) = (Recorder::start().unwrap(), SystemTime::now());
    let ran = run("quickstart", &recorder);

    let spans: BTreeMap<String, Value> =
        recorder.accepted_spans().into_iter().map(|span| (text(&span["name"]), span)).collect();
    assert_eq!(spans.keys().collect::<Vec<_>>(), ["ask_nobody", "brand", "explain", "name_company", "tour"]);
    let trace = text(&spans["tour"]["context"]["trace_id"]);
    assert!(trace.len() == 32 && trace.bytes().all(|digit| digit.is_ascii_hexdigit()), "{trace}");
    for (name, parent) in [
        ("tour", None),
        ("explain", Some("tour")),
        ("brand", Some("tour")),
        ("name_company", Some("brand")),
        ("ask_nobody", Some("tour")),
    ] {
        assert_eq!(text(&spans[name]["context"]["trace_id"]), trace);
        let parent = parent.map_or(Value::Null, |parent| spans[parent]["context"]["span_id"].clone());
        assert_eq!(spans[name]["parent_id"], parent, "{name}");
    }
    for chain in ["tour", "brand"] {
        assert!(spans[chain].get("log_request").is_none_or(Value::is_null), "{chain}");
    }

    let log = |name: &str| &spans[name]["log_request"];
    for name in ["explain", "name_company", "ask_nobody"] {
        assert_in_time(&spans[name], since);
    }
    assert_eq!(log("explain")["status"], "SUCCESS");
    assert_eq!(log("explain")["model"], "gpt-4o-mini");
    assert_eq!(lines(&log("explain")["input"]), [line("user", "What comes after 1,2,3 ?")]);
    let [(role, answer)] = &lines(&log("explain")["output"])[..] else { panic!("{:#}", log("explain")) };
    assert_eq!(role, "assistant");
    assert!(ran.stdout.contains(&format!("explain      said {answer:?}")), "{ran:#?}");
    assert!(log("explain")["input_tokens"].as_u64().unwrap() > 0);
    assert!(log("explain")["output_tokens"].as_u64().unwrap() > 0);

    assert_eq!(texts(&log("name_company")["tags"]), ["branding", "quickstart"]);
    assert_eq!(log("name_company")["metadata"]["product"], "toasters");
    assert_eq!(log("name_company")["model"], "gpt-4o-mini");
    let question = "What is a good name for a company that makes toasters?";
    assert_eq!(lines(&log("name_company")["input"]), [line("user", question)]);

    let failed = log("ask_nobody");
    assert_eq!(failed["status"], "ERROR");
    assert!(!text(&failed["error_type"]).is_empty());
    assert!(text(&failed["error_message"]).contains("no-such-model"), "{failed:#}");
    assert_eq!(lines(&failed["input"]), [line("user", "Is anybody there?")]);
    assert_eq!(lines(&failed["output"]), []);
    assert_eq!(spans["ask_nobody"]["status"]["status_code"], "StatusCode.ERROR");

    let ids = ids(&recorder, &spans["tour"]);
    assert_eq!(ids.keys().collect::<Vec<_>>(), ["ask_nobody", "explain", "name_company"]);
    for (name, id) in ids {
        assert!(ran.stdout.lines().any(|line| line == format!("request id {id} is {name}")), "{ran:#?}");
    }
    assert!(ran.stdout.contains(&trace), "{ran:#?}");
    assert!(ran.stdout.contains("5 spans delivered of 5"), "{ran:#?}");
}
