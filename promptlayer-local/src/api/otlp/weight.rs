//! Measures the memory that a protobuf body needs once it is decoded, and decodes it.
//!
//! An empty span is two bytes of protobuf, and several hundred bytes of memory. The body is therefore walked through
//! once, without storing anything, before it is decoded.

use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::message::{
    AnyValue, Event, ExportTraceServiceRequest, KeyValue, Link, Resource, ResourceSpans, Scope, ScopeSpans,
    Span, Status,
};
use crate::api::error::ApiError;
use crate::api::problem::Place;
use crate::store::NewSpan;

/// The minimum allocation of a text or of bytes.
const TEXT: usize = 32;
/// The depth to which messages may be nested. The decoder has the same limit.
const DEPTH: usize = 100;

/// The memory of a message, and its fields that are messages.
struct Layout {
    memory: usize,
    messages: &'static [(u32, &'static Self)],
}

impl Layout {
    /// Returns the layout of a message in a list. A list that grows has room for twice its items.
    const fn of<T>(messages: &'static [(u32, &'static Self)]) -> Self {
        Self { memory: 2 * size_of::<T>(), messages }
    }

    fn message(&self, tag: u32) -> Option<&'static Self> {
        self.messages.iter().find(|(known, _)| *known == tag).map(|(_, layout)| *layout)
    }
}

static REQUEST: Layout = Layout::of::<ExportTraceServiceRequest>(&[(1, &RESOURCE_SPANS)]);
static RESOURCE_SPANS: Layout = Layout::of::<ResourceSpans>(&[(1, &RESOURCE), (2, &SCOPE_SPANS)]);
static RESOURCE: Layout = Layout::of::<Resource>(&[(1, &KEY_VALUE)]);
static SCOPE_SPANS: Layout = Layout::of::<ScopeSpans>(&[(1, &SCOPE), (2, &SPAN)]);
static SCOPE: Layout = Layout::of::<Scope>(&[(3, &KEY_VALUE)]);
// A decoded span becomes a `NewSpan` later.
static SPAN: Layout =
    Layout::of::<(Span, NewSpan)>(&[(9, &KEY_VALUE), (11, &EVENT), (13, &LINK), (15, &STATUS)]);
static EVENT: Layout = Layout::of::<Event>(&[(3, &KEY_VALUE)]);
static LINK: Layout = Layout::of::<Link>(&[(4, &KEY_VALUE)]);
static STATUS: Layout = Layout::of::<Status>(&[]);
static KEY_VALUE: Layout = Layout::of::<KeyValue>(&[(2, &ANY_VALUE)]);
static ANY_VALUE: Layout = Layout::of::<AnyValue>(&[(5, &ARRAY), (6, &OBJECT)]);
static ARRAY: Layout = Layout { memory: 0, messages: &[(1, &ANY_VALUE)] };
static OBJECT: Layout = Layout { memory: 0, messages: &[(1, &KEY_VALUE)] };

/// Returns an upper bound, in bytes, of the memory that a body needs once it is decoded. Stops as soon as the result
/// is above the limit.
pub(super) fn weigh(body: &[u8], limit: usize) -> Result<usize, ApiError> {
    let mut scale = Scale { total: 0, limit };
    match scale.weigh(body, &REQUEST, 0) {
        Ok(()) | Err(Stop::TooHeavy) => Ok(scale.total),
        Err(Stop::Malformed(error)) => Err(malformed(&error)),
        Err(Stop::CutOff) => Err(not_protobuf("it ends within a field")),
        Err(Stop::TooDeep) => Err(not_protobuf("its values are nested too deeply")),
    }
}

/// Decodes a body.
pub(super) fn decode(body: &[u8]) -> Result<ExportTraceServiceRequest, ApiError> {
    ExportTraceServiceRequest::decode(body).map_err(|error| malformed(&error))
}

fn malformed(error: &prost::DecodeError) -> ApiError {
    not_protobuf(&error.to_string())
}

fn not_protobuf(reason: &str) -> ApiError {
    let message = format!("the body is not an ExportTraceServiceRequest: {reason}");
    ApiError::invalid(&Place::BODY, "protobuf_invalid", message)
}

