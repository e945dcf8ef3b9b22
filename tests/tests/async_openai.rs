//! Functions with the types of `async-openai` produce the same log as functions with the JSON of the same
//! exchange. A test server answers as `OpenAI` does.
//!
//! If the types omit something that the server sent, the log of the typed function omits it too, because the
//! function sees no more than its caller does. The tests list these differences.
#![allow(clippy::unwrap_used, reason = "a test stops where it finds what should not be")]

#[path = "async_openai/exchanges.rs"]
mod exchanges;

use std::future::poll_fn;
use std::pin::Pin;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionResponseStream, CreateChatCompletionRequest, CreateChatCompletionResponse,
};
use async_openai::types::embeddings::{CreateEmbeddingRequest, CreateEmbeddingResponse};
use async_openai::types::responses::{CreateResponse, Response, ResponseStream};
use futures_core::Stream;
use promptlayer_tracing::blueprint::LogRequest;
use promptlayer_tracing::promptlayer;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tests::in_memory::request_of;
use tests::{Contract, Recorder, Reply};

type OpenAI = Client<OpenAIConfig>;
type Events = Pin<Box<dyn Stream<Item = Result<Value, OpenAIError>> + Send>>;

/// Calls with the types of `async-openai`.
mod typed {
    use super::*;

    #[promptlayer]
    pub(super) async fn chat(
        client: &OpenAI,
        request: CreateChatCompletionRequest,
    ) -> Result<CreateChatCompletionResponse, OpenAIError> {
        client.chat().create(request).await
    }

    #[promptlayer]
    pub(super) async fn chat_stream(
        client: &OpenAI,
        request: CreateChatCompletionRequest,
    ) -> Result<ChatCompletionResponseStream, OpenAIError> {
        client.chat().create_stream(request).await
    }

    #[promptlayer]
    pub(super) async fn respond(client: &OpenAI, request: CreateResponse) -> Result<Response, OpenAIError> {
        client.responses().create(request).await
    }

    #[promptlayer]
    pub(super) async fn respond_stream(
        client: &OpenAI,
        request: CreateResponse,
    ) -> Result<ResponseStream, OpenAIError> {
        client.responses().create_stream(request).await
    }

    #[promptlayer]
    pub(super) async fn embed(
        client: &OpenAI,
        request: CreateEmbeddingRequest,
    ) -> Result<CreateEmbeddingResponse, OpenAIError> {
        client.embeddings().create(request).await
    }
}

/// The same calls with the JSON of the bodies.
mod raw {
    use super::*;

    #[promptlayer]
    pub(super) async fn chat(client: &OpenAI, request: Value) -> Result<Value, OpenAIError> {
        client.chat().create_byot(request).await
    }

    #[promptlayer]
    pub(super) async fn chat_stream(client: &OpenAI, request: Value) -> Result<Events, OpenAIError> {
        client.chat().create_stream_byot(request).await
    }

    #[promptlayer]
    pub(super) async fn respond(client: &OpenAI, request: Value) -> Result<Value, OpenAIError> {
        client.responses().create_byot(request).await
    }

    #[promptlayer]
    pub(super) async fn respond_stream(client: &OpenAI, request: Value) -> Result<Events, OpenAIError> {
        client.responses().create_stream_byot(request).await
    }

    #[promptlayer]
    pub(super) async fn embed(client: &OpenAI, request: Value) -> Result<Value, OpenAIError> {
        client.embeddings().create_byot(request).await
    }
}

/// A server that gives the same response to every request, and a client for it.
struct Server {
    recorder: Recorder,
    client: OpenAI,
}

impl Server {
    fn answers(answer: Reply) -> Self {
        let recorder = Recorder::start().unwrap();
        recorder.decide(move |_| Some(answer.clone()));
        let config = OpenAIConfig::new().with_api_key("test").with_api_base(recorder.url());
        Self { recorder, client: Client::with_config(config) }
    }

    /// Starts a server that returns a complete response.
    fn whole(answer: &Value) -> Self {
        Self::answers(Reply::status(200).json(answer))
    }

    /// Starts a server that returns these events as a stream.
    fn events(events: &[Value], end: &str) -> Self {
        let body: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        let answer = Reply::status(200).header("Content-Type", "text/event-stream");
        Self::answers(answer.body(body.concat() + end))
    }

