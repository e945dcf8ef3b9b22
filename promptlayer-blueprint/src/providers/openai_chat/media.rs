//! Reads files, audio and video, as input of a message and as output of a model.

use serde_json::Value;

use crate::blueprint::{ContentBlock, Media, MediaContent, MediaFormat, OutputMediaContent, OutputMediaType};
use crate::providers::json::{Fields, Object};

/// The MIME type of a file if the type is unknown.
const UNKNOWN: &str = "application/octet-stream";

/// The MIME type of the audio of a message that has only its id.
pub(super) const ANY_AUDIO: &str = "audio/*";

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
        None => audio_type(data).to_owned(),
    };
    Some(found(data, None, &kind))
}

/// Reads a file in a request. OpenAI nests the fields in an object, Mistral does not.
pub(super) fn file(part: &Object) -> Option<ContentBlock> {
    let file = part.object("file").unwrap_or(part);
    let title = file.text("filename").or_else(|| file.text("file_name"));
    let kind = title.and_then(by_ending).unwrap_or(UNKNOWN);
    match file.text("file_data") {
        Some(data) => Some(found(data, title, kind)),
        None => Some(block(title, kind, file.text("file_id")?, MediaFormat::Neither)),
    }
}

/// Reads a file by its URL: `document_url` of Mistral, `audio_url` and `video_url` of vLLM and others.
pub(super) fn linked(field: &str, part: &Object) -> Option<ContentBlock> {
    let url = url(part.get(field)?)?;
    let title = part.text("document_name");
    let unknown = match field {
        "audio_url" => ANY_AUDIO,
        "video_url" => "video/*",
        _ => UNKNOWN,
    };
    // Removes the query and the fragment, which are not part of the file name.
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let known = title.and_then(by_ending).or_else(|| by_ending(path));
    Some(found(url, title, known.unwrap_or(unknown)))
}

/// Returns a URL: a text, or an object with the text.
pub(super) fn url(link: &Value) -> Option<&str> {
    link.as_str().or_else(|| link.get("url")?.as_str())
}

/// Creates a file block from a URL, from a `data:` URL, or from base64 content.
fn found(place: &str, title: Option<&str>, kind: &str) -> ContentBlock {
    if let Some((kind, data)) = data_url(place) {
        return block(title, kind, data, MediaFormat::Base64);
    }
    let is_address = place.starts_with("data:") || place.get(..32).unwrap_or(place).contains("://");
    block(title, kind, place, if is_address { MediaFormat::Url } else { MediaFormat::Base64 })
}

/// Returns the MIME type and the content of a base64 `data:` URL.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let kind = head.strip_suffix(";base64")?.split(';').next().filter(|kind| !kind.is_empty());
    Some((kind.unwrap_or(UNKNOWN), data))
}

fn block(title: Option<&str>, kind: &str, url: &str, format: MediaFormat) -> ContentBlock {
    let [kind, url] = [kind, url].map(|text| Some(text.to_owned()));
    let media = Media { title: title.map(str::to_owned), mime_type: kind, url, format };
    ContentBlock::Media(MediaContent { media })
}

fn by_ending(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    BY_ENDING.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending)).map(|(_, kind)| *kind)
}

fn audio_type(data: &str) -> &'static str {
    BY_FIRST_BYTES.iter().find(|(first, _)| data.starts_with(first)).map_or(SAMPLES, |(_, kind)| *kind)
}

/// Reads the spoken answer of a model: its transcript and its audio. A spoken answer in a later request has only
/// its id.
pub(super) fn spoken(audio: &Object) -> Vec<ContentBlock> {
    let sound = audio.text("data").map(|data| {
        let kind = audio_type(data);
        ContentBlock::OutputMedia(OutputMediaContent {
            id: audio.owned("id"),
            url: format!("data:{kind};base64,{data}"),
            mime_type: Some(kind.to_owned()),
            media_type: OutputMediaType::Audio,
            provider_metadata: None,
        })
    });
    let blocks: Vec<_> =
        audio.text("transcript").map(ContentBlock::from_text).into_iter().chain(sound).collect();
    match audio.text("id") {
        Some(id) if blocks.is_empty() => vec![block(None, ANY_AUDIO, id, MediaFormat::Neither)],
        _ => blocks,
    }
}

/// Reads an image that a model generated beside its text, in `OpenRouter`'s format.
pub(super) fn generated_image(image: &Value) -> Option<ContentBlock> {
    let url = url(image.get("image_url")?)?;
    Some(ContentBlock::OutputMedia(OutputMediaContent {
        url: url.to_owned(),
        mime_type: data_url(url).map(|(kind, _)| kind.to_owned()),
        ..OutputMediaContent::default()
    }))
}
