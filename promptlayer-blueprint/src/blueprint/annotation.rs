//! Citations in a text block.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A source that a text cites. An annotation of an unknown type is kept as received.
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
    /// Any other annotation, as received.
    #[serde(untagged)]
    Other(Value),
}

/// A citation of a web page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WebAnnotation {
    /// Title of the page.
    pub title: String,
    /// URL of the page.
    pub url: String,
    /// Position in the text where the citation starts.
    pub start_index: i64,
    /// Position in the text where the citation ends.
    pub end_index: i64,
    /// The cited words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cited_text: Option<String>,
    /// The provider's reference to the cited passage of the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_index: Option<String>,
}

/// A citation of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileAnnotation {
    /// Position in the text where the file is cited.
    pub index: i64,
    /// The provider's id of the file.
    pub file_id: String,
    /// Name of the file.
    pub filename: String,
}

/// A citation of a place on a map.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MapAnnotation {
    /// Name of the place.
    pub title: String,
    /// URL of the place on the map.
    pub url: String,
    /// The map provider's id of the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place_id: Option<String>,
    /// Position in the text where the citation starts.
    pub start_index: i64,
    /// Position in the text where the citation ends.
    pub end_index: i64,
    /// The cited words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cited_text: Option<String>,
}

/// A citation of a file in the container of a code interpreter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContainerFileAnnotation {
    /// Id of the container.
    pub container_id: String,
    /// Position in the text where the citation starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_index: Option<i64>,
    /// Position in the text where the citation ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_index: Option<i64>,
    /// Name of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The provider's id of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
}
