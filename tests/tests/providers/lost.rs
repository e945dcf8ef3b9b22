//! Finds texts of an exchange that are missing from its log.

use std::collections::HashSet;

use serde_json::Value;

use crate::said::short;

/// Fields that describe the structure of a value rather than its content, or that control the provider's cache.
const STRUCTURE: &[&str] =
    &["type", "role", "object", "status", "phase", "model", "format", "language", "tool_choice", "ttl"];
/// Fields of a response that describe how it was generated.
const MAKING: &[&str] = &["id", "index", "logprobs", "caller", "padding", "item_id"];

/// Returns the texts of a request that are missing from its log.
pub(crate) fn of_request<'a>(request: &'a Value, log: &Value) -> impl Iterator<Item = String> + use<'a> {
    missing(request, log, &[])
}

/// Returns the texts of a response's content that are missing from its log.
pub(crate) fn of_reply<'a>(content: &'a Value, log: &Value) -> impl Iterator<Item = String> + use<'a> {
    missing(content, log, MAKING)
}

fn missing<'a>(said: &'a Value, log: &Value, besides: &[&str]) -> impl Iterator<Item = String> + use<'a> {
    let mut texts = Vec::new();
    leaves(said, besides, "", &mut texts);
    let mut logged = Vec::new();
    everything(log, &mut logged);
    let exact: HashSet<&str> = logged.iter().copied().collect();
    let is_lost = |text: &str| {
        // A block that the log has no type for is logged as JSON.
        let escaped = Value::from(text).to_string();
        let escaped = escaped.trim_matches('"');
        // The log has separate fields for the media type and the data of a file.
        let text = text.split_once(";base64,").map_or(text, |(_, data)| data);
        !exact.contains(text)
            && !logged.iter().any(|logged| logged.contains(text) || logged.contains(escaped))
    };
    texts.retain(|(_, text)| is_lost(text));
    texts.into_iter().map(|(path, text)| format!("{path} is lost: {}", short(text)))
}

/// Collects all texts in a value, each with its path.
fn leaves<'a>(value: &'a Value, besides: &[&str], path: &str, texts: &mut Vec<(String, &'a str)>) {
    match value {
        Value::String(text) => texts.push((path.to_owned(), text)),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, besides, path, texts)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_said = !(STRUCTURE.contains(&name.as_str()) && value.is_string());
                if is_said && !besides.contains(&name.as_str()) {
                    leaves(value, besides, &format!("{path}.{name}"), texts);
                }
            }
        }
        _ => {}
    }
}

/// Collects all texts of a log.
fn everything<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| everything(item, texts)),
        Value::Object(fields) => fields.values().for_each(|value| everything(value, texts)),
        _ => {}
    }
}
