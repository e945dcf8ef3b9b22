//! The default behavior of the recorder: the endpoints of PromptLayer.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::reply::Reply;
use super::request::Request;

/// A default response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

/// The stored data.
#[derive(Debug)]
pub(super) struct Service {
    request_ids: u64,
    span_ids: u64,
    group_ids: u64,
    template_ids: u64,
    /// Templates by name and by id.
    templates: BTreeMap<String, Value>,
    spans: Vec<Stored>,
    /// The bodies of `POST /log-request`.
    logs: Vec<Value>,
    /// The bodies of tracking calls.
    tracks: Vec<Value>,
    /// The indexes into `spans` of the spans of each trace.
    traces: BTreeMap<String, Vec<usize>>,
}

/// An accepted span.
#[derive(Debug)]
struct Stored {
    id: u64,
    request_id: Option<u64>,
    span: Value,
}

/// The first ids of requests, spans and templates. They differ, so that a test that confuses them fails.
const FIRST_REQUEST: u64 = 1001;
const FIRST_SPAN: u64 = 101;
const FIRST_TEMPLATE: u64 = 11;

impl Default for Service {
    fn default() -> Self {
        let template = json!({
            "success": true,
            "id": FIRST_TEMPLATE,
            "prompt_name": "example",
            "version": 1,
            "workspace_id": 1,
            "prompt_template": {
                "type": "chat",
                "input_variables": ["product"],
                "messages": [{
                    "role": "user",
                    "template_format": "f-string",
                    "input_variables": ["product"],
                    "content": [{ "type": "text", "text": "Name a company that makes {product}." }],
                }],
            },
            "metadata": { "model": { "provider": "openai", "name": "gpt-4o-mini", "parameters": { "temperature": 0 } } },
            "commit_message": null,
            "tags": [],
            "snippets": [],
        });
        Self {
            request_ids: FIRST_REQUEST,
            span_ids: FIRST_SPAN,
            group_ids: 1,
            template_ids: FIRST_TEMPLATE + 1,
            templates: BTreeMap::from([
                ("example".to_owned(), template.clone()),
                (FIRST_TEMPLATE.to_string(), template),
            ]),
            spans: Vec::new(),
            logs: Vec::new(),
            tracks: Vec::new(),
            traces: BTreeMap::new(),
        }
    }
}

