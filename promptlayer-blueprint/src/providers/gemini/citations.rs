//! Citations of a candidate: web pages and places that it is grounded on, and sources that it quotes.

use serde_json::Value;

use super::parts::Turn;
use super::{field, list_in, object_in, string_in};
use crate::blueprint::{Annotation, ContentBlock, FileAnnotation, MapAnnotation, TextContent, WebAnnotation};
use crate::providers::shape::Object;

/// Adds the citations of a candidate to its text blocks. Gemini counts positions in bytes; they are kept
/// that way.
pub(super) fn annotate(candidate: &Object, turn: &mut Turn) {
    if let Some(grounding) = object_in(candidate, "groundingMetadata") {
        ground(grounding, turn);
    }
    if let Some(citations) = object_in(candidate, "citationMetadata") {
        // Vertex AI and the Gemini API use different names for the list.
        for name in ["citationSources", "citations"] {
            let sources = list_in(citations, name).iter().filter_map(Value::as_object);
            let annotations: Vec<Annotation> = sources.map(repeated).collect();
            if let (false, Some(text)) = (annotations.is_empty(), text_at(turn, None)) {
                text.annotations.extend(annotations);
            }
        }
    }
}

fn ground(grounding: &Object, turn: &mut Turn) {
    let chunks = list_in(grounding, "groundingChunks");
    let mut is_cited = vec![false; chunks.len()];
    for support in list_in(grounding, "groundingSupports").iter().filter_map(Value::as_object) {
        let Some(segment) = object_in(support, "segment").map(Segment::of) else { continue };
        let Some(text) = text_at(turn, segment.part) else { continue };
        let cited = list_in(support, "groundingChunkIndices").iter().filter_map(Value::as_u64);
        for at in cited.filter_map(|at| usize::try_from(at).ok()) {
            if let Some(annotation) = chunks.get(at).and_then(|chunk| source(chunk, &segment)) {
                text.annotations.push(annotation);
            }
            if let Some(is_cited) = is_cited.get_mut(at) {
                *is_cited = true;
            }
        }
    }
    // A source that is not assigned to a segment is a source of the whole text.
    let left = || chunks.iter().zip(&is_cited).filter(|(_, is_cited)| !**is_cited).map(|(chunk, _)| chunk);
    if let Some(text) = text_at(turn, None) {
        let whole = Segment::whole(text);
        text.annotations.extend(left().filter_map(|chunk| source(chunk, &whole)));
    }
}

/// A segment of a text.
struct Segment {
    /// Index of the part that contains the text. Index 0 is omitted on the wire.
    part: Option<usize>,
    start: i64,
    end: i64,
    text: Option<String>,
}

impl Segment {
    fn of(segment: &Object) -> Self {
        let number = |name: &str| field(segment, name).and_then(Value::as_i64);
        Self {
            part: number("partIndex").and_then(|part| usize::try_from(part).ok()),
            start: number("startIndex").unwrap_or_default(),
            end: number("endIndex").unwrap_or_default(),
            text: string_in(segment, "text").map(str::to_owned),
        }
    }

    fn whole(text: &TextContent) -> Self {
        Self { part: None, start: 0, end: i64::try_from(text.text.len()).unwrap_or(i64::MAX), text: None }
    }
}

/// Returns the text block of a part, or the first text block if the part has none. The parts before it may
/// be thoughts, which some servers do not count.
fn text_at(turn: &mut Turn, part: Option<usize>) -> Option<&mut TextContent> {
    let at = part.and_then(|part| turn.places.get(part).copied().flatten());
    let is_text = |at: &usize| turn.blocks.get(*at).is_some_and(|block| block.text().is_some());
    let at = at.filter(is_text).or_else(|| turn.blocks.iter().position(|block| block.text().is_some()))?;
    match turn.blocks.get_mut(at)? {
        ContentBlock::Text(text) => Some(text),
        _ => None,
    }
}

/// Returns the source that a text is grounded on.
fn source(chunk: &Value, segment: &Segment) -> Option<Annotation> {
    let chunk = chunk.as_object()?;
    let owned = |object: &Object, name: &str| string_in(object, name).unwrap_or_default().to_owned();
    if let Some(page) = object_in(chunk, "web") {
        return Some(Annotation::Web(WebAnnotation {
            title: owned(page, "title"),
            url: owned(page, "uri"),
            start_index: segment.start,
            end_index: segment.end,
            cited_text: segment.text.clone(),
            encrypted_index: None,
        }));
    }
    if let Some(place) = object_in(chunk, "maps") {
        return Some(Annotation::Map(MapAnnotation {
            title: owned(place, "title"),
            url: owned(place, "uri"),
            place_id: string_in(place, "placeId").map(str::to_owned),
            start_index: segment.start,
            end_index: segment.end,
            cited_text: segment.text.clone(),
        }));
    }
    let document = object_in(chunk, "retrievedContext")?;
    let id =
        ["uri", "documentName", "fileSearchStore"].into_iter().find_map(|name| string_in(document, name));
    Some(Annotation::File(FileAnnotation {
        index: segment.start,
        file_id: id.unwrap_or_default().to_owned(),
        filename: owned(document, "title"),
    }))
}

/// Returns a source that a text quotes.
fn repeated(source: &Object) -> Annotation {
    let url = string_in(source, "uri").unwrap_or_default();
    let number = |name: &str| field(source, name).and_then(Value::as_i64).unwrap_or_default();
    Annotation::Web(WebAnnotation {
        title: string_in(source, "title").unwrap_or(url).to_owned(),
        url: url.to_owned(),
        start_index: number("startIndex"),
        end_index: number("endIndex"),
        ..WebAnnotation::default()
    })
}
