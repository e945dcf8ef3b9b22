//! The pages of the registry: the templates, and one of them with its versions, labels and uses.

use askama::Template;
use axum::extract::{Form, FromRequest, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::message::{Block, Message, TextStyle, messages};
use super::{HAS_REPLAY, failed, format, html, not_found, notice, see_other};
use crate::api;
use crate::app::App;
use crate::comparison::{Pair, Section, said};
use crate::limits::BODY_TIMEOUT;
use crate::store::{Reader, StoreError, StoredVersion, VersionChoice, VersionSummary};
use crate::template_variables::Variables;
use crate::timestamp::Timestamp;

/// The maximum number of characters that the pages show of a name, of a label, and of a commit message.
const LONGEST_NAME: usize = 200;
const LONGEST_LABEL: usize = 60;
const LONGEST_MESSAGE: usize = 200;

/// The maximum number of templates, of versions, and of labels that a page shows.
const MOST_TEMPLATES: usize = 500;
const MOST_VERSIONS: usize = 200;
const MOST_LABELS: usize = 50;

/// The maximum number of variables in the form.
const MOST_VARIABLES: usize = 50;

/// The number of requests of a template that are counted, the newest first.
const MOST_USES: usize = 10_000;

/// The maximum length of a rendered template, in bytes.
const LONGEST_RENDERED: usize = 1024 * 1024;

#[derive(Template)]
#[template(path = "templates.html")]
struct List {
    url: String,
    search: String,
    rows: Vec<Row>,
    total: String,
    /// The number of templates that are not shown.
    more: usize,
}

struct Row {
    name: String,
    address: String,
    labels: Vec<String>,
    tags: Vec<String>,
    updated: Timestamp,
    updated_text: String,
}

#[derive(Template)]
#[template(path = "template.html")]
struct Page {
    id: i64,
    name: String,
    address: String,
    number: i64,
    commit_message: Option<String>,
    created: Timestamp,
    created_text: String,
    model: Option<String>,
    tags: Vec<String>,
    versions: Vec<Version>,
    labels: Vec<Label>,
    messages: Vec<Message>,
    /// The variables of the form, as JSON.
    variables: String,
    is_rendered: bool,
    problem: Option<String>,
    /// What differs from another version.
    difference: Option<(i64, Section)>,
    uses: String,
    uses_address: String,
    has_replay: bool,
}

struct Version {
    number: i64,
    is_current: bool,
    commit_message: String,
    created: Timestamp,
    created_text: String,
    labels: Vec<String>,
    uses: usize,
}

struct Label {
    id: i64,
    name: String,
    version: i64,
}

/// Handles `GET /templates`.
pub(super) async fn list(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let search = query.into_iter().find(|(key, _)| key == "name").map(|(_, name)| name).unwrap_or_default();
    let url = app.url().to_owned();
    let page = app.store().read(move |store| {
        let mut templates = store.templates()?;
        let total = format::size(templates.len());
        let part = search.trim().to_lowercase();
        templates.retain(|template| template.name.to_lowercase().contains(&part));
        templates.sort_by_key(|template| std::cmp::Reverse((template.updated, template.id)));
        let more = templates.len().saturating_sub(MOST_TEMPLATES);
        let short = |words: Vec<String>| -> Vec<String> {
            words.iter().take(MOST_LABELS).map(|word| format::short(word, LONGEST_LABEL)).collect()
        };
        let rows = templates.into_iter().take(MOST_TEMPLATES).map(|template| Row {
            address: address(template.id),
            name: format::short(&template.name, LONGEST_NAME),
            labels: short(template.labels),
            tags: short(template.tags),
            updated: template.updated,
            updated_text: format::time(template.updated),
        });
        let rows = rows.collect();
        Ok::<_, StoreError>(html(&List {
            url,
            search: format::short(&search, LONGEST_NAME),
            rows,
            total,
            more,
        }))
    });
    page.await.unwrap_or_else(|error| failed(&error))
}

/// Returns the address of a template's page. It contains the id, because a name can have any characters.
fn address(id: i64) -> String {
    format!("/templates/{id}")
}

/// Handles `GET /templates/{name or id}`, with `version`, `with` and `variables` in the query.
pub(super) async fn page(
    State(app): State<App>,
    Path(identifier): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let given =
        |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim().to_owned());
    let number = |name: &str| given(name).and_then(|text| text.parse().ok());
    let (version, with, variables) = (number("version"), number("with"), given("variables"));
    let page = app.store().read(move |store| {
        let page = match store.find_template(&identifier)? {
            Some(id) => Page::read(store, id, version, with, variables)?,
            None => None,
        };
        Ok::<_, StoreError>(match page {
            Some(page) => html(&page),
            None => not_found(&format!(
                "There is no template {}, or it has no such version.",
                format::short(&identifier, LONGEST_NAME)
            )),
        })
    });
    page.await.unwrap_or_else(|error| failed(&error))
}

