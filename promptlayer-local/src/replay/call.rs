//! One call of a provider: sends the request, and reads the response as it arrives.

use std::time::{Duration, Instant};

use promptlayer_blueprint::providers::errors::{self, ReturnedError};
use promptlayer_blueprint::providers::frames::{Format, Frames};
use promptlayer_blueprint::providers::{self, Output};
use promptlayer_blueprint::{ContentBlock, ErrorType, Message, Prompt, RequestStatus};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::provider::Provider;
use crate::api::weight::weigh;

/// The maximum length of a response, in bytes: 16 MiB.
const RESPONSE_LIMIT: usize = 16 * 1024 * 1024;

/// The maximum memory of the JSON values of a response: 96 MiB.
const WEIGHT_LIMIT: usize = 96 * 1024 * 1024;

/// The maximum length of an error response that is read, in bytes: 64 KiB.
const ERROR_LIMIT: usize = 64 * 1024;

/// The memory of an event besides its values, in bytes.
const EVENT_WEIGHT: usize = 64;

/// A piece of a streamed response, for the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A part of the text.
    Text(String),
    /// A part of what the model thinks.
    Thinking(String),
    /// A part of a tool call: the name, if it begins one, and a part of its arguments.
    Call(String, String),
}

/// What arrived of a response.
#[derive(Default)]
pub(super) struct Arrived {
    /// The response or the events of a stream. `None` if nothing arrived that can be read.
    pub(super) output: Option<Output>,
    /// The time to the first event of a stream.
    pub(super) first_event: Option<Duration>,
    /// What went wrong, apart from an error that the response itself describes.
    pub(super) problem: Option<Problem>,
}

/// Why a call has no response, or not all of it.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: RequestStatus,
    pub(super) kind: ErrorType,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn error(kind: ErrorType, message: impl Into<String>) -> Self {
        Self { status: RequestStatus::Error, kind, message: message.into() }
    }

    /// The response is incomplete, but what arrived is valid.
    pub(super) fn partial(message: impl Into<String>) -> Self {
        let kind = ErrorType::ProviderPartialResponse;
        Self { status: RequestStatus::Warning, kind, message: message.into() }
    }
}

/// A request, and where to send it.
pub(super) struct Call<'a> {
    pub(super) provider: &'a Provider,
    pub(super) client: &'a Client,
    pub(super) body: &'a Map<String, Value>,
    pub(super) timeout: Duration,
    /// The channel for the pieces of a stream. The call stops when it is closed.
    pub(super) pieces: &'a mpsc::Sender<Piece>,
}

impl Call<'_> {
    /// Sends the request and reads the response, until `stop` completes. Returns what arrived until then.
    pub(super) async fn run(&self, stop: impl Future<Output = &'static str>) -> Arrived {
        let mut reader = Reader { call: self, start: Instant::now(), first_event: None, body: Body::Unseen };
        let problem = tokio::select! {
            read = reader.read() => read.err(),
            () = tokio::time::sleep(self.timeout) => Some(self.timed_out()),
            reason = stop => Some(Problem::partial(reason)),
            () = self.pieces.closed() => Some(Problem::partial("stopped: the page was closed")),
        };
        reader.finish(problem)
    }

    fn timed_out(&self) -> Problem {
        let message = format!("no complete response within {} s", self.timeout.as_secs_f64());
        Problem::error(ErrorType::ProviderTimeout, message)
    }

    /// Returns what the failure of the HTTP client means.
    fn failure(&self, error: &reqwest::Error) -> Problem {
        let mut innermost: &dyn std::error::Error = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let (provider, origin) = (self.provider, self.provider.origin());
        let reason = innermost.to_string();
        let is_connect = error.is_connect();
        let message = if error.is_timeout() {
            format!("{origin} accepts no connection in time")
        } else if is_connect {
            format!("cannot connect to {origin}: {reason}")
        } else {
            format!("the connection to {origin} broke: {reason}")
        };
        let kind = errors::kind(&ReturnedError {
            is_timeout: error.is_timeout(),
            is_of_http: true,
            message: &message,
            ..ReturnedError::default()
        });
        Problem::error(kind, provider.message(&message))
    }
}

/// The body of a response, as far as it was read.
enum Body {
    /// Nothing has arrived.
    Unseen,
    Events {
        frames: Frames,
        events: Vec<Value>,
        weight: usize,
    },
    Whole(Vec<u8>),
}

/// Reads the response of a call. What it has read stays when the reading is cancelled.
struct Reader<'a> {
    call: &'a Call<'a>,
    start: Instant,
    first_event: Option<Duration>,
    body: Body,
}

