//! Reads the arguments and results of functions that do not use a provider's wire format. Arguments are
//! classified by their names, values by their kinds.

mod names;
mod whole;

use serde_json::{Map, Value};

use self::names::{HISTORY, MODEL, PARAMETERS, SYSTEM, USER, is_known};
use super::reading::Shape;
use super::reading::{Reply, Request};
use super::{REDACTED, detect, errors, frames, json, messages, openai_chat, vectors};
use crate::blueprint::{ChatPrompt, ErrorType, Message};

/// The input of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The arguments of a function, by name and in order.
    Arguments(Vec<(String, Value)>),
    /// One value.
    Value(Value),
}

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

/// Reads the input of a model call.
pub fn request(input: Input) -> Request {
    match input {
        Input::Arguments(arguments) => by_name(arguments),
        Input::Value(value) => of_value(value),
    }
}

/// Reads a single value as the whole input.
fn of_value(value: Value) -> Request {
    if let Some(request) = whole::alone(&value) {
        return request;
    }
    match value {
        // An object with the field names of known arguments is read as arguments.
        Value::Object(object) if object.keys().any(|name| is_known(name)) => {
            by_role(object.into_iter().collect())
        }
        Value::Null => Request::default(),
        value if messages::is_messages(&value) || messages::is_message(&value) => {
            chat(openai_chat::messages(&value))
        }
        value => chat(vec![Message::user(json::readable(&value))]),
    }
}

fn chat(messages: Vec<Message>) -> Request {
    Request { prompt: Some(ChatPrompt::new(messages).into()), ..Request::default() }
}

/// Reads a function's arguments. Skips arguments without content, such as clients and handles.
fn by_name(values: Vec<(String, Value)>) -> Request {
    // If one argument is a provider's request, it is the whole request.
    if let Some((own, mut request)) = whole::among(&values) {
        for (name, value) in values.iter().filter(|(name, value)| name != own && !value.is_null()) {
            // Some APIs have the model in the URL, not in the request.
            if let (true, Value::String(model)) = (MODEL.contains(&name.as_str()), value)
                && request.model.is_none()
            {
                request.model = Some(model.clone());
            } else if PARAMETERS.contains(&name.as_str()) {
                request.parameters.entry(name.clone()).or_insert_with(|| value.clone());
            } else if whole::by_shape(value).is_none() {
                request.unplaced.insert(name.clone(), value.clone());
            }
        }
        return request;
    }
    if let [(name, value)] = values.as_slice()
        && !is_known(name)
    {
        return of_value(value.clone());
    }
    by_role(values)
}

/// Assigns each named value to its role in the request.
fn by_role(values: Vec<(String, Value)>) -> Request {
    let mut request = Request::default();
    let (mut system, mut messages, mut user) = (Vec::new(), Vec::new(), Vec::new());
    let (mut tools, mut rest) = (Vec::new(), Map::new());
    for (name, value) in values {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            (known, Value::String(model)) if MODEL.contains(&known) => request.model = Some(model),
            (known, value) if PARAMETERS.contains(&known) => {
                request.parameters.insert(name, value);
            }
            ("messages", value) => messages.extend(openai_chat::messages(&value)),
            (known, value) if HISTORY.contains(&known) && messages::is_messages(&value) => {
                messages.splice(0..0, openai_chat::messages(&value));
            }
            ("tools", value) => match openai_chat::tools(&value) {
                Some(functions) => tools = functions,
                None => {
                    rest.insert(name, value);
                }
            },
            (known, value) if SYSTEM.contains(&known) => {
                system.push(Message::system(json::readable(&value)));
            }
            (known, value)
                if USER.contains(&known)
                    && (messages::is_messages(&value) || messages::is_message(&value)) =>
            {
                messages.extend(openai_chat::messages(&value));
            }
            (known, value) if USER.contains(&known) => user.push(Message::user(json::readable(&value))),
            (_, value) => {
                rest.insert(name, value);
            }
        }
    }
    system.extend(messages);
    system.extend(user);
    let mut messages = system;
    let says_nothing = !messages.iter().any(|message| !matches!(message, Message::System(_)));
    if says_nothing && !rest.is_empty() {
        let mut texts = rest.iter().filter(|(_, value)| value.as_str().is_some_and(|text| text != REDACTED));
        // If there is exactly one text, it is the user's question. Otherwise all values become the message.
        let asked = match (texts.next(), texts.next()) {
            (Some((name, _)), None) => Some(name.clone()),
            _ => None,
        };
        let asked = asked.and_then(|name| rest.remove(&name));
        let said = asked.unwrap_or_else(|| Value::Object(std::mem::take(&mut rest)));
        messages.push(Message::user(json::readable(&said)));
    }
    request.unplaced = rest;
    if !messages.is_empty() {
        let mut prompt = ChatPrompt::new(messages);
        prompt.tools = tools;
        request.prompt = Some(prompt.into());
    }
    request
}

