//! Items that were serialized before: what hooks receive of a span in the spool, and spans that are too large.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value as OneOf;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use promptlayer_blueprint::{SpanId, Tags, TraceId, semconv};
use prost::Message as _;

use crate::export::encode::content::{Content, HookPayload, Origin, SpanForm};
use crate::export::encode::shrink;

/// Parses a stored span.
pub(crate) fn content(bytes: &[u8], origin: Origin) -> Option<Content> {
    let span = only_span(ResourceSpans::decode(bytes).ok()?)?;
    let trace_id = TraceId::from_bytes(span.trace_id.as_slice().try_into().ok()?)?;
    let span_id = SpanId::from_bytes(span.span_id.as_slice().try_into().ok()?)?;
    let is_request = span.attributes.iter().any(|attribute| attribute.key == semconv::LOG_FIELDS);
    let hook_payload = is_request.then(|| hook_payload(span, origin));
    Some(Content::Span { form: SpanForm::Otlp, trace_id, span_id, hook_payload })
}

fn only_span(of_resource: ResourceSpans) -> Option<Span> {
    let mut spans = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
    let span = spans.next()?;
    spans.next().is_none().then_some(span)
}

fn hook_payload(span: Span, origin: Origin) -> HookPayload {
    let (mut name, mut tags, mut prompt) = (span.name, Tags::default(), None);
    let mut metadata = BTreeMap::new();
    for KeyValue { key, value, .. } in span.attributes {
        match (key.as_str(), value.and_then(|value| value.value)) {
            (semconv::FUNCTION_NAME, Some(OneOf::StringValue(text))) => name = text,
            (semconv::TEMPLATE_NAME, Some(OneOf::StringValue(text))) => prompt = Some(text),
            (semconv::TAGS, Some(OneOf::ArrayValue(list))) => {
                for tag in list.values {
                    if let Some(OneOf::StringValue(tag)) = tag.value {
                        // The tag was checked before it was written.
                        let _ = tags.push(tag);
                    }
                }
            }
            (key, Some(OneOf::StringValue(text))) => {
                if let Some(key) = key.strip_prefix(semconv::METADATA_PREFIX) {
                    metadata.insert(key.to_owned(), text);
                }
            }
            _ => {}
        }
    }
    let Origin { follow_up, is_of_hook, is_replayed } = origin;
    HookPayload { name: name.into(), tags, metadata, prompt, follow_up, is_of_hook, is_replayed }
}

/// Returns the item without its media. If it has no media, returns it with its long texts cut. Returns `None` if
/// nothing can be removed.
pub(crate) fn smaller(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut item = ResourceSpans::decode(bytes).ok()?;
    let is_smaller = [shrink::without_media, shrink::with_cut_texts].into_iter().any(|reduce| {
        let mut reduced = false;
        for span in item.scope_spans.iter_mut().flat_map(|of_scope| &mut of_scope.spans) {
            for value in span.attributes.iter_mut().filter_map(|attribute| attribute.value.as_mut()) {
                reduced |= reduce_value(value, reduce);
            }
            if let Some(status) = &mut span.status {
                reduced |= reduce_text(&mut status.message, reduce);
            }
        }
        reduced
    });
    is_smaller.then(|| item.encode_to_vec())
}

type Reduce = fn(&str) -> Option<String>;

fn reduce_value(value: &mut AnyValue, reduce: Reduce) -> bool {
    match &mut value.value {
        Some(OneOf::StringValue(text)) => reduce_text(text, reduce),
        Some(OneOf::ArrayValue(list)) => {
            list.values.iter_mut().fold(false, |any, value| reduce_value(value, reduce) | any)
        }
        Some(OneOf::KvlistValue(fields)) => {
            let values = fields.values.iter_mut().filter_map(|field| field.value.as_mut());
            values.fold(false, |any, value| reduce_value(value, reduce) | any)
        }
        _ => false,
    }
}

fn reduce_text(text: &mut String, reduce: Reduce) -> bool {
    match reduce(text) {
        Some(smaller) => {
            *text = smaller;
            true
        }
        None => false,
    }
}
