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
        ("tool", json!({"messages": [user], "tools": [tool]})),
        ("choice", json!({"messages": [user], "tools": [tool], "tool_choice": "auto"})),
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

/// A check that each of [`prompts`] is the same request before and after the type of a crate.
///
/// The type may add fields that are null, false or empty.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The provider.
    pub provider: &'static str,
    /// The type of the API.
    pub api: &'static str,
    /// The parts of the prompts that the API cannot express.
    pub omitted: &'static [&'static str],
    /// The names of fields that the type adds with a default.
    pub added: &'static [&'static str],
    /// The names of fields that the type does not have.
    pub lacking: &'static [&'static str],
    /// Brings a request into a form that the type takes, if the API takes more forms than the type.
    pub narrow: fn(&mut Value),
}

impl Check {
    /// Creates a check without exceptions.
    pub fn new(provider: &'static str, api: &'static str) -> Self {
        Self { provider, api, omitted: &[], added: &[], lacking: &[], narrow: |_| {} }
    }

    /// Runs the check for the type `T`.
    ///
    /// # Panics
    ///
    /// Panics with all differences.
    #[track_caller]
    pub fn run<T: DeserializeOwned + Serialize>(&self, parameters: &Value) {
        let mut wrong = Vec::new();
        for (name, prompt) in prompts() {
            let body = self.body(&prompt, parameters);
            let back = serde_json::from_value::<T>(body.clone()).and_then(serde_json::to_value);
            match back {
                Ok(back) => wrong.extend(self.differences(name, &body, &back)),
                Err(error) => wrong.push(format!("{name}: {error}: {body:#}")),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[track_caller]
    fn body(&self, prompt: &Prompt, parameters: &Value) -> Value {
        let parameters: Map<String, Value> = parameters.as_object().cloned().unwrap_or_default();
        let request = to_request(prompt, self.provider, Some(self.api), "a-model", &parameters);
        let request = request.expect("a known API");
        let omitted = request.omissions.iter().map(|omission| omission.place.as_str());
        let unexpected: Vec<&str> = omitted.filter(|place| !self.omitted.contains(place)).collect();
        assert!(unexpected.is_empty(), "{unexpected:?}");
        let mut body = Value::Object(request.body);
        (self.narrow)(&mut body);
        body
    }

    /// Returns where two requests differ.
    fn differences(&self, path: &str, sent: &Value, back: &Value) -> Vec<String> {
        match (sent, back) {
            (Value::Object(sent), Value::Object(back)) => {
                let sent = sent.iter().filter(|(name, _)| !self.lacking.contains(&name.as_str()));
                let sent: Vec<_> = sent.collect();
                let of_sent = sent.iter().flat_map(|(name, value)| {
                    let back = back.get(name.as_str()).unwrap_or(&Value::Null);
                    self.differences(&format!("{path}.{name}"), value, back)
                });
                let added = back.iter().filter(|(name, value)| {
                    let is_sent = sent.iter().any(|(other, _)| other == name);
                    !is_sent && !is_empty(value) && !self.added.contains(&name.as_str())
                });
                of_sent.chain(added.map(|(name, value)| format!("{path}.{name}: added as {value}"))).collect()
            }
            (Value::Array(sent), Value::Array(back)) if sent.len() == back.len() => {
                let items = sent.iter().zip(back).enumerate();
                items
                    .flat_map(|(at, (sent, back))| self.differences(&format!("{path}[{at}]"), sent, back))
                    .collect()
            }
            (sent, back) if sent == back || is_same_number(sent, back) => Vec::new(),
            (sent, back) => vec![format!("{path}: {sent} became {back}")],
        }
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

    use super::Check;

    #[test]
    fn difference_has_its_path() {
        let strict = Check::new("openai", "responses");
        let loose = Check { added: &["stream"], lacking: &["d"], ..strict };
        let sent = json!({"a": [{"b": 1, "c": "x", "t": 0.7}], "d": true});
        assert!(strict.differences("$", &sent, &sent).is_empty());
        let back = json!({"a": [{"b": 2, "c": "x", "t": 0.699_999_988_079_071, "e": null}], "stream": true});
        let found = ["$.a[0].b: 1 became 2", "$.d: true became null", "$.stream: added as true"];
        assert_eq!(strict.differences("$", &sent, &back), found);
        assert_eq!(loose.differences("$", &sent, &back), found[..1]);
    }
}
