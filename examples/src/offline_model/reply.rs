//! Responses in the format of `OpenAI`'s API, complete or in chunks.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use axum::Json;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::request::{Chat, Completion, Options};
use super::tools::ToolCall;

/// The number of characters of tool arguments per chunk. It is small, so that clients must join several
/// chunks.
const ARGUMENTS_A_CHUNK: usize = 8;

/// The fields that every response and every chunk contain.
#[derive(Debug)]
pub(super) struct Envelope {
    id: String,
    created: u64,
    model: String,
}

impl Envelope {
    pub(super) fn new(prefix: &str, number: u64, options: &Options) -> Self {
        let created = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { id: format!("{prefix}-offline-{number}"), created, model: options.model.clone() }
    }

    fn seal(&self, object: &str, choices: impl IntoIterator<Item = Value>, usage: Option<&Value>) -> Value {
        let mut sealed = json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "choices": Value::from_iter(choices),
            "system_fingerprint": "fp_offline",
        });
        if let Some(usage) = usage {
            sealed["usage"] = usage.clone();
        }
        sealed
    }

    /// Streams the choices as one chunk each, followed by the usage if the request asks for it.
    fn stream(
        &self,
        object: &str,
        choices: impl Iterator<Item = Value>,
        usage: &Value,
        options: &Options,
    ) -> Response {
        // If the request asks for the usage, it is null in every chunk except the last.
        let none = options.include_usage.then_some(&Value::Null);
        let mut chunks: Vec<_> =
            choices.map(|choice| self.seal(object, [choice], none).to_string()).collect();
        if options.include_usage {
            chunks.push(self.seal(object, [], Some(usage)).to_string());
        }
        chunks.push("[DONE]".to_owned());
        let events = Events { left: chunks.into_iter(), paused: false };
        let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
        (headers, Body::from_stream(events)).into_response()
    }
}

/// Answers a chat completion request.
pub(super) fn chat(envelope: &Envelope, request: &Chat) -> Response {
    let options = &request.options;
    let answer = answer::to_chat(request);
    let asked = request.messages.iter().map(|message| answer::tokens(&message.text)).sum();
    let usage = usage(asked, answer.tokens() * options.n);
    if options.stream {
        let choices = (0..options.n).flat_map(|index| deltas(index, &envelope.id, &answer));
        return envelope.stream("chat.completion.chunk", choices, &usage, options);
    }
    let message = match &answer {
        Answer::Text { text, .. } => {
            json!({ "role": "assistant", "content": text, "refusal": null })
        }
        Answer::ToolCalls(calls) => {
            let calls: Vec<_> =
                calls.iter().enumerate().map(|(index, call)| whole(&envelope.id, index, call)).collect();
            json!({ "role": "assistant", "content": null, "refusal": null, "tool_calls": calls })
        }
    };
    let choice = |index| {
        json!({
            "index": index,
            "message": message,
            "logprobs": null,
            "finish_reason": answer.finish_reason(),
        })
    };
    Json(envelope.seal("chat.completion", (0..options.n).map(choice), Some(&usage))).into_response()
}

/// Answers a legacy completion request, one prompt after the other.
pub(super) fn completion(envelope: &Envelope, request: &Completion) -> Response {
    let options = &request.options;
    let answers = request.prompts.iter().flat_map(|prompt| {
        let repeated = || answer::to_prompt(prompt, options.max_tokens);
        (0..options.n).map(move |_| repeated())
    });
    let answers: Vec<_> = answers.collect();
    let asked = request.prompts.iter().map(|prompt| answer::tokens(prompt)).sum();
    let usage = usage(asked, answers.iter().map(Answer::tokens).sum());
    let choice = |index: usize, text: &str, finish_reason: Option<&str>| {
        json!({
            "index": index,
            "text": text,
            "logprobs": null,
            "finish_reason": finish_reason,
        })
    };
    let answers = answers.iter().enumerate().filter_map(|(index, answer)| match answer {
        Answer::Text { text, .. } => Some((index, text, answer.finish_reason())),
        Answer::ToolCalls(_) => None,
    });
    if options.stream {
        let choices = answers.flat_map(|(index, text, finish_reason)| {
            let words = text.split_inclusive(' ').map(move |word| choice(index, word, None));
            words.chain([choice(index, "", Some(finish_reason))])
        });
        return envelope.stream("text_completion", choices, &usage, options);
    }
    let choices = answers.map(|(index, text, finish_reason)| choice(index, text, Some(finish_reason)));
    Json(envelope.seal("text_completion", choices, Some(&usage))).into_response()
}

fn usage(prompt_tokens: u64, completion_tokens: u64) -> Value {
    json!({
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    })
}

fn call_id(completion: &str, index: usize) -> String {
    format!("call_{completion}_{index}")
}

fn whole(completion: &str, index: usize, call: &ToolCall) -> Value {
    json!({
        "id": call_id(completion, index),
        "type": "function",
        "function": { "name": call.name, "arguments": call.arguments },
    })
}

/// Splits an answer into deltas: the role, the words or tool calls in parts, and the finish reason.
fn deltas(index: u64, completion: &str, answer: &Answer) -> Vec<Value> {
    let choice = |delta: Value, finish_reason: Option<&str>| json!({ "index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason });
    let mut choices = Vec::new();
    match answer {
        Answer::Text { text, .. } => {
            choices.push(choice(json!({ "role": "assistant", "content": "", "refusal": null }), None));
            choices.extend(text.split_inclusive(' ').map(|word| choice(json!({ "content": word }), None)));
        }
        Answer::ToolCalls(calls) => {
            choices.push(choice(json!({ "role": "assistant", "content": null }), None));
            for (position, call) in calls.iter().enumerate() {
                // The first delta contains the id and the name of the call. Later deltas identify it by
                // index.
                let opening = json!({
                    "index": position,
                    "id": call_id(completion, position),
                    "type": "function",
                    "function": { "name": call.name, "arguments": "" },
                });
                choices.push(choice(json!({ "tool_calls": [opening] }), None));
                let characters: Vec<_> = call.arguments.chars().collect();
                for piece in characters.chunks(ARGUMENTS_A_CHUNK) {
                    let piece: String = piece.iter().collect();
                    let more = json!({ "index": position, "function": { "arguments": piece } });
                    choices.push(choice(json!({ "tool_calls": [more] }), None));
                }
            }
        }
    }
    choices.push(choice(json!({}), Some(answer.finish_reason())));
    choices
}

/// A stream of server-sent events. Each event is written to the connection separately.
struct Events {
    left: std::vec::IntoIter<String>,
    paused: bool,
}

impl Stream for Events {
    type Item = Result<String, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Return `Pending` once before each event, so that the previous event is sent first, as with a model
        // that generates word by word.
        self.paused = !self.paused;
        if self.paused {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.left.next().map(|chunk| Ok(format!("data: {chunk}\n\n"))))
    }
}
