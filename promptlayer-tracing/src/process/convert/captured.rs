//! Captured values as JSON.

use promptlayer_blueprint::providers::{self, REDACTED};
use serde_json::Value;

use crate::capture::Captured;
use crate::span::finished::Output;
use crate::span::input_output::Input;

/// Converts a captured value to JSON.
pub(super) fn value(captured: &Captured) -> Value {
    match captured {
        Captured::Json(json) => match serde_json::from_str(json) {
            // A number with more digits than a float has stays the text that it is.
            Ok(Value::Number(number)) if number.is_f64() && !json.contains(['.', 'e', 'E']) => {
                Value::from(json.as_str())
            }
            Ok(value) => value,
            Err(_) => Value::from(json.as_str()),
        },
        Captured::Text(text) => Value::from(text.as_str()),
        Captured::Type(name) => Value::from(format!("[{name}]")),
        Captured::Redacted => Value::from(REDACTED),
    }
}

/// Converts a captured value to text: a string without its quotes, anything else as JSON.
pub(super) fn text(captured: &Captured) -> String {
    match value(captured) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Converts the input of a call. Arguments of which only the type is known (a client, a handle) have no content and are
/// left out.
pub(super) fn input(input: &Input) -> Option<providers::Input> {
    match input {
        Input::Arguments(arguments) => Some(providers::Input::Arguments(
            arguments
                .iter()
                .filter(|(_, captured)| !matches!(captured, Captured::Type(_)))
                .map(|(name, captured)| ((*name).to_owned(), value(captured)))
                .collect(),
        )),
        Input::Value(Captured::Type(_)) => None,
        Input::Value(captured) => Some(providers::Input::Value(value(captured))),
    }
}

/// Converts the output of a call.
pub(super) fn output(output: &Output) -> providers::Output {
    match output {
        Output::Value(captured) => providers::Output::Value(value(captured)),
        Output::Chunks(chunks) => providers::Output::Chunks(chunks.iter().map(value).collect()),
    }
}
