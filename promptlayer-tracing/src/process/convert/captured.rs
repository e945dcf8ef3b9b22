//! Captured values as JSON.

use promptlayer_blueprint::providers::{self, REDACTED};
use serde_json::{Map, Value};

use super::secrets;
use crate::capture::Captured;
use crate::capture::debug_value::{self, Part};
use crate::capture::type_names::TypeNames;
use crate::serialize::compact;
use crate::span::finished::Output;
use crate::span::input_output::Input;

/// Converts a captured value to JSON.
pub(super) fn value(captured: &Captured<impl AsRef<str>>) -> Value {
    let text = captured.text();
    match captured {
        Captured::Serialized(_) => match compact::raw_json(text) {
            Some(json) => value_of_json(json),
            None => compact::read(text).unwrap_or_default(),
        },
        Captured::Json(_) => value_of_json(text),
        Captured::Text(_) => Value::from(text),
        Captured::Debug(_, type_name) => debug_value::value(text, type_name),
        Captured::Type(name) => Value::from(format!("[{name}]")),
        Captured::Redacted => Value::from(REDACTED),
    }
}

fn value_of_json(json: &str) -> Value {
    match serde_json::from_str(json) {
        // A number with more digits than a float has stays the text that it is.
        Ok(Value::Number(number)) if number.is_f64() && !json.contains(['.', 'e', 'E']) => Value::from(json),
        Ok(value) => value,
        Err(_) => Value::from(json),
    }
}

/// Converts a captured value to JSON for a reader: long lists of numbers are replaced by their length.
pub(super) fn readable_value(captured: &Captured<impl AsRef<str>>) -> Value {
    let mut value = value(captured);
    providers::shorten_vectors(&mut value);
    value
}

/// Converts a captured value to text: a string without its quotes, anything else as JSON.
pub(super) fn text(captured: &Captured) -> String {
    match readable_value(captured) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Converts the arguments of a function, without secrets.
pub(super) fn arguments<'a>(
    arguments: &'a [(&'static str, Captured)],
    types: &TypeNames,
) -> impl Iterator<Item = (&'static str, &'a Captured, Value)> {
    let types = types.arguments().map(Some).chain(std::iter::repeat(None));
    arguments.iter().zip(types).map(|((name, captured), type_name)| {
        let mut value = readable_value(captured);
        secrets::hide_in_argument(name, type_name, &mut value);
        (*name, captured, value)
    })
}

/// Converts the input of a call. Arguments of which only the type is known (a client, a handle) have no content and are
/// left out. Parts of a request that a client takes one by one become one request.
pub(super) fn input(input: &Input, types: &TypeNames) -> Option<providers::Input> {
    let captured = match input {
        Input::Arguments(arguments) => arguments,
        Input::Value(Captured::Type(_)) => return None,
        Input::Value(captured) => return Some(providers::Input::Value(value(captured))),
    };
    let (mut request, mut others) = (Map::new(), Vec::new());
    for (name, captured, value) in arguments(captured, types) {
        let part = match captured {
            Captured::Type(_) => continue,
            Captured::Debug(_, type_name) => debug_value::part_of_request(type_name),
            _ => None,
        };
        let fields = match (part.as_ref().map(|part| part.part), value) {
            (Some(Part::Fields), Value::Object(fields)) => fields,
            (Some(Part::Field(field)), value) => Map::from_iter([(field.to_owned(), value)]),
            (_, value) => Map::from_iter([(name.to_owned(), value)]),
        };
        if part.is_some_and(|part| part.is_of_request) {
            request.extend(fields);
        } else {
            others.extend(fields);
        }
    }
    if !request.is_empty() {
        others.insert(0, ("request".to_owned(), Value::Object(request)));
    }
    Some(providers::Input::Arguments(others))
}

/// Converts the output of a call. `is_embedding` is `true` if it consists of vectors.
pub(super) fn output(output: &Output, is_embedding: bool) -> providers::Output {
    match output {
        Output::Value(captured) => match (value(captured), captured) {
            // Some clients collect the events of a stream.
            (Value::Array(events), Captured::Debug(_, type_name)) if debug_value::is_of_client(type_name) => {
                providers::Output::Chunks(events)
            }
            (value, _) if is_embedding => providers::Output::Embeddings(value),
            (value, _) => providers::Output::Value(value),
        },
        Output::Chunks(chunks) => {
            providers::Output::Chunks(chunks.iter().map(|chunk| value(&chunk)).collect())
        }
    }
}
