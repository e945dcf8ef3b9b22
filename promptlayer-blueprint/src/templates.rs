//! Rendering of templates: variables put into the texts of a prompt.
//!
//! The results are those of PromptLayer's Python client, whose f-strings are Python's `str.format` and whose jinja2
//! is the sandboxed one with chainable undefined variables.
//!
//! [`render`] renders a whole prompt, [`render_text`] one text, and [`render_text_within`] one text of at most a given
//! length. [`variables`] lists the variables of a text.
//!
//! ```
//! use promptlayer_blueprint::{TemplateFormat, templates};
//! use serde_json::{Map, json};
//!
//! let variables = Map::from_iter([("names".to_owned(), json!(["Ada", "Grace"]))]);
//! let text = "{% for name in names %}Hello {{ name }}. {% endfor %}";
//! assert_eq!(
//!     templates::render_text(text, TemplateFormat::Jinja2, &variables),
//!     "Hello Ada. Hello Grace. "
//! );
//! ```

mod format_spec;
mod fstring;
mod jinja;
mod methods;
mod python;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::RenderError;
use crate::blueprint::{ContentBlock, Message, PlaceholderMessage, Prompt, TemplateFormat, Tool};

/// Renders every text of a prompt and replaces its placeholders by the messages in their variables.
///
/// A text that is not a valid template, or that names a missing variable where its format does not allow that, stays
/// as it is.
///
/// # Errors
///
/// Returns an error if a placeholder's variable is missing or is not a list of messages, or if the prompt has a tool
/// variable, which only PromptLayer can fill in. The prompt is then left in an unspecified state.
///
/// ```
/// use promptlayer_blueprint::{Prompt, templates};
/// use serde_json::{Map, json};
///
/// let mut prompt = Prompt::user("Tell me about {topic}.");
/// let variables = Map::from_iter([("topic".to_owned(), json!("toasters"))]);
/// templates::render(&mut prompt, &variables)?;
/// assert_eq!(prompt.text(), "Tell me about toasters.");
/// # Ok::<(), promptlayer_blueprint::RenderError>(())
/// ```
pub fn render(prompt: &mut Prompt, variables: &Map<String, Value>) -> Result<(), RenderError> {
    render_prompt(prompt, variables).map_err(RenderError)
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

/// Renders one text. A text that is not a valid template stays as it is.
///
/// A jinja2 template also stays as it is if it needs more than ten million steps, which nested loops can do, or if it
/// is longer than 4 MiB. The [module](self) has an example.
pub fn render_text(text: &str, format: TemplateFormat, variables: &Map<String, Value>) -> String {
    render_text_within(text, format, variables, usize::MAX).unwrap_or_else(|_| text.to_owned())
}

/// Renders one text like [`render_text`], but stops as soon as the result is longer than `limit` bytes.
///
/// A template of a few kilobytes can use a long value thousands of times. A program that renders the templates of
/// others needs this limit.
///
/// # Errors
///
/// Returns an error if the rendered text, or a text that stays as it is, is longer than `limit` bytes.
///
/// ```
/// use promptlayer_blueprint::{TemplateFormat, templates};
/// use serde_json::{Map, json};
///
/// let variables = Map::from_iter([("x".to_owned(), json!("toast"))]);
/// let render = |limit| templates::render_text_within("{x}{x}", TemplateFormat::FString, &variables, limit);
/// assert_eq!(render(10)?, "toasttoast");
/// assert!(render(9).is_err());
/// # Ok::<(), promptlayer_blueprint::RenderError>(())
/// ```
pub fn render_text_within(
    text: &str,
    format: TemplateFormat,
    variables: &Map<String, Value>,
    limit: usize,
) -> Result<String, RenderError> {
    let rendered = match format {
        TemplateFormat::FString => fstring::render(text, variables, limit),
        TemplateFormat::Jinja2 => jinja::render(text, variables, limit),
    };
    match rendered {
        Ok(rendered) => Ok(rendered),
        Err(Failure::Invalid) if text.len() <= limit => Ok(text.to_owned()),
        Err(Failure::Invalid | Failure::TooLong) => {
            Err(RenderError(format!("the rendered text is longer than {limit} bytes")))
        }
    }
}

/// Returns the names of the variables that a text uses.
///
/// Names that a jinja2 template sets itself, such as those of its loops, are left out. So are those that it only tests
/// with `is defined`.
///
/// # Errors
///
/// Returns an error if the text is not a valid template. It is then rendered as it is.
///
/// ```
/// use promptlayer_blueprint::{TemplateFormat, templates};
///
/// let text = "{% for name in names %}{{ greeting.text }} {{ name }}. {% endfor %}";
/// let variables = templates::variables(text, TemplateFormat::Jinja2)?;
/// assert_eq!(variables.into_iter().collect::<Vec<_>>(), ["greeting", "names"]);
/// # Ok::<(), promptlayer_blueprint::RenderError>(())
/// ```
pub fn variables(text: &str, format: TemplateFormat) -> Result<BTreeSet<String>, RenderError> {
    let variables = match format {
        TemplateFormat::FString => fstring::variables(text),
        TemplateFormat::Jinja2 => jinja::variables(text),
    };
    variables.map_err(|_| RenderError("the text is not a valid template".to_owned()))
}

/// The reason why a text was not rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The text is not a valid template, or cannot be rendered with these variables. There are no details, because
    /// the caller leaves such a text unchanged.
    Invalid,
    /// The result is longer than the limit.
    TooLong,
}

#[cfg(test)]
mod tests;
