//! `/api/public/v2/requests/{search,suggestions,analytics}`: finds logged requests, and counts them.
//!
//! - `conditions`: reads the filters of these requests.
//! - `analytics`: the response with figures over time.

mod analytics;
mod conditions;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::JsonBody;
use super::error::ApiError;
use super::problem::Place;
use super::rules;
use crate::app::App;
use crate::store::{Filter, Member, RequestRow, Side, Sort, SortBy, TextField, Words};
use crate::timestamp::Timestamp;

pub(super) use analytics::analytics;

/// The number of requests on a page, unless the client asks for another.
const PER_PAGE: usize = 10;

/// The maximum number of values that are suggested.
const MOST_SUGGESTED: usize = 100;

/// The body of a search, and of a request for analytics.
#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    filter_group: Option<Value>,
    #[serde(default)]
    q: Option<String>,
    #[serde(default)]
    sort_by: Option<String>,
    #[serde(default)]
    sort_order: Option<String>,
    #[serde(default, deserialize_with = "crate::integer::optional")]
    page: Option<i64>,
    #[serde(default, deserialize_with = "crate::integer::optional")]
    per_page: Option<i64>,
    #[serde(default)]
    include_prompt_name: Option<bool>,
    #[serde(default)]
    metadata_cost_breakdown_key: Option<String>,
}

impl Search {
    fn filters(&self) -> Result<Vec<Filter>, ApiError> {
        let mut filters = Vec::new();
        if let Some(group) = &self.filter_group {
            filters.push(conditions::group(group, &Place::BODY.field("filter_group"))?);
        }
        if let Some(text) = self.q.as_deref().filter(|text| !text.trim().is_empty()) {
            filters.push(Filter::Words(Words { side: Side::Both, text: text.to_owned() }));
        }
        Ok(filters)
    }

    fn sort(&self) -> Result<Sort, ApiError> {
        if self.sort_by.is_some() != self.sort_order.is_some() {
            return Err(ApiError::BadRequest("Give sort_by and sort_order together, or neither".to_owned()));
        }
        let by = match self.sort_by.as_deref() {
            Some("input_tokens") => SortBy::InputTokens,
            Some("output_tokens") => SortBy::OutputTokens,
            Some("cost") => SortBy::Price,
            Some("latency_ms") => SortBy::Duration,
            Some("status") => SortBy::Status,
            _ => SortBy::Start,
        };
        Ok(Sort { by, descending: self.sort_order.as_deref() != Some("asc") })
    }
}

/// Indexes the texts that a search needs.
async fn prepare(app: &App, filters: &[Filter]) -> Result<(), ApiError> {
    if filters.iter().any(Filter::has_words) {
        app.store().prepare_search().await?;
    }
    Ok(())
}

/// Handles `POST …/search`.
pub(super) async fn search(State(app): State<App>, body: JsonBody) -> Result<Json<Value>, ApiError> {
    let (search, _share): (Search, _) = body.parse(&rules::SEARCH).await?;
    let (filters, sort) = (search.filters()?, search.sort()?);
    prepare(&app, &filters).await?;
    let count = |number: Option<i64>, default: usize| {
        number.and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
    };
    let (page, per_page) = (count(search.page, 1), count(search.per_page, PER_PAGE));
    let with_prompt_name = search.include_prompt_name == Some(true);
    app.store()
        .read(move |store| {
            let found = store.find_page(&filters, sort, page, per_page)?;
            let items = found
                .rows
                .iter()
                .map(|row| Ok(item(row, &store.metadata(row.id)?, with_prompt_name)))
                .collect::<rusqlite::Result<Vec<Value>>>()?;
            let pages = found.total.div_ceil(per_page);
            Ok(Json(json!({
                "success": true,
                "items": items,
                "page": page,
                "pages": pages,
                "per_page": per_page,
                "total": found.total,
                "has_next": page < pages,
                "has_prev": page > 1,
                "next_num": (page < pages).then_some(page + 1),
                "prev_num": (page > 1).then(|| page - 1),
            })))
        })
        .await
}

