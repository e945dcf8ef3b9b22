//! Tests for the conversion of finished spans into request logs.

mod anthropic_broken;
mod anthropic_fixtures;
mod anthropic_reply;
mod anthropic_request;
mod anthropic_stream;
mod bedrock;
mod bedrock_invoke;
mod bedrock_stream;
mod bodies;
mod captured;
mod cohere;
mod cohere_fixtures;
mod completions;
mod fixtures;
mod gemini_fixtures;
mod gemini_interactions;
mod gemini_reply;
mod gemini_request;
mod gemini_stream;
mod gen_ai;
mod gen_ai_attributes;
mod gen_ai_tools;
mod ollama;
mod ollama_fixtures;
mod openai_embeddings;
mod openai_images;
mod openai_reply;
mod openai_request;
mod openai_stream;
mod openai_stream_calls;
mod openai_usage;
mod plain;
mod responses_chunks;
mod responses_fixtures;
mod responses_reply;
mod responses_request;
mod responses_tools;
mod secrets;
mod vendors;
mod whole;
mod written_attributes;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use promptlayer_blueprint::{AssistantMessage, ChatPrompt, ContentBlock, LogRequest, Message, Prompt};
use serde_json::Value;

use crate::capture::Captured;
use crate::kind::SpanKind;
use crate::random;
use crate::span::finished::{FinishedSpan, Inherited, Output, Place};
use crate::span::input_output::Input;

/// A span of a call without input and output.
pub(crate) fn span() -> FinishedSpan {
    let place = Place::root(random::trace_id(), random::span_id(), true);
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    FinishedSpan {
        function: Some("ask"),
        kind: Some(SpanKind::Llm),
        is_request: true,
        duration: Duration::from_millis(1_500),
        ..FinishedSpan::new("ask", place, started, Arc::new(Inherited::default()))
    }
}

/// Captures a value as its `Serialize` implementation writes it.
fn captured(value: &Value) -> Captured {
    Captured::Json(value.to_string())
}

/// Creates an input from a function's arguments.
fn arguments<const N: usize>(arguments: [(&'static str, Value); N]) -> Input {
    Input::Arguments(arguments.map(|(name, value)| (name, captured(&value))).into())
}

/// Returns the log of a call with this input and no output.
fn log_of_input(input: Input) -> LogRequest {
    super::log_request(&FinishedSpan { input: Some(input), ..span() }, None)
}

/// Returns the log of a call with this output.
fn log_of_output(output: &Value) -> LogRequest {
    log_of(None, output)
}

/// Returns the log of a call with this argument `request` and this output.
fn log_of<'a>(request: impl Into<Option<&'a Value>>, response: &Value) -> LogRequest {
    let input = request.into().map(|request| arguments([("request", request.clone())]));
    let output = Some(Output::Value(captured(response)));
    super::log_request(&FinishedSpan { input, output, ..span() }, None)
}

/// Returns the roles and texts of a prompt's messages.
fn said(prompt: &Prompt) -> Vec<(String, String)> {
    prompt.messages().iter().map(|message| (message.role().to_owned(), message.text())).collect()
}

/// Builds the expected value for `said`.
fn lines<const N: usize>(lines: [(&str, &str); N]) -> Vec<(String, String)> {
    lines.map(|(role, text)| (role.to_owned(), text.to_owned())).into()
}

/// Returns the exchanges whose names start with one of these prefixes.
fn recorded(prefixes: &[&str]) -> Vec<(String, Value)> {
    let mut documents = crate::shared::exchanges();
    for prefix in prefixes {
        assert!(documents.iter().any(|(name, _)| name.starts_with(prefix)), "there is no {prefix}");
    }
    documents.retain(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)));
    documents.into_iter().map(|(name, document)| (name + ".json", document)).collect()
}

/// Returns the prompt as a chat.
fn chat(prompt: &Prompt) -> &ChatPrompt {
    match prompt {
        Prompt::Chat(chat) => chat,
        other => panic!("no chat: {other:?}"),
    }
}

/// Returns the assistant message at this index.
fn assistant(prompt: &Prompt, at: usize) -> &AssistantMessage {
    match &prompt.messages()[at] {
        Message::Assistant(message) => message,
        other => panic!("not of the model: {other:?}"),
    }
}

/// Returns id, name and arguments of a message's tool calls.
fn calls(message: &AssistantMessage) -> Vec<[&str; 3]> {
    message
        .tool_calls
        .iter()
        .map(|call| [call.id.as_str(), call.function.name.as_str(), call.function.arguments.as_str()])
        .collect()
}

/// Returns the texts of a completion's blocks.
fn completion(prompt: &Prompt) -> Vec<&str> {
    match prompt {
        Prompt::Completion(completion) => completion.content.iter().filter_map(ContentBlock::text).collect(),
        other => panic!("no completion: {other:?}"),
    }
}
