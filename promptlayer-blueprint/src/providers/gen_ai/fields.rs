//! Reads the fields of a span, independent of how they were recorded.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::super::vendors::{VENDORS, Vendor};
use crate::semconv;

/// Returns a field as text. Removes the quotes of a string that was recorded with `Debug`.
pub(super) fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<Cow<'a, str>> {
    let text = match fields.get(name)? {
        Value::String(text) if text.starts_with('"') => match serde_json::from_str(text) {
            Ok(unquoted) => Cow::Owned(unquoted),
            Err(_) => Cow::Borrowed(text.as_str()),
        },
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Null => return None,
        other => Cow::Owned(other.to_string()),
    };
    (!text.is_empty()).then_some(text)
}

/// Returns the value of a field. Text that is JSON is parsed.
pub(super) fn value(field: &Value) -> Value {
    field.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| field.clone())
}

/// Returns the value of a field, if it exists and is not empty.
pub(super) fn parsed(fields: &Map<String, Value>, name: &str) -> Option<Value> {
    fields.get(name).map(value).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// A field that contains messages or text: its text, and its parsed value if the text is JSON.
pub(super) struct Said<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) value: Option<Value>,
}

/// Returns the field `messages`, or the field `otherwise` if the former is absent or an empty list. The latter is
/// plain text, so it is used even if it reads like an empty list.
pub(super) fn said<'a>(fields: &'a Map<String, Value>, messages: &str, otherwise: &str) -> Option<Said<'a>> {
    let read = |name| text(fields, name).map(|text| Said { value: serde_json::from_str(&text).ok(), text });
    let is_nothing = |said: &Said<'_>| match &said.value {
        Some(Value::Array(messages)) => messages.is_empty(),
        Some(value) => value.is_null(),
        None => false,
    };
    read(messages).filter(|said| !is_nothing(said)).or_else(|| read(otherwise))
}

/// Returns the first of these fields that is a count. A negative number is ignored.
pub(super) fn count(fields: &Map<String, Value>, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| value(fields.get(*name)?).as_u64())
}

/// Returns a field that is a number.
pub(super) fn seconds(fields: &Map<String, Value>, name: &str) -> Option<f64> {
    value(fields.get(name)?).as_f64()
}

/// Returns a field that is a list of texts. A single text becomes a list of one.
pub(super) fn list(fields: &Map<String, Value>, name: &str) -> Vec<String> {
    match parsed(fields, name) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) => vec![text],
        _ => Vec::new(),
    }
}

/// Domain of Azure's hosts for `OpenAI` models.
const AZURE_OPENAI_HOST: &str = "openai.azure.com";

/// Returns `PromptLayer`'s name for the provider of a call.
pub(super) fn provider(fields: &Map<String, Value>) -> Option<Cow<'static, str>> {
    let host = text(fields, semconv::SERVER_ADDRESS);
    if host.is_some_and(|host| is_within(&host, AZURE_OPENAI_HOST)) {
        return Some(Cow::Borrowed("openai.azure"));
    }
    let named = text(fields, semconv::PROVIDER_NAME).or_else(|| text(fields, semconv::SYSTEM))?;
    let is_known =
        |vendor: &&Vendor| vendor.opentelemetry.iter().any(|name| name.eq_ignore_ascii_case(&named));
    let known = VENDORS.iter().find(is_known).map(|vendor| vendor.name);
    Some(known.map_or_else(|| Cow::Owned(named.into_owned()), Cow::Borrowed))
}

/// Returns `true` if a host is in a domain.
fn is_within(host: &str, domain: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
