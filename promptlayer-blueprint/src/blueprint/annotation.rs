//! What a block of text cites.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that a text cites. One of an unknown type is kept as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum Annotation {
    /// A web page.
    #[serde(rename = "url_citation")]
    Web(WebAnnotation),
    /// A file.
    #[serde(rename = "file_citation")]
    File(FileAnnotation),
    /// A place on a map.
    #[serde(rename = "map_citation")]
    Map(MapAnnotation),
    /// A file in the container of a code interpreter.
    #[serde(rename = "container_file_citation")]
    ContainerFile(ContainerFileAnnotation),
    /// Anything else, as it came.
    #[serde(untagged)]
    Other(Value),
}

/// A cited web page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WebAnnotation {
    /// Its title.
    pub title: String,
    /// Its address.
    pub url: String,
    /// Where in the text the citation begins.
    pub start_index: i64,
    /// Where in the text the citation ends.
    pub end_index: i64,
    /// The words that are cited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cited_text: Option<String>,
    /// The provider's reference to the place in the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_index: Option<String>,
}

/// A cited file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileAnnotation {
    /// Where in the text it is cited.
    pub index: i64,
    /// The provider's id of the file.
    pub file_id: String,
    /// The file's name.
    pub filename: String,
}

/// A cited place on a map.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MapAnnotation {
    /// Its name.
    pub title: String,
    /// Its address on the map.
    pub url: String,
    /// The map's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place_id: Option<String>,
    /// Where in the text the citation begins.
    pub start_index: i64,
    /// Where in the text the citation ends.
    pub end_index: i64,
    /// The words that are cited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cited_text: Option<String>,
}

/// A cited file in the container of a code interpreter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContainerFileAnnotation {
    /// The container.
    pub container_id: String,
    /// Where in the text the citation begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_index: Option<i64>,
    /// Where in the text the citation ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_index: Option<i64>,
    /// The file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The provider's id of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
}
