//! Whether anything that an exchange says is nowhere in its log.

use std::collections::HashSet;

use serde_json::Value;

use crate::said::short;

/// Fields that say what a thing is, and not what is said by it, or that a provider is to cache it.
const STRUCTURE: &[&str] =
    &["type", "role", "object", "status", "phase", "model", "format", "language", "tool_choice", "ttl"];
/// Fields of a reply that say how it came about.
const MAKING: &[&str] = &["id", "index", "logprobs", "caller", "padding", "item_id"];

/// The texts of a request that its log does not have.
pub(crate) fn of_request<'a>(request: &'a Value, log: &Value) -> impl Iterator<Item = String> + use<'a> {
    missing(request, log, &[])
}

/// The texts of a reply's content that its log does not have.
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
        // Where a block has no form in the log, it is there as JSON.
        let escaped = Value::from(text).to_string();
        let escaped = escaped.trim_matches('"');
        // A file's type and its data have a field each.
        let text = text.split_once(";base64,").map_or(text, |(_, data)| data);
        !exact.contains(text)
            && !logged.iter().any(|logged| logged.contains(text) || logged.contains(escaped))
    };
    texts.retain(|(_, text)| is_lost(text));
    texts.into_iter().map(|(path, text)| format!("{path} is lost: {}", short(text)))
}

/// All texts in a value, each with the field that it is in.
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

/// All texts of a log.
fn everything<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| everything(item, texts)),
        Value::Object(fields) => fields.values().for_each(|value| everything(value, texts)),
        _ => {}
    }
}
