//! Redaction of secrets in a request: keys and passwords, detected by their field names.

use promptlayer_blueprint::providers::REDACTED;
use promptlayer_blueprint::{LogRequest, Prompt, Tool};
use serde_json::{Map, Value};

use crate::capture::secret_names::{is_of_auth, is_secret};

/// Field names of secrets that are only redacted inside authentication data.
const OF_AUTH: &[&str] = &["key", "connection_string", "connectionString"];

/// Fields that contain the named parts of a JSON schema.
const OF_SCHEMA: &[&str] = &["properties", "patternProperties", "$defs", "definitions"];

/// Redacts secrets in the parameters of a request and in the settings of its tools.
pub(super) fn hide(log: &mut LogRequest) {
    hide_in(&mut log.parameters, Within::Settings);
    let Prompt::Chat(chat) = &mut log.input else { return };
    for tool in &mut chat.tools {
        match tool {
            Tool::BuiltIn(tool) => hide_in(&mut tool.config, Within::Settings),
            Tool::Other(Value::Object(tool)) => hide_in(tool, Within::Settings),
            _ => {}
        }
    }
}

/// The kind of object that a field name appears in. It determines what the name means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Settings,
    /// Authentication data.
    Auth,
    /// Headers for a tool's server. Each header may contain a key.
    Headers,
    /// Parts of a JSON schema. Names in a schema do not describe values.
    Schema,
}

impl Within {
    /// Returns the kind of the nested object with this name.
    fn then(self, name: &str) -> Self {
        match self {
            Self::Schema => Self::Schema,
            _ if OF_SCHEMA.contains(&name) => Self::Schema,
            _ if name == "headers" => Self::Headers,
            Self::Auth => Self::Auth,
            Self::Settings | Self::Headers if is_of_auth(name) => Self::Auth,
            Self::Settings | Self::Headers => Self::Settings,
        }
    }

    fn hides(self, name: &str, value: &Value) -> bool {
        let is_meant = match self {
            Self::Headers => value.is_string() || value.is_array(),
            Self::Auth => OF_AUTH.contains(&name),
            Self::Settings | Self::Schema => false,
        };
        is_meant || is_secret(name)
    }
}

fn hide_in(object: &mut Map<String, Value>, within: Within) {
    for (name, value) in object {
        let is_hidden = within.hides(name, value);
        hide_value(value, is_hidden, within.then(name));
    }
}

fn hide_value(value: &mut Value, is_hidden: bool, within: Within) {
    match value {
        Value::Object(inner) => hide_in(inner, within),
        Value::Array(items) => items.iter_mut().for_each(|item| hide_value(item, is_hidden, within)),
        Value::String(_) | Value::Number(_) if is_hidden => *value = Value::from(REDACTED),
        _ => {}
    }
}
