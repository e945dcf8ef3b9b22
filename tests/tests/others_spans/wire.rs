//! Spans as they are sent: the names of tools, the kinds of operations, and the generation of attribute names.

use promptlayer_tracing::blueprint::semconv::SemconvStability;
use promptlayer_tracing::client::Env;
use promptlayer_tracing::{LayerBuilder, promptlayer};
use serde_json::{Map, Value, json};
use tests::pipeline::{dispatch, layer_to};
use tests::{Contract, Recorder};
use tracing::{dispatcher, info_span};

/// Returns the spans that a layer sends.
fn sent(configure: impl FnOnce(LayerBuilder) -> LayerBuilder, run: impl FnOnce()) -> Vec<Value> {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = configure(layer_to(recorder.url())).build().unwrap();
    dispatcher::with_default(&dispatch(layer), run);
    guard.shutdown(std::time::Duration::from_secs(60));
    for body in recorder.bodies("/spans-bulk") {
        assert_eq!(Contract::load().check_request("POST", "/spans-bulk", &body), []);
    }
    recorder.spans()
}

#[test]
fn tool_spans_are_named_as_evaluations_expect() {
    #[promptlayer(kind = "tool")]
    fn get_weather(city: &str, tool_call_id: &str) -> String {
        let _ = tool_call_id;
        city.to_owned()
    }
    #[promptlayer(kind = "tool", name = "Tool: renamed")]
    fn renamed(call: Value) {
        drop(call);
    }
    let spans = sent(
        |builder| builder,
        || {
            get_weather("Paris", "call_1");
            renamed(json!({"id": "call_2", "function": {"name": "renamed", "arguments": "{}"}}));
            drop(info_span!(
                "execute_tool",
                gen_ai.operation.name = "execute_tool",
                gen_ai.tool.name = "look"
            ));
            drop(info_span!("execute_tool wait", gen_ai.operation.name = "execute_tool"));
            drop(info_span!("tools/call", mcp.method.name = "tools/call", gen_ai.tool.name = "add"));
        },
    );
    let named: Vec<_> = spans
        .iter()
        .map(|span| {
            let attributes = &span["attributes"];
            assert_eq!(attributes["node_type"], "CODE_EXECUTION");
            (&span["name"], &attributes["tool.name"], &attributes["gen_ai.tool.call.id"])
        })
        .collect();
    assert_eq!(
        serde_json::to_value(named).unwrap(),
        json!([
            ["Tool: get_weather", "get_weather", "call_1"],
            ["Tool: renamed", "renamed", "call_2"],
            ["Tool: look", "look", null],
            ["Tool: execute_tool wait", "execute_tool wait", null],
            ["Tool: add", "add", null],
        ])
    );
}

#[test]
fn operations_of_the_current_conventions_have_their_kinds() {
    let operations = [
        ("realtime_inference", None),
        ("plan", Some("CHAIN")),
        ("handle_conversation_turn", Some("CHAIN")),
        ("search_memory", Some("RETRIEVER")),
        ("upsert_memory", Some("CHAIN")),
        ("delete_memory_store", Some("CHAIN")),
    ];
    let spans = sent(
        |builder| builder,
        || {
            for (operation, _) in operations {
                drop(info_span!(
                    "own",
                    gen_ai.operation.name = operation,
                    gen_ai.memory.query.text = "where?"
                ));
            }
            drop(info_span!("read", mcp.method.name = "resources/read"));
            drop(info_span!("list", mcp.method.name = "tools/list"));
        },
    );
    let kinds: Vec<_> = spans.iter().map(|span| span["attributes"]["node_type"].as_str()).collect();
    let mcp = [Some("RETRIEVER"), None];
    assert_eq!(kinds, operations.iter().map(|(_, kind)| *kind).chain(mcp).collect::<Vec<_>>());
    let has_log: Vec<_> = spans.iter().map(|span| span["log_request"].is_object()).collect();
    assert_eq!(has_log, [true, false, false, false, false, false, false, false]);
    assert_eq!(spans[3]["attributes"]["function_input"], "where?");
}

/// Returns the attributes of a call to Anthropic that are named by one of the two generations.
fn renamed_attributes(configure: impl FnOnce(LayerBuilder) -> LayerBuilder) -> Vec<String> {
    #[promptlayer]
    fn ask(question: &str) -> Value {
        let _ = question;
        json!({
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": [{"type": "text", "text": "Because."}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 3, "output_tokens": 7, "cache_creation_input_tokens": 100},
        })
    }
    let spans = sent(configure, || drop(ask("why?")));
    let attributes: Map<String, Value> = spans[0]["attributes"].as_object().unwrap().clone();
    let is_renamed = |name: &&String| {
        name.starts_with("gen_ai.usage.")
            || ["gen_ai.system", "gen_ai.provider.name"].contains(&name.as_str())
    };
    attributes.keys().filter(is_renamed).cloned().collect()
}

const OLD: [&str; 4] = [
    "gen_ai.system",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.completion_tokens",
    "gen_ai.usage.prompt_tokens",
];

const LATEST: [&str; 4] = [
    "gen_ai.provider.name",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
];

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn stability_setting_selects_the_attribute_names() {
    let with = |stability| sorted(renamed_attributes(|builder| builder.semconv_stability(stability)));
    assert_eq!(with(SemconvStability::Old), OLD);
    assert_eq!(with(SemconvStability::Latest), LATEST);
    let both = sorted([OLD, LATEST].concat().into_iter().map(str::to_owned).collect());
    assert_eq!(with(SemconvStability::Duplicate), both);
    assert_eq!(sorted(renamed_attributes(|builder| builder)), both, "by default");
}

#[test]
fn environment_selects_the_names_unless_the_builder_does() {
    let opted_in = |builder: LayerBuilder| {
        builder.env(Env::new([("OTEL_SEMCONV_STABILITY_OPT_IN", "http,gen_ai_latest_experimental")]))
    };
    assert_eq!(sorted(renamed_attributes(opted_in)), LATEST);
    let set = |builder| opted_in(builder).semconv_stability(SemconvStability::Old);
    assert_eq!(sorted(renamed_attributes(set)), OLD);
}