impl Page {
    fn read(
        store: &Reader<'_>,
        id: i64,
        number: Option<i64>,
        with: Option<i64>,
        variables: Option<String>,
    ) -> rusqlite::Result<Option<Self>> {
        let Some(version) = store.version(id, VersionChoice::new(number, None))? else { return Ok(None) };
        let versions = store.versions(id, MOST_VERSIONS)?;
        let labels = store.labels(id)?;
        let uses = store.template_uses(&version.prompt_name, MOST_USES)?;
        let with = with.or_else(|| version.number.checked_sub(1)).filter(|with| *with != version.number);
        let other = match with {
            Some(with) => store.version(id, VersionChoice::Number(with))?,
            None => None,
        };
        let all_uses: usize = uses.values().sum();
        let plus = if all_uses == MOST_USES { "+" } else { "" };
        let name = utf8_percent_encode(&version.prompt_name, NON_ALPHANUMERIC).to_string();
        let mut page = Self {
            id,
            name: format::short(&version.prompt_name, LONGEST_NAME),
            address: address(id),
            number: version.number,
            commit_message: version
                .commit_message
                .as_deref()
                .map(|text| format::short(text, LONGEST_MESSAGE)),
            created: version.created,
            created_text: format::time(version.created),
            model: model(&version),
            tags: version
                .tags
                .iter()
                .take(MOST_LABELS)
                .map(|tag| format::short(tag, LONGEST_LABEL))
                .collect(),
            versions: versions
                .into_iter()
                .map(|VersionSummary { number, commit_message, created }| Version {
                    number,
                    is_current: number == version.number,
                    commit_message: format::short(&commit_message.unwrap_or_default(), LONGEST_MESSAGE),
                    created,
                    created_text: format::time(created),
                    labels: labels
                        .iter()
                        .filter(|label| label.version_number == number)
                        .take(MOST_LABELS)
                        .map(|label| format::short(&label.name, LONGEST_LABEL))
                        .collect(),
                    uses: uses.get(&Some(number)).copied().unwrap_or_default(),
                })
                .collect(),
            labels: labels
                .into_iter()
                .take(MOST_LABELS)
                .map(|label| Label {
                    id: label.id,
                    name: format::short(&label.name, LONGEST_LABEL),
                    version: label.version_number,
                })
                .collect(),
            messages: Vec::new(),
            variables: String::new(),
            is_rendered: false,
            problem: None,
            difference: other.map(|other| {
                let (old, new) =
                    if other.number < version.number { (&other, &version) } else { (&version, &other) };
                (other.number, Section::new("", &said(&old.prompt), &said(&new.prompt)))
            }),
            uses: format!("{}{plus}", format::size(all_uses)),
            uses_address: format!("/?template={name}"),
            has_replay: HAS_REPLAY,
        };
        page.show(version.prompt, variables);
        Ok(Some(page))
    }

    /// Shows the messages of the prompt: rendered, if the reader gave variables.
    fn show(&mut self, mut prompt: Value, variables: Option<String>) {
        match variables {
            None => {
                let Variables { used, listed, .. } = Variables::of(&prompt);
                let names = used.into_iter().chain(listed).take(MOST_VARIABLES);
                let empty: Map<String, Value> =
                    names.map(|name| (name, Value::String(String::new()))).collect();
                self.variables = serde_json::to_string_pretty(&empty).unwrap_or_default();
            }
            Some(text) => {
                match serde_json::from_str::<Map<String, Value>>(&text) {
                    Ok(variables) => match api::render_template(&mut prompt, &variables, LONGEST_RENDERED) {
                        Ok(()) => self.is_rendered = true,
                        Err(error) => self.problem = Some(error.message()),
                    },
                    Err(error) => {
                        self.problem = Some(format!("The variables are not a JSON object: {error}."));
                    }
                }
                self.variables = text;
            }
        }
        self.messages = messages(&prompt, "prompt", TextStyle::Raw);
    }
}

fn model(version: &StoredVersion) -> Option<String> {
    let model = version.metadata.as_ref()?.get("model")?;
    let text = |field: &str| model.get(field).and_then(Value::as_str).unwrap_or_default();
    Some(format::short(&format!("{} {}", text("provider"), text("name")), LONGEST_NAME))
}

/// Handles `POST /templates/{id}/labels`: moves a label to a version, or removes one.
pub(super) async fn edit_labels(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let reading = Form::<Vec<(String, String)>>::from_request(request, &app);
    let Ok(Ok(Form(fields))) = tokio::time::timeout(BODY_TIMEOUT, reading).await else {
        return notice(StatusCode::BAD_REQUEST, "Not changed", "The form could not be read. Send it again.");
    };
    let field = |name: &str| {
        fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    };
    let Ok(template) = id.parse::<i64>() else { return not_found("There is no such template.") };
    let (name, version, remove) =
        (field("name"), field("version").parse::<i64>().ok(), field("remove").parse().ok());
    let stored = app.store().write(move |store| {
        if let Some(label) = remove {
            let is_of_template = store.label(label)?.is_some_and(|label| label.template_id == template);
            return Ok::<_, StoreError>(is_of_template && store.delete_label(label)?);
        }
        let version_id = version.map(|version| store.version_id(template, version)).transpose()?.flatten();
        match version_id {
            Some(version_id) if !name.is_empty() => {
                store.set_label(template, &name, version_id).map(|_| true)
            }
            _ => Ok(false),
        }
        .map_err(StoreError::from)
    });
    match stored.await {
        Ok(true) => see_other(
            &version.map_or_else(
                || address(template),
                |number| format!("/templates/{template}?version={number}"),
            ),
            None,
        ),
        Ok(false) => notice(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Not changed",
            "A label needs a name and a version that exists.",
        ),
        Err(error) => failed(&error),
    }
}
