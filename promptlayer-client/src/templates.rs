//! The prompt registry: templates by name and by version or release label.

mod publish;
#[cfg(feature = "templates")]
mod rendered;

use std::fmt;
use std::future::IntoFuture;

use serde::Deserialize;
#[cfg(feature = "templates")]
use serde_json::{Map, Value};

pub use self::publish::{PublishTemplate, PublishedTemplate};
#[cfg(feature = "templates")]
pub use self::rendered::RenderedPrompt;
use crate::blueprint::__serde::or_default;
use crate::blueprint::{Metadata, Model, Prompt};
use crate::call::{Call, segment};
use crate::pages::Page;
use crate::track::check_selection;
use crate::{ApiFuture, Client, Error, Pages};

/// The API for prompt templates. See [`Client::templates`].
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
///
/// [`PublishTemplate`] shows how to publish a template, and [`ListTemplates`] how to list all of them.
#[derive(Debug, Clone)]
pub struct Templates {
    client: Client,
}

impl Templates {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads a template by its name or id. By default, this is the latest version. Use the returned builder
    /// to select another one.
    pub fn get(&self, name_or_id: impl fmt::Display) -> GetTemplate {
        GetTemplate {
            client: self.client.clone(),
            identifier: name_or_id.to_string(),
            version: None,
            label: None,
        }
    }

    /// Lists the templates, one page at a time.
    pub fn list(&self) -> ListTemplates {
        ListTemplates { client: self.client.clone(), query: Vec::new() }
    }

    /// Publishes a new version of the template `name`. Creates the template if it does not exist.
    pub fn publish(&self, name: impl Into<String>, prompt: impl Into<Prompt>) -> PublishTemplate {
        PublishTemplate::new(self.client.clone(), name.into(), prompt.into())
    }
}

/// A request that reads a template. Send it with `.await`.
///
/// An empty name, version 0, or both a version and a label is reported as
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the request is awaited.
///
/// ```no_run
/// use promptlayer_client::{Client, Error};
///
/// # async fn example() -> Result<(), Error> {
/// let templates = Client::from_env()?.templates();
/// let template = match templates.get("example").version(3).await {
///     Err(error) if error.is_not_found() => templates.get("example").await?,
///     found => found?,
/// };
/// if let Some(model) = template.model() {
///     println!("{} {} for {}", model.provider, model.name, template.name);
/// }
/// for snippet in &template.snippets {
///     println!("includes {} in version {}", snippet.name, snippet.version);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a template is read when this is awaited"]
pub struct GetTemplate {
    client: Client,
    identifier: String,
    version: Option<u32>,
    label: Option<String>,
}

impl GetTemplate {
    /// Selects a version by number. Versions start at 1.
    pub fn version(mut self, version: u32) -> Self {
        self.version = Some(version);
        self
    }

    /// Selects a version by its release label, such as `prod`.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    fn call(&self) -> Result<Call, Error> {
        let path = format!("/prompt-templates/{}", segment("template name", &self.identifier)?);
        check_selection(self.version, self.label.as_deref())?;
        let mut call = Call::get(path);
        if let Some(version) = self.version {
            call = call.query("version", version);
        }
        if let Some(label) = &self.label {
            call = call.query("label", label);
        }
        Ok(call)
    }
}

impl IntoFuture for GetTemplate {
    type Output = Result<Template, Error>;
    type IntoFuture = ApiFuture<Template>;

    /// Sends the request. Requires a tokio runtime.
    fn into_future(self) -> ApiFuture<Template> {
        ApiFuture::new(async move { self.client.read(self.call()?).await })
    }
}

/// A request that lists templates: one page with `.await`, or all with [`pages`](Self::pages).
///
/// ```no_run
/// use promptlayer_client::{Client, Error};
///
/// # async fn example() -> Result<(), Error> {
/// let templates = Client::from_env()?.templates();
/// let page = templates.list().name("greeting").label("prod").per_page(50).await?;
/// println!("{} of {}", page.items.len(), page.total);
///
/// let mut all = templates.list().pages();
/// while let Some(template) = all.next().await {
///     println!("{}", template?.name);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "the list is read when this is awaited"]
pub struct ListTemplates {
    client: Client,
    query: Vec<(&'static str, String)>,
}

impl ListTemplates {
    /// Selects the page. Pages start at 1, which is the default.
    pub fn page(self, page: u32) -> Self {
        self.with("page", page.to_string())
    }

    /// Sets the number of templates on a page. By default, PromptLayer decides.
    pub fn per_page(self, count: u32) -> Self {
        self.with("per_page", count.to_string())
    }

    /// Lists only templates that have a version with this release label.
    pub fn label(self, label: impl Into<String>) -> Self {
        self.with("label", label.into())
    }

    /// Lists only templates whose name contains this text, ignoring case.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with("name", name.into())
    }

