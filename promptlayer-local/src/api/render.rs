//! Renders the texts of a stored template, with `promptlayer-blueprint`.
//!
//! The template stays raw JSON, because its unknown fields must stay as they are stored.

use std::time::{Duration, Instant};

use promptlayer_blueprint::{TemplateFormat, templates};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::ApiError;

/// The maximum time to render a template. It is checked between two texts. The time for one text is limited by the
/// steps that `promptlayer-blueprint` allows.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Renders the text blocks of every message or of the completion, and replaces placeholders by the messages of their
/// variables. A placeholder without such a variable stays as it is, and inserted messages are not rendered.
///
/// # Errors
///
/// Returns [`ApiError::RenderedTooLarge`] if the rendered texts have more than `limit` bytes in total. A template of
/// a few kilobytes can use a long value thousands of times. Returns [`ApiError::RenderedTooSlowly`] after
/// [`TIME_LIMIT`].
pub(crate) fn render(
    prompt: &mut Value,
    variables: &Map<String, Value>,
    limit: usize,
) -> Result<(), ApiError> {
    let mut renderer = Renderer { variables, limit, room: limit, start: Instant::now() };
    let Some(messages) = prompt.get_mut("messages").and_then(Value::as_array_mut) else {
        return renderer.render_content(prompt);
    };
    for mut message in std::mem::take(messages) {
        if message["role"] != "placeholder" {
            renderer.render_content(&mut message)?;
            messages.push(message);
            continue;
        }
        match message["name"].as_str().and_then(|name| variables.get(name)).and_then(inserted) {
            Some(inserted) => {
                renderer.take_room(inserted.iter().map(Value::to_string).map(|text| text.len()).sum())?;
                messages.extend(inserted);
            }
            None => messages.push(message),
        }
    }
    Ok(())
}

/// Returns the messages of a variable, with their contents as blocks. `None` if it is not a list of messages.
fn inserted(variable: &Value) -> Option<Vec<Value>> {
    let messages = variable.as_array()?;
    let is_message = |message: &Value| message["role"].is_string();
    messages.iter().all(is_message).then(|| messages.iter().cloned().map(with_blocks).collect())
}

/// Converts a text that is the whole content of a message to a block.
fn with_blocks(mut message: Value) -> Value {
    if let Some(text) = message["content"].as_str() {
        message["content"] = json!([{ "type": "text", "text": text }]);
    }
    message
}

struct Renderer<'a> {
    variables: &'a Map<String, Value>,
    limit: usize,
    /// The number of bytes that are left of the limit.
    room: usize,
    start: Instant,
}

impl Renderer<'_> {
    /// Renders the text blocks of a message or of a completion. Both store the format and the content in the same
    /// fields.
    fn render_content(&mut self, holder: &mut Value) -> Result<(), ApiError> {
        let format =
            holder.get("template_format").and_then(|format| TemplateFormat::deserialize(format).ok());
        let format = format.unwrap_or_default();
        let blocks = holder.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten();
        for block in blocks.filter(|block| block["type"] == "text") {
            if let Some(Value::String(text)) = block.get_mut("text") {
                if self.start.elapsed() > TIME_LIMIT {
                    return Err(ApiError::RenderedTooSlowly { limit: TIME_LIMIT });
                }
                *text = templates::render_text_within(text, format, self.variables, self.room)
                    .map_err(|_| ApiError::RenderedTooLarge { limit: self.limit })?;
                self.room = self.room.saturating_sub(text.len());
            }
        }
        Ok(())
    }

    /// Subtracts a length from what is left of the limit.
    fn take_room(&mut self, length: usize) -> Result<(), ApiError> {
        self.room = self.room.checked_sub(length).ok_or(ApiError::RenderedTooLarge { limit: self.limit })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::render;
    use crate::shared;

    #[test]
    fn reference_vectors_render_as_in_the_python_client() {
        for vector in shared::render_vectors() {
            let variables = vector["variables"].as_object().unwrap();
            let block = json!({ "type": "text", "text": vector["template"] });
            let mut prompt =
                json!({ "type": "completion", "content": [block], "template_format": vector["format"] });
            render(&mut prompt, variables, 100).unwrap();
            assert_eq!(prompt["content"][0]["text"], vector["python"], "{vector}");
        }
    }

    #[test]
    fn size_limit_applies_to_all_texts_together() {
        let variables = json!({ "product": "toasters" }).as_object().unwrap().clone();
        let message = json!({ "role": "user", "content": [{ "type": "text", "text": "{product}" }] });
        let prompt = json!({ "type": "chat", "messages": [message, message] });
        let render = |limit| render(&mut Value::clone(&prompt), &variables, limit);
        assert!(render(16).is_ok());
        assert!(render(15).is_err());
    }
}
