//! The prompt registry: templates, by name and version or release label.

mod publish;
mod rendered;

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::blueprint::__serde::or_default;
use crate::blueprint::{Metadata, Model, Prompt};
use crate::track::check_selection;
use crate::{Client, Error};

pub use self::publish::{PublishTemplate, PublishedTemplate};
pub use self::rendered::RenderedPrompt;

/// What is written as `%…` in a path or a query: all but the characters that never mean anything.
pub(super) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Prompt templates. See [`Client::templates`].
///
/// ```no_run
/// use promptlayer_client::Client;
///
/// # async fn example() -> Result<(), promptlayer_client::Error> {
/// let templates = Client::from_env()?.templates();
/// let template = templates.get("example").label("prod").await?;
/// let prompt = template.format([("product", "toasters")])?;
/// println!("{prompt}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Templates {
    client: Client,
}

impl Templates {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads a template by its name or its number; the latest version of it, unless the builder is
    /// told otherwise.
    pub fn get(&self, name_or_id: impl fmt::Display) -> GetTemplate {
        GetTemplate {
            client: self.client.clone(),
            identifier: name_or_id.to_string(),
            version: None,
            label: None,
        }
    }

    /// Reads what templates there are, a page at a time.
    pub fn list(&self) -> ListTemplates {
        ListTemplates { client: self.client.clone(), query: Vec::new() }
    }

    /// Stores a new version of the template `name`, and the template itself if there is none.
    pub fn publish(&self, name: impl Into<String>, prompt: impl Into<Prompt>) -> PublishTemplate {
        PublishTemplate::new(self.client.clone(), name.into(), prompt.into())
    }
}

/// Reads a template. Await it.
#[derive(Debug, Clone)]
#[must_use = "a template is read when this is awaited"]
pub struct GetTemplate {
    client: Client,
    identifier: String,
    version: Option<u32>,
    label: Option<String>,
}

impl GetTemplate {
    /// This version of it, from 1.
    pub fn version(mut self, version: u32) -> Self {
        self.version = Some(version);
        self
    }

    /// The version with this release label, such as `prod`, instead of one by number.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    fn path(&self) -> Result<String, Error> {
        let identifier = self.identifier.trim();
        // Dots alone are steps in a path, however they are written.
        if matches!(identifier, "" | "." | "..") {
            return Err(Error::invalid_argument(
                "template name",
                format!("`{identifier}` names no template"),
            ));
        }
        check_selection(self.version, self.label.as_deref())?;
        let mut query = Vec::new();
        if let Some(version) = self.version {
            query.push(("version", version.to_string()));
        }
        if let Some(label) = &self.label {
            query.push(("label", label.clone()));
        }
        Ok(with_query(&format!("/prompt-templates/{}", escape(identifier)), &query))
    }
}

impl IntoFuture for GetTemplate {
    type Output = Result<Template, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Sends the request. Needs a tokio runtime.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.client.http().get_json(&self.path()?).await })
    }
}

/// Reads a page of the list of templates. Await it.
#[derive(Debug, Clone)]
#[must_use = "the list is read when this is awaited"]
pub struct ListTemplates {
    client: Client,
    query: Vec<(&'static str, String)>,
}

impl ListTemplates {
    /// Which page, from 1. Without it, the first.
    pub fn page(self, page: u32) -> Self {
        self.with("page", page.to_string())
    }

    /// How many templates there are on a page. Without it, as many as the service likes.
    pub fn per_page(self, count: u32) -> Self {
        self.with("per_page", count.to_string())
    }

    /// Only templates that have a version with this release label.
    pub fn label(self, label: impl Into<String>) -> Self {
        self.with("label", label.into())
    }

    /// Only templates whose name has this in it, in upper or lower case.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with("name", name.into())
    }

    /// The last word on a subject counts.
    fn with(mut self, name: &'static str, value: String) -> Self {
        self.query.retain(|(other, _)| *other != name);
        self.query.push((name, value));
        self
    }
}