    /// Returns all templates from the selected page on, reading page after page.
    pub fn pages(self) -> Pages<ListedTemplate> {
        Pages::new(self.page_and_next())
    }

    fn page_and_next(self) -> ApiFuture<Page<ListedTemplate>> {
        ApiFuture::new(async move {
            let page = self.clone().await?;
            let next = page.next_num.map(|next| self.page(next).page_and_next());
            Ok(Page { items: page.items, next })
        })
    }

    /// Sets a query parameter. The last value for a name wins.
    fn with(mut self, name: &'static str, value: String) -> Self {
        self.query.retain(|(other, _)| *other != name);
        self.query.push((name, value));
        self
    }
}

impl IntoFuture for ListTemplates {
    type Output = Result<TemplatePage, Error>;
    type IntoFuture = ApiFuture<TemplatePage>;

    /// Sends the request. Requires a tokio runtime.
    fn into_future(self) -> ApiFuture<TemplatePage> {
        let call = Call::get("/prompt-templates");
        let call = self.query.iter().fold(call, |call, (name, value)| call.query(name, value));
        ApiFuture::new(async move { self.client.read(call).await })
    }
}

/// A version of a template as it is stored, with its variables not yet filled in.
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
    /// The id of the template.
    pub id: u64,
    /// The name of the template.
    #[serde(rename = "prompt_name")]
    pub name: String,
    /// The version number. Versions start at 1.
    pub version: u32,
    /// The prompt, with its variables not yet filled in.
    #[serde(rename = "prompt_template")]
    pub prompt: Prompt,
    /// The model of the template, and other stored fields.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// The commit message of this version.
    #[serde(default)]
    pub commit_message: Option<String>,
    /// The tags of the template.
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
    /// The workspace of the template.
    #[serde(default)]
    pub workspace_id: Option<u64>,
    /// The time at which this version was stored, in the format of PromptLayer.
    #[serde(default)]
    pub created_at: Option<String>,
    /// The snippets that the template includes.
    #[serde(default, deserialize_with = "or_default")]
    pub snippets: Vec<SnippetReference>,
}

impl Template {
    /// Returns the model of the template with its parameters, if it has one.
    pub fn model(&self) -> Option<&Model> {
        self.metadata.model.as_ref()
    }

    /// Renders the prompt with these variables.
    ///
    /// Each text is rendered on its own, in the format of its message. The output is the same as that of
    /// PromptLayer's Python client:
    ///
    /// - A variable that is missing, or that is `null` in an f-string, is rendered as nothing.
    /// - A text that is not a valid template, or that cannot be rendered with these variables, is left
    ///   unchanged. Many texts that look like a template (`{"a": 1}`) are meant to be sent as they are.
    /// - Numbers, lists and objects are formatted as in Python: `True`, `1.0`, `['a', None]`.
    /// - A placeholder is replaced by the messages of the variable with its name, which must be a list of
    ///   messages.
    ///
    /// # Errors
    ///
    /// Returns an error for which [`Error::is_render`] is `true` if the variable of a placeholder is missing
    /// or is not a list of messages, or if the template has tools that only PromptLayer can fill in.
    #[cfg(feature = "templates")]
    #[cfg_attr(docsrs, doc(cfg(feature = "templates")))]
    pub fn format<K: Into<String>, V: Into<Value>>(
        &self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Result<RenderedPrompt, Error> {
        let variables: Map<String, Value> =
            variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        RenderedPrompt::new(self, variables)
    }
}

/// A snippet that a template includes. See [`Template::snippets`]; [`GetTemplate`] has an example.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct SnippetReference {
    /// The name of the snippet.
    #[serde(rename = "prompt_name")]
    pub name: String,
    /// The version of the snippet.
    pub version: u32,
    /// The release label that selected the version.
    #[serde(default)]
    pub label: Option<String>,
}

/// A page of a list of templates. [`ListTemplates`] returns it and has an example.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TemplatePage {
    /// The templates.
    pub items: Vec<ListedTemplate>,
    /// The number of this page. Pages start at 1.
    pub page: u32,
    /// The number of pages.
    pub pages: u32,
    /// The number of templates on all pages.
    pub total: u64,
    /// The number of the next page, if there is one.
    #[serde(default)]
    pub next_num: Option<u32>,
    /// The number of the previous page, if there is one.
    #[serde(default)]
    pub prev_num: Option<u32>,
}

/// A template in a list of templates. See [`TemplatePage::items`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ListedTemplate {
    /// The id of the template.
    pub id: u64,
    /// The name of the template.
    #[serde(rename = "prompt_name")]
    pub name: String,
    /// The latest version, or the version with the requested release label.
    #[serde(default)]
    pub version: Option<u32>,
    /// The prompt, with its variables not yet filled in.
    #[serde(rename = "prompt_template")]
    pub prompt: Prompt,
    /// The model of the template, and other stored fields.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// The commit message of this version.
    #[serde(default)]
    pub commit_message: Option<String>,
}
