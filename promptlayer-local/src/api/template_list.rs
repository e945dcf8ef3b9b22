//! `GET /prompt-templates`: lists the templates of the registry, one page at a time.

use axum::Json;
use axum::extract::{Query, State};
use serde_json::{Value, json};

use super::error::ApiError;
use super::problem::Place;
use super::query::{flag_of, positive};
use super::snippets;
use crate::app::App;
use crate::store::{Reader, TemplateSummary, VersionChoice};
use crate::timestamp::Timestamp;

/// The default of `per_page`.
const PER_PAGE: usize = 30;

/// The query parameters.
#[derive(Default)]
struct Wanted {
    page: Option<usize>,
    per_page: Option<usize>,
    label: Option<String>,
    name: Option<String>,
    tags: Vec<String>,
    external: (Option<String>, Option<String>),
    created: (Option<Timestamp>, Option<Timestamp>),
    updated: (Option<Timestamp>, Option<Timestamp>),
    status: Status,
    is_snippet: Option<bool>,
    order: Order,
    ascending: bool,
}

#[derive(Default, PartialEq)]
enum Status {
    #[default]
    Active,
    /// Matches no template, because this server never deletes one.
    Deleted,
    All,
}

#[derive(Default)]
enum Order {
    Created,
    Updated,
    Name,
    #[default]
    Id,
}

pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let wanted = Wanted::read(&query)?;
    let page = app.store().read(move |store| wanted.page_of(store).map_err(ApiError::from)).await?;
    Ok(Json(page))
}

/// Returns a template as a list item: the version with the requested label, or else the latest version.
fn item(
    store: &Reader<'_>,
    template: &TemplateSummary,
    label: Option<&str>,
) -> rusqlite::Result<Option<Value>> {
    let choice = label.map_or(VersionChoice::Latest, VersionChoice::Label);
    let version = store.version(template.id, choice)?;
    Ok(version.map(|version| {
        let is_snippet = snippets::is_snippet(&version.prompt);
        json!({
            "id": template.id,
            "prompt_name": template.name,
            "prompt_template": version.prompt,
            "metadata": version.metadata,
            "commit_message": version.commit_message,
            "llm_kwargs": null,
            "version": version.number,
            "tags": template.tags,
            "release_labels": template.labels,
            "external_ids": template.external_ids,
            "is_snippet": is_snippet,
            "created_at": template.created.to_string(),
            "updated_at": template.updated.to_string(),
        })
    }))
}

impl Wanted {
    fn read(query: &[(String, String)]) -> Result<Self, ApiError> {
        let mut wanted = Self::default();
        for (key, value) in query {
            let query_place = Place::QUERY;
            let place = query_place.field(key);
            let text = || Some(value.clone());
            match key.as_str() {
                "page" => wanted.page = Some(count(value, &place)?),
                "per_page" => wanted.per_page = Some(count(value, &place)?),
                "label" => wanted.label = text(),
                "name" => wanted.name = Some(value.to_lowercase()),
                "tags" | "tags[]" => wanted.tags.push(value.clone()),
                "external_source" => wanted.external.0 = text(),
                "external_id" => wanted.external.1 = text(),
                "created_after" => wanted.created.0 = Some(timestamp(value, &place)?),
                "created_before" => wanted.created.1 = Some(timestamp(value, &place)?),
                "updated_after" => wanted.updated.0 = Some(timestamp(value, &place)?),
                "updated_before" => wanted.updated.1 = Some(timestamp(value, &place)?),
                "status" => {
                    wanted.status = match value.as_str() {
                        "active" => Status::Active,
                        "deleted" => Status::Deleted,
                        "all" => Status::All,
                        _ => return Err(not_one_of(&place, "active, deleted, all", value)),
                    };
                }
                "is_snippet" => {
                    wanted.is_snippet = Some(flag_of(value, &place)?);
                }
                "sort_by" => {
                    wanted.order = match value.as_str() {
                        "created_at" => Order::Created,
                        "updated_at" => Order::Updated,
                        "name" => Order::Name,
                        "id" => Order::Id,
                        _ => return Err(not_one_of(&place, "created_at, updated_at, name, id", value)),
                    };
                }
                "sort_order" => {
                    wanted.ascending = match value.as_str() {
                        "asc" => true,
                        "desc" => false,
                        _ => return Err(not_one_of(&place, "asc, desc", value)),
                    };
                }
                _ => {}
            }
        }
        if wanted.external.0.is_some() != wanted.external.1.is_some() {
            let place = Place::QUERY;
            let problem = "external_source and external_id go together";
            return Err(ApiError::invalid(&place.field("external_id"), "value_error", problem));
        }
        Ok(wanted)
    }