impl Reader<'_> {
    async fn read(&mut self) -> Result<(), Problem> {
        let Call { provider, client, body, .. } = self.call;
        let body = serde_json::to_vec(body)
            .map_err(|error| Problem::error(ErrorType::UnknownError, error.to_string()))?;
        let request = client
            .post(provider.endpoint())
            .headers(provider.headers())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body);
        let mut response = request.send().await.map_err(|error| self.call.failure(&error))?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let is_stream =
            response.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).is_some_and(|media| {
                media.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
            });
        let mut length = 0_usize;
        while let Some(bytes) = response.chunk().await.map_err(|error| self.broken(&error))? {
            length = length.saturating_add(bytes.len());
            if length > RESPONSE_LIMIT {
                return Err(too_long());
            }
            if matches!(self.body, Body::Unseen) {
                self.body = Body::of_start(&bytes, is_stream);
            }
            if self.take(&bytes).await? {
                return Ok(());
            }
        }
        self.end().await
    }

    /// Takes the next bytes of the body. Returns `true` after the last event of a stream.
    async fn take(&mut self, bytes: &[u8]) -> Result<bool, Problem> {
        let mut texts = Vec::new();
        match &mut self.body {
            Body::Unseen => return Ok(false),
            Body::Whole(whole) => {
                whole.extend_from_slice(bytes);
                return Ok(false);
            }
            Body::Events { frames, .. } => frames.read(bytes, &mut |event| texts.push(event)),
        }
        self.add(texts).await
    }

    /// Ends a body that was read to its end.
    async fn end(&mut self) -> Result<(), Problem> {
        let mut texts = Vec::new();
        if let Body::Events { frames, .. } = &mut self.body {
            frames.finish(&mut |event| texts.push(event));
        }
        self.add(texts).await.map(|_| ())
    }

    /// Adds events, and passes on what they say. Returns `true` after the last event of a stream.
    async fn add(&mut self, texts: Vec<String>) -> Result<bool, Problem> {
        let Body::Events { events, weight, .. } = &mut self.body else { return Ok(false) };
        for text in texts {
            if text.trim() == "[DONE]" {
                return Ok(true);
            }
            self.first_event.get_or_insert_with(|| self.start.elapsed());
            let text = self.call.provider.without_key(text);
            let event = parse(&text, weight).map_err(|unread| match unread {
                Unread::TooHeavy => too_long(),
                Unread::NotJson => not_json("an event of the stream", &text, self.call.provider),
            })?;
            let is_last = event.get("type").is_some_and(|kind| kind == "message_stop");
            for piece in pieces(&event) {
                // The channel is closed only if the page was closed. `run` then ends the call.
                let _ = self.call.pieces.send(piece).await;
            }
            events.push(event);
            if is_last {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns what the transport's failure in the middle of a body means.
    fn broken(&self, error: &reqwest::Error) -> Problem {
        let failure = self.call.failure(error);
        let is_partial = matches!(&self.body, Body::Events { events, .. } if !events.is_empty());
        match failure.kind {
            ErrorType::ProviderError if is_partial => {
                Problem { kind: ErrorType::ProviderPartialResponse, ..failure }
            }
            _ => failure,
        }
    }

    /// Reads the response of a call that the provider refused.
    async fn refusal(&self, mut response: Response) -> Problem {
        let status = response.status();
        let mut body = Vec::new();
        // What arrives of an error is enough to show it.
        while let Ok(Some(bytes)) = response.chunk().await {
            let room = ERROR_LIMIT.saturating_sub(body.len());
            body.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
            if body.len() >= ERROR_LIMIT {
                break;
            }
        }
        refused(status, &String::from_utf8_lossy(&body), self.call.provider)
    }

    fn finish(self, problem: Option<Problem>) -> Arrived {
        let provider = self.call.provider;
        let mut arrived = Arrived { first_event: self.first_event, problem, ..Arrived::default() };
        match self.body {
            Body::Events { events, .. } => arrived.output = Some(Output::Chunks(events)),
            // A part of a JSON body cannot be read.
            Body::Whole(bytes) if arrived.problem.is_none() => {
                let text = provider.without_key(String::from_utf8_lossy(&bytes).into_owned());
                match parse(&text, &mut 0) {
                    Ok(value) => arrived.output = Some(Output::Value(value)),
                    Err(Unread::TooHeavy) => arrived.problem = Some(too_long()),
                    Err(Unread::NotJson) => {
                        arrived.problem = Some(not_json("the response", &text, provider));
                    }
                }
            }
            Body::Unseen if arrived.problem.is_none() => {
                arrived.problem = Some(Problem::error(ErrorType::ProviderError, "the response is empty"));
            }
            Body::Whole(_) | Body::Unseen => {}
        }
        arrived
    }
}

impl Body {
    /// Detects by its first bytes how a body is read. Some servers send a stream under another media type, and JSON in
    /// place of a stream.
    fn of_start(bytes: &[u8], is_stream: bool) -> Self {
        let start = bytes.trim_ascii_start();
        let is_event = |start: &[u8]| {
            [&b"data:"[..], b"event:", b"id:", b":"].iter().any(|word| start.starts_with(word))
        };
        if (is_stream && !start.starts_with(b"{") && !start.starts_with(b"[")) || is_event(start) {
            let frames = Frames::new(Format::ServerSent, RESPONSE_LIMIT);
            return Self::Events { frames, events: Vec::new(), weight: 0 };
        }
        Self::Whole(Vec::new())
    }
}

/// Why a text is not read as JSON.
enum Unread {
    NotJson,
    TooHeavy,
}

/// Parses JSON if the memory of all values of a response is within the limit.
fn parse(text: &str, weight: &mut usize) -> Result<Value, Unread> {
    let room = WEIGHT_LIMIT.saturating_sub(*weight);
    let more = weigh(text.as_bytes(), room).map_err(|_| Unread::NotJson)?;
    *weight = weight.saturating_add(more).saturating_add(EVENT_WEIGHT);
    if *weight > WEIGHT_LIMIT {
        return Err(Unread::TooHeavy);
    }
    serde_json::from_str(text).map_err(|_| Unread::NotJson)
}

fn too_long() -> Problem {
    Problem::error(ErrorType::ProviderPartialResponse, "the response is longer than the limit of this server")
}

fn not_json(what: &str, text: &str, provider: &Provider) -> Problem {
    let message = format!("{what} is not JSON: {}", errors::message_of_body(text));
    Problem::error(ErrorType::ProviderError, provider.message(&message))
}

/// Returns what a status other than 2xx means.
fn refused(status: StatusCode, body: &str, provider: &Provider) -> Problem {
    let mut message = status.to_string();
    let said = errors::message_of_body(body);
    if !said.is_empty() {
        message.push_str(": ");
        message.push_str(&said);
    }
    if status.is_redirection() {
        message
            .push_str(" (redirects are not followed; start the server with the address that they lead to)");
    }
    let kind = errors::kind(&ReturnedError {
        status: Some(status.as_u16()),
        is_of_http: true,
        message: &message,
        ..ReturnedError::default()
    });
    Problem::error(kind, provider.message(&message))
}

/// Returns what an event says, for the reader. It is read like a stream of one event.
fn pieces(event: &Value) -> Vec<Piece> {
    let reply = providers::response(Output::Chunks(vec![event.clone()]));
    let mut pieces = Vec::new();
    if reply.shape.is_none() {
        return pieces;
    }
    let messages = reply.prompt.as_ref().map(Prompt::messages).unwrap_or_default();
    for message in messages {
        for block in message.content() {
            match block {
                ContentBlock::Text(text) => pieces.push(Piece::Text(text.text.clone())),
                ContentBlock::Thinking(thought) => pieces.push(Piece::Thinking(thought.thinking.clone())),
                _ => {}
            }
        }
        if let Message::Assistant(assistant) = message {
            let calls = assistant.tool_calls.iter();
            pieces.extend(
                calls.map(|call| Piece::Call(call.function.name.clone(), call.function.arguments.clone())),
            );
        }
    }
    pieces.retain(|piece| !matches!(piece, Piece::Text(text) | Piece::Thinking(text) if text.is_empty()));
    pieces
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Piece, pieces};

    fn shown(events: &[Value]) -> Vec<Piece> {
        events.iter().flat_map(pieces).collect()
    }

    #[test]
    fn events_of_each_api_are_shown_as_they_arrive() {
        let chunk = |delta: Value| json!({ "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": delta }] });
        let call = |name: Value, arguments: &str| {
            chunk(
                json!({ "tool_calls": [{ "index": 0, "id": name, "function": { "name": name, "arguments": arguments } }] }),
            )
        };
        let text = |text: &str| Piece::Text(text.to_owned());
        let part = |name: &str, arguments: &str| Piece::Call(name.to_owned(), arguments.to_owned());
        assert_eq!(
            shown(&[
                chunk(json!({ "role": "assistant", "content": "" })),
                chunk(json!({ "content": "Hel" })),
                chunk(json!({ "content": " lo\n" })),
                call(json!("weather"), ""),
                call(Value::Null, "{\"city\""),
                json!({ "object": "chat.completion.chunk", "choices": [], "usage": { "prompt_tokens": 1 } }),
            ]),
            [text("Hel"), text(" lo\n"), part("weather", ""), part("", "{\"city\"")],
        );
        let delta = |delta: Value| json!({ "type": "content_block_delta", "index": 1, "delta": delta });
        assert_eq!(
            shown(&[
                json!({ "type": "message_start", "message": { "type": "message", "role": "assistant", "content": [], "usage": {} } }),
                json!({ "type": "ping" }),
                delta(json!({ "type": "thinking_delta", "thinking": "Hm" })),
                delta(json!({ "type": "text_delta", "text": "Hi" })),
                json!({ "type": "content_block_start", "index": 2, "content_block": { "type": "tool_use", "id": "t", "name": "weather", "input": {} } }),
                delta(json!({ "type": "input_json_delta", "partial_json": "{\"city\"" })),
                json!({ "type": "message_stop" }),
            ]),
            [Piece::Thinking("Hm".to_owned()), text("Hi"), part("weather", "{}"), part("", "{\"city\"")],
        );
    }
}
