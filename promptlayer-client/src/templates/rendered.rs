//! A template rendered with variables.

use std::fmt;

use serde_json::{Map, Value};

use super::Template;
use crate::blueprint::{Message, Model, Prompt, templates};
use crate::{Error, Repr};

/// A prompt made from a template. Displayed, it is its text.
///
/// It keeps the template's name and version and the variables, by which a request that is made with
/// it is linked to the registry. Made by [`Template::format`].
///
/// ```
/// use promptlayer_blueprint::Template;
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

    /// The template's number.
    pub fn template_id(&self) -> u64 {
        self.template_id
    }

    /// The template's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The template's version, from 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The variables that it was rendered with.
    pub fn variables(&self) -> &Map<String, Value> {
        &self.variables
    }

    /// The prompt itself.
    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// The messages; none of a completion.
    pub fn messages(&self) -> &[Message] {
        self.prompt.messages()
    }

    /// All text of it: of a chat, that of its messages, with a line break between two.
    pub fn text(&self) -> String {
        self.prompt.text()
    }

    /// The model that the template is for, if it names one.
    pub fn model(&self) -> Option<&Model> {
        self.model.as_ref()
    }

    /// The model's parameters, such as `temperature`, if the template names a model.
    pub fn parameters(&self) -> Option<&Map<String, Value>> {
        self.model.as_ref().map(|model| &model.parameters)
    }
}

impl fmt::Display for RenderedPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
