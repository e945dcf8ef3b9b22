//! Renders the texts of a stored template, with `promptlayer-blueprint`.
//!
//! The template stays raw JSON, because its unknown fields must stay as they are stored.

use std::time::{Duration, Instant};

use promptlayer_blueprint::{TemplateFormat, templates};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ApiError;

/// The maximum time to render a template. It is checked between two texts. The time for one text is limited by the
/// steps that `promptlayer-blueprint` allows.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Renders the text blocks of every message or of the completion.
///
/// A placeholder stays as it is: the API accepts only strings as variables, and a placeholder needs a list of
/// messages.
///
/// # Errors
///
/// Returns [`ApiError::RenderedTooLarge`] if the rendered texts have more than `limit` bytes in total. A template of
/// a few kilobytes can use a long value thousands of times. Returns [`ApiError::RenderedTooSlowly`] after
/// [`TIME_LIMIT`].
pub(super) fn render(
    prompt: &mut Value,
    variables: &Map<String, Value>,
    limit: usize,
) -> Result<(), ApiError> {
    let mut renderer = Renderer { variables, limit, room: limit, start: Instant::now() };
    match prompt.get_mut("messages").and_then(Value::as_array_mut) {
        Some(messages) => messages
            .iter_mut()
            .filter(|message| message["role"] != "placeholder")
            .try_for_each(|message| renderer.render_content(message)),
        None => renderer.render_content(prompt),
    }
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
