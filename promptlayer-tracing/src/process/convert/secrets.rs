//! Redaction of secrets in JSON: keys and passwords, detected by their field names.

use promptlayer_blueprint::providers::REDACTED;
use promptlayer_blueprint::{LogRequest, Prompt, Tool};
use serde_json::{Map, Value};

use crate::capture::secret_names::{Within, is_secret_type, looks_like_a_secret};
use crate::capture::type_names::{last_name, paths};

/// Redacts secrets in the parameters of a request and in the settings of its tools.
pub(super) fn hide(log: &mut LogRequest) {
    let hide_in = |object: &mut Map<String, Value>| hide_in(object, Within::Settings, Within::then);
    hide_in(&mut log.parameters);
    let Prompt::Chat(chat) = &mut log.input else { return };
    for tool in &mut chat.tools {
        match tool {
            Tool::BuiltIn(tool) => hide_in(&mut tool.config),
            Tool::Other(Value::Object(tool)) => hide_in(tool),
            _ => {}
        }
    }
}

/// Redacts secrets in an argument, outside of messages. The argument itself is one if the name of its type says so,
/// or if it is called `key` and looks like one.
pub(super) fn hide_in_argument(name: &str, type_name: Option<&str>, value: &mut Value) {
    let is_key = matches!(name, "key" | "keys") && text(value).is_some_and(looks_like_a_secret);
    let is_secret = paths(type_name.unwrap_or_default()).any(|path| is_secret_type(last_name(path)));
    if (is_key || is_secret) && !value.is_null() {
        *value = Value::from(REDACTED);
    } else if value.is_object() || value.is_array() {
        hide_value(value, false, Within::Settings.then_or_content(name), Within::then_or_content);
    }
}

/// Returns a text, or the first one of a list.
fn text(value: &Value) -> Option<&str> {
    value.get(0).unwrap_or(value).as_str()
}

/// How the name of a nested object determines its kind.
type Then = fn(Within, &str) -> Within;

fn hide_in(object: &mut Map<String, Value>, within: Within, then: Then) {
    for (name, value) in object {
        match value {
            // These hide no secret, so their names do not matter.
            Value::Null | Value::Bool(_) => {}
            Value::Object(inner) => hide_in(inner, then(within, name), then),
            Value::Array(_) => {
                let is_hidden = within.hides(name, Some(""));
                hide_value(value, is_hidden, then(within, name), then);
            }
            Value::String(_) | Value::Number(_) => {
                if within.hides(name, value.as_str()) {
                    *value = Value::from(REDACTED);
                }
            }
        }
    }
}

fn hide_value(value: &mut Value, is_hidden: bool, within: Within, then: Then) {
    match value {
        Value::Object(inner) => hide_in(inner, within, then),
        Value::Array(items) => items.iter_mut().for_each(|item| hide_value(item, is_hidden, within, then)),
        Value::String(_) | Value::Number(_) if is_hidden => *value = Value::from(REDACTED),
        _ => {}
    }
}
