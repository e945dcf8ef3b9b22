//! A template rendered with variables.

use std::fmt;

use serde_json::{Map, Value};

use super::Template;
use crate::blueprint::{Message, Model, Prompt, templates};
use crate::{Error, Repr};

/// A prompt that was rendered from a template with [`Template::format`]. Its `Display` output is its text.
///
/// It keeps the name and version of the template and the variables, so that a request made with it can be
/// linked to the registry.
///
/// ```
/// use promptlayer_client::Template;
///
/// let template: Template = serde_json::from_str(
///     r#"{"id": 11, "prompt_name": "example", "version": 2, "prompt_template": {
///         "type": "chat", "messages": [
///             {"role": "user", "content": [{"type": "text", "text": "Tell me of {topic}."}]}]}}"#,
/// )?;
/// let prompt = template.format([("topic", "toasters")])?;
/// assert_eq!((prompt.template_id(), prompt.name(), prompt.version()), (11, "example", 2));
/// assert_eq!(prompt.messages()[0].text(), "Tell me of toasters.");
/// assert_eq!(prompt.variables()["topic"], "toasters");
/// assert!(prompt.model().is_none() && prompt.parameters().is_none());
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
        templates::render(&mut prompt, &variables)
            .map_err(|error| Repr::Render { template: template.name.clone(), reason: error.to_string() })?;
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