impl IntoFuture for ListTemplates {
    type Output = Result<TemplatePage, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Sends the request. Needs a tokio runtime.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(
            async move { self.client.http().get_json(&with_query("/prompt-templates", &self.query)).await },
        )
    }
}

/// A version of a template as it is stored, with its variables.
///
/// ```
/// use promptlayer_client::Template;
///
/// let template: Template = serde_json::from_str(
///     r#"{"id": 11, "prompt_name": "example", "version": 1, "prompt_template": {
///         "type": "completion",
///         "content": [{"type": "text", "text": "Name a company that makes {product}."}]}}"#,
/// )?;
/// let prompt = template.format([("product", "toasters")])?;
/// assert_eq!(prompt.text(), "Name a company that makes toasters.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Template {
    /// Its number.
    pub id: u64,
    /// Its name.
    #[serde(rename = "prompt_name")]
    pub name: String,
    /// Which version it is, from 1.
    pub version: u32,
    /// The prompt, with its variables.
    #[serde(rename = "prompt_template")]
    pub prompt: Prompt,
    /// The model it is for, and what else is stored with it.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// What was said about this version.
    #[serde(default)]
    pub commit_message: Option<String>,
    /// The template's tags.
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
    /// The workspace it is in.
    #[serde(default)]
    pub workspace_id: Option<u64>,
    /// When this version was stored, as the service writes it.
    #[serde(default)]
    pub created_at: Option<String>,
    /// The snippets that went into it.
    #[serde(default, deserialize_with = "or_default")]
    pub snippets: Vec<SnippetReference>,
}

impl Template {
    /// The model it is for, with its parameters, if there is one.
    pub fn model(&self) -> Option<&Model> {
        self.metadata.model.as_ref()
    }

    /// Puts variables into the prompt.
    ///
    /// Each text is rendered by itself, in the format its message names, and with the results of
    /// `PromptLayer`'s own Python client:
    ///
    /// - a variable that is missing, or `null` in an f-string, leaves nothing behind;
    /// - a text that is no valid template, or cannot be rendered with these variables, is left as it
    ///   is: much that looks like a template (`{"a": 1}`) is meant to be sent so;
    /// - numbers, lists and objects are written as Python writes them: `True`, `1.0`, `['a', None]`;
    /// - the messages of a placeholder come from the variable of its name: a list of messages.
    ///
    /// # Errors
    ///
    /// [`Error::is_render`], if a placeholder's variable is missing or holds no messages, or if the
    /// template has tools that only the service can fill in.
    pub fn format<K: Into<String>, V: Into<Value>>(
        &self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Result<RenderedPrompt, Error> {
        let variables: Map<String, Value> =
            variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        RenderedPrompt::new(self, variables)
    }
}

/// A snippet that went into a template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct SnippetReference {
    /// The snippet's name.
    #[serde(rename = "prompt_name")]
    pub name: String,
    /// Which version of it.
    pub version: u32,
    /// The release label that chose the version.
    #[serde(default)]
    pub label: Option<String>,
}

/// A page of the list of templates.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TemplatePage {
    /// The templates.
    pub items: Vec<ListedTemplate>,
    /// Which page it is, from 1.
    pub page: u32,
    /// How many pages there are.
    pub pages: u32,
    /// How many templates there are on all of them.
    pub total: u64,
    /// The next page, if there is one.
    #[serde(default)]
    pub next_num: Option<u32>,
    /// The page before, if there is one.
    #[serde(default)]
    pub prev_num: Option<u32>,
}

/// A template in a list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ListedTemplate {
    /// Its number.
    pub id: u64,
    /// Its name.
    #[serde(rename = "prompt_name")]
    pub name: String,
    /// Its latest version, or the one with the label that was asked for.
    #[serde(default)]
    pub version: Option<u32>,
    /// The prompt, with its variables.
    #[serde(rename = "prompt_template")]
    pub prompt: Prompt,
    /// The model it is for, and what else is stored with it.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// What was said about this version.
    #[serde(default)]
    pub commit_message: Option<String>,
}

fn escape(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, ESCAPED)
}

fn with_query(path: &str, query: &[(&'static str, String)]) -> String {
    let pairs: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}