fn item(row: &RequestRow, metadata: &Map<String, Value>, with_prompt_name: bool) -> Value {
    let end = Timestamp::from_nanoseconds(row.start.nanoseconds().saturating_add(row.duration_ns));
    let scores: Vec<Value> =
        row.scores.iter().map(|(name, score)| json!({ "name": name, "score": score })).collect();
    let mut item = json!({
        "id": row.id,
        "engine": row.model,
        "provider_type": row.provider,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cached_tokens": row.cached_tokens,
        "thinking_tokens": row.reasoning_tokens,
        "price": row.price,
        "request_start_time": row.start.to_string(),
        "request_end_time": end.to_string(),
        "latency": seconds(row.duration_ns),
        "tags_array": row.tags,
        "metadata": [metadata],
        "scores": scores,
        "status": row.status,
        "error_type": row.error_type,
        "function_name": row.name,
    });
    if with_prompt_name {
        item["prompt_name"] = json!(row.prompt_name);
    }
    item
}

#[expect(clippy::cast_precision_loss, reason = "a duration is not exact to more than 15 digits")]
fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// Handles `GET …/suggestions`.
pub(super) async fn suggestions(
    State(app): State<App>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let given = |name: &str| query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let place = Place::QUERY;
    let missing = |name: &str| ApiError::invalid(&place.field(name), "missing", "this parameter is required");
    let field = given("field").ok_or_else(|| missing("field"))?;
    let key = || given("metadata_key").ok_or_else(|| missing("metadata_key"));
    let source = match field.as_str() {
        "engine" => Source::Text(TextField::Model),
        "provider_type" => Source::Text(TextField::Provider),
        "prompt" => Source::Text(TextField::PromptName),
        "status" => Source::Text(TextField::Status),
        "prompt_id" => Source::PromptId,
        "tags" => Source::Member(Member::Tag),
        "metadata_keys" => Source::Member(Member::MetadataKey),
        "metadata_values" => Source::Member(Member::Metadata(key()?)),
        "tool_names" => Source::Member(Member::Tool),
        "output_keys" => Source::Member(Member::OutputKey),
        "output_values" => Source::Member(Member::Output(key()?)),
        "input_variable_keys" => Source::Member(Member::VariableName),
        "input_variable_values" => Source::Member(Member::Variable(key()?)),
        other => {
            let message = format!("this should be a field that has suggestions, found {other:?}");
            return Err(ApiError::invalid(&place.field("field"), "enum", message));
        }
    };
    if let Some(id) = given("prompt_id")
        && id.parse::<i64>().ok().is_none_or(|id| id < 1)
    {
        let message = format!("this should be an integer of at least 1, found {id:?}");
        return Err(ApiError::invalid(&place.field("prompt_id"), "int_parsing", message));
    }
    let mut filters = Vec::new();
    if let Some(text) = given("filter_group") {
        let place = place.field("filter_group");
        let group: Value = serde_json::from_str(&text).map_err(|error| {
            ApiError::invalid(&place, "json_invalid", format!("this is not JSON: {error}"))
        })?;
        filters.push(conditions::group(&group, &place)?);
    }
    prepare(&app, &filters).await?;
    let prefix = given("prefix").unwrap_or_default();
    app.store()
        .read(move |store| {
            let values = match source {
                Source::Text(field) => store.text_values(field, &prefix, &filters, MOST_SUGGESTED)?,
                Source::PromptId => store.prompt_ids(&prefix, &filters, MOST_SUGGESTED)?,
                Source::Member(member) => store.member_values(&member, &prefix, &filters, MOST_SUGGESTED)?,
            };
            Ok(Json(json!({ "success": true, "values": values })))
        })
        .await
}

/// Where suggested values come from.
enum Source {
    Text(TextField),
    PromptId,
    Member(Member),
}
