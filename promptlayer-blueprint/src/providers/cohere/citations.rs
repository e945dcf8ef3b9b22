//! Citations of a response.

use serde_json::Value;

use crate::blueprint::{Annotation, ContentBlock, FileAnnotation, TextContent, WebAnnotation};

/// Adds citations to the text blocks that they belong to. Citations of a plan or a thought are skipped,
/// since their blocks cannot hold annotations.
pub(super) fn annotate(citations: &[Value], content: &mut [ContentBlock]) {
    for citation in citations.iter().filter(|citation| is_of_text(citation)) {
        let at =
            citation.get("content_index").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
        let Some(text) = text_at(content, at) else { continue };
        let sources = citation.get("sources").and_then(Value::as_array);
        text.annotations.extend(sources.into_iter().flatten().map(|source| annotation(citation, source)));
    }
}

/// Returns all citations as JSON, if annotations cannot hold some of them completely.
pub(super) fn unplaced(citations: &[Value]) -> Option<String> {
    let is_page = |source: &Value| url(source).is_some();
    let is_held = |citation: &Value| {
        let sources = citation.get("sources").and_then(Value::as_array);
        is_of_text(citation) && sources.is_some_and(|sources| sources.iter().all(is_page))
    };
    let is_lost = citations.iter().any(|citation| !is_held(citation));
    is_lost.then(|| Value::from(citations.to_vec()).to_string())
}

/// Returns `true` if a citation belongs to the answer, not to the plan or to a thought.
fn is_of_text(citation: &Value) -> bool {
    citation.get("type").and_then(Value::as_str).is_none_or(|kind| kind == "TEXT_CONTENT")
}

/// Returns the text block at this index of the content, or the first text block if the index is missing or
/// refers to another block.
fn text_at(content: &mut [ContentBlock], at: Option<usize>) -> Option<&mut TextContent> {
    let is_text = |at: &usize| content.get(*at).is_some_and(|block| block.text().is_some());
    let at = at.filter(is_text).or_else(|| content.iter().position(|block| block.text().is_some()))?;
    match content.get_mut(at)? {
        ContentBlock::Text(text) => Some(text),
        _ => None,
    }
}

/// Returns the URL of a source, if the source is a web page.
fn url(source: &Value) -> Option<&str> {
    source.get("document")?.get("url")?.as_str().filter(|url| !url.is_empty())
}

/// Converts a source of a citation: to a web page if it has a URL, else to a file with the source's id. The
/// id refers to a document or to the result of a tool.
fn annotation(citation: &Value, source: &Value) -> Annotation {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| citation.get(name).and_then(Value::as_i64).unwrap_or_default();
    let id = text(source, "id").unwrap_or_default();
    let title = source.get("document").and_then(|document| text(document, "title"));
    match url(source) {
        Some(url) => Annotation::Web(WebAnnotation {
            title: title.unwrap_or_else(|| url.to_owned()),
            url: url.to_owned(),
            start_index: number("start"),
            end_index: number("end"),
            cited_text: text(citation, "text"),
            encrypted_index: None,
        }),
        None => Annotation::File(FileAnnotation {
            index: number("start"),
            filename: title.unwrap_or_else(|| id.clone()),
            file_id: id,
        }),
    }
}
