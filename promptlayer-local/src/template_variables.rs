//! The variables of a stored template.

use std::collections::BTreeSet;

use promptlayer_blueprint::{TemplateFormat, templates};
use serde::Deserialize;
use serde_json::Value;

/// What a prompt needs to be rendered.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Variables {
    /// The names of the variables that its texts and its placeholders use.
    pub(crate) used: BTreeSet<String>,
    /// The names that it lists, whether or not they are used.
    pub(crate) listed: BTreeSet<String>,
    /// The numbers of the messages with a text that is not a valid template, from 1. Such a text is rendered as it is.
    pub(crate) invalid: BTreeSet<usize>,
}

impl Variables {
    /// Reads the messages of a chat, or a completion.
    pub(crate) fn of(prompt: &Value) -> Self {
        let mut variables = Self::default();
        variables.list(prompt);
        match prompt.get("messages").and_then(Value::as_array) {
            Some(messages) => {
                for (index, message) in messages.iter().enumerate() {
                    variables.list(message);
                    variables.read(message, index + 1);
                }
            }
            None => variables.read(prompt, 1),
        }
        variables
    }

    /// Adds the names that a prompt or a message lists.
    fn list(&mut self, holder: &Value) {
        let listed = holder.get("input_variables").and_then(Value::as_array).into_iter().flatten();
        self.listed.extend(listed.filter_map(Value::as_str).map(str::to_owned));
    }

    /// Adds the names that the texts of a message or of a completion use.
    fn read(&mut self, holder: &Value, number: usize) {
        if holder.get("role").and_then(Value::as_str) == Some("placeholder") {
            self.used.extend(holder.get("name").and_then(Value::as_str).map(str::to_owned));
            return;
        }
        let format =
            holder.get("template_format").and_then(|format| TemplateFormat::deserialize(format).ok());
        let format = format.unwrap_or_default();
        let blocks = holder.get("content").and_then(Value::as_array).into_iter().flatten();
        for text in blocks.filter_map(|block| block.get("text")?.as_str()) {
            match templates::variables(text, format) {
                Ok(names) => self.used.extend(names),
                Err(_) => {
                    self.invalid.insert(number);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Variables;

    #[test]
    fn variables_of_texts_and_placeholders_are_used() {
        let prompt = json!({ "input_variables": ["a"], "messages": [
            { "role": "system", "input_variables": ["b"], "content": [{ "type": "text", "text": "{city} {{no}} {b}" }] },
            { "role": "placeholder", "name": "history" },
            { "role": "user", "content": [{ "type": "text", "text": "{" }, { "type": "image_url" }] },
            { "role": "user", "template_format": "jinja2", "content": [{ "type": "text", "text": "{{ user.id }}" }] },
        ] });
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let expected = Variables {
            used: names(&["b", "city", "history", "user"]),
            listed: names(&["a", "b"]),
            invalid: [3].into(),
        };
        assert_eq!(Variables::of(&prompt), expected);
        let completion = json!({ "type": "completion", "content": [{ "type": "text", "text": "{x}" }] });
        assert_eq!(Variables::of(&completion).used, names(&["x"]));
    }
}