    /// Returns the requested page. Every page costs the same: it reads the summaries of all templates and the
    /// versions on the page.
    fn page_of(&self, store: &Reader<'_>) -> rusqlite::Result<Value> {
        let mut found: Vec<TemplateSummary> =
            store.templates()?.into_iter().filter(|template| self.matches(template)).collect();
        if let Some(is_snippet) = self.is_snippet {
            let completions = store.completion_templates()?;
            found.retain(|template| completions.contains(&template.id) == is_snippet);
        }
        self.sort(&mut found);

        let total = found.len();
        let per_page = self.per_page.unwrap_or(PER_PAGE);
        let page = self.page.unwrap_or(1);
        let pages = total.div_ceil(per_page);
        let start = page.saturating_sub(1).saturating_mul(per_page);
        let items = found
            .iter()
            .skip(start)
            .take(per_page)
            .filter_map(|template| item(store, template, self.label.as_deref()).transpose())
            .collect::<rusqlite::Result<Vec<Value>>>()?;
        Ok(json!({
            "items": items,
            "page": page,
            "pages": pages,
            "total": total,
            "has_next": page < pages,
            "has_prev": page > 1,
            // PromptLayer's API document requires integers here even if there is no such page. The field then
            // has the number of the current page.
            "next_num": if page < pages { page + 1 } else { page },
            "prev_num": if page > 1 { page - 1 } else { page },
        }))
    }

    fn matches(&self, template: &TemplateSummary) -> bool {
        self.status != Status::Deleted
            && self.label.as_ref().is_none_or(|label| template.labels.contains(label))
            && self.name.as_ref().is_none_or(|part| template.name.to_lowercase().contains(part))
            && self.tags.iter().all(|tag| template.tags.contains(tag))
            && within(template.created, self.created)
            && within(template.updated, self.updated)
            && match &self.external {
                (Some(source), Some(id)) => template
                    .external_ids
                    .iter()
                    .any(|known| known.source == *source && known.external_id == *id),
                _ => true,
            }
    }

    fn sort(&self, templates: &mut [TemplateSummary]) {
        match self.order {
            Order::Created => templates.sort_by_key(|template| (template.created, template.id)),
            Order::Updated => templates.sort_by_key(|template| (template.updated, template.id)),
            Order::Name => templates.sort_by(|one, other| one.name.cmp(&other.name)),
            Order::Id => templates.sort_by_key(|template| template.id),
        }
        if !self.ascending {
            templates.reverse();
        }
    }
}

fn within(timestamp: Timestamp, (from, to): (Option<Timestamp>, Option<Timestamp>)) -> bool {
    from.is_none_or(|from| timestamp >= from) && to.is_none_or(|to| timestamp <= to)
}

fn count(text: &str, place: &Place<'_>) -> Result<usize, ApiError> {
    let number = positive(text, place)?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

fn timestamp(text: &str, place: &Place<'_>) -> Result<Timestamp, ApiError> {
    Timestamp::read(&Value::String(text.to_owned())).ok_or_else(|| {
        ApiError::invalid(
            place,
            "datetime_parsing",
            format!("this should be an RFC 3339 date-time with a time zone, of the years 1678 to 2261, found {text:?}"),
        )
    })
}

fn not_one_of(place: &Place<'_>, words: &str, found: &str) -> ApiError {
    ApiError::invalid(place, "enum", format!("this should be one of {words}, found {found:?}"))
}
