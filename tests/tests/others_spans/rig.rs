//! Agents of rig with a model on the loopback interface.

use std::convert::Infallible;

use ::rig::agent::{Agent, MultiTurnStreamItem};
use ::rig::client::AgentClientExt;
use ::rig::completion::{Prompt, PromptError};
use ::rig::providers::openai::CompletionsClient;
use ::rig::streaming::{StreamedAssistantContent, StreamingPrompt};
use ::rig::tool::{Tool, ToolContext};
use examples::OfflineModel;
use examples::offline_model::UNKNOWN_MODEL;
use promptlayer_tracing::blueprint::{ErrorType, RequestStatus};
use promptlayer_tracing::{layer, promptlayer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::server::Server;
use crate::{Next, assert_unfinished, collected, first_chunk, named, names, spans_of, timeless};

struct Weather;

#[derive(Deserialize)]
struct Place {
    city: String,
}

#[derive(Serialize)]
struct Report {
    city: String,
    sky: &'static str,
}

impl Tool for Weather {
    const NAME: &'static str = "weather";
    type Args = Place;
    type Output = Report;
    type Error = Infallible;

    fn description(&self) -> String {
        "The weather in a city".to_owned()
    }

    fn parameters(&self) -> Value {
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
    }

    async fn call(&self, _: &mut ToolContext, place: Place) -> Result<Report, Infallible> {
        Ok(Report { city: place.city, sky: "clear" })
    }
}

fn agent(url: &str, model: &str) -> Agent {
    let client = CompletionsClient::builder().api_key("any").base_url(url).build().unwrap();
    client
        .agent(model)
        .name("forecaster")
        .preamble("Be brief.")
        .tool(Weather)
        .default_max_turns(4)
        .record_content_telemetry(true)
        .build()
}

const QUESTION: &str = "What is the weather in Paris?";
const ANSWER: &str = r#"(offline model) The tools answered: {"city":"Paris","sky":"clear"}"#;

fn text(text: &str) -> Value {
    json!([{"type": "text", "text": text}])
}

/// Returns the assistant's message with the tool call.
fn tool_call() -> Value {
    json!({
        "role": "assistant",
        "content": [],
        "tool_calls": [{
            "type": "function",
            "id": "call_chatcmpl-offline-0_0",
            "function": {"name": "weather", "arguments": "{\"city\":\"Paris\"}"},
        }],
    })
}

/// Returns the log of the first call, which requests the tool.
fn first_log() -> Value {
    json!({
        "provider": "openai",
        "model": "gpt-4o-mini",
        "input": {
            "type": "chat",
            "messages": [
                {"role": "system", "content": text("Be brief.")},
                {"role": "user", "content": text(QUESTION)},
            ],
        },
        "output": {"type": "chat", "messages": [tool_call()]},
        "metadata": {
            "agent_name": "forecaster",
            "finish_reason": "tool_calls",
            "provider_finish_reason": "tool_call",
            "response_id": "chatcmpl-offline-0",
        },
        "input_tokens": 11,
        "output_tokens": 6,
        "function_name": "chat",
        "status": "SUCCESS",
    })
}

#[test]
fn agent_model_calls_are_requests_and_tools_and_runs_are_spans() {
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer(), async {
        let agent = agent(model.url(), "gpt-4o-mini");
        assert_eq!(agent.prompt(QUESTION).await.unwrap(), ANSWER);
    });

    assert_eq!(names(&spans), ["chat", "execute_tool", "chat", "invoke_agent"]);
    let [first, tool, second, run] = spans.as_slice() else { panic!("{spans:#?}") };
    assert_eq!(timeless(first.request.as_ref().unwrap()), first_log());
    let mut second_log = first_log();
    second_log["input"]["messages"].as_array_mut().unwrap().extend([
        tool_call(),
        json!({
            "role": "tool",
            "tool_call_id": "call_chatcmpl-offline-0_0",
            "content": text("{\n  \"city\": \"Paris\",\n  \"sky\": \"clear\"\n}"),
        }),
    ]);
    second_log["output"]["messages"] = json!([{"role": "assistant", "content": text(ANSWER)}]);
    second_log["metadata"] = json!({"agent_name": "forecaster", "response_id": "chatcmpl-offline-1"});
    second_log["input_tokens"] = json!(19);
    second_log["output_tokens"] = json!(17);
    assert_eq!(timeless(second.request.as_ref().unwrap()), second_log);

    // A run without streaming never enters its own span, so without an outer span each of its spans is a root.
    for span in &spans {
        assert_eq!((span.parent_id, span.error.as_deref()), (None, None));
    }
    assert!(tool.request.is_none() && run.request.is_none());
    assert_eq!(tool.function_input.as_deref(), Some(r#"{"city":"Paris"}"#));
    assert_eq!(tool.function_output.as_deref(), Some(r#"{"city":"Paris","sky":"clear"}"#));
    assert_eq!(
        Value::Object(tool.fields.clone()),
        json!({
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.type": "function",
            "gen_ai.tool.name": "weather",
            "gen_ai.tool.call.id": "call_chatcmpl-offline-0_0",
            "gen_ai.tool.call.outcome": "success",
        })
    );
    assert_eq!(run.function_input.as_deref(), Some(QUESTION));
    assert_eq!(run.function_output.as_deref(), Some(ANSWER));
    // The usage of the run is the sum of the usage of its calls, which is already logged with the calls.
    assert_eq!(run.fields["gen_ai.usage.input_tokens"], 30);
}

#[test]
fn annotated_function_around_an_agent_passes_its_tags_on() {
    #[promptlayer(tags = ["weather"], metadata(customer = 7), prompt = ("forecast", 2))]
    async fn ask(agent: &Agent, question: &str) -> Result<String, PromptError> {
        agent.prompt(question).await
    }
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer().tags(["all"]), async {
        ask(&agent(model.url(), "gpt-4o-mini"), QUESTION).await.unwrap();
    });

    assert_eq!(names(&spans), ["chat", "execute_tool", "chat", "ask"]);
    let ask = named(&spans, "ask");
    assert!(ask.request.is_none());
    assert_eq!(ask.function_output.as_deref(), Some(ANSWER));
    assert!(spans.iter().filter(|span| span.name != "ask").all(|span| span.parent_id == Some(ask.span_id)));
    let mut log = first_log();
    log["tags"] = json!(["all", "weather"]);
    log["metadata"]["customer"] = json!("7");
    log["prompt_name"] = json!("forecast");
    log["prompt_version_number"] = json!(2);
    assert_eq!(timeless(spans[0].request.as_ref().unwrap()), log);
}

#[test]
fn failed_agent_call_is_an_error() {
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer(), async {
        agent(model.url(), UNKNOWN_MODEL).prompt(QUESTION).await.unwrap_err();
    });
    assert_eq!(names(&spans), ["chat", "invoke_agent"]);
    let mut log = first_log();
    log["model"] = json!(UNKNOWN_MODEL);
    log["output"] = json!({"type": "chat", "messages": []});
    log["metadata"] = json!({"agent_name": "forecaster"});
    log["status"] = json!("ERROR");
    log["error_type"] = json!("UNKNOWN_ERROR");
    log["error_message"] = json!("the call ended without a response");
    for absent in ["input_tokens", "output_tokens"] {
        log.as_object_mut().unwrap().remove(absent);
    }
    assert_eq!(timeless(spans[0].request.as_ref().unwrap()), log);
    assert_eq!(spans[0].error.as_deref(), Some("the call ended without a response"));
}

/// An agent as rig makes it by default: without tools, and without content in its spans.
fn silent(url: &str, model: &str) -> Agent {
    let client = CompletionsClient::builder().api_key("any").base_url(url).build().unwrap();
    client.agent(model).name("forecaster").build()
}

#[promptlayer]
async fn ask_silent(agent: &Agent, question: &str) -> Result<String, PromptError> {
    agent.prompt(question).await
}

#[test]
fn call_without_content_takes_it_from_the_function() {
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer(), async {
        ask_silent(&silent(model.url(), "gpt-4o-mini"), "Why?").await.unwrap();
    });
    assert_eq!(names(&spans), ["chat", "ask_silent"]);
    let log = spans[0].request.as_ref().unwrap();
    let answer = "(offline model) You said: Why?";
    assert_eq!((log.input.text().as_str(), log.output.text().as_str()), ("Why?", answer));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai", "gpt-4o-mini"));
    assert_eq!((log.status, log.input_tokens.is_some()), (RequestStatus::Success, true));
}

#[test]
fn failed_call_takes_kind_and_words_from_the_function() {
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer(), async {
        ask_silent(&silent(model.url(), UNKNOWN_MODEL), "Why?").await.unwrap_err();
    });
    assert_eq!(names(&spans), ["chat", "ask_silent"]);
    let log = spans[0].request.as_ref().unwrap();
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderError)));
    let message = log.error_message().unwrap();
    assert!(message.contains("404") && message.contains("does not exist"), "{message}");
    assert_eq!(log.input.text(), "Why?");
}

