//! The body of `POST /v1/traces`: an `ExportTraceServiceRequest`, made of items without decoding their spans.
//!
//! ```text
//! request         repeated 1: ResourceSpans
//! ResourceSpans   1: Resource | repeated 2: ScopeSpans
//! ScopeSpans      1: InstrumentationScope | repeated 2: Span
//! ```

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint, encoded_len_varint};

/// The least length of a body that is compressed: 1 KiB. A shorter one hardly becomes smaller.
pub(crate) const LEAST_GZIPPED: usize = 1 << 10;

/// The most that an item adds to the body beside its own bytes: the key of a field and a length.
pub(crate) const ITEM_BYTES: usize = 6;

/// The tag of the spans in all three messages that hold them, except for the request.
const SPANS: u32 = 2;

/// An item in its parts. Each part has the key of its field.
struct Parts<'a> {
    resource: &'a [u8],
    scope: &'a [u8],
    span: &'a [u8],
}

/// Spans of one resource and one scope.
type Group<'a> = (&'a [u8], &'a [u8], Vec<&'a [u8]>);

/// A field of a message: the tag, the bytes with the key, and the content.
type Field<'a> = (u32, &'a [u8], &'a [u8]);

/// Returns the body with these items.
pub(crate) fn body<'a>(items: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut body = Vec::new();
    let mut group: Option<Group<'_>> = None;
    for item in items {
        let Some(Parts { resource, scope, span }) = parts(item) else {
            // Another version wrote it into the spool. It is a `ResourceSpans` by itself.
            write_field(&mut body, 1, &[item]);
            continue;
        };
        match &mut group {
            Some((of_resource, of_scope, spans)) if *of_resource == resource && *of_scope == scope => {
                spans.push(span);
            }
            _ => {
                write_group(&mut body, group.take());
                group = Some((resource, scope, vec![span]));
            }
        }
    }
    write_group(&mut body, group);
    body
}

/// Compresses a body. Returns `None` if that fails, which it cannot in memory.
pub(crate) fn gzipped(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

fn write_group(body: &mut Vec<u8>, group: Option<Group<'_>>) {
    let Some((resource, scope, spans)) = group else { return };
    let mut parts = vec![scope];
    parts.extend(spans);
    let mut of_scope = Vec::new();
    write_field(&mut of_scope, SPANS, &parts);
    write_field(body, 1, &[resource, &of_scope]);
}

/// Writes a message as a field: the key, the length, and the fields of the message.
fn write_field(buffer: &mut Vec<u8>, tag: u32, fields: &[&[u8]]) {
    let length: usize = fields.iter().map(|field| field.len()).sum();
    buffer.reserve(1 + encoded_len_varint(length as u64) + length);
    encode_key(tag, WireType::LengthDelimited, buffer);
    encode_varint(length as u64, buffer);
    for field in fields {
        buffer.extend_from_slice(field);
    }
}

/// Returns the parts of an item, or `None` if it is not a resource with one scope and one span.
fn parts(item: &[u8]) -> Option<Parts<'_>> {
    let [(1, resource, _), (SPANS, _, of_scope)] = fields(item)? else { return None };
    let [(1, scope, _), (SPANS, span, _)] = fields(of_scope)? else { return None };
    Some(Parts { resource, scope, span })
}

/// Returns the fields of a message that has two.
fn fields(message: &[u8]) -> Option<[Field<'_>; 2]> {
    let (first, rest) = field(message)?;
    let (second, rest) = field(rest)?;
    rest.is_empty().then_some([first, second])
}

fn field(message: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let mut rest = message;
    let (tag, wire_type) = decode_key(&mut rest).ok()?;
    if wire_type != WireType::LengthDelimited {
        return None;
    }
    let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
    let (content, rest) = rest.split_at_checked(length)?;
    let whole = message.get(..message.len() - rest.len())?;
    Some(((tag, whole, content), rest))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message as _;

    use super::*;

    fn item(resource: u32, name: &str) -> ResourceSpans {
        let span = Span { name: name.to_owned(), span_id: vec![7; 8], ..Span::default() };
        let scope = InstrumentationScope { name: "s".to_owned(), ..InstrumentationScope::default() };
        let of_scope = ScopeSpans { scope: Some(scope), spans: vec![span], ..ScopeSpans::default() };
        let resource = Resource { dropped_attributes_count: resource, ..Resource::default() };
        ResourceSpans { resource: Some(resource), scope_spans: vec![of_scope], ..ResourceSpans::default() }
    }

    /// Returns the names of the spans in each group of a body.
    fn groups(body: &[u8]) -> Vec<Vec<String>> {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let names = |of_resource: &ResourceSpans| {
            let spans = of_resource.scope_spans.iter().flat_map(|of_scope| &of_scope.spans);
            spans.map(|span| span.name.clone()).collect()
        };
        request.resource_spans.iter().map(names).collect()
    }

    #[test]
    fn items_of_one_resource_share_it_in_the_body() {
        let long = "c".repeat(1000);
        let items = [item(1, "a"), item(1, "b"), item(1, &long), item(2, "d"), item(1, "e")];
        let items: Vec<Vec<u8>> = items.iter().map(ResourceSpans::encode_to_vec).collect();
        let whole = body(items.iter().map(Vec::as_slice));
        assert_eq!(groups(&whole), [vec!["a", "b", &long], vec!["d"], vec!["e"]]);
        let most: usize = items.iter().map(|item| item.len() + ITEM_BYTES).sum();
        assert!(whole.len() <= most, "{} of {most}", whole.len());
        assert!(body(std::iter::empty()).is_empty());
    }

    #[test]
    fn item_of_another_form_is_sent_as_it_is() {
        let mut other = item(1, "a");
        other.scope_spans.extend(item(1, "b").scope_spans);
        let (other, plain) = (other.encode_to_vec(), item(1, "c").encode_to_vec());
        let body = body([other.as_slice(), plain.as_slice()].into_iter());
        assert_eq!(groups(&body), [vec!["a", "b"], vec!["c"]]);
    }

    #[test]
    fn compressed_body_is_the_same_body() {
        let body = b"abc".repeat(1000);
        let gzipped = gzipped(&body).unwrap();
        assert!(gzipped.len() < body.len() / 10);
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(gzipped.as_slice()).read_to_end(&mut read).unwrap();
        assert_eq!(read, body);
    }
}
