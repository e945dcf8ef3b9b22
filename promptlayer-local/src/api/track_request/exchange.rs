//! Reads the arguments and the response of a provider's client library.

use promptlayer_blueprint::providers::{self, Input, Output, REDACTED, Reply, Request};
use serde_json::{Map, Value};

/// Fields of client libraries, and the names of the same fields in requests: Google's library for Python takes the
/// messages of a chat as its history.
const RENAMED: &[(&str, &str)] = &[("history", "contents")];

/// Arguments that hold a secret.
const SECRETS: &[&str] =
    &["api_key", "apiKey", "aws_secret_key", "aws_session_token", "extra_headers", "headers"];

/// Reads the arguments of a call. Positional arguments beside a request are kept as the parameter `args`.
pub(super) fn request(args: Value, kwargs: Value) -> Request {
    let mut kwargs = match kwargs {
        Value::Object(kwargs) if !kwargs.is_empty() => kwargs,
        _ => return providers::request(Input::Value(positional(args))),
    };
    for (name, in_request) in RENAMED {
        if !kwargs.contains_key(*in_request)
            && let Some(value) = kwargs.remove(*name)
        {
            kwargs.insert((*in_request).to_owned(), value);
        }
    }
    for (_, secret) in kwargs.iter_mut().filter(|(name, _)| SECRETS.contains(&name.as_str())) {
        *secret = REDACTED.into();
    }
    let mut request = providers::request(Input::Value(Value::Object(kwargs)));
    let args = positional(args);
    if !args.is_null() {
        request.parameters.insert("args".to_owned(), args);
    }
    let unplaced = std::mem::take(&mut request.unplaced);
    for (name, value) in unplaced {
        request.parameters.entry(name).or_insert(value);
    }
    request
}

/// Reads what a call returned. Clients log the last event of a stream, or all events, in place of the response.
pub(super) fn reply(request: &Request, response: Value) -> Reply {
    match response {
        Value::Null => Reply::default(),
        Value::Object(fields) if fields.is_empty() => Reply::default(),
        Value::Array(items) if items.iter().all(is_event) && !items.is_empty() => {
            providers::response_to(request, Output::Chunks(items))
        }
        Value::Object(fields) if is_chunk(&fields) => {
            providers::response_to(request, Output::Chunks(vec![Value::Object(fields)]))
        }
        response => providers::response_to(request, Output::Value(response)),
    }
}

/// Returns `true` for an item that is no message. A response can also be a list of messages.
fn is_event(item: &Value) -> bool {
    item.is_object() && item.get("role").is_none()
}

/// Returns `true` for an event of a stream that is logged alone.
fn is_chunk(fields: &Map<String, Value>) -> bool {
    fields.get("object").is_some_and(|kind| kind == "chat.completion.chunk")
}

fn positional(args: Value) -> Value {
    match args {
        Value::Array(mut args) if args.len() < 2 => args.pop().unwrap_or_default(),
        Value::Object(args) if args.is_empty() => Value::Null,
        args => args,
    }
}
