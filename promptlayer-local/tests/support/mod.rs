//! Shared test helpers: a server with a client for it, request bodies, and the API documents, which every response
//! is checked against.

#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail")]

pub(crate) mod document;
pub(crate) mod otlp;
pub(crate) mod provider;
pub(crate) mod raw;
#[path = "../../../tests/src/shared.rs"]
pub(crate) mod shared;

use promptlayer_local::{Config, Server};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

/// A server and a client for it.
pub(crate) struct Local {
    pub(crate) server: Server,
    client: Client,
}

/// A response. `json` is null if the body is not JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) json: Value,
    pub(crate) policy: String,
    pub(crate) allow: String,
}

impl Local {
    pub(crate) fn start() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self {
            server: Server::start(config).unwrap(),
            client: Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
        }
    }

    /// Sends JSON with a key.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, self.json(path, body.to_string()).header("X-API-KEY", "key")).await
    }

    /// Sends JSON with another method and with a key.
    pub(crate) async fn change(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method.clone(), path).header("Content-Type", "application/json");
        self.send(method, path, request.header("X-API-KEY", "key").body(body.to_string())).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, self.request(Method::GET, path).header("X-API-KEY", "key")).await
    }

    /// Gets a path as a browser does.
    pub(crate) async fn page(&self, path: &str) -> Answer {
        self.send(Method::GET, path, self.request(Method::GET, path).header("Accept", "text/html,*/*;q=0.8"))
            .await
    }

    pub(crate) fn json(&self, path: &str, body: String) -> RequestBuilder {
        self.request(Method::POST, path).header("Content-Type", "application/json").body(body)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.server.url()))
    }

    /// Sends a request, and checks the response against the API documents.
    pub(crate) async fn send(&self, method: Method, path: &str, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let header = |name| {
            let value = response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            value.unwrap_or_default()
        };
        let (policy, allow) = (header("content-security-policy"), header("allow"));
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        document::check_answer(&method, path, status, &json);
        Answer { status, text, json, policy, allow }
    }

    /// Logs a request and returns its id.
    pub(crate) async fn log(&self, body: &Value) -> i64 {
        let answer = self.post("/log-request", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json["id"].as_i64().unwrap()
    }

    /// Publishes a template and returns the number of its new version.
    pub(crate) async fn publish(&self, name: &str, body: Value) -> i64 {
        let mut body = body;
        body["prompt_template"]["prompt_name"] = json!(name);
        let answer = self.post("/rest/prompt-templates", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["version_number"].as_i64().unwrap()
    }
}

impl Answer {
    /// Returns the locations of the problems in a 422 response, each as `body.spans.3.name`.
    pub(crate) fn places(&self) -> Vec<String> {
        assert_eq!(self.status, 422, "{}", self.text);
        let problems = self.json["detail"].as_array().unwrap();
        problems.iter().map(|problem| place(&problem["loc"])).collect()
    }
}

fn place(loc: &Value) -> String {
    let steps = loc.as_array().unwrap().iter();
    let steps: Vec<String> =
        steps.map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned)).collect();
    steps.join(".")
}

pub(crate) fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

pub(crate) fn chat(role: &str, said: &str) -> Value {
    json!({ "type": "chat", "messages": [{ "role": role, "content": [text(said)] }] })
}

/// Returns a request log with the required fields only.
pub(crate) fn request() -> Value {
    json!({
        "provider": "openai",
        "model": "gpt-4o",
        "input": chat("user", "Hello!"),
        "output": chat("assistant", "Hi there."),
        "request_start_time": "2026-01-15T10:30:00Z",
        "request_end_time": "2026-01-15T10:30:01.5Z",
    })
}

/// Returns a request log with these additional fields.
pub(crate) fn request_with(fields: &Value) -> Value {
    merged(request(), fields)
}

/// Returns a span of the trace `trace`, from 1 s to 2 s after an arbitrary time.
pub(crate) fn span(span_id: &str, fields: &Value) -> Value {
    let span = json!({
        "name": "step",
        "context": { "trace_id": "trace", "span_id": span_id, "trace_state": "" },
        "kind": "SpanKind.INTERNAL",
        "parent_id": null,
        "start_time": 1_768_473_001_000_000_000_i64,
        "end_time": 1_768_473_002_000_000_000_i64,
        "status": { "status_code": "StatusCode.OK" },
        "attributes": {},
        "resource": { "attributes": { "service.name": "test" }, "schema_url": "" },
    });
    merged(span, fields)
}

/// Returns a chat template with one system message.
pub(crate) fn template(said: &str) -> Value {
    json!({
        "prompt_template": { "prompt_name": "" },
        "prompt_version": { "prompt_template": chat("system", said) },
    })
}

pub(crate) fn merged(mut object: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}