    /// Returns the logs of the typed call and of the JSON call.
    fn logs<A, B>(&self, typed: impl Future<Output = A>, raw: impl Future<Output = B>) -> [Value; 2] {
        let logs = [logged(typed), logged(raw)];
        let sent: Vec<Option<Value>> =
            self.recorder.requests().iter().map(|request| request.json.clone()).collect();
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[0], sent[1], "both send the same");
        logs
    }
}

/// Returns the log of a call without its times and the function name.
fn logged<T>(call: impl Future<Output = T>) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let log: LogRequest = request_of(|| drop(runtime.block_on(call)));
    assert!(log.error_message().is_none(), "{log:#?}");
    let mut log = serde_json::to_value(log).unwrap();
    assert_eq!(Contract::load().check_request("POST", "/log-request", &log), []);
    let fields = log.as_object_mut().unwrap();
    for name in ["request_start_time", "request_end_time", "function_name"] {
        assert!(fields.remove(name).is_some(), "{name}");
    }
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        metadata.remove("time_to_first_chunk_ms");
    }
    log
}

/// Deserializes a body.
fn read<T: DeserializeOwned>(body: &Value) -> T {
    serde_json::from_value(body.clone()).unwrap()
}

/// Reads a stream to its end.
async fn drain<T, S: Stream<Item = Result<T, OpenAIError>> + Unpin>(stream: Result<S, OpenAIError>) {
    let mut stream = stream.unwrap();
    while let Some(item) = poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await {
        item.unwrap();
    }
}

#[test]
fn chat_logs_the_same_with_types_and_json() {
    let request = exchanges::chat_request();
    let server = Server::whole(&exchanges::chat_reply());
    let client = &server.client;
    let [typed, raw] = server.logs(typed::chat(client, read(&request)), raw::chat(client, request.clone()));
    assert_eq!(typed, raw);
    assert_eq!((&raw["api_type"], &raw["model"]), (&json!("chat-completions"), &json!("gpt-4o")));
    assert_eq!(raw["output"]["messages"][0]["tool_calls"][0]["function"]["name"], "weather");
    assert_eq!((&raw["input_tokens"], &raw["output_tokens"]), (&json!(31), &json!(17)));
}

#[test]
fn streamed_chat_logs_the_same_with_types_and_json() {
    let mut request = exchanges::chat_request();
    request["stream"] = true.into();
    let server = Server::events(&exchanges::chat_chunks(), "data: [DONE]\n\n");
    let client = &server.client;
    let [typed, raw] =
        server.logs(async { drain(typed::chat_stream(client, read(&request)).await).await }, async {
            drain(raw::chat_stream(client, request.clone()).await).await;
        });
    assert_eq!(typed, raw);
    assert_eq!(raw["api_type"], "chat-completions");
    assert_eq!(raw["output"]["messages"][0]["content"][0]["text"], "Let me look.");
    assert_eq!(raw["output"]["messages"][0]["tool_calls"][0]["function"]["arguments"], "{\"city\":\"Bern\"}");
}

#[test]
fn response_logs_the_same_with_types_and_json() {
    let request = exchanges::response_request();
    let server = Server::whole(&exchanges::response());
    let client = &server.client;
    let [typed, raw] =
        server.logs(typed::respond(client, read(&request)), raw::respond(client, request.clone()));
    assert_eq!(typed, raw);
    assert_eq!((&raw["api_type"], &raw["model"]), (&json!("responses"), &json!("gpt-5.4")));
    let kinds: Vec<&str> = raw["output"]["messages"][0]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "thinking",
            "server_tool_use",
            "web_search_tool_result",
            "server_tool_use",
            "code",
            "code_execution_result",
            "output_media",
            "mcp_list_tools",
            "mcp_call",
            "mcp_approval_request",
            "shell_call",
            "shell_call",
            "apply_patch_call",
            "text",
        ]
    );
    assert_eq!(raw["output"]["messages"][0]["tool_calls"].as_array().unwrap().len(), 3);
}

