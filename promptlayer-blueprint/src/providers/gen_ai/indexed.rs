//! Messages whose parts are in attributes of their own: `gen_ai.prompt.0.role`, `gen_ai.prompt.0.content`,
//! `gen_ai.completion.0.tool_calls.0.name` and so on.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::FINISH_REASON;
use super::super::json::Object;
use super::fields;
use crate::semconv;

/// The names of the attributes before the number of the message, and the attribute for the list of messages.
const LISTS: &[(&str, &str, &str)] = &[
    ("gen_ai.prompt.", semconv::INPUT_MESSAGES, "user"),
    ("gen_ai.completion.", semconv::OUTPUT_MESSAGES, "assistant"),
];

/// Returns the fields with the messages in OpenTelemetry's attributes for them. Fields that have these attributes
/// already, or no message of this form, are returned as they are.
pub(super) fn with_messages(fields: &Map<String, Value>) -> Cow<'_, Map<String, Value>> {
    let mut fields = Cow::Borrowed(fields);
    for (prefix, list, role) in LISTS {
        if fields.contains_key(*list) {
            continue;
        }
        let messages = messages(&fields, prefix, role);
        if !messages.is_empty() {
            fields.to_mut().insert((*list).to_owned(), Value::Array(messages));
        }
    }
    fields
}

fn messages(fields: &Map<String, Value>, prefix: &str, role: &str) -> Vec<Value> {
    let mut messages: BTreeMap<u32, Object> = BTreeMap::new();
    for (name, value) in fields {
        if let Some((number, key)) = name.strip_prefix(prefix).and_then(numbered) {
            messages.entry(number).or_default().insert(key.to_owned(), value.clone());
        }
    }
    messages.into_values().map(|message| in_parts(message, role)).collect()
}

/// Splits a name into its leading number and the rest.
fn numbered(name: &str) -> Option<(u32, &str)> {
    let (number, rest) = name.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

/// Converts a message to OpenTelemetry's form.
fn in_parts(mut said: Object, role: &str) -> Value {
    let mut parts = Vec::new();
    if let Some(thinking) = said.remove("thinking") {
        parts.push(json!({ "type": "reasoning", "content": thinking }));
    }
    match (said.remove("content"), said.remove("tool_call_id")) {
        (content, Some(id)) => {
            parts.push(json!({ "type": "tool_call_response", "id": id, "response": content }));
        }
        (Some(content), None) => match fields::value(&content) {
            Value::Array(listed) if !listed.is_empty() && listed.iter().all(Value::is_object) => {
                parts.extend(listed);
            }
            _ => parts.push(json!({ "type": "text", "content": content })),
        },
        (None, None) => {}
    }
    parts.extend(tool_calls(&mut said));
    let mut message = Map::new();
    message.insert("role".to_owned(), said.remove("role").unwrap_or_else(|| role.into()));
    message.insert("parts".to_owned(), Value::Array(parts));
    message.extend(said.remove_entry(FINISH_REASON));
    Value::Object(message)
}

/// Takes the tool calls out of a message: a list as JSON text, or one attribute for each field of each call.
fn tool_calls(said: &mut Object) -> Vec<Value> {
    let listed = said.remove("tool_calls").map(|calls| fields::value(&calls));
    let mut calls: BTreeMap<u32, Object> = BTreeMap::new();
    for (name, value) in &*said {
        if let Some((number, key)) = name.strip_prefix("tool_calls.").and_then(numbered) {
            calls.entry(number).or_default().insert(key.to_owned(), value.clone());
        }
    }
    let calls = calls.into_values().map(Value::Object);
    let mut calls: Vec<Value> = listed.and_then(as_list).into_iter().flatten().chain(calls).collect();
    for call in calls.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(Value::Object(function)) = call.remove("function") {
            call.extend(function);
        }
        call.insert("type".to_owned(), "tool_call".into());
    }
    calls
}

fn as_list(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::with_messages;
    use crate::semconv;

    fn fields(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn numbered_attributes_become_messages_in_order() {
        let fields = fields(&json!({
            "gen_ai.prompt.10.role": "user",
            "gen_ai.prompt.10.content": "Now?",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be brief.",
            "gen_ai.prompt.2.role": "tool",
            "gen_ai.prompt.2.tool_call_id": "c1",
            "gen_ai.prompt.2.content": "12 °C",
            "gen_ai.prompt.name": "weather",
            "gen_ai.completion.0.content": "Cold.",
            "gen_ai.completion.0.finish_reason": "stop",
        }));
        let read = with_messages(&fields);
        assert_eq!(
            read[semconv::INPUT_MESSAGES],
            json!([
                { "role": "system", "parts": [{ "type": "text", "content": "Be brief." }] },
                { "role": "tool", "parts": [{ "type": "tool_call_response", "id": "c1", "response": "12 °C" }] },
                { "role": "user", "parts": [{ "type": "text", "content": "Now?" }] },
            ])
        );
        assert_eq!(
            read[semconv::OUTPUT_MESSAGES],
            json!([{
                "role": "assistant",
                "parts": [{ "type": "text", "content": "Cold." }],
                "finish_reason": "stop",
            }])
        );
    }

    #[test]
    fn tool_calls_are_read_from_a_list_and_from_attributes() {
        let call = json!({ "type": "tool_call", "id": "c1", "name": "weather", "arguments": "{}" });
        for fields in [
            json!({ "gen_ai.completion.0.tool_calls":
                r#"[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{}"}}]"# }),
            json!({
                "gen_ai.completion.0.tool_calls.0.id": "c1",
                "gen_ai.completion.0.tool_calls.0.name": "weather",
                "gen_ai.completion.0.tool_calls.0.arguments": "{}",
            }),
        ] {
            let fields = self::fields(&fields);
            let read = with_messages(&fields);
            assert_eq!(read[semconv::OUTPUT_MESSAGES], json!([{ "role": "assistant", "parts": [call] }]));
        }
    }

    #[test]
    fn messages_in_one_attribute_are_kept() {
        let fields = fields(&json!({ "gen_ai.input.messages": "[]", "gen_ai.prompt.0.content": "no" }));
        assert_eq!(*with_messages(&fields), fields);
    }
}
