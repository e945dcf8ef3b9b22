//! Whether the requests that `to_request` makes fit the request types of a client crate.

use promptlayer_tracing::blueprint::Prompt;
use promptlayer_tracing::blueprint::providers::to_request;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{ANSWER, ARGUMENTS, CALL_ID, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema};

/// Returns the prompts: the conversation with a picture, with the tool, and with the tool's result.
pub fn prompts() -> Vec<(&'static str, Prompt)> {
    let text = |text: &str| json!([{"type": "text", "text": text}]);
    let system = json!({"role": "system", "content": text(SYSTEM)});
    let user = json!({"role": "user", "content": text(QUESTION)});
    let picture = json!({"role": "user", "content": [
        {"type": "text", "text": QUESTION},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    ]});
    let tool = json!({"type": "function", "function": {
        "name": TOOL, "description": TOOL_DESCRIPTION, "parameters": tool_schema(),
    }});
    let call = json!({"role": "assistant", "content": [], "tool_calls": [
        {"id": CALL_ID, "type": "function", "function": {"name": TOOL, "arguments": ARGUMENTS}},
    ]});
    let result = json!({"role": "tool", "tool_call_id": CALL_ID, "content": text("sunny")});
    let answer = json!({"role": "assistant", "content": text(ANSWER)});
    let chats = [
        ("text", json!({"messages": [system, user]})),
        ("picture", json!({"messages": [system, picture]})),
        ("history", json!({"messages": [system, user, answer, user]})),
        ("tool", json!({"messages": [user], "tools": [tool], "tool_choice": "auto"})),
        ("result", json!({"messages": [user, call, result], "tools": [tool]})),
    ];
    chats
        .into_iter()
        .map(|(name, mut chat)| {
            chat["type"] = "chat".into();
            (name, serde_json::from_value(chat).expect("a prompt"))
        })
        .collect()
}

/// Checks that each of [`prompts`] is the same request before and after `T`.
///
/// `T` may add fields that are null, false or empty, and those that `defaults` names.
///
/// # Panics
///
/// Panics with all differences.
#[track_caller]
pub fn check<T: DeserializeOwned + Serialize>(
    provider: &str,
    api: &str,
    parameters: &Value,
    defaults: &[&str],
) {
    let mut wrong = Vec::new();
    for (name, prompt) in prompts() {
        let body = body(&prompt, provider, api, parameters);
        let back = serde_json::from_value::<T>(body.clone())
            .map_err(|error| format!("{name}: {error}: {body:#}"))
            .and_then(|request| serde_json::to_value(request).map_err(|error| format!("{name}: {error}")));
        match back {
            Ok(back) => wrong.extend(differences(name, &body, &back, defaults)),
            Err(error) => wrong.push(error),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the request for a prompt, of which nothing may be left out.
#[track_caller]
pub fn body(prompt: &Prompt, provider: &str, api: &str, parameters: &Value) -> Value {
    let parameters: Map<String, Value> = parameters.as_object().cloned().unwrap_or_default();
    let request = to_request(prompt, provider, Some(api), "a-model", &parameters).expect("a known API");
    assert!(request.omissions.is_empty(), "{:?}", request.omissions);
    Value::Object(request.body)
}

/// Returns where two requests differ.
pub fn differences(path: &str, sent: &Value, back: &Value, defaults: &[&str]) -> Vec<String> {
    match (sent, back) {
        (Value::Object(sent), Value::Object(back)) => {
            let of_sent = sent.iter().flat_map(|(name, value)| {
                differences(
                    &format!("{path}.{name}"),
                    value,
                    back.get(name).unwrap_or(&Value::Null),
                    defaults,
                )
            });
            let added = back.iter().filter(|(name, value)| {
                !sent.contains_key(*name) && !is_empty(value) && !defaults.contains(&name.as_str())
            });
            of_sent.chain(added.map(|(name, value)| format!("{path}.{name}: added as {value}"))).collect()
        }
        (Value::Array(sent), Value::Array(back)) if sent.len() == back.len() => {
            let items = sent.iter().zip(back).enumerate();
            items
                .flat_map(|(at, (sent, back))| differences(&format!("{path}[{at}]"), sent, back, defaults))
                .collect()
        }
        (sent, back) if sent == back || is_same_number(sent, back) => Vec::new(),
        (sent, back) => vec![format!("{path}: {sent} became {back}")],
    }
}

/// Returns `true` for the values that a type may write for an absent field.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Compares numbers in the precision of `f32`, which some crates use.
fn is_same_number(sent: &Value, back: &Value) -> bool {
    match (sent.as_f64(), back.as_f64()) {
        (Some(sent), Some(back)) => (sent - back).abs() <= sent.abs() * f64::from(f32::EPSILON),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::differences;

    #[test]
    fn difference_has_its_path() {
        let sent = json!({"a": [{"b": 1, "c": "x", "t": 0.7}], "d": true});
        assert!(differences("", &sent, &sent, &[]).is_empty());
        let back = json!({"a": [{"b": 2, "c": "x", "t": 0.699_999_988_079_071, "e": null}], "stream": true});
        assert_eq!(
            differences("$", &sent, &back, &["stream"]),
            ["$.a[0].b: 1 became 2", "$.d: true became null"]
        );
        assert_eq!(
            differences("$", &json!({}), &json!({"stream": true, "n": []}), &[]),
            ["$.stream: added as true"]
        );
    }
}