/// Joins the items of a stream into one value: a provider's events into the whole response, texts into one
/// text, anything else into a list.
pub fn joined(chunks: Vec<Value>) -> Value {
    let events = events(chunks);
    summed(detect::chunks(&events), events)
}

/// Returns the items of a stream. If they are the pieces of a provider's response body, returns its events.
fn events(chunks: Vec<Value>) -> Vec<Value> {
    let is_known = |events: &[Value]| detect::chunks(events).is_some() || failed(events).is_some();
    if is_known(&chunks) {
        return chunks;
    }
    frames::in_pieces(&chunks).filter(|events| is_known(events)).unwrap_or(chunks)
}

/// Returns the error that a provider sent in a stream. Items of an unknown format may have an `error` field
/// too.
fn failed(events: &[Value]) -> Option<(ErrorType, String)> {
    let is_providers = events.len() == 1 || detect::chunks(events).is_some();
    if is_providers { errors::in_events(events) } else { None }
}

/// Joins the items of a stream into one value. If `shape` is set, assembles them into a response of that
/// API.
fn summed(shape: Option<&Shape>, chunks: Vec<Value>) -> Value {
    if let Some(shape) = shape {
        return Value::Object((shape.sum)(&chunks));
    }
    let texts: Option<Vec<&str>> = chunks.iter().map(Value::as_str).collect();
    match texts {
        Some(texts) if !texts.is_empty() => Value::String(texts.concat()),
        Some(_) => Value::Null,
        None => Value::Array(chunks),
    }
}

/// Reads a function's output.
pub fn reply(output: Output) -> Reply {
    let is_embedding = matches!(output, Output::Embeddings(_));
    let (mut value, shape, failed) = match output {
        Output::Value(value) | Output::Embeddings(value) => (value, None, None),
        Output::Chunks(chunks) => {
            let events = events(chunks);
            let (shape, failed) = (detect::chunks(&events), failed(&events));
            (summed(shape, events), shape, failed)
        }
    };
    if let Some(object) = value.as_object() {
        // An interrupted stream may contain too little to detect its API from the assembled response. Its
        // events identify it.
        if let Some(shape) = shape.or_else(|| detect::reply(object)) {
            let mut reply = (shape.reply)(object);
            reply.error = reply.error.or(failed);
            return reply;
        }
        if let Some(error) = object.get("error").filter(|error| is_provider_error(object, error)) {
            return Reply { error: Some(errors::of_reply(error)), ..Reply::default() };
        }
    }
    if failed.is_some() {
        return Reply { error: failed, ..Reply::default() };
    }
    if is_embedding && !value.is_null() {
        return Reply { prompt: Some(vectors::prompt_of_result(value)), ..Reply::default() };
    }
    vectors::shorten_vectors(&mut value);
    let messages = match value {
        Value::Null => return Reply::default(),
        value if messages::is_messages(&value) => openai_chat::messages(&value),
        value if messages::is_message(&value) => vec![openai_chat::message(&value)],
        value => vec![Message::assistant(json::readable(&value))],
    };
    Reply { prompt: Some(ChatPrompt::new(messages).into()), ..Reply::default() }
}

/// Returns `true` if a response is a provider's error: an `error` object with a message, or an `error`
/// without unrelated fields. A value of the application may have an `error` field with another meaning.
fn is_provider_error(reply: &Map<String, Value>, error: &Value) -> bool {
    const BESIDE: &[&str] = &["error", "type", "object", "status", "code", "id", "request_id"];
    let alone = reply.keys().all(|key| BESIDE.contains(&key.as_str()));
    let is_text = error.as_str().is_some_and(|text| !text.is_empty());
    error.get("message").is_some_and(Value::is_string) || (alone && (is_text || error.is_object()))
}