enum Stop {
    TooHeavy,
    TooDeep,
    CutOff,
    Malformed(prost::DecodeError),
}

impl From<prost::DecodeError> for Stop {
    fn from(error: prost::DecodeError) -> Self {
        Self::Malformed(error)
    }
}

struct Scale {
    total: usize,
    limit: usize,
}

impl Scale {
    fn add(&mut self, memory: usize) -> Result<(), Stop> {
        self.total = self.total.saturating_add(memory);
        if self.total > self.limit { Err(Stop::TooHeavy) } else { Ok(()) }
    }

    fn weigh(&mut self, mut message: &[u8], layout: &Layout, depth: usize) -> Result<(), Stop> {
        if depth > DEPTH {
            return Err(Stop::TooDeep);
        }
        self.add(layout.memory)?;
        while !message.is_empty() {
            let (tag, wire_type) = decode_key(&mut message)?;
            if wire_type != WireType::LengthDelimited {
                skip_field(wire_type, tag, &mut message, DecodeContext::default())?;
                continue;
            }
            let length = decode_varint(&mut message)?;
            let content = usize::try_from(length).ok().and_then(|length| message.split_at_checked(length));
            let (content, rest) = content.ok_or(Stop::CutOff)?;
            match layout.message(tag) {
                Some(inner) => self.weigh(content, inner, depth + 1)?,
                None => self.add(TEXT.saturating_add(content.len()))?,
            }
            message = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::{decode, weigh};
    use crate::api::otlp::message::{
        AnyValue, ArrayValue, ExportTraceServiceRequest, KeyValue, Kind, ResourceSpans, ScopeSpans, Span,
    };
    use crate::store::NewSpan;

    fn body(spans: Vec<Span>) -> Vec<u8> {
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }

    fn nested(depth: usize) -> Vec<u8> {
        let mut value = AnyValue { kind: None };
        for _ in 0..depth {
            value = AnyValue { kind: Some(Kind::Array(ArrayValue { values: vec![value] })) };
        }
        let attributes = vec![KeyValue { key: String::new(), value: Some(value) }];
        body(vec![Span { attributes, ..Span::default() }])
    }

    #[test]
    fn body_weighs_at_least_as_much_as_its_spans() {
        let empty = body(vec![Span::default(); 1000]);
        assert!(empty.len() < 2100);
        let weight = weigh(&empty, usize::MAX).unwrap();
        assert!(weight >= 1000 * (size_of::<Span>() + size_of::<NewSpan>()), "{weight}");

        let attributes = vec![KeyValue::default(); 1000];
        let weight = weigh(&body(vec![Span { attributes, ..Span::default() }]), usize::MAX).unwrap();
        assert!(weight >= 1000 * size_of::<KeyValue>(), "{weight}");

        let name = "x".repeat(100_000);
        let weight = weigh(&body(vec![Span { name, ..Span::default() }]), usize::MAX).unwrap();
        assert!((100_000..110_000).contains(&weight), "{weight}");
    }

    #[test]
    fn weighing_stops_above_the_limit() {
        let mut cut_off = body(vec![Span::default(); 1000]);
        cut_off.pop();
        assert!(weigh(&cut_off, usize::MAX).is_err());
        let whole = body(vec![Span::default(); 1000]);
        let weight = weigh(&whole, 10_000).unwrap();
        assert!((10_001..20_000).contains(&weight), "{weight}");
    }

    #[test]
    fn body_is_refused_if_decoding_refuses_it() {
        let whole = body(vec![Span { name: "n".to_owned(), ..Span::default() }; 2]);
        for length in 0..=whole.len() {
            let body = &whole[..length];
            assert_eq!(weigh(body, usize::MAX).is_ok(), decode(body).is_ok(), "{length} bytes");
        }
        for depth in [1, 20, 40, 60, 100, 1000] {
            let body = nested(depth);
            if decode(&body).is_ok() {
                assert!(weigh(&body, usize::MAX).is_ok(), "{depth}");
            }
        }
        assert!(decode(&nested(20)).is_ok());
        assert!(weigh(&nested(1000), usize::MAX).is_err());
    }
}
