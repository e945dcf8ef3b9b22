//! Publishes new versions of templates.

use std::future::IntoFuture;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blueprint::__serde::or_default;
use crate::blueprint::{Metadata, Model, Prompt};
use crate::call::Call;
use crate::{ApiFuture, Client, Error, Tags};

/// A request that stores a new version of a template. Send it with `.await`.
///
/// An empty name, or a name or commit message that is too long, is reported as
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the request is awaited.
///
/// ```no_run
/// use promptlayer_client::blueprint::{CompletionPrompt, Model};
/// use promptlayer_client::{Client, Tags};
///
/// # async fn example() -> Result<(), promptlayer_client::Error> {
/// let published = Client::from_env()?
///     .templates()
///     .publish("example", CompletionPrompt::new("Name a company that makes {product}."))
///     .model(Model::new("openai", "gpt-4o"))
///     .commit_message("Ask for one name only")
///     .tags(Tags::new(["marketing"])?)
///     .metadata([("owner", "team-search")])
///     .folder(7)
///     .label("prod")
///     .await?;
/// println!("version {}", published.version);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a template is stored when this is awaited"]
pub struct PublishTemplate {
    client: Client,
    request: Request,
}

impl PublishTemplate {
    /// The maximum length of a name, in characters. PromptLayer sets this limit.
    pub const MAX_NAME_CHARACTERS: usize = 512;
    /// The maximum length of a commit message, in characters. PromptLayer sets this limit.
    pub const MAX_COMMIT_MESSAGE_CHARACTERS: usize = 72;

    pub(super) fn new(client: Client, name: String, prompt: Prompt) -> Self {
        let request = Request {
            template: RequestTemplate { name, tags: Tags::default(), folder_id: None },
            version: RequestVersion { prompt, commit_message: None, metadata: None },
            release_labels: Vec::new(),
        };
        Self { client, request }
    }

    /// Sets the commit message of this version.
    pub fn commit_message(mut self, message: impl Into<String>) -> Self {
        self.request.version.commit_message = Some(message.into());
        self
    }

    /// Sets the model of this version.
    pub fn model(mut self, model: Model) -> Self {
        self.request.version.metadata.get_or_insert_default().model = Some(model);
        self
    }

    /// Adds metadata to this version. The value of an existing key is replaced.
    pub fn metadata<K: Into<String>, V: Into<Value>>(
        mut self,
        metadata: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let entries = metadata.into_iter().map(|(key, value)| (key.into(), value.into()));
        self.request.version.metadata.get_or_insert_default().other.extend(entries);
        self
    }

    /// Sets the tags of the template.
    pub fn tags(mut self, tags: Tags) -> Self {
        self.request.template.tags = tags;
        self
    }

    /// Adds a release label, such as `prod`, and moves it to this version. Can be called more than once.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.request.release_labels.push(label.into());
        self
    }

    /// Sets the folder by its id, if the template is new. By default, none is sent.
    pub fn folder(mut self, id: u64) -> Self {
        self.request.template.folder_id = Some(id);
        self
    }

    fn check(&self) -> Result<(), Error> {
        let name = &self.request.template.name;
        if name.trim().is_empty() {
            return Err(Error::invalid_argument("template name", "it is empty"));
        }
        if name.chars().count() > Self::MAX_NAME_CHARACTERS {
            let reason = format!("it is longer than {} characters", Self::MAX_NAME_CHARACTERS);
            return Err(Error::invalid_argument("template name", reason));
        }
        let message = self.request.version.commit_message.as_deref().unwrap_or_default();
        if message.chars().count() > Self::MAX_COMMIT_MESSAGE_CHARACTERS {
            let most = Self::MAX_COMMIT_MESSAGE_CHARACTERS;
            let reason = format!("it is longer than {most} characters");
            return Err(Error::invalid_argument("commit message", reason));
        }
        Ok(())
    }
}

impl IntoFuture for PublishTemplate {
    type Output = Result<PublishedTemplate, Error>;
    type IntoFuture = ApiFuture<PublishedTemplate>;

    /// Sends the request. Requires a tokio runtime.
    fn into_future(self) -> ApiFuture<PublishedTemplate> {
        ApiFuture::new(async move {
            self.check()?;
            self.client.read(Call::post("/rest/prompt-templates").json(&self.request)?).await
        })
    }
}

#[derive(Debug, Clone, Serialize)]
struct Request {
    #[serde(rename = "prompt_template")]
    template: RequestTemplate,
    #[serde(rename = "prompt_version")]
    version: RequestVersion,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    release_labels: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct RequestTemplate {
    #[serde(rename = "prompt_name")]
    name: String,
    #[serde(skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder_id: Option<u64>,
}

#[derive(Debug, Clone, Serialize)]
struct RequestVersion {
    #[serde(rename = "prompt_template")]
    prompt: Prompt,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
}

/// The version of a template that was published. [`PublishTemplate`] returns it and has an example.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct PublishedTemplate {
    /// The id of the template.
    pub id: u64,
    /// The name of the template.
    #[serde(rename = "prompt_name")]
    pub name: String,
    /// The id of the version, which is unique among all templates.
    #[serde(rename = "prompt_version_id")]
    pub version_id: u64,
    /// The version number within the template. Versions start at 1.
    #[serde(rename = "version_number")]
    pub version: u32,
    /// The tags of the template.
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
    /// The release labels of this version.
    #[serde(default, deserialize_with = "or_default")]
    pub release_labels: Vec<String>,
}
