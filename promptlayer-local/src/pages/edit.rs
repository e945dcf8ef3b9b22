//! The forms of a request's page: its scores, tags and metadata.

use std::collections::BTreeMap;

use axum::extract::{Form, FromRequest, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use promptlayer_blueprint::{Score, Tags};

use super::filters::Parameters;
use super::request::{self, Refused};
use super::{failed, not_found, notice, see_other};
use crate::app::App;
use crate::limits::BODY_TIMEOUT;
use crate::store::{DEFAULT_SCORE, StoreError, Writer};

/// The maximum length of a metadata key, in characters: that of PromptLayer's API document.
const LONGEST_KEY: usize = 1024;

/// A change of a request.
enum Edit {
    SetScore(String, i64),
    RemoveScore(String),
    SetMetadata(String, String),
    RemoveMetadata(String),
    SetTags(Vec<String>),
}

/// Handles `POST /requests/{id}/edit`. The field `edit` of the form names the change. The query is that of the request's
/// page, which follows.
pub(super) async fn edit(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    request: Request,
) -> Response {
    let reading = Form::<Vec<(String, String)>>::from_request(request, &app);
    let Ok(Ok(Form(fields))) = tokio::time::timeout(BODY_TIMEOUT, reading).await else {
        return notice(StatusCode::BAD_REQUEST, "Not changed", "The form could not be read. Send it again.");
    };
    let Some(id) = id.parse::<i64>().ok() else {
        return not_found("There is no such request.");
    };
    let edit = match Edit::read(&fields) {
        Ok(edit) => edit,
        Err(reason) => {
            return request::page_with(&app, id, Parameters::new(query), Refused { reason, fields }).await;
        }
    };
    let stored = app.store().write(move |store| {
        let exists = store.has_request(id)?;
        if exists {
            edit.apply(store, id)?;
        }
        Ok::<_, StoreError>(exists)
    });
    match stored.await {
        Ok(true) => see_other(&Parameters::new(query).address_at(&format!("/requests/{id}")), None),
        Ok(false) => not_found("There is no such request."),
        Err(error) => failed(&error),
    }
}

impl Edit {
    /// Reads a form. Returns what is wrong with it, for the reader.
    fn read(fields: &[(String, String)]) -> Result<Self, &'static str> {
        let field = |name: &str| {
            fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).unwrap_or_default()
        };
        let name = || match field("name") {
            "" => DEFAULT_SCORE.to_owned(),
            name => name.to_owned(),
        };
        match field("edit") {
            "score" => {
                let range = i64::from(Score::MIN.get())..=i64::from(Score::MAX.get());
                match field("score").parse() {
                    Ok(score) if range.contains(&score) => Ok(Self::SetScore(name(), score)),
                    _ => Err("A score is a whole number from 0 to 100."),
                }
            }
            "remove-score" => Ok(Self::RemoveScore(name())),
            "metadata" => match field("key") {
                "" => Err("Metadata needs a key."),
                key if key.chars().count() > LONGEST_KEY => {
                    Err("A metadata key has at most 1,024 characters.")
                }
                key => Ok(Self::SetMetadata(key.to_owned(), field("value").to_owned())),
            },
            "remove-metadata" => Ok(Self::RemoveMetadata(field("key").to_owned())),
            "tags" => {
                let mut tags: Vec<String> = Vec::new();
                for tag in field("tags").split(['\r', '\n']).map(str::trim).filter(|tag| !tag.is_empty()) {
                    if tag.chars().count() > Tags::MAX_CHARACTERS {
                        return Err("A tag has at most 512 characters.");
                    }
                    if !tags.iter().any(|known| known == tag) {
                        tags.push(tag.to_owned());
                    }
                }
                Ok(Self::SetTags(tags))
            }
            _ => Err("The form names no change."),
        }
    }

    fn apply(self, to: &Writer<'_>, id: i64) -> rusqlite::Result<()> {
        match self {
            Self::SetScore(name, score) => to.set_score(id, Some(name), score),
            Self::RemoveScore(name) => to.remove_score(id, &name),
            Self::SetMetadata(key, value) => to.merge_metadata(id, BTreeMap::from([(key, value)])),
            Self::RemoveMetadata(key) => to.remove_metadata(id, &key),
            Self::SetTags(tags) => to.set_tags(id, &tags),
        }
    }
}
