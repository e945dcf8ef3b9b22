//! Reads files, audio and video, as input of a message and as output of a model.

use serde_json::Value;

use crate::blueprint::{ContentBlock, MediaFormat, OutputMediaContent, OutputMediaType};
use crate::providers::blocks;
use crate::providers::json::{Fields, Object};

/// The MIME type of audio that has only an id or a URL.
pub(super) const ANY_AUDIO: &str = "audio/*";

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
    let data = audio.as_str().or_else(|| audio.str("data"))?;
    let kind = match audio.str("format") {
        Some("mp3") => "audio/mpeg".to_owned(),
        Some(format) => format!("audio/{format}"),
        None => audio_type(data).to_owned(),
    };
    Some(located(data, None, &kind))
}

/// Reads a file in a request. OpenAI nests the fields in an object, Mistral does not.
pub(super) fn file(part: &Object) -> Option<ContentBlock> {
    let file = part.object("file").unwrap_or(part);
    let title = file.text("filename").or_else(|| file.text("file_name"));
    let kind = title.and_then(blocks::mime_by_name).unwrap_or(blocks::UNKNOWN);
    match file.text("file_data") {
        Some(data) => Some(located(data, title, kind)),
        None => Some(blocks::file(title, kind, file.text("file_id")?, MediaFormat::Neither)),
    }
}

/// Reads a file by its URL: `document_url` of Mistral, `audio_url` and `video_url` of vLLM and others.
pub(super) fn linked(field: &str, part: &Object) -> Option<ContentBlock> {
    let (url, title) = (url(part.get(field)?)?, part.text("document_name"));
    let unknown = match field {
        "audio_url" => ANY_AUDIO,
        "video_url" => "video/*",
        _ => blocks::UNKNOWN,
    };
    let known = title.and_then(blocks::mime_by_name).or_else(|| blocks::mime_by_name(url));
    Some(located(url, title, known.unwrap_or(unknown)))
}

/// Returns a URL: a text, or an object with the text.
pub(super) fn url(link: &Value) -> Option<&str> {
    link.as_str().or_else(|| link.str("url"))
}

/// Creates a file block from a URL, from a `data:` URL, or from base64 content.
fn located(place: &str, title: Option<&str>, kind: &str) -> ContentBlock {
    if let Some((kind, data)) = blocks::data_url(place) {
        return blocks::file(title, kind, data, MediaFormat::Base64);
    }
    let is_url = place.starts_with("data:") || place.get(..32).unwrap_or(place).contains("://");
    blocks::file(title, kind, place, if is_url { MediaFormat::Url } else { MediaFormat::Base64 })
}

fn audio_type(data: &str) -> &'static str {
    BY_FIRST_BYTES.iter().find(|(first, _)| data.starts_with(first)).map_or(SAMPLES, |(_, kind)| *kind)
}

/// Reads the transcript and the audio of a spoken answer. In a later request it has only its id.
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
    let transcript = audio.text("transcript").map(ContentBlock::from_text);
    let id = audio.text("id").filter(|_| transcript.is_none() && sound.is_none());
    let reference = id.map(|id| blocks::file(None, ANY_AUDIO, id, MediaFormat::Neither));
    transcript.into_iter().chain(sound).chain(reference).collect()
}

/// Reads an image that a model generated beside its text, in `OpenRouter`'s format.
pub(super) fn generated_image(image: &Value) -> Option<ContentBlock> {
    let url = url(image.get("image_url")?)?;
    Some(ContentBlock::OutputMedia(OutputMediaContent {
        url: url.to_owned(),
        mime_type: blocks::data_url(url).map(|(kind, _)| kind.to_owned()),
        ..OutputMediaContent::default()
    }))
}
