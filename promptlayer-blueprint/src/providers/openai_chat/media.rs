//! Files, audio and video, as input of a message and as output of a model.

use serde_json::Value;

use crate::blueprint::{ContentBlock, Media, MediaContent, MediaFormat, OutputMediaContent, OutputMediaType};
use crate::providers::json;
use crate::providers::shape::Object;

/// The MIME type of a file if the type is unknown.
const UNKNOWN: &str = "application/octet-stream";

/// MIME types by file extension.
const BY_ENDING: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("json", "application/json"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("wav", "audio/wav"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("flac", "audio/flac"),
    ("m4a", "audio/mp4"),
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
];

/// MIME types of audio by the start of its base64 content: the first bytes of a file identify its format.
const BY_FIRST_BYTES: &[(&str, &str)] = &[
    ("UklGR", "audio/wav"),
    ("SUQz", "audio/mpeg"),
    ("//v", "audio/mpeg"),
    ("//N", "audio/mpeg"),
    ("//M", "audio/mpeg"),
    ("T2dn", "audio/ogg"),
    ("ZkxhQ", "audio/flac"),
];

/// Raw PCM samples, the only format that OpenAI streams. They have no identifying first bytes.
const SAMPLES: &str = "audio/pcm";

/// Reads audio in a request: base64 content with its format, or for Mistral the content alone.
pub(super) fn audio(audio: &Value) -> Option<ContentBlock> {
    let data = audio.as_str().or_else(|| audio.get("data")?.as_str())?;
    let kind = match audio.get("format").and_then(Value::as_str) {
        Some("mp3") => "audio/mpeg".to_owned(),
        Some(format) => format!("audio/{format}"),
        None => of_sound(data).to_owned(),
    };
    Some(found(data, None, &kind))
}

/// Reads a file in a request. OpenAI nests the fields in an object, Mistral does not.
pub(super) fn file(part: &Object) -> Option<ContentBlock> {
    let file = part.get("file").and_then(Value::as_object).unwrap_or(part);
    let title = json::string(file, "filename").or_else(|| json::string(file, "file_name"));
    if let Some(data) = json::string(file, "file_data") {
        return Some(found(data, title, title.and_then(by_ending).unwrap_or(UNKNOWN)));
    }
    let id = json::string(file, "file_id")?;
    let kind = title.and_then(by_ending).unwrap_or(UNKNOWN);
    Some(block(title, kind, id, MediaFormat::Neither))
}

/// Reads a file by its URL: `document_url` of Mistral, `audio_url` and `video_url` of vLLM and others.
pub(super) fn linked(kind: &str, part: &Object) -> Option<ContentBlock> {
    let link = part.get(kind)?;
    let url = link.as_str().or_else(|| link.get("url")?.as_str())?;
    let title = json::string(part, "document_name");
    let unknown = match kind {
        "audio_url" => "audio/*",
        "video_url" => "video/*",
        _ => UNKNOWN,
    };
    // Removes the query and the fragment, which are not part of the file name.
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let known = title.and_then(by_ending).or_else(|| by_ending(path));
    Some(found(url, title, known.unwrap_or(unknown)))
}

/// Creates a file block from a URL, from a `data:` URL, or from base64 content.
fn found(place: &str, title: Option<&str>, kind: &str) -> ContentBlock {
    if let Some((kind, data)) = data_url(place) {
        return block(title, kind, data, MediaFormat::Base64);
    }
    let is_address = place.starts_with("data:") || place.get(..32).unwrap_or(place).contains("://");
    let format = if is_address { MediaFormat::Url } else { MediaFormat::Base64 };
    block(title, kind, place, format)
}

/// Returns the MIME type and the content of a base64 `data:` URL.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let kind = head.strip_suffix(";base64")?;
    let kind = kind.split(';').next().filter(|kind| !kind.is_empty()).unwrap_or(UNKNOWN);
    Some((kind, data))
}

fn block(title: Option<&str>, kind: &str, url: &str, format: MediaFormat) -> ContentBlock {
    ContentBlock::Media(MediaContent {
        media: Media {
            title: title.map(str::to_owned),
            mime_type: Some(kind.to_owned()),
            url: Some(url.to_owned()),
            format,
        },
    })
}

fn by_ending(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    BY_ENDING.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending)).map(|(_, kind)| *kind)
}

fn of_sound(data: &str) -> &'static str {
    BY_FIRST_BYTES.iter().find(|(first, _)| data.starts_with(first)).map_or(SAMPLES, |(_, kind)| *kind)
}

/// Reads the spoken answer of a model: its transcript and its audio. A spoken answer in a later request has
/// only its id.
pub(super) fn spoken(audio: Option<&Value>) -> Vec<ContentBlock> {
    let Some(audio) = audio.and_then(Value::as_object) else {
        return Vec::new();
    };
    let id = json::string(audio, "id");
    let words = json::string(audio, "transcript").map(ContentBlock::from_text);
    let sound = json::string(audio, "data").map(|data| {
        let kind = of_sound(data);
        ContentBlock::OutputMedia(OutputMediaContent {
            id: id.map(str::to_owned),
            url: format!("data:{kind};base64,{data}"),
            mime_type: Some(kind.to_owned()),
            media_type: OutputMediaType::Audio,
            provider_metadata: None,
        })
    });
    let blocks: Vec<ContentBlock> = words.into_iter().chain(sound).collect();
    match id {
        Some(id) if blocks.is_empty() => vec![block(None, "audio/*", id, MediaFormat::Neither)],
        _ => blocks,
    }
}

/// Reads the images that a model generated beside its text, in `OpenRouter`'s format.
pub(super) fn images(images: Option<&Value>) -> Vec<ContentBlock> {
    let images = images.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    images
        .iter()
        .filter_map(|image| {
            let image = image.get("image_url")?;
            let url = image.as_str().or_else(|| image.get("url")?.as_str())?;
            Some(ContentBlock::OutputMedia(OutputMediaContent {
                url: url.to_owned(),
                mime_type: data_url(url).map(|(kind, _)| kind.to_owned()),
                ..OutputMediaContent::default()
            }))
        })
        .collect()
}
