//! Reads the output of a model call: a provider's response or its stream, alone or inside the value that a function
//! returned.

use serde_json::Value;

use super::json;
use super::reading::{Reply, Request, Shape};
use super::{crates, detect, embedded, errors, frames, messages, openai_chat, vectors};
use crate::blueprint::{ChatPrompt, ErrorType, Message};

/// The output of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// One value.
    Value(Value),
    /// The value of a function that embeds texts. If it is in no known format, its lists of numbers are vectors.
    Embeddings(Value),
    /// The items of a stream, in order.
    Chunks(Vec<Value>),
}

/// Reads the output of a model call.
pub fn response(output: Output) -> Reply {
    response_to(&Request::default(), output)
}

/// Reads the output of a model call with this request. After a provider's request, an object with nothing but a
/// message is the provider's error. After a request for embeddings, lists of numbers are vectors.
pub fn response_to(request: &Request, output: Output) -> Reply {
    let is_embedding =
        matches!(output, Output::Embeddings(_)) || request.shape.is_some_and(Shape::is_for_embeddings);
    match output {
        Output::Value(value) | Output::Embeddings(value) => {
            let value = crates::response(value);
            let error = || errors::from_body(value.as_object()?);
            let error = error().filter(|_| request.shape.is_some());
            let reply = from_value(value, is_embedding);
            match error {
                Some(error) if reply.shape.is_none() => failed(error),
                _ => reply,
            }
        }
        Output::Chunks(chunks) => from_events(events(chunks)),
    }
}

/// Joins the items of a stream into one value: a provider's events into the whole response, texts into one
/// text, anything else into a list.
pub fn joined(chunks: Vec<Value>) -> Value {
    let events = events(chunks);
    sum(detect::chunks(&events), events)
}

/// Returns the items of a stream, or the events in them if they are pieces of a body or lists of events.
fn events(chunks: Vec<Value>) -> Vec<Value> {
    let is_known = |events: &[Value]| detect::chunks(events).is_some() || stream_error(events).is_some();
    if is_known(&chunks) {
        return chunks;
    }
    let chunks = crates::events(chunks);
    if let Some(events) = frames::in_pieces(&chunks).filter(|events| is_known(events)) {
        return events;
    }
    if !chunks.is_empty() && chunks.iter().all(Value::is_array) {
        let items: Vec<Value> = chunks.iter().filter_map(Value::as_array).flatten().cloned().collect();
        if is_known(&items) {
            return items;
        }
    }
    chunks
}

/// Returns the error that a provider sent in a stream. Items of an unknown format may have an `error` field
/// too.
fn stream_error(events: &[Value]) -> Option<(ErrorType, String)> {
    let is_providers = events.len() == 1 || detect::chunks(events).is_some();
    if is_providers { errors::in_events(events) } else { None }
}

/// Joins the items of a stream: to the response of an API, or to a text or a list.
fn sum(shape: Option<&Shape>, chunks: Vec<Value>) -> Value {
    if let Some(shape) = shape {
        return Value::Object((shape.sum)(chunks));
    }
    let texts: Option<Vec<&str>> = chunks.iter().map(Value::as_str).collect();
    match texts {
        Some(texts) if !texts.is_empty() => Value::String(texts.concat()),
        Some(_) => Value::Null,
        None => Value::Array(chunks),
    }
}

fn from_events(events: Vec<Value>) -> Reply {
    let (shape, error) = (detect::chunks(&events), stream_error(&events));
    let whole = sum(shape, events);
    // An interrupted stream may contain too little to detect its API from the assembled response. Its
    // events identify it.
    let reply = match (shape, whole.as_object()) {
        (Some(shape), Some(object)) => Some((shape.reply)(object)),
        _ => from_response(&whole),
    };
    match (reply, error) {
        (Some(reply), error) => Reply { error: reply.error.or(error), ..reply },
        (None, Some(error)) => failed(error),
        (None, None) => from_application(whole),
    }
}

fn from_value(value: Value, is_embedding: bool) -> Reply {
    if let Some(reply) = from_response(&value) {
        return reply;
    }
    if let Some(body) = embedded::body(&value)
        && let Some(reply) = from_body(body)
    {
        return reply;
    }
    match embedded::reply(&value) {
        Some(reply) => reply,
        None if is_embedding && !value.is_null() => {
            Reply { prompt: Some(vectors::prompt_of_result(value)), ..Reply::default() }
        }
        None => from_application(value),
    }
}

/// Reads a provider's response, or its error.
fn from_response(value: &Value) -> Option<Reply> {
    let object = value.as_object()?;
    detect::read_reply(object).or_else(|| errors::from_response(object).map(failed))
}

/// Reads the body of a provider's response, whole or streamed.
fn from_body(body: Vec<Value>) -> Option<Reply> {
    if detect::chunks(&body).is_some() {
        return Some(from_events(body));
    }
    let [Value::Object(one)] = body.as_slice() else { return None };
    detect::read_reply(one).or_else(|| errors::from_body(one).map(failed))
}

fn failed(error: (ErrorType, String)) -> Reply {
    Reply { error: Some(error), ..Reply::default() }
}

/// Reads a value of the application.
fn from_application(mut value: Value) -> Reply {
    vectors::shorten_vectors(&mut value);
    let messages = match value {
        Value::Null => return Reply::default(),
        value if messages::is_messages_of_any_form(&value) => openai_chat::messages(&value),
        value if messages::is_message_of_any_form(&value) => vec![openai_chat::message(&value)],
        value => vec![Message::assistant(json::into_readable(value))],
    };
    Reply { prompt: Some(ChatPrompt::new(messages).into()), ..Reply::default() }
}
