//! What the page was opened from: a logged request, or a version of a template with its variables.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use promptlayer_blueprint::{ChatPrompt, Message, Prompt};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api;
use crate::json_text::JsonText;
use crate::pages::format;
use crate::replay::Origin;
use crate::store::{NewLink, Reader, StoredRequest, VersionChoice};

/// The maximum length of the texts of a template, in bytes.
const LONGEST_RENDERED: usize = 1024 * 1024;

/// The maximum number of characters that the page shows of a name.
const LONGEST_NAME: usize = 200;

/// The APIs whose parameters are those of the APIs that Replay calls.
const KNOWN_APIS: [&str; 2] = ["chat-completions", "messages"];

/// Names what the page was opened from.
#[derive(Clone)]
pub(super) enum Opened {
    Request { id: i64 },
    Template { identifier: String, version: Option<i64>, variables: String },
}

/// What the page was opened from.
pub(super) struct Source {
    /// The name of the page that leads here, and its address.
    pub(super) title: String,
    pub(super) address: String,
    /// The id of the template.
    pub(super) template: Option<i64>,
    pub(super) provider: String,
    pub(super) model: String,
    api_type: Option<String>,
    pub(super) parameters: Map<String, Value>,
    /// The messages as a chat, without what only a template has.
    pub(super) prompt: Prompt,
    pub(super) origin: Origin,
}

/// Why there is nothing to replay.
pub(super) enum NoSource {
    Missing(String),
    Unusable(String),
    /// The variables of a template cannot be used. The page of the template says why.
    Variables(String),
}

impl Source {
    /// Reads a request or a template.
    pub(super) fn read(store: &Reader<'_>, opened: &Opened) -> rusqlite::Result<Result<Self, NoSource>> {
        match opened {
            Opened::Request { id } => Ok(match store.request(*id)? {
                Some(request) => Self::of_request(request),
                None => Err(NoSource::Missing(format!("There is no request {id}."))),
            }),
            Opened::Template { identifier, version, variables } => {
                Self::of_template(store, identifier, *version, variables)
            }
        }
    }

    fn of_request(request: StoredRequest) -> Result<Self, NoSource> {
        let prompt = as_chat(&request.input).map_err(|error| {
            NoSource::Unusable(format!("The input of this request is not a prompt: {error}."))
        })?;
        Ok(Self {
            title: format!("Request {}", request.id),
            address: format!("/requests/{}", request.id),
            template: None,
            provider: request.provider,
            model: request.model,
            api_type: request.api_type,
            parameters: request.parameters,
            prompt,
            origin: Origin {
                request: Some(request.id),
                name: request.name,
                tags: request.tags,
                link: NewLink {
                    name: request.link.name,
                    id: request.link.id,
                    version: request.link.version,
                    variables: JsonText::of(&request.link.variables),
                },
            },
        })
    }

    fn of_template(
        store: &Reader<'_>,
        identifier: &str,
        number: Option<i64>,
        variables: &str,
    ) -> rusqlite::Result<Result<Self, NoSource>> {
        let version = match store.find_template(identifier)? {
            Some(id) => store.version(id, VersionChoice::new(number, None))?,
            None => None,
        };
        let Some(mut version) = version else {
            let name = format::short(identifier, LONGEST_NAME);
            let message = format!("There is no template {name}, or it has no such version.");
            return Ok(Err(NoSource::Missing(message)));
        };
        let address = format!("/templates/{}?version={}", version.template_id, version.number);
        let text = if variables.trim().is_empty() { "{}" } else { variables };
        let Ok(values) = serde_json::from_str::<Map<String, Value>>(text) else {
            let variables = utf8_percent_encode(variables, NON_ALPHANUMERIC);
            return Ok(Err(NoSource::Variables(format!("{address}&variables={variables}"))));
        };
        let rendered = api::resolve_snippets(store, &mut version.prompt, LONGEST_RENDERED)
            .and_then(|_| api::render_template(&mut version.prompt, &values, LONGEST_RENDERED));
        if let Err(error) = rendered {
            return Ok(Err(NoSource::Unusable(error.message())));
        }
        let prompt = match as_chat(&version.prompt) {
            Ok(prompt) => prompt,
            Err(error) => {
                let message = format!("This version of the template is not a prompt: {error}.");
                return Ok(Err(NoSource::Unusable(message)));
            }
        };
        let model = version.metadata.as_ref().and_then(|metadata| metadata.get("model"));
        let text = |field: &str| model.and_then(|model| model.get(field)?.as_str()).map(str::to_owned);
        let parameters = model.and_then(|model| model.get("parameters")?.as_object()).cloned();
        Ok(Ok(Self {
            title: format!(
                "{}, version {}",
                format::short(&version.prompt_name, LONGEST_NAME),
                version.number
            ),
            address,
            template: Some(version.template_id),
            provider: text("provider").unwrap_or_default(),
            model: text("name").unwrap_or_default(),
            api_type: text("api_type"),
            parameters: parameters.unwrap_or_default(),
            prompt,
            origin: Origin {
                request: None,
                name: String::new(),
                tags: Vec::new(),
                link: NewLink {
                    name: Some(version.prompt_name),
                    id: Some(version.template_id),
                    version: Some(version.number),
                    variables: JsonText::of(&values),
                },
            },
        }))
    }

    /// Returns `true` if the parameters are those of an API that Replay calls.
    pub(super) fn is_of_known_api(&self) -> bool {
        self.api_type.as_deref().is_none_or(|api| KNOWN_APIS.contains(&api))
    }
}

/// Returns no link to a template.
pub(super) fn no_link() -> NewLink {
    NewLink { name: None, id: None, version: None, variables: JsonText::empty_object() }
}

/// Returns a prompt as a chat. A completion becomes a message of the user, as the providers' APIs take it.
fn as_chat(prompt: &Value) -> Result<Prompt, serde_json::Error> {
    let mut prompt = prompt.clone();
    let messages = prompt.get_mut("messages").and_then(Value::as_array_mut).into_iter().flatten();
    for fields in messages.filter_map(Value::as_object_mut) {
        // A rendered message has no variables.
        fields.retain(|name, _| !matches!(name.as_str(), "input_variables" | "template_format"));
    }
    Ok(match Prompt::deserialize(prompt)? {
        Prompt::Chat(mut chat) => {
            chat.input_variables.clear();
            chat.into()
        }
        Prompt::Completion(completion) => ChatPrompt::new([Message::user(completion.content)]).into(),
        other => other,
    })
}
