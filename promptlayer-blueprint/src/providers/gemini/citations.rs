//! Citations of a candidate: web pages and places that it is grounded on, and sources that it quotes.

use serde_json::Value;

use crate::blueprint::{Annotation, ContentBlock, FileAnnotation, MapAnnotation, WebAnnotation};
use crate::providers::blocks::text_at;
use crate::providers::json::{Fields, Object};

/// Adds the citations of a candidate to its text blocks. `places` has the block of each part. Gemini counts
/// positions in bytes; they are kept that way.
pub(super) fn annotate(candidate: &Object, blocks: &mut [ContentBlock], places: &[Option<usize>]) {
    if let Some(grounding) = candidate.object("groundingMetadata") {
        ground(grounding, blocks, places);
    }
    let Some(text) = text_at(blocks, None) else { return };
    // Vertex AI and the Gemini API use different names for the list.
    for path in ["citationMetadata.citationSources", "citationMetadata.citations"] {
        let sources = candidate.at(path).and_then(Value::as_array).into_iter().flatten();
        text.annotations.extend(sources.filter_map(Value::as_object).map(quoted));
    }
}

fn ground(grounding: &Object, blocks: &mut [ContentBlock], places: &[Option<usize>]) {
    let chunks = grounding.list("groundingChunks");
    let mut is_cited = vec![false; chunks.len()];
    for support in grounding.objects("groundingSupports") {
        let Some(segment) = support.object("segment") else { continue };
        let part = segment.count("partIndex").and_then(|part| usize::try_from(part).ok());
        let place = part.and_then(|part| places.get(part).copied().flatten());
        // The parts before the text may be thoughts, which some servers do not count.
        let Some(text) = text_at(blocks, place) else { continue };
        let cited = support.list("groundingChunkIndices").iter().filter_map(Value::as_u64);
        for at in cited.filter_map(|at| usize::try_from(at).ok()) {
            text.annotations.extend(chunks.get(at).and_then(|chunk| grounded(chunk, segment)));
            is_cited.get_mut(at).into_iter().for_each(|is_cited| *is_cited = true);
        }
    }
    // A source that is not assigned to a segment is a source of the whole text.
    if let Some(text) = text_at(blocks, None) {
        let whole = Object::from_iter([("endIndex".to_owned(), text.text.len().into())]);
        let rest = chunks.iter().zip(is_cited).filter(|(_, is_cited)| !is_cited);
        text.annotations.extend(rest.filter_map(|(chunk, _)| grounded(chunk, &whole)));
    }
}

/// Returns the source that a segment of a text is grounded on.
fn grounded(chunk: &Value, segment: &Object) -> Option<Annotation> {
    let kind = ["web", "maps", "retrievedContext"].into_iter().find(|kind| chunk.object(kind).is_some())?;
    Some(annotation(kind, chunk.object(kind)?, segment))
}

/// Returns a source that contains the segment of the text.
pub(super) fn quoted(source: &Object) -> Annotation {
    annotation(source.text("type").unwrap_or_default(), source, source)
}

/// Returns the annotation for a source, as `generateContent` and interactions describe it.
fn annotation(kind: &str, source: &Object, segment: &Object) -> Annotation {
    let first = |names: &[&str]| names.iter().find_map(|name| source.owned(name));
    let position = |names: [&str; 2]| names.into_iter().find_map(|name| segment.field(name)?.as_i64());
    let title = first(&["title", "name", "file_name"]);
    let url = first(&["uri", "url", "document_uri", "documentName", "fileSearchStore", "source"]);
    // The start is left out on the wire if it is 0.
    let start_index = position(["startIndex", "start_index"]).unwrap_or_default();
    let end_index = position(["endIndex", "end_index"]).unwrap_or_default();
    let cited_text = segment.owned("text");
    match kind {
        "maps" | "place_citation" => Annotation::Map(MapAnnotation {
            title: title.unwrap_or_default(),
            url: url.unwrap_or_default(),
            place_id: first(&["placeId", "place_id"]),
            start_index,
            end_index,
            cited_text,
        }),
        "retrievedContext" | "file_citation" => Annotation::File(FileAnnotation {
            index: start_index,
            file_id: url.unwrap_or_default(),
            filename: title.unwrap_or_default(),
        }),
        _ => Annotation::Web(WebAnnotation {
            title: title.or_else(|| url.clone().filter(|_| kind != "web")).unwrap_or_default(),
            url: url.unwrap_or_default(),
            start_index,
            end_index,
            cited_text,
            encrypted_index: None,
        }),
    }
}
