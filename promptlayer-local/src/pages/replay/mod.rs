//! Replay: sends the prompt of a request, or of a template, to a model again, with what the reader has changed.
//!
//! `source` is what the page was opened from, `draft` the form, and `answer` the response to a form: a redirect to the
//! new request, or for the script a stream of what the model says.

mod answer;
mod draft;
mod source;

use askama::Template;
use axum::extract::{DefaultBodyLimit, Form, FromRequest, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use self::draft::{Change, Draft};
use self::source::{NoSource, Opened, Source};
use super::{failed, html, not_found, notice, see_other};
use crate::app::App;
use crate::limits::BODY_TIMEOUT;
use crate::replay::{NoSlot, Replay, written};
use crate::store::{StoreError, TextField};

/// The script of the page, which shows the response as it arrives.
pub(super) const SCRIPT: &str = include_str!("replay.js");

/// The maximum length of the form, in bytes: 8 MiB.
const FORM_LIMIT: usize = 8 * 1024 * 1024;

/// The maximum length of the texts that the form begins with. Encoded, a byte can need three.
const LONGEST_DRAFT: usize = FORM_LIMIT / 4;

/// A form above this length counts as a large body, in bytes: 1 MiB.
const SMALL_LENGTH: u64 = 1024 * 1024;

/// The maximum number of models that the form suggests.
const MOST_MODELS: usize = 100;

/// The maximum number of parts that the page says are left out.
const MOST_OMISSIONS: usize = 20;

#[derive(Template)]
#[template(path = "replay.html")]
struct Page {
    title: String,
    /// The page that this one was opened from.
    back: String,
    /// `true` if it was opened from a template.
    is_template: bool,
    /// The address of the form.
    action: String,
    /// The fields of the form that say which version of a template it is for.
    hidden: Vec<(&'static str, String)>,
    /// `None` if Replay is off.
    form: Option<FormPart>,
}

/// The form of the page.
struct FormPart {
    draft: Draft,
    providers: Vec<ProviderChoice>,
    models: Vec<String>,
    /// The parts of the prompt that the chosen provider's API cannot express.
    omissions: Vec<String>,
    /// The parameters of another provider's API.
    dropped: Vec<String>,
}

struct ProviderChoice {
    name: String,
    origin: String,
    is_chosen: bool,
}

/// Returns the routes of a request.
pub(super) fn of_request() -> MethodRouter<App> {
    get(show_request).post(submit_request).layer(DefaultBodyLimit::max(FORM_LIMIT))
}

/// Returns the routes of a template.
pub(super) fn of_template() -> MethodRouter<App> {
    get(show_template).post(submit_template).layer(DefaultBodyLimit::max(FORM_LIMIT))
}

/// Handles `GET /requests/{id}/replay`.
async fn show_request(State(app): State<App>, Path(id): Path<String>) -> Response {
    match id.parse() {
        Ok(id) => show(app, Opened::Request { id }).await,
        Err(_) => not_found("There is no such request."),
    }
}

/// Handles `POST /requests/{id}/replay`.
async fn submit_request(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    match id.parse() {
        Ok(id) => submit(app, request, |_| Opened::Request { id }).await,
        Err(_) => not_found("There is no such request."),
    }
}

/// Handles `GET /templates/{name or id}/replay`, with `version` and `variables` in the query.
async fn show_template(
    State(app): State<App>,
    Path(identifier): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    show(app, Opened::template(identifier, &query)).await
}

/// Handles `POST /templates/{name or id}/replay`, with `version` and `variables` in the form.
async fn submit_template(
    State(app): State<App>,
    Path(identifier): Path<String>,
    request: Request,
) -> Response {
    submit(app, request, |fields| Opened::template(identifier, fields)).await
}

fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

impl Opened {
    fn template(identifier: String, fields: &[(String, String)]) -> Self {
        Self::Template {
            identifier,
            version: field(fields, "version").and_then(|number| number.parse().ok()),
            variables: field(fields, "variables").unwrap_or_default().to_owned(),
        }
    }
}

/// Reads what the page was opened from, and the models that the form suggests.
async fn read(app: &App, opened: &Opened) -> Result<(Source, Vec<String>), Response> {
    let opened = opened.clone();
    let read = app.store().read(move |store| {
        let source = Source::read(store, &opened)?;
        Ok::<_, StoreError>((source, store.texts(TextField::Model, "", MOST_MODELS)?))
    });
    match read.await {
        Ok((Ok(source), models)) => Ok((source, models)),
        Ok((Err(NoSource::Missing(message)), _)) => Err(not_found(&message)),
        Ok((Err(NoSource::Unusable(message)), _)) => {
            Err(notice(StatusCode::UNPROCESSABLE_ENTITY, "Not available", &message))
        }
        Ok((Err(NoSource::Variables(address)), _)) => Err(see_other(&address, None)),
        Err(error) => Err(failed(&error)),
    }
}

async fn show(app: App, opened: Opened) -> Response {
    let (source, models) = match read(&app, &opened).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    let mut page = Page::new(&opened, &source);
    if let Some(replay) = app.replay() {
        let (draft, dropped) = Draft::new(&source, replay);
        if draft.length() > LONGEST_DRAFT {
            let message = "This prompt is too large to be edited on a page. Its page offers the request as a curl command.";
            return notice(StatusCode::PAYLOAD_TOO_LARGE, "Not available", message);
        }
        let omissions = omissions(&source, &draft, replay);
        page.form = Some(FormPart { omissions, dropped, ..FormPart::new(draft, models, replay) });
    }
    html(&page)
}

async fn submit(app: App, request: Request, opened: impl FnOnce(&[(String, String)]) -> Opened) -> Response {
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let accepts = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let is_streamed = accepts.is_some_and(|accept| accept.starts_with("text/event-stream"));
    // The share ends before the call begins.
    let share = app.bodies().share(length.is_none_or(|length: u64| length > SMALL_LENGTH)).await;
    let reading = Form::<Vec<(String, String)>>::from_request(request, &app);
    let fields = match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(Ok(Form(fields))) => fields,
        Ok(Err(refused)) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return notice(StatusCode::PAYLOAD_TOO_LARGE, "Not sent", "The form is larger than 8 MiB.");
        }
        _ => {
            return notice(StatusCode::BAD_REQUEST, "Not sent", "The form could not be read. Send it again.");
        }
    };
    let opened = opened(&fields);
    let action = field(&fields, "do").unwrap_or_default().to_owned();
    if let (Some(replay), "stop") = (app.replay(), action.as_str()) {
        let is_running = replay.running().stop(field(&fields, "call").unwrap_or_default());
        return if is_running { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }.into_response();
    }
    let (source, models) = match read(&app, &opened).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    let mut page = Page::new(&opened, &source);
    let Some(replay) = app.replay().cloned() else {
        return with_status(html(&page), StatusCode::UNPROCESSABLE_ENTITY);
    };
    let mut draft = Draft::read(fields);
    if let Some(change) = Change::read(&action) {
        draft.change(&change);
        page.form = Some(FormPart::new(draft, models, &replay));
        return html(&page);
    }
    let request = source.origin.request;
    let status = match (draft.planned(source, &replay, is_streamed), replay.running().begin()) {
        (Some(planned), Ok(slot)) => {
            drop(share);
            return answer::answer(app, &replay, planned, slot, request).await;
        }
        (Some(_), Err(NoSlot::Full)) => {
            draft.problems.call =
                Some("Too many calls are running. Send it again when one has ended.".to_owned());
            StatusCode::SERVICE_UNAVAILABLE
        }
        (Some(_), Err(NoSlot::NoRandom)) => {
            draft.problems.call =
                Some("The operating system gave no random bytes. Send it again.".to_owned());
            StatusCode::INTERNAL_SERVER_ERROR
        }
        (None, _) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    page.form = Some(FormPart::new(draft, models, &replay));
    with_status(html(&page), status)
}

fn with_status(mut page: Response, status: StatusCode) -> Response {
    if page.status().is_success() {
        *page.status_mut() = status;
    }
    page
}

/// Returns the parts of a prompt that the API of the chosen provider cannot express.
fn omissions(source: &Source, draft: &Draft, replay: &Replay) -> Vec<String> {
    let written = replay
        .provider(&draft.provider)
        .and_then(|provider| written(provider, &draft.model, &source.prompt, &source.parameters).ok());
    let omissions = written.map(|(_, omissions)| omissions).unwrap_or_default();
    omissions.iter().take(MOST_OMISSIONS).map(ToString::to_string).collect()
}

impl Page {
    fn new(opened: &Opened, source: &Source) -> Self {
        let (action, hidden) = match opened {
            Opened::Request { id } => (format!("/requests/{id}/replay"), Vec::new()),
            Opened::Template { version, variables, .. } => {
                let version = version.map(|number| ("version", number.to_string()));
                let hidden = version.into_iter().chain([("variables", variables.clone())]).collect();
                (format!("/templates/{}/replay", source.template.unwrap_or_default()), hidden)
            }
        };
        Self {
            title: source.title.clone(),
            back: source.address.clone(),
            is_template: source.template.is_some(),
            action,
            hidden,
            form: None,
        }
    }
}

impl FormPart {
    fn new(draft: Draft, models: Vec<String>, replay: &Replay) -> Self {
        let providers = replay.providers().iter().map(|provider| ProviderChoice {
            name: provider.name().to_owned(),
            origin: provider.origin(),
            is_chosen: provider.name() == draft.provider,
        });
        Self { providers: providers.collect(), draft, models, omissions: Vec::new(), dropped: Vec::new() }
    }
}