#[test]
fn streamed_call_without_content_takes_it_from_the_function() {
    #[promptlayer]
    async fn ask(agent: &Agent, question: &str) -> String {
        let items = collected(agent.stream_prompt(question).await).await;
        let text = |item| match item {
            Ok(MultiTurnStreamItem::StreamAssistantItem(StreamedAssistantContent::Text(text))) => {
                Some(text.text)
            }
            _ => None,
        };
        items.into_iter().filter_map(text).collect()
    }
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer(), async {
        ask(&silent(model.url(), "gpt-4o-mini"), "Why?").await;
    });
    assert_eq!(names(&spans), ["chat_streaming", "ask"]);
    let log = spans[0].request.as_ref().unwrap();
    let answer = "(offline model) You said: Why?";
    assert_eq!((log.input.text().as_str(), log.output.text().as_str()), ("Why?", answer));
    assert_eq!(log.status, RequestStatus::Success);
}

#[test]
fn streamed_run_logs_each_call_once_after_its_stream() {
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer(), async {
        let agent = agent(model.url(), "gpt-4o-mini");
        let items = collected(agent.stream_prompt(QUESTION).await).await;
        assert!(items.iter().all(Result::is_ok));
    });
    let requests: Vec<_> = spans.iter().filter_map(|span| span.request.as_ref()).map(timeless).collect();
    assert_eq!(requests.len(), 2, "{:?}", names(&spans));
    assert_eq!(requests[0]["output"]["messages"], json!([tool_call()]));
    assert_eq!(requests[1]["output"]["messages"], json!([{"role": "assistant", "content": text(ANSWER)}]));
    let tokens = |log: &Value| (log["input_tokens"].clone(), log["output_tokens"].clone());
    assert_eq!(
        requests.iter().map(tokens).collect::<Vec<_>>(),
        [(json!(11), json!(6)), (json!(19), json!(17))]
    );
    let run = named(&spans, "invoke_agent");
    assert!(
        spans.iter().filter(|span| span.name != run.name).all(|span| span.parent_id == Some(run.span_id))
    );
}

#[test]
fn broken_or_dropped_streamed_call_is_partial() {
    for is_dropped in [true, false] {
        let spans = spans_of(layer(), async {
            let (server, pieces) = Server::in_pieces("text/event-stream").await;
            let agent = agent(&server.url("/v1"), "gpt-4o-mini");
            let mut stream = agent.stream_prompt(QUESTION).await;
            pieces.send(first_chunk());
            Next(&mut stream).await.unwrap().unwrap();
            if is_dropped {
                drop(stream);
            } else {
                pieces.break_off();
                assert!(collected(stream).await.iter().any(Result::is_err));
            }
            assert_eq!(server.received.lock().unwrap().len(), 1);
        });
        let call = named(&spans, "chat_streaming");
        assert_eq!(call.request.as_ref().unwrap().metadata["response_id"], "chatcmpl-1");
        assert_unfinished(call);
    }
}
