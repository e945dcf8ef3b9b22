//! Citations in a text.

use serde::Deserialize as _;
use serde_json::Value;

use super::super::json;
use super::super::shape::Object;
use crate::blueprint::{Annotation, ContainerFileAnnotation, FileAnnotation, WebAnnotation};

/// Reads a citation. Returns `None` if the blueprint has no type for it. Fields that the blueprint requires
/// and the server did not send are empty.
pub(super) fn annotation(value: &Value) -> Option<Annotation> {
    let object = value.as_object()?;
    let text = |key: &str| json::string(object, key).map(str::to_owned);
    Some(match json::string(object, "type")? {
        "url_citation" => Annotation::Web(WebAnnotation {
            title: text("title").unwrap_or_default(),
            url: text("url").unwrap_or_default(),
            start_index: index(object, "start_index").unwrap_or_default(),
            end_index: index(object, "end_index").unwrap_or_default(),
            cited_text: text("cited_text"),
            encrypted_index: text("encrypted_index"),
        }),
        // `file_path` cites a file that the model generated. It has no name.
        "file_citation" | "file_path" => Annotation::File(FileAnnotation {
            index: index(object, "index").unwrap_or_default(),
            file_id: text("file_id").unwrap_or_default(),
            filename: text("filename").unwrap_or_default(),
        }),
        "container_file_citation" => Annotation::ContainerFile(ContainerFileAnnotation {
            container_id: text("container_id").unwrap_or_default(),
            start_index: index(object, "start_index"),
            end_index: index(object, "end_index"),
            filename: text("filename"),
            file_id: text("file_id"),
        }),
        "map_citation" => {
            Annotation::deserialize(value).ok().filter(|read| !matches!(read, Annotation::Other(_)))?
        }
        _ => return None,
    })
}

/// Returns a position in the text.
fn index(object: &Object, key: &str) -> Option<i64> {
    object.get(key)?.as_i64()
}