impl Service {
    /// Processes a request.
    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        // A collector needs no key.
        if request.path != "/v1/traces" && request.header("x-api-key").is_none_or(str::is_empty) {
            return failure(
                StatusCode::UNAUTHORIZED,
                "no API key was given: send one in the header X-API-KEY",
            );
        }
        let empty = json!({});
        let body = request.json.as_ref().unwrap_or(&empty);
        let path: Vec<_> = request.path.trim_matches('/').split('/').collect();
        match (&request.method, path.as_slice()) {
            (&Method::POST, ["spans-bulk"]) => self.take_spans(body),
            (&Method::POST, ["v1", "traces"]) => match self.take_spans(body) {
                // It names no span.
                Answer { status: StatusCode::CREATED, .. } => Answer::ok(json!({ "partialSuccess": null })),
                refused => refused,
            },
            (&Method::POST, ["log-request"]) => self.take_request_log(body),
            (&Method::POST, ["rest", "track-score" | "track-metadata" | "track-prompt" | "track-group"]) => {
                self.track(body)
            }
            (&Method::POST, ["create-group"]) => {
                Answer::ok(json!({ "success": true, "id": next(&mut self.group_ids) }))
            }
            (&Method::GET | &Method::POST, ["prompt-templates", identifier]) => self.template(identifier),
            (&Method::POST, ["rest", "prompt-templates"]) => self.publish(body),
            (&Method::GET, ["api", "public", "v2", "traces", trace]) => self.trace(trace),
            _ => {
                failure(StatusCode::NOT_FOUND, &format!("nothing is at {} {}", request.method, request.path))
            }
        }
    }

    pub(super) fn set_template(&mut self, identifier: &str, template: &Value) {
        let mut whole =
            self.templates.get(identifier).or(self.templates.get("example")).cloned().unwrap_or_default();
        if let (Some(whole), Some(given)) = (whole.as_object_mut(), template.as_object()) {
            whole.extend(given.clone());
        }
        self.templates.insert(identifier.to_owned(), whole);
    }

    pub(super) fn accepted_spans(&self) -> Vec<Value> {
        self.spans.iter().map(|stored| stored.span.clone()).collect()
    }

    pub(super) fn accepted_logs(&self) -> Vec<Value> {
        self.logs.clone()
    }

    pub(super) fn accepted_tracks(&self) -> Vec<Value> {
        self.tracks.clone()
    }

    fn take_spans(&mut self, body: &Value) -> Answer {
        let Some(spans) = body.get("spans").and_then(Value::as_array) else {
            return invalid(&["body", "spans"]);
        };
        let (mut taken, mut logged) = (Vec::new(), Vec::new());
        for span in spans {
            let id = next(&mut self.span_ids);
            let span_id = text(span, "/context/span_id");
            let request_id =
                span.get("log_request").filter(|log| !log.is_null()).map(|_| next(&mut self.request_ids));
            taken.push(json!({ "id": id, "name": text(span, "/name"), "span_id": span_id }));
            logged.extend(request_id.map(|id| json!({ "id": id, "span_id": span_id })));
            let trace = text(span, "/context/trace_id").to_owned();
            self.traces.entry(trace).or_default().push(self.spans.len());
            self.spans.push(Stored { id, request_id, span: span.clone() });
        }
        let mut answer = json!({ "success": true, "spans": taken });
        if !logged.is_empty() {
            answer["request_logs"] = Value::Array(logged);
        }
        Answer { status: StatusCode::CREATED, body: answer }
    }

    fn take_request_log(&mut self, log: &Value) -> Answer {
        for field in ["provider", "model", "input", "output"] {
            if log.get(field).is_none() {
                return invalid(&["body", field]);
            }
        }
        self.logs.push(log.clone());
        let given = |field: &str| log.get(field).cloned().unwrap_or_default();
        let model = json!({
            "provider": given("provider"),
            "name": given("model"),
            "parameters": log.get("parameters").cloned().unwrap_or_else(|| json!({})),
        });
        let body = json!({
            "id": next(&mut self.request_ids),
            "prompt_version": {
                "prompt_template": exchange(log),
                "commit_message": null,
                "metadata": { "model": model },
            },
            "status": log.get("status").cloned().unwrap_or_else(|| json!("SUCCESS")),
            "error_type": given("error_type"),
            "error_message": given("error_message"),
        });
        Answer { status: StatusCode::CREATED, body }
    }

    fn track(&mut self, body: &Value) -> Answer {
        if body.get("request_id").is_none_or(Value::is_null) {
            return invalid(&["body", "request_id"]);
        }
        self.tracks.push(body.clone());
        Answer::ok(json!({ "success": true, "message": "tracked" }))
    }

    fn template(&self, identifier: &str) -> Answer {
        match self.templates.get(identifier) {
            Some(template) => Answer::ok(template.clone()),
            None => failure(StatusCode::NOT_FOUND, &format!("no prompt template is called {identifier}")),
        }
    }

    fn publish(&mut self, body: &Value) -> Answer {
        let (Some(template), Some(version)) = (body.get("prompt_template"), body.get("prompt_version"))
        else {
            return invalid(&["body", "prompt_template"]);
        };
        let Some(name) = template.get("prompt_name").and_then(Value::as_str) else {
            return invalid(&["body", "prompt_template", "prompt_name"]);
        };
        let known = self.templates.get(name);
        let number = known.and_then(|known| known.get("version")?.as_u64()).unwrap_or(0) + 1;
        let id =
            known.and_then(|known| known.get("id")?.as_u64()).unwrap_or_else(|| next(&mut self.template_ids));
        let tags = template.get("tags").cloned().unwrap_or_else(|| json!([]));
        let mut published = Map::new();
        for field in ["prompt_template", "metadata", "commit_message"] {
            published.insert(field.to_owned(), version.get(field).cloned().unwrap_or_default());
        }
        let mut answer = published.clone();
        published.extend(fields(json!({ "id": id, "prompt_name": name, "version": number, "tags": tags })));
        answer.extend(fields(json!({
            "id": id,
            "prompt_name": name,
            "prompt_version_id": id * 1000 + number,
            "version_number": number,
            "tags": tags,
            "release_labels": body.get("release_labels").cloned().unwrap_or_default(),
            "external_ids": [],
        })));
        let published = Value::Object(published);
        self.set_template(name, &published);
        self.set_template(&id.to_string(), &published);
        Answer::ok(Value::Object(answer))
    }

    fn trace(&self, trace: &str) -> Answer {
        let inside = self.traces.get(trace).into_iter().flatten().filter_map(|at| self.spans.get(*at));
        let spans: Vec<_> = inside
            .map(|stored| {
                json!({
                    "id": stored.id,
                    "name": text(&stored.span, "/name"),
                    "span_id": text(&stored.span, "/context/span_id"),
                    "parent_id": stored.span.get("parent_id"),
                    "request_log_id": stored.request_id,
                })
            })
            .collect();
        if spans.is_empty() {
            return failure(StatusCode::NOT_FOUND, &format!("no trace is called {trace}"));
        }
        Answer::ok(json!({ "success": true, "trace_id": trace, "spans": spans }))
    }
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body }
    }
}

/// Returns the body for a response to a request that was not processed.
pub(super) fn refusal(reply: &Reply) -> Answer {
    let status = reply.given_status().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    failure(status, status.canonical_reason().unwrap_or("refused"))
}

/// Returns the conversation of a request log, including the response of the model.
fn exchange(log: &Value) -> Value {
    let mut whole = log.get("input").cloned().unwrap_or_default();
    let answer = log.pointer("/output/messages").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(messages) = whole.get_mut("messages").and_then(Value::as_array_mut) {
        messages.extend(answer);
    }
    whole
}

fn failure(status: StatusCode, message: &str) -> Answer {
    Answer { status, body: json!({ "success": false, "message": message }) }
}

fn invalid(place: &[&str]) -> Answer {
    let detail = json!({ "loc": place, "msg": "Field required", "type": "missing" });
    Answer { status: StatusCode::UNPROCESSABLE_ENTITY, body: json!({ "detail": [detail] }) }
}

fn next(ids: &mut u64) -> u64 {
    let id = *ids;
    *ids += 1;
    id
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