#[test]
fn streamed_response_logs_the_same_with_types_and_json() {
    let mut request = exchanges::response_request();
    request["stream"] = true.into();
    let events = exchanges::response_events();
    // The complete stream, the stream without its last event, and a stream whose last event omits the items.
    let (last, cut) = events.split_last().unwrap();
    let mut empty = events.clone();
    let mut end = last.clone();
    end["response"]["output"] = json!([]);
    *empty.last_mut().unwrap() = end;
    for events in [&events, cut, &empty] {
        let server = Server::events(events, "");
        let client = &server.client;
        let [typed, raw] =
            server.logs(async { drain(typed::respond_stream(client, read(&request)).await).await }, async {
                drain(raw::respond_stream(client, request.clone()).await).await;
            });
        assert_eq!(typed, raw);
        assert_eq!(raw["api_type"], "responses");
        let message = &raw["output"]["messages"][0];
        assert_eq!(message["content"][0]["thinking"], "Look it up.");
        assert_eq!(message["content"][1]["text"], "Sunny.");
        assert_eq!(message["content"][1]["annotations"][0]["url"], "https://example.org");
        assert_eq!(message["tool_calls"][0]["function"]["arguments"], "{\"city\":\"Bern\"}");
    }
}

#[test]
fn embedding_logs_the_same_with_types_and_json() {
    let request = json!({"model": "text-embedding-3-small", "input": ["one", "two"], "dimensions": 2});
    let reply = json!({
        "object": "list", "model": "text-embedding-3-small", "usage": {"prompt_tokens": 2, "total_tokens": 2},
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -0.25]},
            {"object": "embedding", "index": 1, "embedding": [0.125, 1.0]},
        ],
    });
    let server = Server::whole(&reply);
    let client = &server.client;
    let [typed, raw] = server.logs(typed::embed(client, read(&request)), raw::embed(client, request.clone()));
    assert_eq!(typed, raw);
    assert_eq!((&raw["api_type"], &raw["model"]), (&json!("embeddings"), &json!("text-embedding-3-small")));
}

/// `CreateChatCompletionResponse` has no field for the reasoning of open models, which is not part of the
/// `OpenAI` API. The typed function and its caller never see it, so the log cannot contain it.
#[test]
fn types_omit_the_reasoning_of_open_models() {
    let request = exchanges::chat_request();
    let mut reply = exchanges::chat_reply();
    reply["choices"][0]["message"]["reasoning_content"] = "Look it up.".into();
    let server = Server::whole(&reply);
    let client = &server.client;
    let [typed, mut raw] =
        server.logs(typed::chat(client, read(&request)), raw::chat(client, request.clone()));
    let content = raw["output"]["messages"][0]["content"].as_array_mut().unwrap();
    assert_eq!(content.remove(0)["thinking"], "Look it up.");
    assert_eq!(typed, raw, "and in nothing else they differ");
}

/// `Response` has no field for the cost that xAI reports, which also identifies xAI. `LocalShellExecAction` has
/// no field for the type of the action, because there is only one type.
#[test]
fn types_omit_the_cost_and_the_type_of_a_shell_action() {
    let request = exchanges::response_request();
    let mut reply = exchanges::response();
    reply["usage"]["cost_in_usd_ticks"] = 14_115_500.into();
    let shell =
        reply["output"].as_array_mut().unwrap().iter_mut().find(|item| item["type"] == "local_shell_call");
    shell.unwrap()["action"]["type"] = "exec".into();
    let server = Server::whole(&reply);
    let client = &server.client;
    let [mut typed, mut raw] =
        server.logs(typed::respond(client, read(&request)), raw::respond(client, request.clone()));
    let take = |log: &mut Value, name: &str| log.as_object_mut().unwrap().remove(name);
    assert_eq!(
        (take(&mut raw, "provider"), take(&mut raw, "price")),
        (Some(json!("xai")), Some(json!(0.001_411_55)))
    );
    assert_eq!((take(&mut typed, "provider"), take(&mut typed, "price")), (Some(json!("openai")), None));
    let content = raw["output"]["messages"][0]["content"].as_array_mut().unwrap();
    let shell = content.iter_mut().find(|block| block["id"] == "lsh_1").unwrap();
    assert_eq!(shell["action"].as_object_mut().unwrap().remove("type"), Some(json!("exec")));
    assert_eq!(typed, raw, "and in nothing else they differ");
}

/// The types use `f32` for numbers. They write the shortest text that identifies the value.
#[test]
fn f32_parameter_is_logged_as_it_is_sent() {
    let request = json!({"model": "gpt-5.4", "input": "why?", "temperature": 0.7});
    let server = Server::whole(&exchanges::response());
    let client = &server.client;
    let [typed, raw] =
        server.logs(typed::respond(client, read(&request)), raw::respond(client, request.clone()));
    assert_eq!(typed, raw);
    assert_eq!(typed["parameters"]["temperature"].as_f64(), Some(0.7));
    assert_eq!(typed["input"]["messages"][0]["content"][0]["text"], "why?");
}
