//! What a text cites.

use serde::Deserialize as _;
use serde_json::Value;

use super::super::json;
use super::super::shape::Object;
use crate::blueprint::{Annotation, ContainerFileAnnotation, FileAnnotation, WebAnnotation};

/// Reads one citation; `None` where the blueprint has no form for it. The blueprint demands fields that
/// not every server sends: those are empty.
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
        // A path is a citation of a file that the model made, which has no name yet.
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

/// A place in the text.
fn index(object: &Object, key: &str) -> Option<i64> {
    object.get(key)?.as_i64()
}
