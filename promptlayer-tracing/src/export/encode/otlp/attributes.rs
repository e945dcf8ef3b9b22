//! Attributes of a span, with the types of their values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value as OneOf;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use promptlayer_blueprint::providers::gen_ai;
use promptlayer_blueprint::{LogRequest, semconv};
use serde_json::{Map, Value};

use crate::export::encode::spans_bulk::Attribute;

/// Returns the attributes of a span: those that `POST /spans-bulk` carries, and those that stand for the request log.
///
/// A span without a request log that reads like a model call says that it makes none: the call is logged inside it.
pub(super) fn of_span(
    of_span: BTreeMap<&str, Attribute<'_>>,
    log: Option<&LogRequest>,
    messages: bool,
) -> Vec<KeyValue> {
    let mut attributes: Map<String, Value> =
        of_span.into_iter().map(|(name, value)| (name.to_owned(), value.into_value())).collect();
    match log {
        Some(log) => add_log(&mut attributes, log, messages),
        None if gen_ai::is_model_call(&attributes) => {
            attributes.insert(semconv::LOG_MANAGED.to_owned(), true.into());
        }
        None => {}
    }
    attributes.into_iter().map(|(key, value)| pair(key, any_value(Cow::Owned(value)))).collect()
}

fn add_log(attributes: &mut Map<String, Value>, log: &LogRequest, messages: bool) {
    if messages {
        let reasons = attributes.get(semconv::RESPONSE_FINISH_REASONS).and_then(Value::as_array);
        let reasons = reasons.into_iter().flatten().filter_map(|reason| reason.as_str().map(str::to_owned));
        let reasons: Vec<String> = reasons.collect();
        attributes.extend(gen_ai::content_of_log(log, &reasons));
    } else {
        attributes.retain(|name, _| !semconv::SAID_BY_LOG.contains(&name.as_str()));
    }
    let mut set = |name: &str, value: Value| {
        attributes.insert(name.to_owned(), value);
    };
    set(semconv::LOG_FIELDS, gen_ai::log_fields(log, messages).into());
    set(semconv::PROVIDER_TYPE, log.provider.as_str().into());
    if let Some(api_type) = &log.api_type {
        set(semconv::API_TYPE, api_type.as_str().into());
    }
    if let Some(name) = &log.prompt_name {
        set(semconv::TEMPLATE_NAME, name.as_str().into());
    }
    if let Some(id) = log.prompt_id {
        set(semconv::TEMPLATE_ID, id.into());
    }
    if let Some(version) = log.prompt_version_number {
        set(semconv::TEMPLATE_VERSION, version.into());
    }
    if !log.tags.is_empty() {
        set(semconv::TAGS, log.tags.iter().map(Value::from).collect());
    }
    for (key, value) in &log.metadata {
        set(&format!("{}{key}", semconv::METADATA_PREFIX), value.as_str().into());
    }
}

/// Returns an attribute.
pub(super) fn key_value(name: &str, value: &Value) -> KeyValue {
    pair(name.to_owned(), any_value(Cow::Borrowed(value)))
}

fn pair(key: String, value: AnyValue) -> KeyValue {
    KeyValue { key, value: Some(value), ..KeyValue::default() }
}

/// Returns a value of the same type. A whole number above the range of OTLP becomes its digits.
fn any_value(value: Cow<'_, Value>) -> AnyValue {
    let value = match value.into_owned() {
        Value::Null => None,
        Value::Bool(value) => Some(OneOf::BoolValue(value)),
        Value::Number(number) => Some(match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => OneOf::IntValue(whole),
            (None, _) if number.is_u64() => OneOf::StringValue(number.to_string()),
            (None, Some(number)) => OneOf::DoubleValue(number),
            (None, None) => OneOf::StringValue(number.to_string()),
        }),
        Value::String(text) => Some(OneOf::StringValue(text)),
        Value::Array(items) => {
            let values = items.into_iter().map(|item| any_value(Cow::Owned(item))).collect();
            Some(OneOf::ArrayValue(ArrayValue { values }))
        }
        Value::Object(fields) => {
            let values = fields.into_iter().map(|(key, value)| pair(key, any_value(Cow::Owned(value))));
            Some(OneOf::KvlistValue(KeyValueList { values: values.collect() }))
        }
    };
    AnyValue { value }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_keep_their_types() {
        let value = |value: Value| any_value(Cow::Owned(value)).value;
        assert_eq!(value(json!(7)), Some(OneOf::IntValue(7)));
        assert_eq!(value(json!(-7)), Some(OneOf::IntValue(-7)));
        assert_eq!(value(json!(7.0)), Some(OneOf::DoubleValue(7.0)));
        assert_eq!(value(json!(u64::MAX)), Some(OneOf::StringValue(u64::MAX.to_string())));
        assert_eq!(value(json!(true)), Some(OneOf::BoolValue(true)));
        assert_eq!(value(json!("a")), Some(OneOf::StringValue("a".to_owned())));
        assert_eq!(value(json!(null)), None);
        let Some(OneOf::ArrayValue(list)) = value(json!(["stop"])) else { panic!() };
        assert_eq!(list.values, [any_value(Cow::Owned(json!("stop")))]);
        let Some(OneOf::KvlistValue(fields)) = value(json!({"a": 1})) else { panic!() };
        assert_eq!(fields.values, [key_value("a", &json!(1))]);
    }
}
