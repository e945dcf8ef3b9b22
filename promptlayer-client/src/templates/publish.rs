//! Storing a new version of a template.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blueprint::__serde::or_default;
use crate::blueprint::{Metadata, Model, Prompt};
use crate::{Client, Error, Tags};

/// Stores a new version of a template. Await it.
///
/// ```no_run
/// use promptlayer_client::{Client, blueprint::{CompletionPrompt, Model}};
///
/// # async fn example() -> Result<(), promptlayer_client::Error> {
/// let published = Client::from_env()?
///     .templates()
///     .publish("example", CompletionPrompt::new("Name a company that makes {product}."))
///     .model(Model::new("openai", "gpt-4o"))
///     .commit_message("Ask for one name only")
///     .release_label("prod")
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
    /// The greatest length of a name, in characters: a limit of the service.
    pub const MAX_NAME_CHARACTERS: usize = 512;
    /// The greatest length of a commit message, in characters: a limit of the service.
    pub const MAX_COMMIT_MESSAGE_CHARACTERS: usize = 72;

    pub(super) fn new(client: Client, name: String, prompt: Prompt) -> Self {
        let request = Request {
            template: RequestTemplate { name, tags: Tags::default(), folder_id: None },
            version: RequestVersion { prompt, commit_message: None, metadata: None },
            release_labels: Vec::new(),
        };
        Self { client, request }
    }

    /// What is to be said about this version.
    pub fn commit_message(mut self, message: impl Into<String>) -> Self {
        self.request.version.commit_message = Some(message.into());
        self
    }

    /// The model it is for.
    pub fn model(mut self, model: Model) -> Self {
        self.request.version.metadata.get_or_insert_default().model = Some(model);
        self
    }

    /// A field to be stored with it.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        let metadata = self.request.version.metadata.get_or_insert_default();
        metadata.other.insert(key.into(), value.into());
        self
    }

    /// The template's tags.
    pub fn tags(mut self, tags: Tags) -> Self {
        self.request.template.tags = tags;
        self
    }

    /// A release label that is to name this version from now on, such as `prod`. May be called more
    /// than once.
    pub fn release_label(mut self, label: impl Into<String>) -> Self {
        self.request.release_labels.push(label.into());
        self
    }

    /// The folder for a template that is new.
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
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Sends the request. Needs a tokio runtime.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.check()?;
            self.client.http().post_json("/rest/prompt-templates", &self.request).await
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

/// The version of a template that was stored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct PublishedTemplate {
    /// The template's number.
    pub id: u64,
    /// Its name.
    #[serde(rename = "prompt_name")]
    pub name: String,
    /// The number of the stored version among those of all templates.
    #[serde(rename = "prompt_version_id")]
    pub version_id: u64,
    /// Which version of the template it is, from 1.
    #[serde(rename = "version_number")]
    pub version: u32,
    /// The template's tags.
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
    /// The release labels that name this version now.
    #[serde(default, deserialize_with = "or_default")]
    pub release_labels: Vec<String>,
}
