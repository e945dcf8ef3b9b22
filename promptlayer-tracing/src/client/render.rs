//! Renders templates with their variables.
//!
//! The output is the same as that of PromptLayer's Python client. Its f-strings use Python's `str.format`,
//! and its jinja2 is the sandboxed environment with chainable undefined variables.

mod format_spec;
mod fstring;
mod jinja;
mod methods;
mod python;

use std::fmt;

use serde_json::{Map, Value};

use super::Template;
use crate::{
    Error,
    blueprint::{ContentBlock, Message, Model, PlaceholderMessage, Prompt, TemplateFormat, Tool},
};

/// A prompt that was rendered from a template with [`Template::format`]. Its `Display` output is its text.
///
/// It keeps the name and version of the template and the variables, so that a request made with it can be
/// linked to the registry.
///
/// ```
/// use promptlayer_tracing::Template;
///
/// let template: Template = serde_json::from_str(
///     r#"{"id": 11, "prompt_name": "example", "version": 2, "prompt_template": {
///         "type": "chat", "messages": [
///             {"role": "user", "content": [{"type": "text", "text": "Tell me of {topic}."}]}]}}"#,
/// )?;
/// let prompt = template.format([("topic", "toasters")])?;
/// assert_eq!((prompt.name(), prompt.version()), ("example", 2));
/// assert_eq!(prompt.messages()[0].text(), "Tell me of toasters.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedPrompt {
    template_id: u64,
    name: String,
    version: u32,
    variables: Map<String, Value>,
    prompt: Prompt,
    model: Option<Model>,
}

impl RenderedPrompt {
    pub(super) fn new(template: &Template, variables: Map<String, Value>) -> Result<Self, Error> {
        let mut prompt = template.prompt.clone();
        render_prompt(&mut prompt, &variables)
            .map_err(|reason| Error::Render { template: template.name.clone(), reason })?;
        Ok(Self {
            template_id: template.id,
            name: template.name.clone(),
            version: template.version,
            variables,
            prompt,
            model: template.model().cloned(),
        })
    }

    /// Returns the id of the template.
    pub fn template_id(&self) -> u64 {
        self.template_id
    }

    /// Returns the name of the template.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the version of the template. Versions start at 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Returns the variables that the template was rendered with.
    pub fn variables(&self) -> &Map<String, Value> {
        &self.variables
    }

    /// Returns the rendered prompt.
    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// Returns the messages. Empty for a completion prompt.
    pub fn messages(&self) -> &[Message] {
        self.prompt.messages()
    }

    /// Returns the whole text. For a chat prompt, this is the text of its messages, joined by line breaks.
    pub fn text(&self) -> String {
        self.prompt.text()
    }

    /// Returns the model of the template, if it has one.
    pub fn model(&self) -> Option<&Model> {
        self.model.as_ref()
    }

    /// Returns the parameters of the model, such as `temperature`, if the template has a model.
    pub fn parameters(&self) -> Option<&Map<String, Value>> {
        self.model.as_ref().map(|model| &model.parameters)
    }
}

impl fmt::Display for RenderedPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Renders a whole prompt, or returns the reason why it cannot be rendered.
fn render_prompt(prompt: &mut Prompt, variables: &Map<String, Value>) -> Result<(), String> {
    match prompt {
        Prompt::Completion(completion) => {
            let format = completion.template_format.unwrap_or_default();
            render_blocks(&mut completion.content, format, variables);
        }
        Prompt::Chat(chat) => {
            for tool in &chat.tools {
                if let Tool::Other(tool) = tool
                    && tool.get("type").and_then(Value::as_str) == Some("variable")
                {
                    return Err("it has a tool variable, which only the service can fill in".into());
                }
            }
            let mut messages = Vec::with_capacity(chat.messages.len());
            for mut message in chat.messages.drain(..) {
                if let Message::Placeholder(placeholder) = &message {
                    messages.extend(messages_of(placeholder, variables)?);
                    continue;
                }
                let format = message.template_format();
                if let Some(blocks) = message.content_mut() {
                    render_blocks(blocks, format, variables);
                }
                messages.push(message);
            }
            chat.messages = messages;
        }
    }
    Ok(())
}

fn render_blocks(blocks: &mut [ContentBlock], format: TemplateFormat, variables: &Map<String, Value>) {
    for block in blocks {
        if let ContentBlock::Text(block) = block {
            block.text = render_text(&block.text, format, variables);
        }
    }
}

/// Returns the messages that replace a placeholder.
fn messages_of(
    placeholder: &PlaceholderMessage,
    variables: &Map<String, Value>,
) -> Result<Vec<Message>, String> {
    let name = &placeholder.name;
    let Some(value) = variables.get(name) else {
        return Err(format!(
            "the placeholder `{name}` needs a variable of that name that holds a list of messages"
        ));
    };
    let messages: Option<Vec<Message>> = serde_json::from_value(value.clone()).ok();
    match messages {
        Some(messages) if !messages.iter().any(|message| matches!(message, Message::Other(_))) => {
            Ok(messages)
        }
        _ => Err(format!(
            "the variable of the placeholder `{name}` is not a list of messages with a `role` and \
             a `content` each"
        )),
    }
}

/// Renders one text. A text that is not a valid template is returned unchanged.
fn render_text(text: &str, format: TemplateFormat, variables: &Map<String, Value>) -> String {
    match format {
        TemplateFormat::FString => fstring::render(text, variables).ok(),
        TemplateFormat::Jinja2 => jinja::render(text, variables).ok(),
    }
    .unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests;
