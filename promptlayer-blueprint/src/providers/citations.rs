//! Reads citations in the forms of OpenAI's APIs.

use serde::Deserialize as _;
use serde_json::Value;

use super::json::Fields;
use crate::blueprint::{Annotation, ContainerFileAnnotation, FileAnnotation, WebAnnotation};

/// Reads a citation. Returns `None` if it has no source, or if the blueprint has no type for it. Other fields that
/// the blueprint requires and the server did not send are empty.
pub(super) fn read(citation: &Value) -> Option<Annotation> {
    let kind = citation.text("type")?;
    // Chat completions nest the fields in an object named for the type. The Responses API does not.
    let fields = citation.object(kind).or(citation.as_object())?;
    let text = |key: &str| fields.owned(key);
    let index = |key: &str| fields.get(key).and_then(Value::as_i64);
    Some(match kind {
        "url_citation" => Annotation::Web(WebAnnotation {
            title: text("title").unwrap_or_default(),
            url: text("url")?,
            start_index: index("start_index").unwrap_or_default(),
            end_index: index("end_index").unwrap_or_default(),
            cited_text: text("cited_text").or_else(|| text("content")),
            encrypted_index: text("encrypted_index"),
        }),
        // `file_path` cites a file that the model generated. It has no name.
        "file_citation" | "file_path" => Annotation::File(FileAnnotation {
            index: index("index").unwrap_or_default(),
            file_id: text("file_id")?,
            filename: text("filename").unwrap_or_default(),
        }),
        "container_file_citation" => Annotation::ContainerFile(ContainerFileAnnotation {
            container_id: text("container_id")?,
            start_index: index("start_index"),
            end_index: index("end_index"),
            filename: text("filename"),
            file_id: text("file_id"),
        }),
        "map_citation" => {
            Annotation::deserialize(citation).ok().filter(|read| !matches!(read, Annotation::Other(_)))?
        }
        _ => return None,
    })
}
