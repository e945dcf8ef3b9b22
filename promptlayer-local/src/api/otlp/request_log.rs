//! The request log of a span that describes a call to a model.

use std::collections::BTreeMap;

use promptlayer_blueprint::providers::gen_ai;
use promptlayer_blueprint::{LogRequest, Tags, semconv};
use serde_json::{Map, Value};

use super::attributes::{TOO_LONG, into_map};
use super::message::{Event, Status};
use crate::api::weight::weigh;
use crate::json_text::JsonText;
use crate::store::{NewLink, NewRequest, NewSpan, VersionChoice, Writer};
use crate::timestamp::Timestamp;

/// The attribute of PromptLayer's own clients for the label of a template.
const PROMPT_LABEL: &str = "promptlayer.prompt.label";

/// The status code of a failed span.
pub(super) const ERROR: i32 = 2;

/// The maximum memory of the JSON values in the attributes of one call, and of their copies.
const WEIGHT_LIMIT: usize = 64 * 1024 * 1024;

/// The memory of a message, or of a tool call, that is in attributes of its own: several objects, which are written to
/// text and parsed again.
const NUMBERED_WEIGHT: usize = 4 * 1024;

/// A span to store. Its request log can name its template by a label, which is resolved in the database.
pub(super) struct SpanWithLog {
    pub(super) span: NewSpan,
    pub(super) label: Option<String>,
}

impl SpanWithLog {
    /// Returns the length of all texts.
    pub(super) fn text_length(&self) -> usize {
        let NewSpan { name, context, attributes, events, links, status, log_request, .. } = &self.span;
        let description = status.description.as_ref().map_or(0, String::len);
        let span =
            [name.len(), context.trace_state.len(), attributes.len(), events.len(), links.len(), description];
        let of_log = |log: &NewRequest| {
            log.input.len() + log.output.len() + log.parameters.len() + log.link.variables.len()
        };
        span.iter().sum::<usize>() + log_request.as_ref().map_or(0, of_log)
    }
}

/// Returns the fields of a span together with what its events and its status say about the call.
///
/// Instrumentations of older conventions record the messages in events.
pub(super) fn with_events(
    mut fields: Map<String, Value>,
    events: Vec<Event>,
    status: &Status,
) -> Map<String, Value> {
    for event in events {
        let mut attributes = into_map(event.attributes);
        if event.name == "exception" && !fields.contains_key(semconv::ERROR_TYPE) {
            let kind = attributes.remove("exception.type").filter(|_| status.code == ERROR);
            fields.extend(kind.map(|kind| (semconv::ERROR_TYPE.to_owned(), kind)));
        }
        let is_said = |name: &str| semconv::CONTENT.contains(&name) || semconv::ERROR_TEXT.contains(&name);
        for (name, value) in attributes.into_iter().filter(|(name, _)| is_said(name)) {
            fields.entry(name).or_insert(value);
        }
    }
    if status.code == ERROR {
        fields.insert(semconv::STATUS_CODE.to_owned(), "error".into());
        if !status.message.is_empty() {
            fields.insert(semconv::STATUS_DESCRIPTION.to_owned(), status.message.as_str().into());
        }
    }
    fields
}

/// Returns `true` if a span describes a call that makes a request log.
pub(super) fn is_logged(fields: &Map<String, Value>) -> bool {
    (gen_ai::is_model_call(fields) || fields.contains_key(semconv::LOG_FIELDS)) && !is_managed(fields)
}

/// Returns `true` if PromptLayer's client logs this call itself.
fn is_managed(fields: &Map<String, Value>) -> bool {
    match fields.get(semconv::LOG_MANAGED) {
        Some(Value::Bool(managed)) => *managed,
        Some(Value::String(managed)) => managed.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// Adds the request log to a span.
///
/// # Errors
///
/// Returns the reason if the attributes need too much memory.
pub(super) fn add(
    span: &mut SpanWithLog,
    mut fields: Map<String, Value>,
    limit: usize,
) -> Result<(), &'static str> {
    if !fits(&fields) {
        return Err("The gen_ai attributes of a span need too much memory");
    }
    let log = gen_ai::log_request(&fields);
    let link = NewLink {
        name: text(&fields, semconv::TEMPLATE_NAME).or(log.prompt_name.clone()),
        id: number(&fields, semconv::TEMPLATE_ID).or(log.prompt_id.and_then(|id| id.try_into().ok())),
        version: number(&fields, semconv::TEMPLATE_VERSION).or(log.prompt_version_number.map(i64::from)),
        variables: JsonText::of(&log.prompt_input_variables),
    };
    span.label = text(&fields, PROMPT_LABEL).filter(|_| link.version.is_none());
    let own = Own {
        provider: text(&fields, semconv::PROVIDER_TYPE),
        api_type: text(&fields, semconv::API_TYPE),
        function_name: text(&fields, semconv::FUNCTION_NAME).unwrap_or_else(|| span.span.name.clone()),
        tags: tags(fields.get(semconv::TAGS)),
        metadata: metadata(&mut fields),
    };
    // The messages are in the log by now.
    drop(fields);
    span.span.log_request = Some(own.request(log, link, limit).ok_or(TOO_LONG)?);
    Ok(())
}

/// The parts of a request log that are in attributes of PromptLayer.
struct Own {
    provider: Option<String>,
    api_type: Option<String>,
    function_name: String,
    tags: Vec<String>,
    metadata: BTreeMap<String, String>,
}

impl Own {
    /// Returns `None` if a text is longer than `limit`.
    fn request(self, mut log: LogRequest, link: NewLink, limit: usize) -> Option<NewRequest> {
        log.metadata.extend(self.metadata);
        let error_message = log.error_message().map(str::to_owned);
        let input = JsonText::within(&log.input, limit)?;
        drop(log.input);
        Some(NewRequest {
            provider: self.provider.unwrap_or(log.provider),
            model: log.model,
            input,
            output: JsonText::within(&log.output, limit)?,
            request_start_time: log.request_start_time.and_then(Timestamp::from_system),
            request_end_time: log.request_end_time.and_then(Timestamp::from_system),
            parameters: JsonText::within(&log.parameters, limit)?,
            tags: self.tags,
            metadata: log.metadata,
            link,
            input_tokens: count(log.input_tokens),
            output_tokens: count(log.output_tokens),
            price: log.price.unwrap_or_default(),
            function_name: self.function_name,
            score: log.score.map_or(0, |score| score.get().into()),
            score_name: None,
            api_type: self.api_type.or(log.api_type),
            status: log.status.as_str().to_owned(),
            error_type: log.error_type.map(|kind| kind.as_str().to_owned()),
            error_message,
        })
    }
}

/// Resolves the label of the template, if the request log has no version. An unknown label changes nothing.
pub(super) fn with_version(span: SpanWithLog, store: &Writer<'_>) -> rusqlite::Result<NewSpan> {
    let SpanWithLog { mut span, label } = span;
    if let (Some(label), Some(log)) = (label, &mut span.log_request)
        && let Some(name) = &log.link.name
        && let Some(template) = store.find_template(name)?
        && let Some(version) = store.version(template, VersionChoice::Label(&label))?
    {
        log.link.version = Some(version.number);
        log.link.id = log.link.id.or(Some(version.template_id));
    }
    Ok(span)
}

/// Returns `false` if reading the attributes would need too much memory. The messages are JSON texts, which need more
/// memory than their length once they are parsed.
fn fits(fields: &Map<String, Value>) -> bool {
    let mut total = 0_usize;
    let is_read = |name: &str| name.starts_with(semconv::PREFIX) || name == semconv::LOG_FIELDS;
    for (name, value) in fields.iter().filter(|(name, _)| is_read(name)) {
        let weight = match value {
            Value::String(text) if text.trim_start().starts_with(['[', '{', '"']) => {
                weigh(text.as_bytes(), WEIGHT_LIMIT).unwrap_or(text.len()).max(text.len())
            }
            Value::String(text) => text.len(),
            // Lists and objects are written to text and parsed again.
            other => {
                let text = JsonText::of(other);
                weigh(text.as_str().as_bytes(), WEIGHT_LIMIT).unwrap_or_default().saturating_mul(2)
            }
        };
        // Messages in attributes of their own are copied into a list first.
        let weight =
            if is_numbered(name) { weight.saturating_mul(4).saturating_add(NUMBERED_WEIGHT) } else { weight };
        total = total.saturating_add(weight);
        if total > WEIGHT_LIMIT {
            return false;
        }
    }
    true
}

fn is_numbered(name: &str) -> bool {
    name.split('.').any(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn count(tokens: Option<u64>) -> i64 {
    tokens.map_or(0, |tokens| i64::try_from(tokens).unwrap_or(i64::MAX))
}

fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns a number, which PromptLayer's clients send as text.
fn number(fields: &Map<String, Value>, name: &str) -> Option<i64> {
    text(fields, name)?.trim().parse().ok()
}

/// Returns the tags: a list, or a list as JSON text, or one tag. Tags that the API does not allow are left out.
fn tags(value: Option<&Value>) -> Vec<String> {
    let listed = match value {
        Some(Value::Array(items)) => items.clone(),
        Some(Value::String(text)) => {
            serde_json::from_str(text).unwrap_or_else(|_| vec![text.as_str().into()])
        }
        _ => Vec::new(),
    };
    let mut tags = Tags::default();
    for tag in listed {
        if let Value::String(tag) = tag {
            // The error is a tag that is not allowed.
            let _ = tags.push(tag);
        }
    }
    tags.iter().map(str::to_owned).collect()
}

/// Takes the metadata out of the fields. Values that are not text are kept as their JSON.
fn metadata(fields: &mut Map<String, Value>) -> BTreeMap<String, String> {
    let names: Vec<String> =
        fields.keys().filter(|name| name.starts_with(semconv::METADATA_PREFIX)).cloned().collect();
    let mut metadata = BTreeMap::new();
    for name in names {
        if let (Some(key), Some(value)) = (name.strip_prefix(semconv::METADATA_PREFIX), fields.remove(&name))
        {
            let value = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            metadata.insert(key.to_owned(), value);
        }
    }
    metadata
}
